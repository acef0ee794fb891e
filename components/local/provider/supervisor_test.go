package provider

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const forever = "echo started; exec sleep 1000"

func TestSupervisorRunsProcesses(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wanted := map[string]map[string]any{"one": shell(forever), "two": shell(forever)}
	require.NoError(t, os.Mkdir(s.directory, 0o755))

	assert.Equal(t, create, s.up(wanted))
	assert.Equal(t, same, s.up(wanted), "a second up must change nothing")
	for _, name := range []string{"one", "two"} {
		state := s.states()[name]
		assert.Equal(t, statusRunning, state.Status)
		assert.Zero(t, state.Restarts)
		eventually(t, func() bool { return s.log(name) == "started\n" }, "the log", func() any { return s.log(name) })
	}
	group, err := syscall.Getpgid(s.supervisorPID())
	require.NoError(t, err)
	assert.Equal(t, s.supervisorPID(), group, "a Ctrl-C in the terminal must not reach the supervisor")
	info, err := os.Stat(s.directory)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "nobody else may reach the socket")
	require.True(t, s.refresh())
	assert.Equal(t, same, s.up(wanted), "an up after a refresh must change nothing")

	s.down()
	assert.Empty(t, s.pids())
	assert.NoDirExists(t, s.directory, "nothing may be left on disk")
}

func TestKilledProcessComesBack(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.up(map[string]map[string]any{"one": shell(forever)})
	before := s.pid("one")

	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	eventually(t, func() bool {
		state := s.states()["one"]
		return state.Status == statusRunning && state.PID != before
	}, "the process must come back", func() any { return s.states() })
	s.down()
}

func TestKilledSupervisorIsRestored(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wanted := map[string]map[string]any{"one": shell(forever)}
	s.up(wanted)
	orphan := s.pid("one")

	require.NoError(t, syscall.Kill(s.supervisorPID(), syscall.SIGKILL))
	require.NoError(t, syscall.Kill(orphan, 0), "the process outlives its supervisor")
	assert.False(t, s.refresh(), "a refresh must see that the supervisor is gone")

	assert.Equal(t, create, s.up(wanted))
	assert.NotContains(t, s.pids(), orphan, "the orphan must have ended")
	assert.Equal(t, statusRunning, s.states()["one"].Status)
	assert.NotEqual(t, orphan, s.states()["one"].PID)
	s.down()
	assert.Empty(t, s.pids())
}

func TestKilledCreateIsAdopted(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wanted := map[string]map[string]any{"one": shell(forever), "two": shell(forever)}
	s.up(wanted)
	before := s.states()
	s.supervisor = s.resource("Supervisor") // the state was never written

	wanted["two"] = shell("exec sleep 2000")
	assert.Equal(t, create, s.up(wanted))
	assert.Equal(t, before["one"].PID, s.states()["one"].PID, "an unchanged process must be left alone")
	assert.NotEqual(t, before["two"].PID, s.states()["two"].PID)
	s.down()
	assert.Empty(t, s.pids())
}

func TestUpdateDisturbsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	ready := filepath.Join(t.TempDir(), "ready")
	require.NoError(t, os.WriteFile(ready, nil, 0o600))
	served := endpoint(t, freePort(t), ready)
	wanted := map[string]map[string]any{
		"endpoint": served, "changed": shell(forever), "removed": shell(forever),
	}
	s.up(wanted)
	before := s.states()
	supervisor := s.supervisorPID()
	eventually(t, func() bool { return s.states()["endpoint"].Health == "Ready" }, "ready",
		func() any { return s.states() })

	delete(wanted, "removed")
	wanted["added"] = shell(forever)
	wanted["changed"] = with(wanted["changed"], map[string]any{"version": "2"})
	assert.Equal(t, update, s.up(wanted))
	after := s.states()
	assert.Equal(t, supervisor, s.supervisorPID())
	assert.Equal(t, before["endpoint"].PID, after["endpoint"].PID, "an unchanged process must be left alone")
	assert.NotEqual(t, before["changed"].PID, after["changed"].PID, "a new version must be started")
	assert.Equal(t, statusRunning, after["added"].Status)
	assert.NotContains(t, after, "removed")
	require.ErrorIs(t, syscall.Kill(before["removed"].PID, 0), syscall.ESRCH)
	assert.Len(t, s.pids(), 4, "process-compose and three processes")
	assert.Equal(t, same, s.up(wanted))

	// process-compose must still know the processes that it took over at run time: stopping it ends them all.
	require.NoError(t, s.api().stopAll(t.Context()))
	eventually(t, func() bool { return len(s.pids()) == 0 }, "all must end", func() any { return s.pids() })
	assert.False(t, s.refresh())
}

