package metadata_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/metadata"
)

func TestRowsComeBackAndReplaceOneAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a 100%? #dir", "metadata.db")
	at := time.Date(2026, 11, 22, 12, 0, 0, 5000, time.UTC)
	first := metadata.Row{TrainingJobName: "a-1", Timestamp: at, Status: metadata.Failed, Reason: "disk full",
		Metrics: map[string]float64{}}
	second := metadata.Row{TrainingJobName: "a-2", ModelVersion: "v2", Metrics: map[string]float64{"auc": 0.5},
		Timestamp: at.Add(time.Second), Status: metadata.Promoted, DataVersion: "d"}
	require.NoError(t, metadata.Put(t.Context(), path, second))
	require.NoError(t, metadata.Put(t.Context(), path, metadata.Row{TrainingJobName: "a-1", Timestamp: at}))
	require.NoError(t, metadata.Put(t.Context(), path, first))
	rows, err := metadata.Rows(t.Context(), path)
	require.NoError(t, err)
	assert.Equal(t, []metadata.Row{first, second}, rows)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestWritersWaitForOneAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "metadata.db")
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() {
			row := metadata.Row{TrainingJobName: string(rune('a' + i)), Timestamp: time.Now()}
			errs[i] = metadata.Put(t.Context(), path, row)
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	rows, err := metadata.Rows(t.Context(), path)
	require.NoError(t, err)
	assert.Len(t, rows, len(errs))
}
