package duck_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/duck"
)

func TestSettingsHoldAndNamesAreQuoted(t *testing.T) {
	t.Parallel()
	db, err := duck.Open(t.Context(), filepath.Join(t.TempDir(), "it's.duckdb"))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	var threads int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT current_setting('threads')").Scan(&threads))
	assert.Equal(t, 1, threads, "one thread adds numbers in one order")
	var text string
	query := "SELECT " + duck.Name(`a"b`) + " FROM (SELECT " + duck.Text("it's") + " AS " + duck.Name(`a"b`) + ")"
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&text))
	assert.Equal(t, "it's", text)
}

func TestABadFileIsNamed(t *testing.T) {
	t.Parallel()
	_, err := duck.Open(t.Context(), "/nowhere/at/all.duckdb")
	require.ErrorContains(t, err, "/nowhere/at/all.duckdb")
}
