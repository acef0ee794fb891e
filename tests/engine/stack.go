package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long an operation may take before it is killed. A program that waits for itself never ends.
const Patience = 5 * time.Minute

// Stack is a stack of a workspace.
type Stack struct {
	// Name of the stack.
	Name string
	// Workspace that it lies in.
	Workspace *Workspace
	// Program that the next operation runs.
	Program Program
	// Deadline of an operation; Patience where it is zero.
	Deadline time.Duration
	// Checkpoints makes the CLI write the state after every step, as everybody's does, so that it survives the engine.
	// Without, it writes the same state once, at the end, and needs a fraction of the processor.
	Checkpoints bool

	host *host
}

// command prepares the CLI. It leads a process group of its own.
func (s *Stack) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, s.Workspace.Pulumi, args...)
	command.Dir, command.Env = s.Workspace.Root, s.Workspace.Environment()
	if !s.Checkpoints {
		command.Env = append(command.Env, "PULUMI_SKIP_CHECKPOINTS=1")
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.WaitDelay = 5 * time.Second
	return command
}

// Up runs pulumi up and demands success.
func (s *Stack) Up(t *testing.T, flags ...string) *Result {
	t.Helper()
	return s.must(t, "up", append([]string{"--skip-preview", "--yes"}, flags...)...)
}

// Preview runs pulumi preview and demands success.
func (s *Stack) Preview(t *testing.T, flags ...string) *Result {
	t.Helper()
	return s.must(t, "preview", flags...)
}

// Refresh runs pulumi refresh and demands success.
func (s *Stack) Refresh(t *testing.T, flags ...string) *Result {
	t.Helper()
	return s.must(t, "refresh", append([]string{"--skip-preview", "--yes"}, flags...)...)
}

// Destroy runs pulumi destroy and demands success.
func (s *Stack) Destroy(t *testing.T, flags ...string) *Result {
	t.Helper()
	return s.must(t, "destroy", append([]string{"--skip-preview", "--yes"}, flags...)...)
}

// TryUp runs pulumi up, which may fail: see the Result's Err.
func (s *Stack) TryUp(t *testing.T, flags ...string) *Result {
	t.Helper()
	return s.try(t, "up", append([]string{"--skip-preview", "--yes"}, flags...)...)
}

// TryPreview runs pulumi preview, which may fail: see the Result's Err.
func (s *Stack) TryPreview(t *testing.T, flags ...string) *Result {
	t.Helper()
	return s.try(t, "preview", flags...)
}

// TryDestroy runs pulumi destroy, which may fail: see the Result's Err.
func (s *Stack) TryDestroy(t *testing.T, flags ...string) *Result {
	t.Helper()
	return s.try(t, "destroy", append([]string{"--skip-preview", "--yes"}, flags...)...)
}

// Pulumi runs another command of the CLI on the stack and returns what it printed.
func (s *Stack) Pulumi(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.command(t.Context(), append(args, "--stack", s.Name, "--non-interactive")...).CombinedOutput()
	require.NoError(t, err, "pulumi %s:\n%s", args, out)
	return string(out)
}

// Client gives the flags that make the CLI run the stack's program.
func (s *Stack) Client() []string {
	s.host.set(s.Program)
	return []string{"--client", s.host.address}
}

func (s *Stack) must(t *testing.T, operation string, flags ...string) *Result {
	t.Helper()
	r := s.try(t, operation, flags...)
	require.NoError(t, r.Err, "%s of the stack %s failed:\n%s", operation, s.Name, r.Explain())
	return r
}

func (s *Stack) try(t *testing.T, operation string, flags ...string) *Result {
	t.Helper()
	run := s.Start(t, operation, flags...)
	return run.Wait(t)
}

// Run is an operation that is under way.
type Run struct {
	stack   *Stack
	command *exec.Cmd
	cancel  context.CancelFunc
	ctx     context.Context //nolint:containedctx // to tell a missed deadline from another end
	output  bytes.Buffer
	events  string
	begun   time.Time
	before  int
	result  *Result
}

// Start begins an operation. Whoever starts one waits for its end.
func (s *Stack) Start(t *testing.T, operation string, flags ...string) *Run {
	t.Helper()
	calls, err := s.Workspace.Cloud.Calls(0)
	require.NoError(t, err)
	deadline := s.Deadline
	if deadline == 0 {
		deadline = Patience
	}
	r := &Run{stack: s, begun: time.Now(), result: &Result{Operation: operation}}
	if len(calls) > 0 {
		r.before = calls[len(calls)-1].Number
	}
	events, err := os.CreateTemp(filepath.Join(s.Workspace.dir, "tmp"), "events-*.json")
	require.NoError(t, err)
	require.NoError(t, events.Close())
	r.events = events.Name()
	args := []string{operation, "--stack", s.Name, "--non-interactive", "--event-log", r.events}
	if s.Program != nil && operation != "destroy" {
		args = append(args, s.Client()...)
	}
	r.ctx, r.cancel = context.WithTimeout(t.Context(), deadline)
	r.command = s.command(r.ctx, append(args, flags...)...)
	r.command.Stdout, r.command.Stderr = &r.output, &r.output
	require.NoError(t, r.command.Start())
	return r
}

// Kill ends the engine at once, in the middle of what it is doing.
func (r *Run) Kill() error { return r.command.Process.Kill() }

// Wait waits for the end of the operation and gathers what came of it.
func (r *Run) Wait(t *testing.T) *Result {
	t.Helper()
	defer r.cancel()
	err := r.command.Wait()
	if errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("killed because it had not ended after %s: %w", time.Since(r.begun).Round(time.Second), r.ctx.Err())
	}
	result := r.result
	result.Err, result.Output, result.Duration = err, r.output.String(), time.Since(r.begun)
	result.ProgramTime = r.stack.host.programTime()
	if usage, ok := r.command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		result.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	result.Calls, err = r.stack.Workspace.Cloud.Calls(r.before)
	require.NoError(t, err)
	result.Events, err = readEvents(r.events)
	require.NoError(t, err)
	result.State, err = r.stack.State()
	require.NoError(t, err)
	return result
}
