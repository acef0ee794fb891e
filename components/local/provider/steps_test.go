package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// steps is a process that runs scripts one after the other when it is triggered.
func steps(scripts ...string) map[string]any {
	list := make([]map[string]any, len(scripts))
	for i, script := range scripts {
		list[i] = map[string]any{
			"name": string(rune('a' + i)), "command": []string{"/bin/sh", "-c", script},
		}
	}
	return map[string]any{"steps": list, "trigger": true}
}

// run starts a triggered process and gives its state after the end.
func (s *stack) run(name string) processState {
	s.t.Helper()
	require.NoError(s.t, s.api().start(s.t.Context(), name))
	eventually(s.t, func() bool { return !s.states()[name].IsRunning && s.states()[name].Status == statusCompleted },
		"the run must end", func() any { return s.states() })
	return s.states()[name]
}

func TestStepsRunInOrderAndAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	marks := filepath.Join(t.TempDir(), "marks")
	note := `echo "$PC_PROC_NAME $MLPATHWAY_RUN" >> ` + marks + `; echo "step $PC_PROC_NAME"; echo "to stderr" >&2`
	s.up(map[string]map[string]any{
		"pipeline": with(steps(note, note, note), map[string]any{
			"runIdCommand": []string{"/bin/sh", "-c", "if [ -e " + marks + " ]; then echo again; else echo first; fi"},
		}),
	})
	assert.Equal(t, "Disabled", s.states()["pipeline"].Status, "a triggered process must not start by itself")

	assert.Zero(t, s.run("pipeline").ExitCode)
	data, err := os.ReadFile(marks)
	require.NoError(t, err)
	assert.Equal(t, "a first\nb first\nc first\n", string(data))

	assert.Zero(t, s.run("pipeline").ExitCode, "a second run must run all steps again")
	data, err = os.ReadFile(marks)
	require.NoError(t, err)
	assert.Equal(t, "a first\nb first\nc first\na again\nb again\nc again\n", string(data))

	lines := strings.Split(strings.TrimSpace(s.log("pipeline")), "\n")
	require.Len(t, lines, 12, "two lines of each step, in one log")
	assert.ElementsMatch(t, []string{"[a\t] step a", "[a\t] to stderr"}, lines[:2])
	assert.ElementsMatch(t, []string{"[c\t] step c", "[c\t] to stderr"}, lines[10:])
	assert.NoFileExists(t, filepath.Join(s.directory, "runs", "pipeline.done"))
	s.down()
	assert.NoDirExists(t, s.directory)
}

func TestFailedStepEndsTheRun(t *testing.T) {
	t.Parallel()
	for name, scripts := range map[string][]string{
		"first": {"exit 3", "echo never"}, "middle": {"true", "exit 3", "echo never"}, "last": {"true", "exit 3"},
		"killed": {"kill -9 $$", "echo never"}, "missing": {"exec /does/not/exist", "echo never"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.up(map[string]map[string]any{"pipeline": steps(scripts...)})
			for range 3 { // the exit code must not depend on luck
				assert.Equal(t, 1, s.run("pipeline").ExitCode)
			}
			eventually(t, func() bool { return strings.Count(s.log("pipeline"), "the run failed") == 3 }, "the log",
				func() any { return s.log("pipeline") })
			assert.NotContains(t, s.log("pipeline"), "never")
			s.down()
		})
	}
}

func TestFailedRunIDStartsNoStep(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.up(map[string]map[string]any{
		"pipeline": with(steps("echo never"), map[string]any{"runIdCommand": []string{"/bin/false"}}),
	})
	assert.Equal(t, 1, s.run("pipeline").ExitCode)
	eventually(t, func() bool { return strings.Contains(s.log("pipeline"), "the command for the run id failed") },
		"the log", func() any { return s.log("pipeline") })
	assert.NotContains(t, s.log("pipeline"), "never")
	s.down()
}

func TestRunIsStoppedWithItsChildren(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wanted := map[string]map[string]any{
		"service":  shell(forever),
		"pipeline": steps("sleep 1000 & echo going; wait", "echo never"),
	}
	s.up(wanted)
	require.NoError(t, s.api().start(t.Context(), "pipeline"))
	eventually(t, func() bool { return strings.Contains(s.log("pipeline"), "going") }, "started",
		func() any { return s.log("pipeline") })
	require.Greater(t, len(s.pids()), 5, "a supervisor, a service, and a run with its children")

	wanted["pipeline"] = with(wanted["pipeline"], map[string]any{"version": "2"})
	service := s.pid("service")
	assert.Equal(t, update, s.up(wanted))
	assert.Equal(t, service, s.states()["service"].PID)
	eventually(t, func() bool { return len(s.pids()) == 2 }, "the run of the old version must end with all its children",
		func() any { return s.pids() })
	assert.NotContains(t, s.log("pipeline"), "never")
	s.down()
	assert.Empty(t, s.pids())
}

func TestTriggeredProcessSurvivesUpdates(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wanted := map[string]map[string]any{"service": shell(forever), "pipeline": steps("echo going; sleep 1000")}
	s.up(wanted)
	require.NoError(t, s.api().start(t.Context(), "pipeline"))
	run := s.pid("pipeline")

	wanted["service"] = with(wanted["service"], map[string]any{"version": "2"})
	assert.Equal(t, update, s.up(wanted))
	assert.Equal(t, run, s.states()["pipeline"].PID, "a run must go on when something else changes")
	s.down()
	assert.Empty(t, s.pids())
}
