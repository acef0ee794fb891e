package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"
)

// States of a process in process-compose that need no more waiting.
const (
	statusRunning   = "Running"
	statusCompleted = "Completed"
	statusError     = "Error"
)

// steadyAge is the time for which a process must run to count as up.
const steadyAge = 500 * time.Millisecond

// crashLoopRestarts is the number of restarts within one wait that make a crash loop.
const crashLoopRestarts = 3

// errCrashed means that a process ended although it should run.
var errCrashed = errors.New("the process does not stay up")

// supervision is the work on one supervisor during one operation.
type supervision struct {
	directory string
	binary    string
	units     map[string]*unit // what is wanted
	api       *client
	report    func(format string, args ...any)
}

// runningProcess is a process that the supervisor knows.
type runningProcess struct {
	state     processState
	digest    string
	scheduled bool
}

// runningProcesses asks the supervisor for everything that it knows.
func runningProcesses(ctx context.Context, api *client) (map[string]runningProcess, error) {
	states, err := api.processes(ctx)
	if err != nil {
		return nil, err
	}
	running := make(map[string]runningProcess, len(states))
	for name, state := range states {
		info, err := api.info(ctx, name)
		if err != nil {
			return nil, err
		}
		running[name] = runningProcess{
			state: state, digest: info.Extensions.Digest, scheduled: info.Schedule != nil,
		}
	}
	return running, nil
}

// problem says why a process that should run does not; empty where all is well.
func (u *unit) problem(state processState) string {
	switch {
	case u.onDemand():
		return ""
	case state.Status == statusError:
		return "not running: it could not be started"
	case state.Status != statusCompleted:
		return ""
	case u.Restart == restartAlways:
		return fmt.Sprintf("not running: it ended with exit code %d and was not started again", state.ExitCode)
	case state.ExitCode != 0:
		return fmt.Sprintf("not running: it failed with exit code %d", state.ExitCode)
	}
	return ""
}

// changes are the steps from what runs to what is wanted.
type changes struct {
	all    bool     // everything must start anew
	remove []string // also those that changed
	add    []string // also those that changed
	revive []string // unchanged, but not running
}

// planChanges compares what runs with what is wanted. process-compose registers schedules only when it starts, and
// starts a scheduled process at once when it is added later, so every change of one restarts the supervisor.
func planChanges(running map[string]runningProcess, units map[string]*unit) changes {
	var c changes
	for name, r := range running {
		u, wanted := units[name]
		switch {
		case wanted && u.digest == r.digest && u.problem(r.state) == "":
		case wanted && u.digest == r.digest:
			c.revive = append(c.revive, name)
		default:
			c.remove = append(c.remove, name)
			c.all = c.all || r.scheduled
		}
	}
	for name, u := range units {
		if r, ok := running[name]; !ok || r.digest != u.digest {
			c.add = append(c.add, name)
			c.all = c.all || u.Schedule != ""
		}
	}
	slices.Sort(c.remove)
	slices.Sort(c.add)
	slices.Sort(c.revive)
	return c
}

// apply brings what runs to what is wanted, and starts the supervisor where it does not run.
func (s *supervision) apply(ctx context.Context) error {
	if !s.api.alive(ctx) {
		return s.replaceAll(ctx)
	}
	running, err := runningProcesses(ctx, s.api)
	if err != nil {
		return s.replaceAll(ctx)
	}
	plan := planChanges(running, s.units)
	if plan.all {
		s.report("restarting all processes, because a schedule changed")
		return s.replaceAll(ctx)
	}
	if err := s.reload(ctx, plan, running); err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.report("restarting all processes, because the running ones could not be changed: %v", err)
		return s.replaceAll(ctx)
	}
	for _, name := range plan.revive {
		s.report("starting %s again", name)
		if err := s.api.restart(ctx, name, s.grace()); err != nil {
			return fmt.Errorf("starting %s again: %w", name, err)
		}
	}
	return s.settle(ctx)
}

// reload changes the running processes in two steps: it removes, and then it adds. process-compose can also exchange a
// process in one step, but then it may forget the new one, because the end of the old one is noted too late.
func (s *supervision) reload(ctx context.Context, plan changes, running map[string]runningProcess) error {
	if len(plan.remove) > 0 {
		s.report("stopping %s", strings.Join(plan.remove, ", "))
		kept := map[string]*unit{}
		for name, u := range s.units {
			if !slices.Contains(plan.add, name) {
				kept[name] = u
			}
		}
		if err := s.load(ctx, kept); err != nil {
			return err
		}
		if err := s.awaitRemoved(ctx, plan.remove, running); err != nil {
			return err
		}
	}
	if len(plan.add) > 0 {
		s.report("starting %s", strings.Join(plan.add, ", "))
		return s.load(ctx, s.units)
	}
	return nil
}

