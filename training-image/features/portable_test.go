package features_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/duck"
	"github.com/mlpathway/mlpathway/training-image/features"
)

func TestPortable(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT id, kind, CAST(size AS DOUBLE) AS s, coalesce(a, 0) FROM curated WHERE id IN (1, 2) -- x::int":    "",
		"WITH w AS (SELECT id, avg(size) OVER (PARTITION BY kind ORDER BY id) AS m FROM curated) SELECT * FROM w": "",
		"SELECT 'a::b \"c\"' AS x FROM curated": "",
		"SELECT size::DOUBLE FROM curated":      "write CAST(x AS type)",
		"SELECT * EXCLUDE (note) FROM curated":  "EXCLUDE is not known there: list the columns",
		`SELECT size AS "my size" FROM curated`: `"my size" is a text there`,
		"SELECT median(size) FROM curated":      "the function median is not among those",
		"SELECT a // b FROM curated":            "write floor(x / y)",
		"SELECT [1, 2] FROM curated":            "[ begins no list there",
		"SELECT * FROM curated QUALIFY true":    "QUALIFY is not known there",
	} {
		got := strings.Join(features.Portable(query), "; ")
		if want == "" {
			assert.Empty(t, got, query)
		} else {
			assert.Contains(t, got, want, query)
		}
	}
}

// Every function of the list is one that DuckDB has, and the page lists them all. The example keeps to the list.
func TestTheListOfFunctions(t *testing.T) {
	t.Parallel()
	db, err := duck.Open(t.Context(), "")
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	page, err := os.ReadFile("../../docs/pipeline.md")
	require.NoError(t, err)
	for _, name := range features.Functions {
		assert.Contains(t, string(page), "`"+name+"`")
		var known bool
		require.NoError(t, db.QueryRowContext(t.Context(),
			"SELECT count(*) > 0 FROM duckdb_functions() WHERE function_name = "+duck.Text(name)).Scan(&known))
		syntax := slices.Contains([]string{"cast", "coalesce", "nullif", "dense_rank", "first_value", "lag", "last_value",
			"lead", "rank", "row_number"}, name) // not in DuckDB's list of functions
		assert.True(t, known || syntax, name)
	}
	files, err := filepath.Glob("../../examples/*/pipeline.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		spec, err := pipeline.Load(file)
		require.NoError(t, err)
		assert.Empty(t, features.Portable(spec.Features), file)
	}
}
