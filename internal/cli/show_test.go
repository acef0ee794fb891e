package cli

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

func TestProgressShowsOneLineForEachDeed(t *testing.T) {
	t.Parallel()
	const (
		urn   = `"urn":"urn:pulumi:s::p::a:data:Lake$mlpathway:index:Directory::raw"`
		done  = `{"resOutputsEvent":{"metadata":{` + urn + `,`
		words = `{"diagnosticEvent":{` + urn + `,`
	)
	for _, test := range []struct{ name, line, want string }{
		{"a create", done + `"op":"create","new":{"custom":true}}}}`, "+ created   Directory raw"},
		{"a delete", done + `"op":"delete","old":{"custom":true}}}}`, "- deleted   Directory raw"},
		{"a component", done + `"op":"create","new":{"custom":false}}}}`, ""},
		{"nothing", done + `"op":"same","new":{"custom":true}}}}`, ""},
		{"a failure", `{"resOpFailedEvent":{"metadata":{"op":"create",` + urn + `}}}`, "! failed    Directory raw"},
		{"an error", words + `"severity":"error","message":"one\ntwo\n"}}`, "! Directory raw: one\n    two"},
		{"a warning", `{"diagnosticEvent":{"severity":"warning","message":"hm"}}`, "warning: hm"},
		{"progress", words + `"severity":"info","message":"waiting"}}`, "Directory raw: waiting"},
		{"what the program wrote", `{"diagnosticEvent":{"severity":"info#err","message":"noise"}}`, ""},
		{"no event", `error: plain text`, "error: plain text"},
		{"an unknown event", `{"somethingNew":{}}`, ""},
	} {
		var out bytes.Buffer
		newProgress(&out, false).line([]byte(test.line))
		assert.Equal(t, test.want, strings.TrimSpace(out.String()), test.name)
	}
}

func TestProgressSumsUp(t *testing.T) {
	t.Parallel()
	p := newProgress(&bytes.Buffer{}, false)
	assert.Equal(t, "0 unchanged", p.result())
	p.line([]byte(`{"summaryEvent":{"resourceChanges":{"create":2,"delete":1,"same":4,"refresh":9}}}`))
	assert.Equal(t, "2 created, 1 deleted, 4 unchanged", p.result())
	assert.Equal(t, 3, p.changed())
}

func TestStackErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	err := c.run(t.Context(), "up", "-s", "nope")
	require.ErrorContains(t, err, "stacks: cloud, local, other")
	require.ErrorContains(t, err, "cp stacks/Pulumi.local.yaml stacks/Pulumi.nope.yaml")
	for _, name := range []string{"../x", "backend", "home", "", "-x"} {
		require.ErrorIs(t, c.run(t.Context(), "status", "--stack="+name), errUsage, name)
	}
	write(t, c.root, "stacks/Pulumi.bad.yaml", "config: [\n")
	require.ErrorContains(t, c.run(t.Context(), "up", "-s", "bad"), "Pulumi.bad.yaml")
	c.assertGone(t)
}

func TestTheWorkingCopyIsFoundFromBelow(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	below := filepath.Join(c.root, "examples", "tumour")
	require.NoError(t, os.MkdirAll(below, 0o700))
	write(t, below, "Pulumi.yaml", "name: other\n") // not ours: it has no stacks/
	p, err := findProject(below)
	require.NoError(t, err)
	assert.Equal(t, c.root, p.root)
	_, err = findProject(t.TempDir())
	require.ErrorContains(t, err, "go to the working copy")
}

func TestMainGivesTheExitStatus(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"--help": 0, "up --nope": 2, "nope": 2, "": 0, "up too much": 2} {
		var out, err bytes.Buffer
		assert.Equal(t, want, Main(t.Context(), strings.Fields(args), &out, &err), "%s: %s", args, &err)
	}
}

func TestWithSalt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, file, settings, want string }{
		{"new", "config: {}\n", "", "config: {}\n"},
		{"known", "config: {}", "a: b\nencryptionsalt: v1\n", "config: {}\nencryptionsalt: v1\n"},
		{"left by pulumi", "config: {}\nencryptionsalt: old\n", "encryptionsalt: v1\n", "config: {}\nencryptionsalt: v1\n"},
		{"secrets", "config: {a: {secure: x}}\nencryptionsalt: own\n", "encryptionsalt: v1\n",
			"config: {a: {secure: x}}\nencryptionsalt: own\n"},
	} {
		assert.Equal(t, test.want, string(withSalt([]byte(test.file), []byte(test.settings))), test.name)
	}
}

func TestEnvPrintsWhatAShellCanRead(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "env"))
	assert.Contains(t, c.out.String(), "export PULUMI_HOME='"+c.root+"/.mlpathway/home'\n")
	assert.Contains(t, c.out.String(), "export PATH='"+c.root+"/bin':\"$PATH\"\n")
	assert.NotContains(t, c.out.String(), "GOPROXY")
}

