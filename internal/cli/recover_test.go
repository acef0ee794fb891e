package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// begin starts a process with an environment, and ends it with the test.
func begin(t *testing.T, variable string, command ...string) *exec.Cmd {
	t.Helper()
	process := exec.Command(command[0], command[1:]...) //nolint:gosec // the test itself says what
	process.Env = []string{variable, "PATH=/usr/bin:/bin"}
	require.NoError(t, process.Start())
	ended := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = process.Process.Kill()
		<-ended
	})
	return process
}

func TestEndMarkedEndsWhatIsMeantAndNothingElse(t *testing.T) {
	t.Parallel()
	mark := newSecret()
	meant := begin(t, markVariable+"="+mark, "sleep", "60")
	deaf := begin(t, markVariable+"="+mark, "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
	other := begin(t, markVariable+"=other", "sleep", "60")
	equal := func(value string) bool { return value == mark }
	require.NoError(t, endMarked(t.Context(), markVariable, equal))
	found, err := marked(t.Context(), markVariable, equal)
	require.NoError(t, err)
	assert.Empty(t, found, "%d and %d have ended", meant.Process.Pid, deaf.Process.Pid)
	assert.True(t, alive(other.Process.Pid))
}

func TestStaleLocks(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	require.NoError(t, err)
	c := newCopy(t)
	s, err := c.app.open()
	require.NoError(t, err)
	w := &work{stack: s, app: c.app}
	lockOf := func(pid int, host string) {
		write(t, s.own("backend", ".pulumi", "locks", "organization", "mlpathway", "local"), "a.json",
			fmt.Sprintf(`{"pid": %d, "hostname": %q, "timestamp": "2026-11-22T12:00:00Z"}`, pid, host))
	}
	stale, err := w.staleLocks()
	require.NoError(t, err)
	assert.False(t, stale, "there is none")

	ended := exec.Command("true")
	require.NoError(t, ended.Run())
	lockOf(ended.Process.Pid, host)
	stale, err = w.staleLocks()
	require.NoError(t, err)
	assert.True(t, stale, "its process has ended")

	lockOf(os.Getpid(), host)
	stale, err = w.staleLocks()
	require.NoError(t, err)
	assert.True(t, stale, "the id belongs to another program today")

	dir := t.TempDir()
	write(t, dir, "pulumi", "#!/bin/sh\nwhile :; do sleep 0.1; done\n")
	require.NoError(t, os.Chmod(filepath.Join(dir, "pulumi"), 0o700)) //nolint:gosec // it has to run
	living := begin(t, "X=1", filepath.Join(dir, "pulumi"))
	require.Eventually(t, func() bool { return isPulumi(living.Process.Pid) }, time.Minute, 10*time.Millisecond)
	lockOf(living.Process.Pid, host)
	_, err = w.staleLocks()
	require.ErrorContains(t, err, fmt.Sprintf("process %d on %s", living.Process.Pid, host))

	lockOf(ended.Process.Pid, host+"-elsewhere")
	_, err = w.staleLocks()
	require.ErrorContains(t, err, "-elsewhere", "what runs there cannot be seen from here")
}

func TestUpAfterAKilledUpEndsItsProcessesAndReleasesItsLock(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "up"))
	s, err := c.app.open()
	require.NoError(t, err)
	mark := newSecret()
	left := begin(t, markVariable+"="+mark, "sleep", "60")
	shared, own, err := s.lock("up", mark)
	require.NoError(t, err)
	own.release(false)
	shared.release(false)
	host, err := os.Hostname()
	require.NoError(t, err)
	write(t, s.own("backend", ".pulumi", "locks", "organization", "mlpathway", "local"), "a.json",
		fmt.Sprintf(`{"pid": %d, "hostname": %q}`, 1<<22+1, host))

	require.NoError(t, c.run(t.Context(), "up"))
	assert.Contains(t, c.calls(t), "cancel local --yes --non-interactive")
	assert.Contains(t, c.err.String(), "did not come to its end")
	pids, err := marked(t.Context(), markVariable, func(value string) bool { return value == mark })
	require.NoError(t, err)
	assert.Empty(t, pids, "process %d has ended", left.Process.Pid)
}
