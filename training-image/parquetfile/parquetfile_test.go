package parquetfile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

var columns = []parquetfile.Column{
	{Name: "zulu", Kind: parquetfile.Integer},
	{Name: "a, b", Kind: parquetfile.Double, Optional: true},
	{Name: "flag", Kind: parquetfile.Boolean, Optional: true},
	{Name: "Größe", Kind: parquetfile.Text},
	{Name: "at", Kind: parquetfile.Timestamp, Optional: true},
}

func write(t *testing.T, columns []parquetfile.Column, rows [][]cell.Value) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := parquetfile.NewWriter(&out, columns)
	require.NoError(t, err)
	for _, row := range rows {
		require.NoError(t, w.Write(row))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func read(t *testing.T, data []byte) (names []string, rows [][]cell.Value) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	require.NoError(t, parquetfile.Read(path,
		func(columns []string) error { names = columns; return nil },
		func(values []cell.Value) error { rows = append(rows, slices.Clone(values)); return nil }))
	return names, rows
}

func TestRowsComeBackInOrder(t *testing.T) {
	t.Parallel()
	rows := [][]cell.Value{
		cell.Row(int64(-1), 0.1, true, "x", int64(1_700_000_000_000_000)),
		cell.Row(int64(1<<60), nil, nil, "", nil),
		cell.Row(int64(0), -0.5, false, "ä", int64(0)),
	}
	names, got := read(t, write(t, columns, rows))
	assert.Equal(t, []string{"zulu", "a, b", "flag", "Größe", "at"}, names)
	assert.Equal(t, rows, got)
}

func TestManyRowGroups(t *testing.T) {
	t.Parallel()
	rows := make([][]cell.Value, 120_001)
	for i := range rows {
		rows[i] = cell.Row(int64(i), float64(i)/2, nil, fmt.Sprint(i), nil)
	}
	_, got := read(t, write(t, columns, rows))
	require.Len(t, got, len(rows))
	assert.Equal(t, rows[120_000], got[120_000])
	assert.Equal(t, rows[50_000], got[50_000])
}

func TestTheSameRowsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	rows := [][]cell.Value{cell.Row(int64(1), 2.0, true, "x", nil)}
	first := write(t, columns, rows)
	assert.Equal(t, first, write(t, columns, rows))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := parquetfile.NewWriter(&out, columns)
	require.NoError(t, err)
	require.ErrorContains(t, w.Write(cell.Row(nil, nil, nil, "x", nil)), `"zulu" must not be null`)
	b := w.Block()
	b.Set(0, 0, cell.OfInteger(1))
	b.Rows = 1
	require.ErrorContains(t, w.WriteBlock(b), `"Größe" must not be null`)

	require.NoError(t, w.Write(cell.Row(1.5, nil, nil, "x", nil)))
	require.ErrorContains(t, w.Close(), `the column "zulu" holds integer and got "1.5"`)

	_, err = parquetfile.NewWriter(&out, []parquetfile.Column{columns[0], columns[0]})
	require.ErrorContains(t, err, `"zulu"`)
	_, err = parquetfile.NewWriter(&out, []parquetfile.Column{{Name: "x", Kind: "matrix"}})
	require.ErrorContains(t, err, "unknown kind")

	path := filepath.Join(t.TempDir(), "no.parquet")
	require.NoError(t, os.WriteFile(path, []byte("PAR1 no"), 0o600))
	require.ErrorContains(t, parquetfile.Read(path, nil, nil), "no Parquet file")
}
