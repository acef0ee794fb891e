// Package e2e runs the product as a person does: the command line, the real Pulumi CLI with its language host and its
// file backend, the provider, the supervisor and the two images, in a copy of the project.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/tests/engine"
)

// patience bounds every wait. It is generous: a machine may be slow, and only a hang should meet it.
const patience = 3 * time.Minute

// workspace is a copy of the project in which a test brings up stacks.
type workspace struct {
	root string
	env  []string
}

// outputs are the outputs of a stack that the tests look at.
type outputs struct {
	Endpoint   string            `json:"endpoint"`
	Predict    string            `json:"predict"`
	Lake       map[string]string `json:"lake"`
	Supervisor string            `json:"supervisor"`
	Logs       string            `json:"logs"`
	StateDir   string            `json:"stateDir"`
	Dashboard  string            `json:"dashboard"`
	Warehouse  string            `json:"warehouse"`
}

// newWorkspace copies what git knows of the project, with the programs that make has built.
func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	return newWorkspaceIn(t, t.TempDir())
}

func newWorkspaceIn(t *testing.T, root string) *workspace {
	t.Helper()
	engine.CopyProject(t, root)
	w := &workspace{root: root, env: os.Environ()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.diagnosis())
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, stack := range w.stacks() {
			if out, code := w.runContext(ctx, "down", "-s", stack); code != 0 {
				t.Errorf("taking down %s after the test: %s", stack, out)
			}
		}
		assert.Empty(t, w.processes(), "processes of the test are left")
	})
	return w
}

func (w *workspace) path(names ...string) string {
	return filepath.Join(append([]string{w.root}, names...)...)
}

// stacks lists the stacks of the workspace that have a stack file of a local target.
func (w *workspace) stacks() []string {
	files, _ := filepath.Glob(w.path("stacks", "Pulumi.*.yaml"))
	var names []string
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), "target: local") {
			names = append(names, name)
		}
	}
	return names
}

// command prepares the command line of the product.
func (w *workspace) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.path("bin", "mlpathway"), args...)
	cmd.Dir, cmd.Env = w.root, w.env
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func (w *workspace) runContext(ctx context.Context, args ...string) (string, int) {
	cmd := w.command(ctx, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), exit.ExitCode()
	case err != nil:
		return string(out) + err.Error(), -1
	default:
		return string(out), 0
	}
}

// run runs the command line and returns all that it printed.
func (w *workspace) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return w.runContext(t.Context(), args...)
}

// must runs the command line and demands success.
func (w *workspace) must(t *testing.T, args ...string) string {
	t.Helper()
	out, code := w.run(t, args...)
	require.Zero(t, code, "mlpathway %s:\n%s", strings.Join(args, " "), out)
	return out
}

// up brings up a stack and returns its outputs.
func (w *workspace) up(t *testing.T, stack string) outputs {
	t.Helper()
	cmd := w.command(t.Context(), "up", "--json", "-s", stack)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "up of %s:\n%s", stack, &stderr)
	var o outputs
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &o), stdout.String())
	require.NotEmpty(t, o.Endpoint)
	return o
}

// processes lists the processes whose command line or environment names the workspace.
func (w *workspace) processes() []string { return engine.Processes(w.root) }

// pid finds the process of the workspace whose command line holds every word.
func (w *workspace) pid(t *testing.T, words ...string) int {
	t.Helper()
	var found []string
	for _, line := range w.processes() {
		ok := true
		for _, word := range words {
			ok = ok && strings.Contains(line, word)
		}
		if ok {
			found = append(found, line)
		}
	}
	require.Len(t, found, 1, "want one process with %v of %v", words, w.processes())
	var pid int
	_, err := fmt.Sscan(found[0], &pid)
	require.NoError(t, err)
	return pid
}

// kill ends a process that the test started, at once.
func kill(t *testing.T, pid int) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

// diagnosis is what helps to understand a failed test.
func (w *workspace) diagnosis() string {
	var b strings.Builder
	logs, _ := filepath.Glob(w.path(".mlpathway", "*", "supervisor", "logs", "*.log"))
	runs, _ := filepath.Glob(w.path(".mlpathway", "*", "lake", "logs", "runs", "latest.json"))
	for _, path := range append(logs, runs...) {
		data, _ := os.ReadFile(path)
		fmt.Fprintf(&b, "--- %s\n%s\n", path, data[max(0, len(data)-3000):])
	}
	return b.String()
}

// eventually waits until check gives no error.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	require.NoError(t, err, "%s has not come about", what)
}

// get reads a page.
func get(ctx context.Context, url string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	return do(request)
}

func do(request *http.Request) (int, string, error) {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// answer is what the endpoint says to one row.
type answer struct {
	Prediction string `json:"prediction"`
	Version    string `json:"version"`
}

// predict asks the endpoint.
func predict(ctx context.Context, url string, features []float64) (answer, error) {
	var a answer
	body, err := json.Marshal(map[string]any{"features": features})
	if err != nil {
		return a, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	status, text, err := do(request)
	if err != nil {
		return a, err
	}
	if status != http.StatusOK {
		return a, fmt.Errorf("status %d: %s", status, text)
	}
	return a, json.Unmarshal([]byte(text), &a)
}

// zone opens a zone of a stack's lake.
func (o outputs) zone(t *testing.T, name string) *lake.Zone {
	t.Helper()
	zone, err := lake.Open(t.Context(), o.Lake[name])
	require.NoError(t, err)
	t.Cleanup(func() { _ = zone.Close() })
	return zone
}

// lastRun waits for the end of a pipeline run other than the one before.
func (o outputs) lastRun(t *testing.T, before string) *registry.Run {
	t.Helper()
	logs := o.zone(t, "logs")
	var run *registry.Run
	eventually(t, "the next run of the pipeline", func() error {
		var err error
		run, err = registry.LatestRun(t.Context(), logs)
		switch {
		case err != nil:
			return err
		case run == nil || run.ID == before:
			return errors.New("no new run")
		case run.Status == registry.Running:
			return errors.New("still running")
		}
		return nil
	})
	return run
}

// served is the version that the alias stands for.
func (o outputs) served(t *testing.T) string {
	t.Helper()
	alias, err := registry.New(o.zone(t, "models")).Resolve(t.Context(), "tumour", registry.Production)
	require.NoError(t, err)
	return alias.Version
}
