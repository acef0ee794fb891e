package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

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
