package features_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/duck"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/features"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// TestAnotherEngineRanTheQuery: rows that came from elsewhere, in any order and in several files, give the very feature
// set that the step makes of the same query.
func TestAnotherEngineRanTheQuery(t *testing.T) {
	t.Parallel()
	const query = "SELECT id, size * 2 AS twice, ripe, color, kind FROM curated WHERE id <> 7"
	l := steptest.New(t, with(query))
	l.Drop("a.csv", rows(200), 0)
	run := func(id, result string) error {
		o := l.Options(id)
		require.NoError(t, etl.Run(t.Context(), o))
		o.Result = result
		return features.Run(t.Context(), o)
	}
	require.NoError(t, run("r1", ""))
	own := l.Run("r1")
	want, err := os.ReadFile(filepath.Join(l.Dir, "features", own.Features))
	require.NoError(t, err)

	dir := filepath.Join(l.Dir, "features", "engine", "r2")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "_SUCCESS"), nil, 0o600))
	db, err := duck.Open(t.Context(), "")
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	for i, part := range []string{"id % 3 = 0", "id % 3 <> 0"} { // the engine's files
		_, err := db.ExecContext(t.Context(), "COPY (WITH curated AS (SELECT * FROM read_parquet("+
			duck.Text(filepath.Join(l.Dir, "curated", own.DataVersion, etl.RowsFile))+")) SELECT * FROM ("+query+") WHERE "+part+
			" ORDER BY id DESC) TO "+duck.Text(filepath.Join(dir, "part-"+string(rune('0'+i))+".parquet")))
		require.NoError(t, err)
	}
	require.NoError(t, run("r2", l.Options("r2").Features+"/engine/r2"))
	got, err := os.ReadFile(filepath.Join(l.Dir, "features", l.Run("r2").Features))
	require.NoError(t, err)
	assert.Equal(t, want, got)

	require.ErrorContains(t, run("r3", l.Options("r3").Features+"/engine/r3"), "holds no .parquet file")
	require.ErrorContains(t, run("r4", "file:///elsewhere"), "is not in the features zone")
}
