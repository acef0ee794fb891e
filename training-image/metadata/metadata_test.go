package metadata_test

import (
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "gocloud.dev/docstore/memdocstore" // mem://

	"github.com/mlpathway/mlpathway/training-image/metadata"
)

// exercise demands of a table what all of them must do. versions tells whether the key has the version too.
func exercise(t *testing.T, table metadata.Table) {
	t.Helper()
	at := time.Date(2026, 11, 22, 12, 0, 0, 5000, time.UTC)
	first := metadata.Row{TrainingJobName: "a-1", Timestamp: at, Status: metadata.Failed, Reason: "disk full",
		Metrics: map[string]float64{}}
	second := metadata.Row{TrainingJobName: "a-2", ModelVersion: "v2", Metrics: map[string]float64{"auc": 0.5},
		Timestamp: at.Add(time.Second), Status: metadata.Promoted, DataVersion: "d", Reason: "auc 0.5 is \"enough\""}
	require.NoError(t, table.Put(t.Context(), second))
	require.NoError(t, table.Put(t.Context(), metadata.Row{TrainingJobName: "a-1", Timestamp: at}))
	require.NoError(t, table.Put(t.Context(), first))
	rows, err := table.Rows(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []metadata.Row{first, second}, rows)

	first.ModelVersion, first.Status = "v1", metadata.NotPromoted // the run has failed, and then come to an end
	require.NoError(t, table.Put(t.Context(), first))
	require.NoError(t, table.Put(t.Context(), first))
	rows, err = table.Rows(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []metadata.Row{first, second}, rows)
}

// open opens a table until the end of the test.
func open(t *testing.T, address string) metadata.Table {
	t.Helper()
	table, err := metadata.Open(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, table.Close()) })
	return table
}

// sqlite is the address of a file.
func sqlite(path string) string { return (&url.URL{Scheme: "sqlite", Path: path}).String() }

func TestSQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a 100%? #dir", "metadata.db")
	exercise(t, open(t, sqlite(path)))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestDocumentStore(t *testing.T) {
	t.Parallel()
	exercise(t, open(t, "mem://MLTrainingMetadata/TrainingJobName"))
}

func TestWritersWaitForOneAnother(t *testing.T) {
	t.Parallel()
	address := sqlite(filepath.Join(t.TempDir(), "metadata.db"))
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() {
			row := metadata.Row{TrainingJobName: string(rune('a' + i)), Timestamp: time.Now()}
			errs[i] = metadata.Put(t.Context(), address, row)
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	rows, err := metadata.Rows(t.Context(), address)
	require.NoError(t, err)
	assert.Len(t, rows, len(errs))
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, message := range map[string]string{
		"metadata.db":          "is no address such as sqlite:///data/metadata.db",
		"sqlite://data.db":     "want sqlite:// and an absolute path",
		"mongo://server/table": "knows the schemes sqlite, ",
	} {
		_, err := metadata.Open(t.Context(), address)
		require.ErrorContains(t, err, message)
	}
}