func TestLogs(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.ErrorContains(t, c.run(t.Context(), "logs"), "bring it up")
	logs := ".mlpathway/local/supervisor/logs/"
	write(t, c.root, logs+"endpoint.log", "one\n{\"process\":\"endpoint\",\"message\":\"two\"}\nthree\nhalf a li")
	write(t, c.root, logs+"watch.log", "four\n")
	write(t, c.root, logs+"supervisor.log", "five\n")
	require.NoError(t, c.run(t.Context(), "logs", "-n", "2"))
	assert.Equal(t, "endpoint | two\nendpoint | three\nwatch    | four\n", c.out.String())
	require.ErrorContains(t, c.run(t.Context(), "logs", "nope"), "want endpoint, supervisor, watch")
}

func TestAFollowedLogSurvivesItsRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.log", "one\ntw")
	followed := &tail{name: "a", path: filepath.Join(dir, "a.log")}
	expect := func(want ...string) {
		t.Helper()
		lines, err := followed.read()
		require.NoError(t, err)
		assert.Equal(t, want, lines)
	}
	expect("one")
	write(t, dir, "a.log", "one\ntwo\n")
	expect("two")
	require.NoError(t, os.Rename(followed.path, filepath.Join(dir, "a-1.log")))
	expect()
	write(t, dir, "a.log", "a new and longer one\n")
	expect("a new and longer one")
}

func TestStatusTellsWhatRunsAndWhatIsServed(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "status"))
	assert.Contains(t, c.out.String(), "is not up")
	c.assertGone(t)

	models, logs := t.TempDir(), t.TempDir()
	socket := serveProcesses(t, `{"data": [{"name": "watch", "status": "Running", "pid": 2},
		{"name": "endpoint", "status": "Running", "pid": 1, "restarts": 3}]}`)
	registerVersions(t, models)
	writeRun(t, logs)
	write(t, c.fake, "outputs", `{"model": "tumour", "endpoint": "http://127.0.0.1:1", "supervisor": "`+socket+`",
		"lake": {"models": "`+lake.FileURI(models)+`", "logs": "`+lake.FileURI(logs)+`"}}`)
	require.NoError(t, c.run(t.Context(), "up"))
	assert.Contains(t, c.out.String(), "accuracy 0.970 on 57 test rows")
	require.NoError(t, c.run(t.Context(), "status", "--json"))
	s, err := c.app.open()
	require.NoError(t, err)
	found, err := c.app.status(t.Context(), s)
	require.NoError(t, err)
	assert.Empty(t, found.Problems)
	require.Len(t, found.Models, 2)
	assert.Equal(t, "v2", found.Models[0].Version, "the newest first")
	assert.False(t, found.Models[0].Served)
	assert.True(t, found.Models[1].Served)
	assert.Equal(t, registry.Registered, found.Run.Status)
	require.Len(t, found.Processes, 2)
	assert.Equal(t, processState{Name: "endpoint", Status: "Running", PID: 1, Restarts: 3}, found.Processes[0])

	c.app.json = false
	require.NoError(t, c.app.printStatus(found))
	assert.Contains(t, c.out.String(), "worse than v1")
}

func TestStatusSaysWhatItCannotFindOut(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	write(t, c.fake, "outputs", `{"model": "tumour", "supervisor": "/nowhere/pc.sock"}`)
	require.NoError(t, c.run(t.Context(), "up"))
	require.NoError(t, c.run(t.Context(), "status"))
	assert.Contains(t, c.out.String(), "problem: the supervisor does not answer")
	assert.Contains(t, c.out.String(), "problem: the stack has no output lake.models")
}

// serveProcesses is a stand-in for the supervisor's API.
func serveProcesses(t *testing.T, answer string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") //nolint:usetesting // the path of a socket has to be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	var config net.ListenConfig
	listener, err := config.Listen(context.WithoutCancel(t.Context()), "unix", socket)
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/processes" {
				_, _ = w.Write([]byte(answer))
			}
		})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return socket
}

func registerVersions(t *testing.T, dir string) {
	t.Helper()
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	reg := registry.New(zone)
	for name, decision := range map[string]registry.Decision{
		"v1": {Promoted: true, Reason: "the first"}, "v2": {Reason: "worse than v1"},
	} {
		require.NoError(t, reg.Register(t.Context(), &registry.Version{
			Manifest: registry.Manifest{Name: "tumour", Version: name, Decision: decision},
			Metrics:  registry.Metrics{Rows: 57, Candidate: map[string]float64{"accuracy": 0.97}},
		}))
	}
	require.NoError(t, reg.Promote(t.Context(), "tumour", registry.Production, "v1"))
}

func writeRun(t *testing.T, dir string) {
	t.Helper()
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	require.NoError(t, registry.WriteRun(t.Context(), zone, &registry.Run{ID: "r", Status: registry.Registered}))
}
