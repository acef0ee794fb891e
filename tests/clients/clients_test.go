// Package clients holds the inference image against programs that nobody here wrote: clients of its protocols (curl,
// wrk, grpcurl, the AWS SDK), a browser, and stand-ins for the object stores of three clouds. make clients brings all
// of them; a test whose program is missing fails.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/serve"
)

// patience bounds every wait; only a hang meets it.
const patience = 2 * time.Minute

// find is the path of a program that make clients built, or else of one of the system.
func find(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"clients", "npm/node_modules/.bin"} {
		path, err := filepath.Abs(filepath.Join("../../bin", dir, name))
		require.NoError(t, err)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "make clients brings it")
	return path
}

// run runs a program to its end and returns what it wrote.
func run(t *testing.T, in string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, find(t, name), args...)
	var problems bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewBufferString(in), &problems
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s%s", name, out, problems.String())
	return string(out)
}

// decode reads JSON that a program wrote.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

// server is an inference server in the process of the test.
type server struct{ url, address, rpc string }

// start runs a server until the test ends, and waits until it serves a version.
func start(t *testing.T, o serve.Options, version string) *server {
	t.Helper()
	var s server
	started := make(chan struct{}, 2)
	var log bytes.Buffer
	o.Address, o.GRPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.Started = func(address string) { s.address = address; started <- struct{}{} }
	o.StartedGRPC = func(address string) { s.rpc = address; started <- struct{}{} }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for range 2 {
		select {
		case <-started:
		case err := <-ended:
			ended <- err
			require.NoError(t, err)
		}
	}
	s.url = "http://" + s.address
	s.waitFor(t, version)
	return &s
}

// waitFor waits until the server serves a version.
func (s *server) waitFor(t *testing.T, version string) {
	t.Helper()
	require.Eventually(t, func() bool {
		code, body := s.get(t, "/readyz")
		var answer struct{ Version string }
		return code == http.StatusOK && json.Unmarshal(body, &answer) == nil && answer.Version == version
	}, patience, 20*time.Millisecond)
}

func (s *server) get(t *testing.T, path string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, body
}
