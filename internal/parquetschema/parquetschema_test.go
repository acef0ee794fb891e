package parquetschema_test

import (
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/parquetschema"
)

func TestColumnsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	schema, err := parquetschema.New("rows", []parquetschema.Column{
		{Name: "z", Node: parquet.Int(64)}, {Name: "a", Node: parquet.Optional(parquet.String())},
		{Name: "m", Node: parquet.Leaf(parquet.DoubleType)},
	})
	require.NoError(t, err)
	var names []string
	for _, column := range schema.Columns() {
		names = append(names, column[0])
	}
	assert.Equal(t, []string{"z", "a", "m"}, names)
	assert.True(t, schema.Fields()[1].Optional())
	assert.Equal(t, parquet.Double, schema.Fields()[2].Type().Kind())
}

func TestTwoColumnsOfOneName(t *testing.T) {
	t.Parallel()
	_, err := parquetschema.New("rows", []parquetschema.Column{
		{Name: "a", Node: parquet.Int(64)}, {Name: "a", Node: parquet.String()}})
	require.ErrorContains(t, err, `"a"`)
}
