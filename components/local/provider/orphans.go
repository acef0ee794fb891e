package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// supervisorVariable marks process-compose and everything below it. Its value is the directory of the supervisor.
const supervisorVariable = "MLPATHWAY_SUPERVISOR"

const (
	// defaultGrace is the time to end after SIGTERM for processes whose definition is not at hand.
	defaultGrace = 15 * time.Second
	killGrace    = 5 * time.Second
	pollInterval = 50 * time.Millisecond
)

// belongs tells by the value of supervisorVariable whether a process is meant.
type belongs func(directory string) bool

// supervisedBy means the processes of one supervisor.
func supervisedBy(directory string) belongs {
	return func(other string) bool { return other == directory }
}

// supervisedUnder means the processes of every supervisor in or below a directory.
func supervisedUnder(directory string) belongs {
	prefix := strings.TrimSuffix(directory, string(filepath.Separator)) + string(filepath.Separator)
	return func(other string) bool { return other == directory || strings.HasPrefix(other, prefix) }
}

// findProcesses gives the ids of the processes that are meant. It reads the environments that they were started with,
// so it never finds a process of anybody else; those of other users cannot be read and are not ours.
func findProcesses(ctx context.Context, meant belongs) ([]int, error) {
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the processes of this machine: %w", err)
	}
	var found []int
	for _, pid := range pids {
		if int(pid) == os.Getpid() {
			continue
		}
		candidate := process.Process{Pid: pid}
		environment, err := candidate.EnvironWithContext(ctx)
		if err != nil {
			continue // it has ended, or it is somebody else's
		}
		for _, variable := range environment {
			if directory, ok := strings.CutPrefix(variable, supervisorVariable+"="); ok && meant(directory) {
				found = append(found, int(pid))
				break
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// endProcesses ends the processes that are meant: SIGTERM, and SIGKILL for those that are still there after the grace.
func endProcesses(ctx context.Context, meant belongs, grace time.Duration) error {
	// What must end must end, also when the operation has been cancelled.
	ctx = context.WithoutCancel(ctx)
	remaining, err := signalAll(ctx, meant, syscall.SIGTERM)
	if err != nil || len(remaining) == 0 {
		return err
	}
	if remaining, err = waitForEnd(ctx, meant, grace); err != nil || len(remaining) == 0 {
		return err
	}
	return killProcesses(ctx, meant)
}

// killProcesses ends the processes that are meant with SIGKILL, also those that they start meanwhile.
func killProcesses(ctx context.Context, meant belongs) error {
	ctx = context.WithoutCancel(ctx)
	deadline := time.Now().Add(killGrace)
	for {
		remaining, err := signalAll(ctx, meant, syscall.SIGKILL)
		if err != nil || len(remaining) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the processes %v do not end, not even on SIGKILL: end them by hand and run again", remaining)
		}
		time.Sleep(pollInterval)
	}
}

func signalAll(ctx context.Context, meant belongs, signal syscall.Signal) ([]int, error) {
	pids, err := findProcesses(ctx, meant)
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // one that has ended meanwhile is fine
	}
	return pids, nil
}

// waitForEnd waits until no process that is meant is left, at most for the grace, and gives those that are.
func waitForEnd(ctx context.Context, meant belongs, grace time.Duration) ([]int, error) {
	deadline := time.Now().Add(grace)
	for {
		remaining, err := findProcesses(ctx, meant)
		if err != nil || len(remaining) == 0 || time.Now().After(deadline) {
			return remaining, err
		}
		time.Sleep(pollInterval)
	}
}