func (s *supervision) load(ctx context.Context, units map[string]*unit) error {
	if err := s.composer().write(units); err != nil {
		return err
	}
	err := s.api.reload(ctx, s.grace())
	if err == nil || ctx.Err() != nil {
		return err
	}
	// process-compose reports an error for a removed process that ended faster than it could set up its wait for the
	// end. The removal is done all the same, so what counts is what it runs now.
	running, listErr := runningProcesses(ctx, s.api)
	if listErr != nil || !sameDigests(running, units) {
		return err
	}
	return nil
}

func sameDigests(running map[string]runningProcess, units map[string]*unit) bool {
	return maps.EqualFunc(running, units, func(r runningProcess, u *unit) bool { return r.digest == u.digest })
}

func (s *supervision) composer() *composer {
	return &composer{directory: s.directory, binary: s.binary}
}

// awaitRemoved waits for the end of removed processes, and until process-compose has noted it.
func (s *supervision) awaitRemoved(ctx context.Context, names []string, running map[string]runningProcess) error {
	const noted = 300 * time.Millisecond
	deadline := time.Now().Add(s.grace())
	for _, name := range names {
		for pid := running[name].state.PID; pid > 0 && running[name].state.IsRunning && syscall.Kill(pid, 0) == nil; {
			if time.Now().After(deadline) {
				return fmt.Errorf("the process %s (%d) does not end", name, pid)
			}
			if err := pause(ctx, pollInterval); err != nil {
				return err
			}
		}
	}
	return pause(ctx, noted)
}

// replaceAll ends whatever runs for the directory and starts everything anew.
func (s *supervision) replaceAll(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return err
	}
	if err := s.composer().write(s.units); err != nil {
		return err
	}
	s.report("starting process-compose with %d processes", len(s.units))
	if err := launch(ctx, s.directory, s.binary, s.api.socket); err != nil {
		return err
	}
	return s.settle(ctx)
}

// settle waits until every process that starts with the supervisor is up or has ended well.
func (s *supervision) settle(ctx context.Context) error {
	// A process that was just started again shows the end of its last run for a moment.
	const outdated = 3 * time.Second
	var failing time.Time
	deadline := time.Now().Add(startTimeout)
	for {
		states, err := s.api.processes(ctx)
		if err != nil {
			return fmt.Errorf("waiting for the processes: %w%s", err, tail(supervisorErrors(s.directory)))
		}
		waiting, err := s.unsettled(states)
		switch {
		case err == nil && len(waiting) == 0:
			return nil
		case err == nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > outdated:
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waiting for the processes: not up after %s: %s", startTimeout, strings.Join(waiting, ", "))
		}
		if err := pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("waiting for the processes: %w", err)
		}
	}
}

// unsettled names the processes that are neither up nor ended well, and fails for those that will not come up.
func (s *supervision) unsettled(states map[string]processState) ([]string, error) {
	var waiting []string
	for name, u := range s.units {
		state, ok := states[name]
		problem := u.problem(state)
		if ok && !u.onDemand() && state.Restarts >= crashLoopRestarts {
			problem = fmt.Sprintf("it ended %d times, last with exit code %d", state.Restarts, state.ExitCode)
		}
		switch {
		case problem != "":
			return nil, fmt.Errorf("%s: %w: %s%s", name, errCrashed, problem, tail(logPath(s.directory, name)))
		case !ok:
			waiting = append(waiting, name)
		case u.onDemand() || state.Status == statusCompleted:
		case state.Status != statusRunning || state.Age < steadyAge:
			waiting = append(waiting, name)
		}
	}
	slices.Sort(waiting)
	return waiting, nil
}

// stop ends the supervisor and everything that it runs; SIGKILL for what does not end in its time.
func (s *supervision) stop(ctx context.Context) error {
	// What must end must end, also when the operation has been cancelled.
	ctx = context.WithoutCancel(ctx)
	mine := supervisedBy(s.directory)
	if s.api.stopAll(ctx) != nil {
		return endProcesses(ctx, mine, s.grace())
	}
	for deadline := time.Now().Add(s.grace()); time.Now().Before(deadline) && s.api.listening(ctx); {
		time.Sleep(pollInterval)
	}
	// What is left has left the process group that process-compose ends.
	return endProcesses(ctx, mine, killGrace)
}

// grace is the time that the slowest process may take to stop, and a little more for process-compose itself.
func (s *supervision) grace() time.Duration {
	longest := 0
	if len(s.units) == 0 {
		longest = defaultStopTimeoutSeconds
	}
	for _, u := range s.units {
		longest = max(longest, u.StopTimeoutSeconds)
	}
	return time.Duration(longest+2*stepGraceSeconds) * time.Second
}

// pause waits, and fails when the operation is cancelled.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
