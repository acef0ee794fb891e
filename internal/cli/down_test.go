package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDownLeavesNothing(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "up"))
	write(t, c.root, ".mlpathway/local/lake/raw/half.csv", "what a killed command had begun")
	supervisor := filepath.Join(c.root, ".mlpathway", "local", "supervisor")
	supervised := begin(t, supervisorVariable+"="+supervisor, "sleep", "60")
	require.NoError(t, c.run(t.Context(), "down"))
	c.assertGone(t)
	pids, err := marked(t.Context(), supervisorVariable, within(filepath.Join(c.root, ".mlpathway", "local")))
	require.NoError(t, err)
	assert.Empty(t, pids, "process %d has ended", supervised.Process.Pid)
	calls := c.calls(t)
	assert.Equal(t, "stack rm local --yes --preserve-config --non-interactive", calls[len(calls)-1])

	require.NoError(t, c.run(t.Context(), "down"), "the second time is no error")
	assert.Contains(t, c.out.String(), "The stack local is not up.")
}

func TestDownLeavesAnotherStackAlone(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "up"))
	require.NoError(t, c.run(t.Context(), "up", "-s", "other"))
	write(t, c.root, ".mlpathway/other/file", "x")
	require.NoError(t, c.run(t.Context(), "down"))
	s, err := c.app.open()
	require.NoError(t, err)
	assert.False(t, s.exists())
	assert.NoDirExists(t, s.settings())
	assert.FileExists(t, s.own("other", "file"))
	assert.FileExists(t, s.own("passphrase"))
	require.NoError(t, c.run(t.Context(), "down", "-s", "other"))
	c.assertGone(t)
}

func TestDownKeepsWhatIsRetained(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	state := filepath.Join(c.root, ".mlpathway", "local")
	up := func(retained string) {
		write(t, c.fake, "state", `{"deployment": {"resources": [{"inputs": {"path": "`+state+`/registry"}},
			{"inputs": {"path": 3}}, {"inputs": {"path": "`+state+`/lake/raw", "retain": `+retained+`}}]}}`)
		require.NoError(t, c.run(t.Context(), "up"))
		write(t, state, "registry/metadata.db", "x")
		write(t, state, "lake/raw/a.csv", "x")
	}
	up("true")
	require.NoError(t, c.run(t.Context(), "down"))
	assert.FileExists(t, filepath.Join(state, "lake", "raw", "a.csv"))
	assert.NoFileExists(t, filepath.Join(state, "registry", "metadata.db"))
	assert.Contains(t, c.out.String(), "Kept, because it is marked as retained")
	assert.NoDirExists(t, filepath.Join(c.root, ".mlpathway", "backend"))

	// A later stack that did not get as far as the lake must not take the kept data along.
	write(t, c.fake, "state", `{"deployment": {"resources": []}}`)
	require.NoError(t, c.run(t.Context(), "up"))
	require.NoError(t, c.run(t.Context(), "down"))
	assert.FileExists(t, filepath.Join(state, "lake", "raw", "a.csv"))
}

func TestDownKeepsDataThatNoStateKnowsOf(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	write(t, c.root, ".mlpathway/local/lake/raw/a.csv", "x")
	require.NoError(t, c.run(t.Context(), "down"))
	assert.FileExists(t, filepath.Join(c.root, ".mlpathway", "local", "lake", "raw", "a.csv"))
}

func TestAFailedDestroyIsTriedOnceMoreWithARefresh(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "up"))
	write(t, c.fake, "exit", "1")
	require.Error(t, c.run(t.Context(), "down"))
	calls := c.calls(t)
	assert.Contains(t, calls[len(calls)-1], "destroy --stack local")
	assert.Contains(t, calls[len(calls)-1], "--refresh")
	write(t, c.fake, "exit", "0")
	require.NoError(t, c.run(t.Context(), "down"))
	c.assertGone(t)
}

func TestPreviewOfAStackThatIsNotUpLeavesNothing(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "preview"))
	c.assertGone(t)
	require.NoError(t, c.run(t.Context(), "up"))
	require.NoError(t, c.run(t.Context(), "preview"))
	s, err := c.app.open()
	require.NoError(t, err)
	assert.True(t, s.exists())
}

func TestRefreshOfAStackThatIsNotUpDoesNothing(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "refresh"))
	assert.Contains(t, c.out.String(), "is not up")
	c.assertGone(t)
}

func TestRemoveBut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a/b/keep", "a/b/c/keep", "a/go", "go/go"} {
		write(t, dir, name, "x")
	}
	require.NoError(t, removeBut(dir, []string{filepath.Join(dir, "a", "b")}))
	assert.FileExists(t, filepath.Join(dir, "a", "b", "keep"))
	assert.FileExists(t, filepath.Join(dir, "a", "b", "c", "keep"))
	entries, err := os.ReadDir(filepath.Join(dir, "a"))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	assert.NoDirExists(t, filepath.Join(dir, "go"))
	require.NoError(t, removeBut(dir, nil))
	assert.NoDirExists(t, dir)
	require.NoError(t, removeBut(dir, nil), "what is gone is gone")
}
