package etl_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

func formatted(format string) string {
	return strings.Replace(keyed, "source:\n", "source:\n  format: "+format+"\n", 1)
}

// The same rows have the same data version in every format.
func TestEveryFormatGivesTheSameRows(t *testing.T) {
	t.Parallel()
	var parquet bytes.Buffer
	w, err := parquetfile.NewWriter(&parquet, []parquetfile.Column{{Name: "kind", Kind: parquetfile.Text},
		{Name: "id", Kind: parquetfile.Integer}, {Name: "size", Kind: parquetfile.Double, Optional: true},
		{Name: "ripe", Kind: parquetfile.Boolean, Optional: true}, {Name: "note", Kind: parquetfile.Text, Optional: true},
		{Name: "day", Kind: parquetfile.Timestamp, Optional: true}, {Name: "extra", Kind: parquetfile.Double}})
	require.NoError(t, err)
	const day = int64(1_767_225_600_000_000) // 2026-01-01
	for _, row := range [][]cell.Value{cell.Row("apple", int64(1), 1.5, true, "a,\"b\"", day, 1.0),
		cell.Row("pear", int64(2), nil, nil, nil, nil, 1.0),
		cell.Row("pear", int64(3), -1.0, false, "c", day, 1.0)} {
		require.NoError(t, w.Write(row))
	}
	require.NoError(t, w.Close())
	versions := map[string]bool{}
	for format, file := range map[string]struct{ name, content string }{
		"csv": {"a.csv", header + `1,1.5,true,"a,""b""",2026-01-01,apple` + "\n2,,,,,pear\n3,-1,no,c,2026-01-01,pear\n"},
		"jsonl": {"a.ndjson", `{"id":1,"size":1.5,"ripe":true,"note":"a,\"b\"","day":"2026-01-01",` +
			`"kind":"apple","extra":[1]}` +
			"\n\n" + `{"kind":"pear","id":2,"size":null}` + "\r\n" +
			`{"id":"3","size":"-1","ripe":"no","note":"c","day":"2026-01-01T00:00:00Z","kind":"pear"}`},
		"parquet": {"a.parquet", parquet.String()},
	} {
		l := steptest.New(t, formatted(format))
		l.Drop(file.name, file.content, 0)
		l.Drop("_SUCCESS", "", 0)
		l.Drop("other.txt", "x", 0)
		require.NoError(t, etl.Run(t.Context(), l.Options("r1")), format)
		r := l.Run("r1")
		assert.Equal(t, registry.RowCounts{Read: 3, Accepted: 2, Quarantined: 1}, r.Rows, format)
		bad := l.CSV("curated", r.DataVersion+"/quarantine.csv")
		assert.Equal(t, []string{"size", "-1", "below the least allowed value 0"}, bad[1][2:], format)
		versions[r.DataVersion] = true
		report, err := os.ReadFile(filepath.Join(l.Dir, "curated", r.DataVersion, "report.json"))
		require.NoError(t, err)
		assert.Contains(t, string(report), "other.txt is ignored")
		if format != "csv" {
			assert.Contains(t, string(report), `column \"extra\" is ignored`, format)
		}
	}
	assert.Len(t, versions, 1, "one data version")
}

func TestFilesOfAnotherFormatAreRefused(t *testing.T) {
	t.Parallel()
	var headless bytes.Buffer
	w, err := parquetfile.NewWriter(&headless, []parquetfile.Column{{Name: "id", Kind: parquetfile.Integer}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for name, c := range map[string]struct{ format, file, content, want string }{
		"empty lines":     {"jsonl", "a.jsonl", "", "a.jsonl:1: the file is empty; give it one JSON object"},
		"array":           {"jsonl", "a.jsonl", "\n[{}]", "a.jsonl:2: it is a JSON array; write one JSON object"},
		"not text":        {"jsonl", "a.jsonl", "{\"id\": \"\xff\"}", "a.jsonl:1: it is not UTF-8 text"},
		"no JSON":         {"jsonl", "a.jsonl", "id,kind\n1,pear\n", "2 of 2 rows are bad"},
		"wrong extension": {"jsonl", "a.csv", header, "holds no .jsonl or .ndjson file: put one there"},
		"no Parquet":      {"parquet", "a.parquet", "id,kind\n", "a.parquet: reading a.parquet: this is no Parquet file"},
		"cut off":         {"parquet", "a.parquet", "PAR1xxxx", "write the file again, or remove it"},
		"lacks columns": {"parquet", "a.parquet", headless.String(),
			`a.parquet: the column "size" is missing; it has ["id"]`},
		"unknown format": {"xml", "a.csv", header, `source.format: found "xml", want one of csv, jsonl, parquet`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, formatted(c.format))
			l.Drop(c.file, c.content, 0)
			require.ErrorContains(t, etl.Run(t.Context(), l.Options("r1")), c.want)
			assert.Equal(t, registry.Failed, l.Run("r1").Status)
			assert.Contains(t, l.Run("r1").Error, c.want)
		})
	}
}
