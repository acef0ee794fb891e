//go:build container

// Package container builds the two variants of the inference image and runs them for real.
package container

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

const patience = time.Minute

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return out
}

func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./"+name, args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if err != nil {
		return out.String() + problems.String(), err
	}
	return strings.TrimSpace(out.String()), nil
}

// needRoot: without it there is no container engine here; CI is root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers are built and run as root")
	}
}

// The same sources give the same image.
//
//nolint:paralleltest // one store
func TestTwoBuildsGiveOneImage(t *testing.T) {
	needRoot(t)
	for _, again := range []string{"first", "second"} {
		run(t, "build", "native", "oci", "localhost/mlpathway/"+again)
	}
	id := func(name string) string {
		return run(t, "podman", "image", "inspect", "-f", "{{.Id}}", "localhost/mlpathway/"+name)
	}
	require.Len(t, id("first"), 64)
	assert.Equal(t, id("first"), id("second"))
}

// image is what podman tells of an image.
type image struct {
	Size   int64
	Config struct {
		User       string
		Entrypoint []string
		Labels     map[string]string
	}
	HealthCheck *struct{ Test []string } `json:"Healthcheck"`
}

//nolint:paralleltest // one store
func TestNativeContainer(t *testing.T) {
	needRoot(t)
	const name = "localhost/mlpathway/inference"
	run(t, "build", "native", "docker", name)
	look(t, name, 60<<20)
	l := inferencetest.New(t)
	model := onnxtest.Ensemble(1, onnxtest.Shape{Task: onnx.Regression})
	l.Serve("v1", model)
	rows := onnxtest.Rows(2, model, 20, 0)
	var want []float32
	for _, row := range rows {
		out := make([]float32, 1)
		model.Predict(row, out)
		want = append(want, out[0])
	}
	c := start(t, name, l)
	assert.Equal(t, want, c.predict(t, rows))
	c.hardened(t)
	c.drains(t)
}

// The second variant computes any ONNX model.
//
//nolint:paralleltest // one store
func TestONNXRuntimeContainer(t *testing.T) {
	needRoot(t)
	const name = "localhost/mlpathway/inference-onnxruntime"
	run(t, "build", "onnxruntime", "docker", name)
	look(t, name, 160<<20)
	l := inferencetest.New(t)
	v := inferencetest.Version(t, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Task: onnx.Regression, Inputs: 1}))
	v.Model = onnxtest.Relu(1)
	l.Register(v)
	l.Promote("v1")
	c := start(t, name, l)
	assert.Equal(t, []float32{1.5, 0, 2}, c.predict(t, [][]float32{{1.5}, {-1}, {2}}))
	c.hardened(t)
	sbom := run(t, "podman", "exec", c.name, "/inference-image", "sbom", "--library", "/usr/lib/libonnxruntime.so.1")
	assert.Contains(t, sbom, "github.com/yalue/onnxruntime_go")
	assert.Contains(t, sbom, "libonnxruntime.so.1")
	c.drains(t)
}

// look holds what the image says about itself against what is promised.
func look(t *testing.T, name string, most int64) {
	t.Helper()
	var images []image
	require.NoError(t, json.Unmarshal([]byte(run(t, "podman", "image", "inspect", name)), &images))
	require.Len(t, images, 1)
	i := images[0]
	t.Logf("%s: %.1f MB", name, float64(i.Size)/1e6)
	assert.Less(t, i.Size, most)
	assert.Equal(t, "65532:65532", i.Config.User)
	assert.Equal(t, []string{"/inference-image"}, i.Config.Entrypoint)
	require.NotNil(t, i.HealthCheck)
	assert.Equal(t, []string{"CMD", "/inference-image", "healthcheck"}, i.HealthCheck.Test)
	assert.Equal(t, "true", i.Config.Labels["dev.standin"], "what is built on a stand-in says so")
}

type container struct{ name, address string }

// start runs a container as an orchestrator would and waits until it is ready.
func start(t *testing.T, image string, l *inferencetest.Lake) *container {
	t.Helper()
	readable(t, l.Root)
	c := &container{name: "mlpathway-try-" + strconv.Itoa(os.Getpid()), address: "127.0.0.1:" + freePort(t)}
	run(t, "podman", "run", "-d", "--name", c.name, "--network", "host", "--read-only", "--cap-drop", "all",
		"--security-opt", "no-new-privileges", "--memory", "256m", "--pids-limit", "64", "--health-interval=disable",
		"-v", l.Path("models", "")+":/models:ro", "-e", "MLPATHWAY_ADDRESS="+c.address, image,
		"serve", "--models", "file:///models", "--model", inferencetest.Model)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := try(t, "podman", "logs", c.name)
			t.Log(logs)
		}
		_ = exec.Command("./podman", "rm", "-f", c.name).Run() //nolint:noctx // the test has ended
	})
	require.Eventually(t, func() bool {
		code, _ := c.ask(t, http.MethodGet, "/readyz", "")
		return code == http.StatusOK
	}, patience, 50*time.Millisecond)
	return c
}

// readable lets everybody read a folder: the container's user is another one.
func readable(t *testing.T, root string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		mode := os.FileMode(0o644)
		if err == nil && d.IsDir() {
			mode = 0o755
		}
		if err == nil {
			err = os.Chmod(path, mode)
		}
		return err
	}))
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755)) //nolint:gosec // it holds nothing else
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func (c *container) ask(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.address+path, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, data
}

// predict asks for the predictions of a regression.
func (c *container) predict(t *testing.T, rows [][]float32) []float32 {
	t.Helper()
	body, err := json.Marshal(map[string]any{"features": rows})
	require.NoError(t, err)
	code, data := c.ask(t, http.MethodPost, "/predict", string(body))
	require.Equal(t, http.StatusOK, code, "%s", data)
	var answer struct {
		Predictions []struct{ Prediction float32 }
	}
	require.NoError(t, json.Unmarshal(data, &answer))
	got := make([]float32, len(answer.Predictions))
	for i, p := range answer.Predictions {
		got[i] = p.Prediction
	}
	return got
}

// hardened holds the running container against what is promised.
func (c *container) hardened(t *testing.T) {
	t.Helper()
	run(t, "podman", "healthcheck", "run", c.name)
	_, err := try(t, "podman", "exec", c.name, "/inference-image", "healthcheck", "--address", "127.0.0.1:1")
	require.Error(t, err, "the health check sees where nobody answers")
	for _, shell := range []string{"/bin/sh", "/bin/bash", "/busybox/sh"} {
		_, err := try(t, "podman", "exec", c.name, shell, "-c", "true")
		require.Error(t, err, "there is a shell")
	}
	pid := run(t, "podman", "inspect", "-f", "{{.State.Pid}}", c.name)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%s/status", pid))
	require.NoError(t, err)
	for _, want := range []string{"Uid:\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		assert.Contains(t, string(status), want)
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%s/mounts", pid))
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^overlay / overlay ro,`, string(mounts))
	var materials struct {
		BomFormat  string
		Components []struct{ Name string }
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%s/root/sbom.cdx.json", pid))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &materials))
	assert.Equal(t, "CycloneDX", materials.BomFormat)
	assert.Greater(t, len(materials.Components), 20)
}

// drains ends the container with SIGTERM.
func (c *container) drains(t *testing.T) {
	t.Helper()
	run(t, "podman", "stop", "-t", "30", c.name)
	assert.Equal(t, "0", run(t, "podman", "inspect", "-f", "{{.State.ExitCode}}", c.name))
}
