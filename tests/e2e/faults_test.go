package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listen holds a port of loopback for the length of a test.
func listen(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// TestKilledUp: an up that is killed at any moment leaves something from which the next up goes on.
func TestKilledUp(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t)
	for i, moment := range []string{
		"lake-raw", "created   Process", "Supervisor platform-supervisor", "Ready endpoint-ready",
	} {
		killedAt(t, w, moment)
		beside, err := filepath.Glob(w.path(".mlpathway", "backend", ".pulumi", "stacks", "*", "*.attrs"))
		require.NoError(t, err)
		assert.Empty(t, beside, "files that are not written atomically")
		o := w.up(t, "local")
		alive(t, o)
		w.pid(t, "inference-image", "serve")
		assert.Contains(t, w.must(t, "up"), "34 unchanged", "after kill number %d, at %q", i+1, moment)
		w.must(t, "down")
		assert.NoDirExists(t, w.path(".mlpathway"))
	}
}

// killedAt starts an up and kills it when it prints a text.
func killedAt(t *testing.T, w *workspace, moment string) {
	t.Helper()
	cmd := w.command(t.Context(), "up")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(seen.String(), moment) {
		n, err := out.Read(buffer)
		seen.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	require.Contains(t, seen.String(), moment, "the up ended before it came to this moment")
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait()
}

// TestFullDisk: an up onto a full disk fails with a message; with room again the next one ends well.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	mount(t, disk)
	w := newWorkspaceIn(t, disk)
	ballast := w.path("ballast")
	fill(t, ballast)

	out, code := w.run(t, "up")
	require.Equal(t, 1, code, out)
	assert.Contains(t, strings.ToLower(out), "no space left on device")
	assert.NotContains(t, out, "panic")
	require.NoError(t, os.Remove(ballast))

	o := w.up(t, "local")
	// The disk fills up under the running stack: the next run fails with a message, and the endpoint goes on.
	served, before := o.served(t), o.lastRun(t, "")
	fill(t, ballast)
	_, _ = w.run(t, "up")
	alive(t, o)
	assert.Equal(t, served, o.served(t))
	require.NoError(t, os.Remove(ballast))
	drop(t, o, "more.csv", func(_, row []string) []string {
		row[0] += "000"
		return row
	})
	run := o.lastRun(t, before.ID)
	assert.Empty(t, run.Error)
	w.must(t, "down")
}

// mount puts a small file system of its own over a directory.
func mount(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "this test needs the right to mount a file system: %s", out)
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			size /= 2
		}
	}
}

// TestRetainedLake: a lake that is marked as retained survives the stack, and the next stack takes it up again.
func TestRetainedLake(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t)
	file := w.path("stacks", "Pulumi.local.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	data = append(data, "  mlpathway:dataLake: {retain: true}\n"...)
	require.NoError(t, os.WriteFile(file, data, 0o600))
	o := w.up(t, "local")
	version := o.served(t)
	out := w.must(t, "down")
	assert.Contains(t, out, w.path(".mlpathway", "local"), "down must say where the lake is")
	assert.Empty(t, w.processes())
	assert.FileExists(t, filepath.Join(o.StateDir, "lake", "models", "tumour", "versions", version, "manifest.json"))
	again := w.up(t, "local")
	assert.Equal(t, version, again.served(t), "the retained model is served at once")
	w.must(t, "down")
	require.NoError(t, os.RemoveAll(w.path(".mlpathway")))
}

// TestTokenAndOwnCSV: a person's own problem, behind a token.
func TestTokenAndOwnCSV(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t)
	write := func(name, text string) {
		path := w.path(name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	var rows strings.Builder
	rows.WriteString("size,weight,price\n")
	for i := range 400 {
		size, weight := i%20, (i*7)%13
		fmt.Fprintf(&rows, "%d,%d,%g\n", size, weight, 3*float64(size)+0.5*float64(weight))
	}
	write("own/data.csv", rows.String())
	write("own/pipeline.yaml", `
name: price
task: regression
source:
  data: data.csv
  columns:
    - {name: size, type: integer}
    - {name: weight, type: float}
    - {name: price, type: float}
label: price
gate: {metric: r2, threshold: 0.9}
`)
	write("stacks/Pulumi.own.yaml", `config:
  mlpathway:target: local
  mlpathway:team: demo
  mlpathway:environment: dev
  mlpathway:pipeline: own/pipeline.yaml
  mlpathway:endpoint: {auth: token}
  mlpathway:off: [batch, monitoring, warehouse]
`)
	o := w.up(t, "own")
	alive(t, o)
	token, err := os.ReadFile(filepath.Join(o.StateDir, "security", "endpoint"))
	require.NoError(t, err)
	for header, want := range map[string]string{
		"": "401", "Bearer wrong": "401", "Bearer " + strings.TrimSpace(string(token)): "200",
	} {
		cmd := exec.CommandContext(t.Context(), "curl", "-s", "-o", os.DevNull, "-w", "%{http_code}",
			"-H", "Authorization: "+header, "-d", `{"features": [10, 5]}`, o.Predict)
		status, err := cmd.Output()
		require.NoError(t, err)
		assert.Equal(t, want, string(status), header)
	}
	assert.Contains(t, askAsPrinted(t, w.must(t, "up", "-s", "own")), `"prediction"`)
	state, err := os.ReadFile(w.path(".mlpathway", "backend", ".pulumi", "stacks", "mlpathway", "own.json"))
	require.NoError(t, err)
	assert.NotContains(t, string(state), strings.TrimSpace(string(token)), "the token must not stand in the state")
	w.must(t, "down", "-s", "own")
	assert.NoDirExists(t, w.path(".mlpathway"))
}
