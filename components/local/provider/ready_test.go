package provider

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// platform is a stack with an endpoint, a pipeline and the records of its runs.
type platform struct {
	*stack
	ready     *managed
	readyFile string
	logs      string // directory of the zone with the records
	inputs    map[string]any
	wanted    map[string]map[string]any
}

// newPlatform starts a platform whose pipeline runs a script. The script finds the record of a run that it can publish
// in record-<name>.json of its working directory, under $RECORDS.
func newPlatform(t *testing.T, pipeline string) *platform {
	t.Helper()
	f := &platform{stack: newStack(t), logs: t.TempDir(), readyFile: filepath.Join(t.TempDir(), "ready")}
	port := freePort(t)
	f.wanted = map[string]map[string]any{
		"endpoint": endpoint(t, port, f.readyFile),
		"pipeline": with(steps(pipeline), map[string]any{"environment": map[string]string{
			"LOGS": f.logs, "READY": f.readyFile,
		}}),
	}
	require.NoError(t, os.MkdirAll(filepath.Join(f.logs, "runs"), 0o700))
	f.up(f.wanted)
	f.ready = f.resource("Ready")
	f.inputs = map[string]any{
		"url": f.wanted["endpoint"]["readyUrl"], "socket": f.supervisor.out("socket").AsString(),
		"process": "endpoint", "pipeline": "pipeline", "logsUri": lake.FileURI(f.logs), "timeoutSeconds": 120,
		"triggers": map[string]string{"a": "1"},
	}
	return f
}

// record writes the record of a run as the pipeline would.
func (f *platform) record(run *registry.Run) {
	f.t.Helper()
	zone, err := lake.Open(f.t.Context(), lake.FileURI(f.logs))
	require.NoError(f.t, err)
	defer func() { _ = zone.Close() }()
	require.NoError(f.t, registry.WriteRun(f.t.Context(), zone, run))
}

// publish is a script that makes a record the newest one.
func publish(json string) string {
	return `printf '%s' '` + json + `' > "$LOGS/new" && mv "$LOGS/new" "$LOGS/runs/latest.json"; `
}

func TestReadyWaitsForTheFirstModel(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, publish(`{"id":"2","status":"registered","decision":{"promoted":true}}`)+`: > "$READY"`)
	go func() { // as the watch does
		_ = f.api().start(context.WithoutCancel(t.Context()), "pipeline")
	}()
	assert.Equal(t, create, f.ready.up(f.inputs))
	assert.Equal(t, "ready", f.ready.out("status").AsString())
	assert.Equal(t, same, f.ready.up(f.inputs))
	assert.Equal(t, same, f.ready.up(with(f.inputs, map[string]any{"timeoutSeconds": 60})))
	assert.Equal(t, update, f.ready.up(with(f.inputs, map[string]any{"triggers": map[string]string{"a": "2"}})))

	require.True(t, f.ready.refresh())
	require.NoError(t, os.Remove(f.readyFile))
	assert.False(t, f.ready.refresh(), "a refresh must see an endpoint that is not ready")
	f.down()
}

func TestReadyEndsWithAFailedRun(t *testing.T) {
	t.Parallel()
	// Each run has an id of its own: the first may have ended before the wait begins, which then starts a second.
	f := newPlatform(t, publish(`{"id":"'$$'","status":"failed","error":"raw/a.csv: no column label: add it"}`)+"exit 1")
	go func() { _ = f.api().start(context.WithoutCancel(t.Context()), "pipeline") }()
	_, err := f.ready.tryUp(f.inputs)
	require.ErrorIs(t, err, errRunFailed)
	require.ErrorContains(t, err, "raw/a.csv: no column label: add it")
	require.ErrorContains(t, err, "in run ")
	require.ErrorContains(t, err, logPath(f.directory, "pipeline"))
	f.down()
}

func TestReadyRetriesAnEarlierFailure(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, publish(`{"id":"2","status":"registered","decision":{"promoted":true}}`)+`: > "$READY"`)
	f.record(&registry.Run{ID: "1", Status: registry.Failed, Error: "the disk was full"})
	assert.Equal(t, create, f.ready.up(f.inputs), "what failed before this up gets another chance")
	f.down()
}

func TestReadyRetriesOnlyOnce(t *testing.T) {
	t.Parallel()
	f := newPlatform(t,
		`echo again >> "$LOGS/starts"; `+publish(`{"id":"2","status":"failed","error":"still full"}`)+"exit 1")
	f.record(&registry.Run{ID: "1", Status: registry.Failed, Error: "the disk was full"})
	_, err := f.ready.tryUp(f.inputs)
	require.ErrorIs(t, err, errRunFailed)
	require.ErrorContains(t, err, "still full")
	assert.Equal(t, "again\n", read(t, filepath.Join(f.logs, "starts")))
	f.down()
}

func TestReadyDoesNotRetryARunThatDoesNothing(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, `echo again >> "$LOGS/starts"`)
	f.record(&registry.Run{ID: "1", Status: registry.Failed, Error: "the disk was full"})
	_, err := f.ready.tryUp(with(f.inputs, map[string]any{"timeoutSeconds": 5}))
	require.ErrorIs(t, err, errTimeout)
	assert.Equal(t, "again\n", read(t, filepath.Join(f.logs, "starts")))
	f.down()
}

