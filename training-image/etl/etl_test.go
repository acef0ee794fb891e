package etl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/duck"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

const keyed = `
name: fruit-size
task: binary
source:
  key: id
  columns:
    - {name: id, type: integer}
    - {name: size, type: float, optional: true, min: 0}
    - {name: ripe, type: boolean, optional: true}
    - {name: note, type: text, optional: true}
    - {name: day, type: timestamp, optional: true}
    - {name: kind, type: category, values: [apple, pear]}
label: kind
gate: {metric: accuracy, threshold: 0.5}
`

const header = "id,size,ripe,note,day,kind\n"

// sizes are rows without the columns that a test does not care about.
func sizes(rows ...string) string {
	text := "id,size,kind,ripe,note,day\n"
	for _, row := range rows {
		text += row + ",,,\n"
	}
	return text
}

func run(t *testing.T, l *steptest.Lake, id string) *registry.Run {
	t.Helper()
	require.NoError(t, etl.Run(t.Context(), l.Options(id)))
	return l.Run(id)
}

func TestRowsBecomeTyped(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("a.csv", header+"10,1.5,yes,\"a, b\",2026-01-02,pear\n-9,,,,,apple\n2,2,no,ü,1970-01-01T00:00:01Z,apple\n", 0)
	r := run(t, l, "r1")
	assert.Equal(t, registry.Running, r.Status)
	assert.Equal(t, registry.RowCounts{Read: 3, Accepted: 3}, r.Rows)
	columns, rows := l.Rows("curated", r.DataVersion+"/"+etl.RowsFile)
	assert.Equal(t, []string{"id", "size", "ripe", "note", "day", "kind"}, columns)
	assert.Equal(t, []map[string]any{ // in the order of the key as a number
		{"id": int64(-9), "size": nil, "ripe": nil, "note": nil, "day": nil, "kind": "apple"},
		{"id": int64(2), "size": 2.0, "ripe": false, "note": "ü", "day": int64(1_000_000), "kind": "apple"},
		{"id": int64(10), "size": 1.5, "ripe": true, "note": "a, b", "day": int64(1_767_312_000_000_000), "kind": "pear"},
	}, rows)
	assert.Len(t, r.DataVersion, 64)
	assert.Equal(t, "fruit-size", r.Model)
	assert.Len(t, r.PipelineHash, 64)
	require.Len(t, r.Steps, 1)
	assert.Equal(t, "etl", r.Steps[0].Name)

	var schema []map[string]any
	data, err := os.ReadFile(filepath.Join(l.Dir, "curated", r.DataVersion, etl.SchemaFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &schema))
	assert.Equal(t, map[string]any{"name": "kind", "type": "category", "values": []any{"apple", "pear"}}, schema[5])
}

func TestBadRowsGoToQuarantine(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("sub/b.csv", sizes("1,1,apple", "x,2,pear", "3,-1,pear", "4,4,plum", "5,5,pear")+
		"6,6\n1,9,pear,,,\n7,7,apple,,,\n8,8,pear,,,\n9,9,pear,,,", 0)
	r := run(t, l, "r1")
	assert.Equal(t, registry.RowCounts{Read: 10, Accepted: 5, Quarantined: 5}, r.Rows)
	assert.Equal(t, [][]string{
		{"file", "row", "column", "value", "reason"},
		{"sub/b.csv", "3", "id", "x", "not a whole number"},
		{"sub/b.csv", "4", "size", "-1", "below the least allowed value 0"},
		{"sub/b.csv", "5", "kind", "plum", "not one of apple, pear"},
		{"sub/b.csv", "7", "", "6,6", "wrong number of fields: 2, the header has 6"},
		{"sub/b.csv", "8", "id", "1", "the key stands in this file twice; the first row counts"},
	}, l.CSV("curated", r.DataVersion+"/"+etl.QuarantineFile)[:6])
}

