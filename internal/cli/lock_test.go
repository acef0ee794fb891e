package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALockHasOneHolderAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "locks", "local")
	first, _, err := acquire(path, false)
	require.NoError(t, err)
	require.NoError(t, first.sign(&holder{PID: 7, Command: "up"}))

	_, held, err := acquire(path, false)
	require.ErrorIs(t, err, errBusy)
	require.NotNil(t, held)
	assert.Equal(t, 7, held.PID)
	_, _, err = acquire(path, true)
	require.ErrorIs(t, err, errBusy)

	first.release(true)
	second, _, err := acquire(path, false)
	require.NoError(t, err)
	assert.Nil(t, second.left, "the first one came to its end")
	second.release(false)
}

func TestASharedLockIsShared(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "all")
	for range 2 {
		l, _, err := acquire(path, true)
		require.NoError(t, err)
		defer l.release(false)
	}
	_, _, err := acquire(path, false)
	require.ErrorIs(t, err, errBusy)
}

func TestALockOnARemovedFileIsWorthNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "locks")
	old, _, err := acquire(filepath.Join(dir, "local"), false)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	assert.False(t, isStill(old.file, filepath.Join(dir, "local")))
	fresh, _, err := acquire(filepath.Join(dir, "local"), false)
	require.NoError(t, err, "the old holder has a file that is no longer there")
	assert.True(t, isStill(fresh.file, filepath.Join(dir, "local")))
}

const holdVariable = "MLPATHWAY_TEST_HOLD"

func TestTheKernelReleasesTheLockOfAKilledProcess(t *testing.T) {
	t.Parallel()
	path := os.Getenv(holdVariable)
	if path != "" { // this is the process that will be killed
		l, _, err := acquire(path, false)
		require.NoError(t, err)
		require.NoError(t, l.sign(&holder{PID: os.Getpid(), Command: "up", Marks: []string{"m"}}))
		require.NoError(t, os.WriteFile(path+".held", nil, 0o600))
		time.Sleep(time.Minute)
		return
	}
	path = filepath.Join(t.TempDir(), "local")
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$") //nolint:gosec // the test itself
	child.Env = append(os.Environ(), holdVariable+"="+path)
	require.NoError(t, child.Start())
	require.Eventually(t, func() bool { return isFile(path + ".held") }, time.Minute, 10*time.Millisecond)
	_, held, err := acquire(path, false)
	require.ErrorIs(t, err, errBusy)
	assert.Equal(t, child.Process.Pid, held.PID)

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	l, _, err := acquire(path, false)
	require.NoError(t, err)
	require.NotNil(t, l.left, "it did not come to its end")
	assert.Equal(t, []string{"m"}, l.left.Marks)
}

func TestACommandWaitsForOneThatIsEnding(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	s, err := c.app.open()
	require.NoError(t, err)
	shared, own, err := s.lock("up", "m")
	require.NoError(t, err)
	own.ending()
	done := make(chan error, 1)
	go func() {
		_, second, err := s.lock("down", "n")
		if err == nil {
			assert.Equal(t, []string{"n", "m"}, second.signed.Marks, "the first one's processes are still to be ended")
		}
		done <- err
	}()
	own.release(false)
	shared.release(false)
	require.NoError(t, <-done)
}
