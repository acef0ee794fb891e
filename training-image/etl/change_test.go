package etl_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// changing has a column whose type changes.
const changing = `
name: changing
task: binary
source:
  format: FORMAT
  key: id
  columns:
    - {name: id, type: integer}
    - {name: size, type: float, optional: true}
    - {name: kind, type: category, values: [apple, pear]}
label: kind
gate: {metric: accuracy, threshold: 0.5}
`

// generated makes rows of which the sizes are words from a row on, and every tenth is missing.
func generated(i, good int) (id, size, kind string) {
	id, size, kind = strconv.Itoa(i), strconv.Itoa(i%1000), "apple"
	switch {
	case i%10 == 0:
		size = ""
	case i >= good:
		size = "large"
	}
	if i%2 == 1 {
		kind = "pear"
	}
	return id, size, kind
}

func writeCSV(t *testing.T, w io.Writer, good, rows int) {
	t.Helper()
	_, _ = io.WriteString(w, "id,size,kind\n")
	for i := range rows {
		id, size, kind := generated(i, good)
		_, err := io.WriteString(w, id+","+size+","+kind+"\n")
		require.NoError(t, err)
	}
}

func writeLines(t *testing.T, w io.Writer, good, rows int) {
	t.Helper()
	for i := range rows {
		id, size, kind := generated(i, good)
		_, err := fmt.Fprintf(w, `{"id":%s,"size":%q,"kind":%q}`+"\n", id, size, kind)
		require.NoError(t, err)
	}
}

// writeParquet writes the sizes as text, as a program does that wrote both kinds into one column.
func writeParquet(t *testing.T, out io.Writer, good, rows int) {
	t.Helper()
	w, err := parquetfile.NewWriter(out, []parquetfile.Column{{Name: "id", Kind: parquetfile.Integer},
		{Name: "size", Kind: parquetfile.Text, Optional: true}, {Name: "kind", Kind: parquetfile.Text}})
	require.NoError(t, err)
	for i := range rows {
		_, size, kind := generated(i, good)
		row := cell.Row(int64(i), size, kind)
		if size == "" {
			row[1] = cell.Value{}
		}
		require.NoError(t, w.Write(row))
	}
	require.NoError(t, w.Close())
}

// A column that changes its type late is not thrown away row by row: the run fails and names the row. The CSV file has
// 900,000 good rows; the others have as many with MLPATHWAY_FULL=1.
func TestAColumnThatChangesItsTypeLate(t *testing.T) {
	t.Parallel()
	fewer := 9000
	if os.Getenv("MLPATHWAY_FULL") == "1" {
		fewer = 900_000
	}
	for format, c := range map[string]struct {
		write func(t *testing.T, w io.Writer, good, rows int)
		good  int
		line  int // of row 0
	}{
		"csv": {writeCSV, 900_000, 2}, "jsonl": {writeLines, fewer, 1}, "parquet": {writeParquet, fewer, 1},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, strings.Replace(changing, "FORMAT", format, 1))
			name := "a." + format
			file, err := os.Create(filepath.Join(l.Dir, "raw", name))
			require.NoError(t, err)
			w := bufio.NewWriter(file)
			c.write(t, w, c.good, c.good+c.good/3) // less than half is bad
			require.NoError(t, w.Flush())
			require.NoError(t, file.Close())

			err = etl.Run(t.Context(), l.Options("r1"))
			// Row c.good itself has no size: the next one is the first that is wrong.
			require.ErrorContains(t, err, fmt.Sprintf("%s:%d: from here on column \"size\" is not a number, the first time "+
				`"large", in 1000 rows`, name, c.good+1+c.line))
			require.ErrorContains(t, err, "change source.columns of pipeline.yaml")
			assert.Equal(t, registry.Failed, l.Run("r1").Status)
			assert.Contains(t, l.Run("r1").Error, "from here on column")
			assert.Empty(t, l.Files("curated"))
			rows, err := metadata.Rows(t.Context(), l.Options("").Metadata)
			require.NoError(t, err)
			require.Len(t, rows, 1)
			assert.Equal(t, metadata.Failed, rows[0].Status)
		})
	}
}

// Bad values that others interrupt are typing errors, however many there are.
func TestBadValuesHereAndThereAreNoChangeOfType(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, strings.Replace(changing, "FORMAT", "csv", 1))
	text := "id,size,kind\n"
	for i := range 9000 {
		size := "large"
		if i%999 == 0 || i >= 4000 {
			size = "1"
		}
		text += fmt.Sprintf("%d,%s,%s\n", i, size, []string{"apple", "pear"}[i%2])
	}
	l.Drop("a.csv", text, 0)
	r := run(t, l, "r1")
	assert.Equal(t, registry.RowCounts{Read: 9000, Accepted: 5005, Quarantined: 3995}, r.Rows)
}
