package checkpoint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/training-image/checkpoint"
)

func TestCheckpoints(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "opt", "checkpoints")
	for _, address := range []string{dir, lake.FileURI(dir)} {
		s, err := checkpoint.Open(t.Context(), address, "m/run/train")
		require.NoError(t, err)
		round, state, note, err := s.Load(t.Context(), "a")
		require.NoError(t, err)
		assert.Zero(t, round)
		assert.Nil(t, state)
		assert.Empty(t, note, "there is none")

		require.NoError(t, s.Save(t.Context(), "a", 3, []byte("first\nline")))
		require.NoError(t, s.Save(t.Context(), "a", 7, []byte("second\nline")))
		round, state, _, err = s.Load(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, 7, round)
		assert.Equal(t, "second\nline", string(state))
		round, _, note, err = s.Load(t.Context(), "b")
		require.NoError(t, err)
		assert.Zero(t, round)
		assert.Contains(t, note, "have changed")

		path := filepath.Join(dir, "m", "run", "train")
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, data[:len(data)-1], 0o600))
		round, _, note, err = s.Load(t.Context(), "a")
		require.NoError(t, err)
		assert.Zero(t, round)
		assert.Equal(t, "it is damaged", note)
		require.NoError(t, s.Remove(t.Context()))
		require.NoError(t, s.Remove(t.Context()))
		require.NoError(t, s.Close())
	}
}