func TestReadyEndsWithAPipelineThatRecordsNothing(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "sleep 1; echo cannot load the library >&2; exit 1")
	go func() { _ = f.api().start(context.WithoutCancel(t.Context()), "pipeline") }()
	_, err := f.ready.tryUp(f.inputs)
	require.ErrorIs(t, err, errRunFailed)
	require.ErrorContains(t, err, "cannot load the library", "the error must show the log")
	f.down()
}

func TestReadyEndsWithAKilledStep(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, publish(`{"id":"2","status":"running","steps":[{"name":"etl"}]}`)+"sleep 1; kill -9 $$")
	go func() { _ = f.api().start(context.WithoutCancel(t.Context()), "pipeline") }()
	_, err := f.ready.tryUp(f.inputs)
	require.ErrorIs(t, err, errRunFailed)
	require.ErrorContains(t, err, "after the steps [etl]")
	f.down()
}

func TestReadyEndsWithAnEndpointThatKeepsCrashing(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "true")
	occupied, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // a listener of the test's own
	require.NoError(t, err)
	defer func() { _ = occupied.Close() }()
	// The supervisor refuses to start with such an endpoint, so it breaks only afterwards.
	broken := filepath.Join(t.TempDir(), "broken")
	f.wanted["endpoint"]["command"] = []string{"/bin/sh", "-c", `[ -e "$1" ] || sleep 1000; echo address in use; exit 3`,
		"sh", broken}
	f.up(f.wanted)
	go func() {
		time.Sleep(time.Second)
		_ = os.WriteFile(broken, nil, 0o600)
		for _, pid := range f.pids() { // end the sleep, and with it its shell
			name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
			if err == nil && string(name) == "sleep\n" {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}()
	_, err = f.ready.tryUp(f.inputs)
	require.ErrorIs(t, err, errCrashed)
	require.ErrorContains(t, err, "address in use")
	require.ErrorContains(t, err, "exit code 3")
	f.down()
}

func TestReadyEndsWithAStoppedEndpoint(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "true")
	stopByHand(t, f.stack, "endpoint")
	_, err := f.ready.tryUp(f.inputs)
	require.ErrorIs(t, err, errCrashed)
	require.ErrorContains(t, err, "Completed")
	f.down()
}

func TestReadyTimesOut(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "true")
	_, err := f.ready.tryUp(with(f.inputs, map[string]any{"timeoutSeconds": 1}))
	require.ErrorIs(t, err, errTimeout)
	require.ErrorContains(t, err, "endpoint running, pipeline disabled", "the error must name the state of every process")
	require.ErrorContains(t, err, logPath(f.directory, "endpoint"))
	f.down()
}

func TestReadyEndsWhenCancelled(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "true")
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := newEngineIn(ctx, t).resource("Ready")
	time.AfterFunc(500*time.Millisecond, cancel)
	_, err := cancelled.tryUp(f.inputs)
	require.ErrorIs(t, err, context.Canceled)
	f.down()
}

func TestReadyEndsWithoutASupervisor(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "true")
	f.down()
	_, err := f.ready.tryUp(f.inputs)
	require.ErrorIs(t, err, errNotRunning)
	require.ErrorContains(t, err, "pulumi refresh")
}

func TestReadyCheck(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	base := map[string]any{"url": "http://127.0.0.1:1/", "socket": "/s", "process": "endpoint"}
	assert.Empty(t, e.checkFailures("Ready", base))
	assert.Contains(t, e.checkFailures("Ready", with(base, map[string]any{"url": "ftp://x"})), "url")
	assert.Contains(t, e.checkFailures("Ready", with(base, map[string]any{"socket": "s"})), "socket")
	assert.Contains(t, e.checkFailures("Ready", with(base, map[string]any{"pipeline": "pipeline"})), "logsUri")
	assert.Contains(t, e.checkFailures("Ready", with(base, map[string]any{"timeoutSeconds": -1})), "timeoutSeconds")
}

// A run that ended without a promoted model is judged only after the endpoint had time to take up a model.
func TestUnpromotedRunIsJudged(t *testing.T) {
	t.Parallel()
	args := &ReadyArgs{Pipeline: "pipeline"}
	ended := processState{Status: statusCompleted}
	for name, test := range map[string]struct {
		run  registry.Run
		want string
	}{
		"not promoted": {
			registry.Run{ID: "2", Status: registry.Registered, Decision: &registry.Decision{Reason: "accuracy 0.5 < 0.9"}},
			"accuracy 0.5 < 0.9",
		},
		"unchanged": {registry.Run{ID: "2", Status: registry.Unchanged}, "nothing new to train"},
		"promoted": {
			registry.Run{ID: "2", Status: registry.Registered, Decision: &registry.Decision{Promoted: true}}, "",
		},
	} {
		w := &waiter{args: args, api: newClient("/none")}
		require.NoError(t, w.judgeRun(t.Context(), ended, &test.run), name)
		w.ended = w.ended.Add(-2 * promotedGrace)
		err := w.judgeRun(t.Context(), ended, &test.run)
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, errNotPromoted, name)
		require.ErrorContains(t, err, test.want, name)
	}
}

// A supervisor on a busy machine may fail to answer now and then.
func TestBusySupervisorIsForgiven(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path) //nolint:noctx // a listener of the test's own
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	})}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	w, err := newWaiter(t.Context(), &ReadyArgs{Socket: path})
	require.NoError(t, err)
	for range busyAnswers {
		_, err := w.look(t.Context())
		require.NoError(t, err)
	}
	_, err = w.look(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, errNotRunning)
}