func TestMoreThanHalfBadRowsFailTheRun(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("a.csv", sizes("1,1,apple", "2,2,pear", "3,x,pear", "4,y,apple"), 0)
	run(t, l, "half is not more than half")
	l.Drop("a.csv", sizes("1,1,apple", "3,2,pear", "4,x,pear", "5,y,apple", "6,5,plum"), 0)
	err := etl.Run(t.Context(), l.Options("r2"))
	require.ErrorContains(t, err, `3 of 5 rows are bad`)
	require.ErrorContains(t, err, `column "size": not a number (2 rows); column "kind": not one of apple, pear (1 rows)`)
	r := l.Run("r2")
	assert.Equal(t, registry.Failed, r.Status)
	assert.Contains(t, r.Error, "3 of 5 rows are bad")
	assert.False(t, r.Ended.IsZero())
	assert.Len(t, l.CSV("curated", r.DataVersion+"/"+etl.QuarantineFile), 4, "a person can look at the bad rows")
	assert.NotContains(t, l.Files("curated/"+r.DataVersion), "curated/"+r.DataVersion+"/"+etl.RowsFile)
	rows, err := metadata.Rows(t.Context(), l.Options("").Metadata)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	assert.Equal(t, "fruit-size-r2", rows[0].TrainingJobName)
	assert.Equal(t, metadata.Failed, rows[0].Status)
	assert.Contains(t, rows[0].Reason, "3 of 5 rows are bad")
}

func TestNewerFilesReplaceRows(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("z.csv", sizes("1,1,apple", "2,1,apple", "3,1,apple"), 0)
	l.Drop("a.csv", sizes("2,2,apple", "1,2,apple"), 5)
	l.Drop("b.csv", sizes("1,3,apple", "4,3,pear"), 5) // as old as a.csv: the name decides
	r := run(t, l, "r1")
	assert.Equal(t, registry.RowCounts{Read: 7, Accepted: 4, Replaced: 3}, r.Rows)
	_, rows := l.Rows("curated", r.DataVersion+"/"+etl.RowsFile)
	var got []any
	for _, row := range rows {
		got = append(got, row["size"])
	}
	assert.Equal(t, []any{3.0, 2.0, 1.0, 3.0}, got)
}

func TestADuplicateInAnOlderFileIsQuarantinedToo(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("a.csv", sizes("1,1,apple", "1,2,apple", "2,2,pear"), 0)
	l.Drop("b.csv", sizes("1,3,apple"), 1)
	r := run(t, l, "r1")
	assert.Equal(t, registry.RowCounts{Read: 4, Accepted: 2, Replaced: 1, Quarantined: 1}, r.Rows)
	assert.Equal(t, []string{"a.csv", "3", "id", "1", "the key stands in this file twice; the first row counts"},
		l.CSV("curated", r.DataVersion+"/"+etl.QuarantineFile)[1])
}

func TestTheDataVersionIsThatOfTheRows(t *testing.T) {
	t.Parallel()
	version := func(pipeline string, files ...string) string {
		l := steptest.New(t, pipeline)
		for i, text := range files {
			l.Drop(fmt.Sprintf("%d.csv", i), text, i)
		}
		return run(t, l, "r").DataVersion
	}
	one := version(keyed, sizes("1,1,apple", "2,2,pear", "3,,pear"))
	assert.Equal(t, one, version(keyed, sizes("3,NA,pear", "2,2.0,pear", "1,1e0,apple")), "row order and spelling")
	assert.Equal(t, one, version(keyed, sizes("3,,pear"), sizes("2,2,pear", "1,1,apple")), "files")
	assert.Equal(t, one, version(keyed, sizes("1,7,pear", "2,2,pear"), sizes("3,,pear", "1,1,apple")), "replaced rows")
	assert.Equal(t, one, version(keyed, sizes("1,1,apple", "2,2,pear", "3,,pear", "4,4,plum")), "bad rows")
	assert.NotEqual(t, one, version(keyed, sizes("1,1,apple", "2,2,pear")))
	assert.NotEqual(t, one, version(keyed, sizes("1,1,apple", "2,2,pear", "3,0,pear")), "missing is not 0")
	assert.NotEqual(t, one, version(strings.Replace(keyed, "name: size, type: float", "name: size, type: integer", 1),
		sizes("1,1,apple", "2,2,pear", "3,,pear")), "types")
	assert.NotEqual(t, one, version(strings.Replace(keyed, "name: note, type: text", "name: note, type: timestamp", 1),
		sizes("1,1,apple", "2,2,pear", "3,,pear")), "the type of a column without values")

	unkeyed := strings.Replace(keyed, "key: id", "", 1)
	two := version(unkeyed, sizes("1,1,apple", "1,1,apple", "2,2,pear"))
	assert.Equal(t, two, version(unkeyed, sizes("2,2,pear"), sizes("1,1,apple"), sizes("1,1,apple")))
	assert.NotEqual(t, two, version(unkeyed, sizes("1,1,apple", "2,2,pear")), "without a key equal rows all count")
}

func TestBadFilesFailTheRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"empty":          {"", "bad.csv: the file is empty; give it a header line and rows, or remove it"},
		"no rows":        {header, "have a header and no rows"},
		"missing column": {"id,size\n1,1\n", `bad.csv:1: the header lacks "ripe", "note", "day", "kind"`},
		"no CSV":         {"PK\x03\x04\x00\x00", "bad.csv:1: it holds a zero byte"},
		"no UTF-8":       {header + "1,1,,gr\xfcn,,apple\n", "bad.csv:2: \"gr\\xfcn\" is not UTF-8 text"},
		"open quote":     {header + "1,1,,\"x,,apple\n2,2,,,,pear\n", "bad.csv:2: a quote that opens here is not closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, keyed)
			l.Drop("bad.csv", c.text, 0)
			require.ErrorContains(t, etl.Run(t.Context(), l.Options("r1")), c.want)
			assert.Equal(t, registry.Failed, l.Run("r1").Status)
			assert.Contains(t, l.Run("r1").Error, c.want)
		})
	}
}

func TestAnEmptyRawZoneAndABadPipeline(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	require.ErrorIs(t, etl.Run(t.Context(), l.Options("r1")), etl.ErrNothing)
	l.Drop("a.csv", sizes("1,1,apple"), 0)
	l.SetPipeline(keyed + "collor: red\n")
	require.ErrorContains(t, etl.Run(t.Context(), l.Options("r2")), "collor: unknown key; allowed here: drift, features")
	r := l.Run("r2")
	assert.Equal(t, registry.Failed, r.Status)
	assert.NotEmpty(t, r.Fingerprint, "so that the watcher does not try it again and again")
	require.NoError(t, os.Remove(filepath.Join(l.Dir, "pipeline.yaml")))
	require.ErrorContains(t, etl.Run(t.Context(), l.Options("r3")), "pipeline.yaml")
	assert.Equal(t, registry.Failed, l.Run("r3").Status)
	bad := l.Options("../r4")
	require.ErrorContains(t, etl.Run(t.Context(), bad), "give --run the output of run-id")
}

func TestNotesAboutWhatIsIgnored(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("A.CSV", "extra,id,size,ripe,note,day,kind\n1,1,1,,,,apple\n", 0)
	l.Drop("readme.txt", "hello", 0)
	o := l.Options("r1")
	var out strings.Builder
	o.Out = &out
	require.NoError(t, etl.Run(t.Context(), o))
	assert.Contains(t, out.String(), `note: A.CSV: the column "extra" is ignored: pipeline.yaml does not name it`)
	assert.Contains(t, out.String(), `note: readme.txt is ignored: its name does not end in .csv`)
	assert.Contains(t, out.String(), "1 rows read from 1 file(s): 1 accepted, 0 quarantined, 0 replaced by newer rows")
}

func TestTheWarehouseHoldsTheRows(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	count := func() (n, days int) {
		db, err := duck.Open(t.Context(), l.Dir+"/warehouse/warehouse.duckdb")
		require.NoError(t, err)
		defer func() { _ = db.Close() }()
		require.NoError(t, db.QueryRowContext(t.Context(),
			`SELECT count(*), count(*) FILTER (day = TIMESTAMP '2026-01-02') FROM curated."fruit-size"`).Scan(&n, &days))
		return n, days
	}
	l.Drop("a.csv", header+"1,1,,,2026-01-02,apple\n2,1,,,,pear\n", 0)
	run(t, l, "r1")
	n, days := count()
	assert.Equal(t, 2, n)
	assert.Equal(t, 1, days)
	l.Drop("b.csv", header+"3,1,,,2026-01-02,apple\n", 1)
	run(t, l, "r2")
	n, _ = count()
	assert.Equal(t, 3, n)
}

func TestAStoppedRunStaysOpen(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("a.csv", sizes("1,1,apple"), 0)
	ctx, cancel := context.WithCancel(t.Context())
	o := l.Options("r1")
	o.Out = cancelWriter(cancel) // stops as soon as the step says something
	require.ErrorContains(t, etl.Run(ctx, o), "stopped before its end")
	assert.Equal(t, registry.Running, l.Run("r1").Status, "so that it is started again")
}

type cancelWriter context.CancelFunc

func (c cancelWriter) Write(p []byte) (int, error) { c(); return len(p), nil }
