package warehouse_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/warehouse"
)

func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"", "mysql://host/db", "warehouse.duckdb"} {
		require.ErrorIs(t, warehouse.Load(t.Context(), uri, warehouse.Table{}), warehouse.ErrScheme, uri)
	}
	require.ErrorContains(t, warehouse.Load(t.Context(), "duckdb://relative.db", warehouse.Table{}),
		"is no address such as duckdb:///data/name.db")
	require.Error(t, warehouse.Load(t.Context(), "duckdb://%", warehouse.Table{}))
}

// rows is a table in a zone.
func rows(t *testing.T) (warehouse.Table, string) {
	t.Helper()
	dir := t.TempDir()
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	t.Cleanup(func() { _ = zone.Close() })
	return warehouse.Table{
		Name: "card-fraud", Zone: zone, ZoneURI: "s3://lake-curated", Key: "d1/part-00000.parquet",
		Columns: []warehouse.Column{
			{Name: "Id", Type: pipeline.Integer}, {Name: "amount", Type: pipeline.Float}, {Name: "at", Type: pipeline.Timestamp},
			{Name: "ok", Type: pipeline.Boolean}, {Name: "kind", Type: pipeline.Category},
			{Name: `odd"name`, Type: pipeline.Text},
		},
	}, dir
}

func TestAthena(t *testing.T) {
	t.Parallel()
	table, dir := rows(t)
	for _, key := range []string{"d0/part-00000.parquet", table.Key} {
		table.Key = key
		require.NoError(t, warehouse.Load(t.Context(), "athena://fraud-dev-warehouse/fraud_dev?region=eu-central-1", table))
		list, err := os.ReadFile(filepath.Join(dir, "tables/card-fraud/files"))
		require.NoError(t, err)
		assert.Equal(t, "s3://lake-curated/"+key+"\n", string(list))
	}
}