func TestChangedScheduleRestartsTheSupervisor(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	marks := filepath.Join(t.TempDir(), "marks")
	wanted := map[string]map[string]any{"one": shell(forever)}
	s.up(wanted)
	supervisor := s.supervisorPID()

	wanted["job"] = with(shell("echo tick >> "+marks), map[string]any{"schedule": "@every 1s"})
	assert.Equal(t, update, s.up(wanted))
	assert.NotEqual(t, supervisor, s.supervisorPID())
	ticks := func() int {
		data, _ := os.ReadFile(marks)
		return strings.Count(string(data), "tick")
	}
	eventually(t, func() bool { return ticks() >= 2 }, "the schedule must fire", func() any { return ticks() })
	assert.Equal(t, same, s.up(wanted))

	wanted["job"] = with(wanted["job"], map[string]any{"schedule": "0 0 1 1 *"})
	assert.Equal(t, update, s.up(wanted))
	require.True(t, s.refresh())
	assert.Equal(t, same, s.up(wanted))
	s.down()
}

// Two supervisors at once would want the same ports.
func TestReplacedSupervisorEndsFirst(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.up(map[string]map[string]any{"one": shell(forever)})
	diff, err := s.server.Diff(p.DiffRequest{
		ID: s.supervisor.id, Urn: s.supervisor.urn(), State: s.supervisor.state,
		Inputs: s.supervisor.inputs.Set("directory", property.New(s.directory+"2")),
	})
	require.NoError(t, err)
	assert.True(t, diff.DeleteBeforeReplace)
	assert.Equal(t, map[string]p.PropertyDiff{"directory": {Kind: p.UpdateReplace}}, diff.DetailedDiff)
	s.down()
}

func TestStoppedProcessIsDrift(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wanted := map[string]map[string]any{"one": shell(forever), "two": shell(forever)}
	s.up(wanted)
	two := s.pid("two")
	stopByHand(t, s, "one")

	require.True(t, s.refresh())
	assert.Contains(t, s.supervisor.out("processes").AsMap().Get("one").AsString(), "not running")
	assert.Equal(t, update, s.up(wanted))
	assert.Equal(t, statusRunning, s.states()["one"].Status)
	assert.Equal(t, two, s.states()["two"].PID)
	s.down()
}

func stopByHand(t *testing.T, s *stack, name string) {
	t.Helper()
	// The answer may be an error although the process is stopped.
	_ = s.api().do(t.Context(), "PATCH", "/process/stop/"+name, patience, nil)
	eventually(t, func() bool { return s.states()[name].Status == statusCompleted }, "stopped",
		func() any { return s.states() })
}

func TestOrphansEndWithoutTheSupervisorInTheState(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.up(map[string]map[string]any{"one": shell(forever), "two": shell(forever)})
	s.processes["one"].down()
	assert.Equal(t, statusRunning, s.states()["two"].Status, "a running supervisor ends its processes itself")

	require.NoError(t, syscall.Kill(s.supervisorPID(), syscall.SIGKILL))
	require.False(t, s.refresh())
	s.processes["two"].down()
	assert.Empty(t, s.pids())
}

func TestCronIsInUTC(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.up(map[string]map[string]any{"job": with(shell("true"), map[string]any{"schedule": "30 4 * * *"})})
	var state struct {
		NextRun time.Time `json:"next_run_time"`
	}
	require.NoError(t, s.api().do(t.Context(), "GET", "/process/job", patience, &state))
	assert.Equal(t, "04:30:00", state.NextRun.UTC().Format(time.TimeOnly))
	s.down()
}

func TestLogsAreRotated(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.up(map[string]map[string]any{
		"talker": with(shell("head -c 45000000 /dev/zero | tr '\\0' x | fold -w 10000; echo; echo end; exec sleep 1000"),
			map[string]any{"restart": "no"}),
	})
	logs := func() []string {
		found, err := filepath.Glob(filepath.Join(s.directory, "logs", "talker*.log"))
		require.NoError(t, err)
		return found
	}
	eventually(t, func() bool { return strings.HasSuffix(s.log("talker"), "end\n") && len(logs()) == 1+logBackups },
		"the log must end in its newest file, beside the kept ones", func() any { return logs() })
	for _, path := range logs() {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(logMaxMegabytes<<20))
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	s.down()
	assert.NoDirExists(t, s.directory)
}
