package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// supervisorVariable marks the supervisor of a stack and everything that it runs, with the supervisor's directory.
// The provider of the local target sets it.
const supervisorVariable = "MLPATHWAY_SUPERVISOR"

const (
	endGrace     = 5 * time.Second // to end by itself after SIGTERM
	pollInterval = 50 * time.Millisecond
)

// mend cleans up after a command that did not come to its end: what it started and left behind, and Pulumi's lock on
// the state. It fails where somebody is still at work.
func (w *work) mend(ctx context.Context, left *holder) error {
	if left != nil {
		w.unclean = true
		w.app.say("The last command (%s, at %s) did not come to its end: cleaning up after it.",
			left.Command, left.Since.Format(time.TimeOnly))
		meant := func(mark string) bool { return slices.Contains(left.Marks, mark) }
		if err := endMarked(ctx, markVariable, meant); err != nil {
			return fmt.Errorf("ending what %q left running: %w", left.Command, err)
		}
	}
	stale, err := w.staleLocks()
	if err != nil || !stale {
		return err
	}
	w.unclean = true
	w.app.say("Releasing the lock that a dead Pulumi process left on the state.")
	if _, err := w.pulumi.capture(ctx, "cancel", w.name, "--yes", "--non-interactive"); err != nil {
		return fmt.Errorf("releasing the lock on the state of %s: %w", w.name, err)
	}
	return nil
}

// staleLocks tells whether dead processes have left their locks on the state. A living one is an error.
func (w *work) staleLocks() (bool, error) {
	files, err := filepath.Glob(w.own("backend", ".pulumi", "locks", "organization", w.project.name, w.name, "*.json"))
	if err != nil {
		return false, fmt.Errorf("looking for locks on the state of %s: %w", w.name, err)
	}
	host, err := os.Hostname()
	if err != nil {
		return false, fmt.Errorf("looking for locks on the state of %s: %w", w.name, err)
	}
	for _, file := range files {
		var l struct {
			PID       int       `json:"pid"`
			Hostname  string    `json:"hostname"`
			Timestamp time.Time `json:"timestamp"`
		}
		data, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(data, &l) != nil {
			continue // half-written: its writer was killed
		}
		if l.Hostname == host && !isPulumi(l.PID) {
			continue
		}
		return false, fmt.Errorf("pulumi itself works on the stack %s: process %d on %s, since %s. Nothing was changed.\n"+
			"  wait for its end and run again; where it has ended for sure: eval \"$(bin/mlpathway env -s %s)\" && "+
			"pulumi cancel %s", w.name, l.PID, l.Hostname, l.Timestamp.Local().Format(time.TimeOnly), w.name, w.name)
	}
	return len(files) > 0, nil
}

// isPulumi tells whether a process is a living Pulumi CLI. Ids are used again, so a living process with another name
// is not the one that wrote the lock.
func isPulumi(pid int) bool {
	if !alive(pid) {
		return false
	}
	p := process.Process{Pid: int32(pid)} //nolint:gosec // a process id fits
	name, err := p.Name()
	return !isZombie(context.Background(), &p) && (err != nil || strings.HasPrefix(name, "pulumi"))
}

// endMarked ends the processes with a variable in their environment: SIGTERM, and SIGKILL after a grace.
func endMarked(ctx context.Context, variable string, meant func(string) bool) error {
	deadline := time.Now().Add(endGrace)
	for first := true; ; first = false {
		pids, err := marked(ctx, variable, meant)
		if err != nil || len(pids) == 0 {
			return err
		}
		late := time.Since(deadline)
		if late > endGrace {
			return fmt.Errorf("the processes %v do not end: end them by hand and run again", pids)
		}
		for _, pid := range pids {
			switch {
			case late > 0:
				send(pid, syscall.SIGKILL)
			case first:
				send(pid, syscall.SIGTERM)
			}
		}
		time.Sleep(pollInterval)
	}
}

// marked lists the processes with a variable in the environment that they were started with. Those of other people
// cannot be read and are not meant.
func marked(ctx context.Context, variable string, meant func(string) bool) ([]int, error) {
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the processes of this machine: %w", err)
	}
	var found []int
	for _, pid := range pids {
		p := process.Process{Pid: pid}
		environ, err := p.EnvironWithContext(ctx)
		if err != nil || int(pid) == os.Getpid() {
			continue
		}
		for _, entry := range environ {
			if value, ok := strings.CutPrefix(entry, variable+"="); ok && meant(value) && !isZombie(ctx, &p) {
				found = append(found, int(pid))
				break
			}
		}
	}
	return found, nil
}

// isZombie tells whether a process has ended and only waits to be noticed by its parent.
func isZombie(ctx context.Context, p *process.Process) bool {
	status, err := p.StatusWithContext(ctx)
	return err == nil && len(status) > 0 && status[0] == process.Zombie
}

// within means the directory and those below it.
func within(dir string) func(string) bool {
	return func(value string) bool {
		return value == dir || strings.HasPrefix(value, dir+string(filepath.Separator))
	}
}
