package provider

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// processCompose finds the program that the tests need, and fails where it is missing: a skipped test proves nothing.
func processCompose(t *testing.T) string {
	t.Helper()
	path := os.Getenv("MLPATHWAY_PROCESS_COMPOSE")
	if path == "" {
		var err error
		path, err = filepath.Abs(filepath.Join("..", "..", "..", "bin", "process-compose"))
		require.NoError(t, err)
	}
	_, err := os.Stat(path)
	require.NoError(t, err, "these tests need process-compose: `make tools` builds bin/process-compose, "+
		"or name one in MLPATHWAY_PROCESS_COMPOSE")
	return path
}

// stack is a supervisor with its processes in a directory of its own.
type stack struct {
	*engine
	directory  string
	supervisor *managed
	processes  map[string]*managed
	binary     string
}

func newStack(t *testing.T) *stack {
	t.Helper()
	return newStackIn(t, filepath.Join(t.TempDir(), "s"))
}

func newStackIn(t *testing.T, directory string) *stack {
	t.Helper()
	s := &stack{
		engine: newEngine(t), directory: directory, processes: map[string]*managed{}, binary: processCompose(t),
	}
	s.supervisor = s.resource("Supervisor")
	t.Cleanup(func() {
		assert.NoError(t, killProcesses(context.Background(), supervisedBy(directory)), "a process is left behind")
	})
	return s
}

// up brings the processes and the supervisor up and says what happened to the supervisor. The map holds the inputs of
// each process beside its name and directory.
func (s *stack) up(processes map[string]map[string]any) string {
	s.t.Helper()
	done, err := s.tryUp(processes)
	require.NoError(s.t, err)
	return done
}

func (s *stack) tryUp(processes map[string]map[string]any) (string, error) {
	s.t.Helper()
	digests := map[string]string{}
	for name, inputs := range processes {
		if s.processes[name] == nil {
			s.processes[name] = s.resource("Process")
		}
		all := map[string]any{"name": name, "directory": s.directory, "stopTimeoutSeconds": 2}
		maps.Copy(all, inputs)
		if _, err := s.processes[name].tryUp(all); err != nil {
			return "", err
		}
		digests[name] = s.processes[name].out("digest").AsString()
	}
	done, err := s.supervisor.tryUp(map[string]any{
		"directory": s.directory, "binary": s.binary, "processes": digests,
	})
	if err != nil {
		return done, err
	}
	for name, process := range s.processes {
		if _, ok := processes[name]; !ok {
			process.down()
			delete(s.processes, name)
		}
	}
	return done, nil
}

// refresh reads everything and tells whether the supervisor still exists.
func (s *stack) refresh() bool {
	s.t.Helper()
	for _, process := range s.processes {
		process.refresh()
	}
	return s.supervisor.refresh()
}

func (s *stack) down() {
	s.t.Helper()
	s.supervisor.down()
	for _, process := range s.processes {
		process.down()
	}
}

func (s *stack) api() *client { return newClient(s.supervisor.out("socket").AsString()) }

// pid waits until a process runs and gives its number, which the supervisor knows a moment later than that it runs.
func (s *stack) pid(name string) int {
	s.t.Helper()
	eventually(s.t, func() bool { return s.states()[name].PID > 0 }, name+" has started", func() any { return s.states() })
	return s.states()[name].PID
}

// states gives what the supervisor knows of its processes.
func (s *stack) states() map[string]processState {
	s.t.Helper()
	states, err := s.api().processes(s.t.Context())
	require.NoError(s.t, err)
	return states
}

func (s *stack) log(process string) string {
	data, err := os.ReadFile(logPath(s.directory, process))
	if err != nil {
		return ""
	}
	return string(data)
}

// supervisorPID finds process-compose itself among the processes of the stack.
func (s *stack) supervisorPID() int {
	s.t.Helper()
	for _, pid := range s.pids() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.HasPrefix(string(line), s.binary+"\x00-f\x00"+s.directory+"/process-compose.yaml") {
			return pid
		}
	}
	require.Fail(s.t, "the supervisor does not run")
	return 0
}

func (s *stack) pids() []int {
	s.t.Helper()
	pids, err := findProcesses(context.Background(), supervisedBy(s.directory))
	require.NoError(s.t, err)
	return pids
}

// eventually waits for something that should come about at once, and fails with what was there instead.
func eventually(t *testing.T, condition func() bool, message string, state func() any) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			require.Fail(t, message, "%v", state())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
