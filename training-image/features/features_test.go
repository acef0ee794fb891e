package features_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/features"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/steptest"

	"github.com/mlpathway/mlpathway/internal/pipeline"
)

const fruit = `
name: fruit
task: binary
source:
  key: id
  columns:
    - {name: id, type: integer}
    - {name: size, type: float, optional: true}
    - {name: ripe, type: boolean, optional: true}
    - {name: color, type: category, values: [red, green, yellow], optional: true}
    - {name: kind, type: category, values: [apple, pear]}
label: kind
gate: {metric: accuracy, threshold: 0.5}
`

func with(query string) string {
	return fruit + "features: |\n  " + strings.ReplaceAll(query, "\n", "\n  ") + "\n"
}

// rows are n rows of fruit; every fifth lacks its size.
func rows(n int) string {
	var b strings.Builder
	b.WriteString("id,size,ripe,color,kind\n")
	for i := range n {
		size := fmt.Sprint(float64(i) / 4)
		if i%5 == 0 {
			size = ""
		}
		_, _ = fmt.Fprintf(&b, "%d,%s,%t,%s,%s\n", i, size, i%2 == 0, []string{"red", "green", "yellow", ""}[i%4],
			[]string{"apple", "pear"}[i/3%2])
	}
	return b.String()
}

func run(t *testing.T, l *steptest.Lake, id string) error {
	t.Helper()
	require.NoError(t, etl.Run(t.Context(), l.Options(id)))
	return features.Run(t.Context(), l.Options(id))
}

func TestWithoutAQueryEveryColumnIsAnInput(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, fruit)
	l.Drop("a.csv", rows(40), 0)
	require.NoError(t, run(t, l, "r1"))
	r := l.Run("r1")
	assert.Equal(t, r.DataVersion+"-"+r.PipelineHash[:8]+"/features.parquet", r.Features)
	columns, got := l.Rows("features", r.Features)
	assert.Equal(t, []string{"id", "size", "ripe", "color", "kind", "_split"}, columns)
	require.Len(t, got, 40)
	for i, row := range got {
		assert.Equal(t, int64(i), row["id"], "in the order of the key")
		if i%5 == 0 {
			assert.Nil(t, row["size"])
		} else {
			assert.InDelta(t, float64(i)/4, row["size"], 0)
		}
		assert.InDelta(t, float64((i+1)%2), row["ripe"], 0)
		if i%4 == 3 {
			assert.Nil(t, row["color"])
		} else {
			assert.InDelta(t, float64(i%4), row["color"], 0)
		}
		assert.Equal(t, []string{"apple", "pear"}[i/3%2], row["kind"])
	}
	set, err := registry.ReadLatestFeatures(t.Context(), l.Zone("features"))
	require.NoError(t, err)
	assert.Equal(t, &registry.FeatureSet{Key: r.Features, DataVersion: r.DataVersion, PipelineHash: r.PipelineHash,
		Rows: 40}, set)
}

func TestTheQueryComputesInputs(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, with(`SELECT kind, id, size * 2 AS "double size", id % 3 = 0 AS third,
  coalesce(size, 0)::DECIMAL(10,2) AS d, row_number() OVER (ORDER BY id) AS n,
  CASE WHEN id = 10 THEN 1.0 ELSE 'NaN'::DOUBLE END AS nothing
FROM curated WHERE id >= 10; `))
	l.Drop("a.csv", rows(60), 0)
	require.NoError(t, run(t, l, "r1"))
	columns, got := l.Rows("features", l.Run("r1").Features)
	assert.Equal(t, []string{"kind", "id", "double size", "third", "d", "n", "nothing", "_split"}, columns)
	require.Len(t, got, 50)
	assert.Equal(t, map[string]any{"kind": "pear", "id": int64(11), "double size": 5.5, "third": 0.0, "d": 2.75, "n": 2.0,
		"nothing": nil, "_split": got[1]["_split"]}, got[1])
}

func TestRefusedQueries(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret.csv")
	require.NoError(t, os.WriteFile(secret, []byte("x\n1\n"), 0o600))
	for name, c := range map[string]struct{ query, want string }{
		"no SQL":         {"SELECT * FORM curated", "the query in features of pipeline.yaml cannot be run"},
		"unknown column": {"SELECT id, kind, weight FROM curated", `"weight" not found`},
		"no label":       {"SELECT id, size FROM curated", `the label "kind" is not in the result: select it too`},
		"no key":         {"SELECT kind, size FROM curated", `the key "id" is not in the result: select it too`},
		"no input":       {"SELECT kind, id FROM curated", "there is no input besides key and label"},
		"text":           {"SELECT kind, id, size, kind || 'x' AS t FROM curated", `"t" is of type VARCHAR and not`},
		"time":           {"SELECT kind, id, DATE '2026-01-01' AS t FROM curated", `"t" is of type DATE and not a number`},
		"twice":          {"SELECT kind, id, size AS a, size AS a FROM curated", `the column "a" is in the result twice`},
		"reserved":       {"SELECT kind, id, size AS _split FROM curated", `the name "_split" is reserved`},
		"reserved fold":  {"SELECT kind, id, size AS _fold FROM curated", `the name "_fold" is reserved`},
		"no rows":        {"SELECT * FROM curated WHERE id > 1000", "returns no rows: loosen its conditions"},
		"join fans out":  {"SELECT a.* FROM curated a, (VALUES (1), (2)) b(x)", "stands in the result twice"},
		"null label":     {"SELECT id, size, nullif(kind, 'pear') AS kind FROM curated", "the label is null"},
		"null key":       {"SELECT nullif(id, 7) AS id, size, kind FROM curated", "the key is null"},
		"unknown label":  {"SELECT id, size, 'plum' AS kind FROM curated", `the label "plum" is not one of the values`},
		"one class":      {"SELECT * FROM curated WHERE kind = 'pear'", `rows have the label ["pear"]`},
		"never a value": {"SELECT id, kind, size, NULL::DOUBLE AS x FROM curated",
			`"x" has no value in any of the 60 rows`},
		"leak":            {"SELECT id, kind, size, kind = 'pear' AS target FROM curated", `"target" equals the label`},
		"too large":       {"SELECT id, kind, 1e300 AS x FROM curated", "too large for a 32-bit float"},
		"infinite":        {"SELECT id, kind, 'inf'::DOUBLE AS x FROM curated", "too large for a 32-bit float"},
		"few rows":        {"SELECT * FROM curated WHERE id IN (2, 3)", "2 rows are too few"},
		"another file":    {"SELECT id, kind, x FROM curated, '" + secret + "'", "ermission"},
		"writes a file":   {"COPY curated TO '" + secret + ".out'", "cannot be run"},
		"loosens the cap": {"SET enable_external_access = true", "cannot be run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, with(c.query))
			l.Drop("a.csv", rows(60), 0)
			err := run(t, l, "r1")
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, registry.Failed, l.Run("r1").Status)
			set, err := registry.ReadLatestFeatures(t.Context(), l.Zone("features"))
			require.NoError(t, err)
			assert.Nil(t, set, "nothing is published")
		})
	}
}

// An error names the first row that is wrong, in whatever column, also far behind the first rows.
func TestTheFirstWrongRowIsNamed(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"size, x", "x, size"} {
		l := steptest.New(t, with("SELECT id, kind, "+order+" FROM (SELECT id, kind,\n"+
			"  CASE WHEN id = 650 THEN 1e300 ELSE size END AS size,\n"+
			"  CASE WHEN id = 640 THEN 1e300 ELSE 1 END AS x FROM curated)"))
		l.Drop("a.csv", rows(700), 0)
		require.ErrorContains(t, run(t, l, "r1"), `row 641 (key 640): column "x"`)
	}
}

// What rows are divided by may be their key.
func TestRowsAreDividedByTheirKey(t *testing.T) {
	t.Parallel()
	parts := map[string]map[any]any{}
	for _, split := range []string{"", "split: {by: id}\n", "split: {time: id}\n"} {
		l := steptest.New(t, fruit+split)
		l.Drop("a.csv", rows(100), 0)
		require.NoError(t, run(t, l, "r1"))
		_, got := l.Rows("features", l.Run("r1").Features)
		parts[split] = map[any]any{}
		for _, row := range got {
			parts[split][row["id"]] = row["_split"]
		}
	}
	assert.Equal(t, parts[""], parts["split: {by: id}\n"], "as without")
	for id, want := range map[int64]string{0: "train", 64: "train", 66: "validation", 78: "validation", 81: "test",
		99: "test"} {
		assert.Equal(t, want, parts["split: {time: id}\n"][id], "%d", id)
	}
}

// Where rows are divided by a time, a result without rows or without times is named as everywhere else.
func TestNoTimesToDivideBy(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT id, kind, size, id AS at FROM curated WHERE id < 0": "returns no rows: loosen its conditions",
		"SELECT id, kind, size, NULL::BIGINT AS at FROM curated":    "rows are divided by it, and it is null",
		"SELECT id, kind, size, NULL::TIMESTAMP AS at FROM curated": "rows are divided by it, and it is null",
	} {
		l := steptest.New(t, with(query)+"split: {time: at}\n")
		l.Drop("a.csv", rows(60), 0)
		require.ErrorContains(t, run(t, l, "r1"), want, query)
	}
}

// Without a query the rows are those of the plainest query, in its order, whatever the columns are for.
func TestNoQueryIsThePlainestQuery(t *testing.T) {
	t.Parallel()
	const sales = `
name: sales
task: regression
weight: count
source:
  columns:
    - {name: shop, type: text}
    - {name: at, type: timestamp}
    - {name: count, type: integer}
    - {name: open, type: boolean}
    - {name: price, type: integer}
label: price
gate: {metric: rmse, threshold: 9}
`
	var shops strings.Builder
	shops.WriteString("shop,at,count,open,price\n")
	for i := range 300 {
		_, _ = fmt.Fprintf(&shops, "s%d,2026-01-%02dT%02d:00:00Z,%d,%t,%d\n", i*7%300, 1+i%28, i%24, 1+i%3, i%2 == 0, i%11)
	}
	fruits := strings.ReplaceAll(rows(700), "\n3", "\n-3")
	keyed := strings.Replace(sales, "source:\n", "source:\n  key: shop\n", 1)
	oneShop := regexp.MustCompile(`\ns[0-9]+`).ReplaceAllString(shops.String(), "\nS")
	for name, c := range map[string]struct{ text, file string }{
		"key":       {fruit, fruits},
		"no key":    {strings.Replace(fruit, "  key: id\n", "", 1), fruits},
		"time":      {keyed + "split: {time: at}\n", shops.String()},
		"by a time": {keyed + "split: {by: at}\n", shops.String()},
		"time, no key": {strings.Replace(sales, "type: text", "type: category, values: [S, T]", 1) + "split: {time: at}\n",
			oneShop},
		"the key is a time": {strings.NewReplacer("source:\n", "source:\n  key: at\n",
			"    - {name: shop, type: text}\n", "").Replace(sales), shops.String()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sets [2][]byte
			for i, query := range []string{"", "features: SELECT * FROM curated\n"} {
				l := steptest.New(t, c.text+query)
				l.Drop("a.csv", c.file, 0)
				require.NoError(t, run(t, l, "r1"))
				var err error
				sets[i], err = os.ReadFile(filepath.Join(l.Dir, "features", l.Run("r1").Features))
				require.NoError(t, err)
			}
			assert.Equal(t, sets[1], sets[0])
		})
	}
}

func TestATextColumnNeedsAQuery(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, strings.Replace(fruit, "{name: size, type: float,", "{name: size, type: text,", 1))
	l.Drop("a.csv", rows(60), 0)
	require.ErrorContains(t, run(t, l, "r1"), "leave it out with SELECT * EXCLUDE (size) FROM curated")
}

func TestTheSplitStaysWhenRowsArrive(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, fruit)
	parts := func(id string) (of map[int64]string, count map[string]int) {
		of, count = map[int64]string{}, map[string]int{}
		_, got := l.Rows("features", l.Run(id).Features)
		for _, row := range got {
			of[row["id"].(int64)] = row["_split"].(string)
			count[row["_split"].(string)]++
		}
		return of, count
	}
	l.Drop("a.csv", rows(1000), 0)
	require.NoError(t, run(t, l, "r1"))
	before, _ := parts("r1")
	l.Drop("b.csv", rows(2000), 1)
	require.NoError(t, run(t, l, "r2"))
	after, count := parts("r2")
	for key, part := range before {
		assert.Equal(t, part, after[key])
	}
	// A share of n draws has the standard deviation sqrt(p(1-p)n): four of them are room enough.
	for part, share := range map[string]float64{"test": 0.2, "validation": 0.15, "train": 0.65} {
		assert.InDelta(t, 2000*share, count[part], 4*math.Sqrt(share*(1-share)*2000), part)
	}
	l.SetPipeline(fruit + "split: {seed: 2}\n")
	require.NoError(t, run(t, l, "r3"))
	other, _ := parts("r3")
	assert.NotEqual(t, after, other, "another seed draws otherwise")
}

func TestWithoutAKeyEqualRowsStayTogether(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, strings.Replace(fruit, "  key: id\n", "", 1))
	l.Drop("a.csv", rows(200), 0)
	l.Drop("b.csv", rows(200), 1)
	require.NoError(t, run(t, l, "r1"))
	_, got := l.Rows("features", l.Run("r1").Features)
	require.Len(t, got, 400)
	part := map[any]any{}
	for _, row := range got {
		if before, ok := part[row["id"]]; ok {
			assert.Equal(t, before, row["_split"])
		}
		part[row["id"]] = row["_split"]
	}
	assert.Len(t, part, 200)
	_, err := os.Stat(filepath.Join(l.Dir, "online", "online.db"))
	require.ErrorIs(t, err, os.ErrNotExist, "without a key there is no online store")
}

// Folds are drawn with the parts: what stays together does so in a fold too, test rows have none, and the parts are the
// same as without.
func TestFoldsDivideTheRowsThatAreNotForTheTest(t *testing.T) {
	t.Parallel()
	const folds = "tuning: {folds: 5, space: {maxDepth: {min: 1, max: 4}}}\n"
	const farms = "features: SELECT id, kind, size, id // 4 AS farm FROM curated\n"
	for name, c := range map[string]struct {
		text  string
		group func(id int64) int64 // of rows that stay together
		size  float64              // of a group
	}{
		"key":    {fruit, func(id int64) int64 { return id }, 1},
		"by":     {fruit + farms + "split: {by: farm, test: 0.3}\n", func(id int64) int64 { return id / 4 }, 4},
		"no key": {strings.Replace(fruit, "  key: id\n", "", 1), func(id int64) int64 { return id }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, c.text)
			l.Drop("a.csv", rows(2000), 0)
			l.Drop("b.csv", rows(2000), 1)
			require.NoError(t, run(t, l, "r1"))
			columns, before := l.Rows("features", l.Run("r1").Features)
			l.SetPipeline(c.text + folds)
			require.NoError(t, run(t, l, "r2"))
			with, got := l.Rows("features", l.Run("r2").Features)
			assert.Equal(t, append(columns, "_fold"), with)
			of, count := map[int64]any{}, map[any]int{}
			for _, row := range got {
				fold := row["_fold"]
				if count[fold]++; row["_split"] == "test" {
					require.Nil(t, fold)
				} else {
					require.Contains(t, []any{0.0, 1.0, 2.0, 3.0, 4.0}, fold)
				}
				id, ok := row["id"].(int64)
				if !ok {
					id = int64(row["id"].(float64)) // it is an input
				}
				group := c.group(id)
				if other, ok := of[group]; ok {
					require.Equal(t, other, fold, "group %d", group)
				}
				of[group] = fold
				delete(row, "_fold")
			}
			assert.Equal(t, before, got)
			share := float64(len(got)-count[nil]) / 5
			for fold := range 5 {
				assert.InDelta(t, share, count[float64(fold)], 4*math.Sqrt(share*c.size), "fold %d", fold)
			}
		})
	}
}

func TestAnEmptyFoldIsRefused(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, fruit+"tuning: {folds: 20, space: {maxDepth: {min: 1, max: 4}}}\n")
	l.Drop("a.csv", rows(30), 0)
	require.ErrorContains(t, run(t, l, "r1"), "30 rows are too few: the fold ")
	assert.Empty(t, l.Files("features"))
}

func TestTheOnlineStoreFollows(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, fruit+"features: SELECT *, 1 + id % 2 AS counts FROM curated\nweight: counts\n"+
		"tuning: {folds: 2, space: {maxDepth: {min: 1, max: 4}}}\n")
	l.Drop("a.csv", rows(50), 0)
	require.NoError(t, run(t, l, "r1"))
	db, err := metadata.OpenSQLite(filepath.Join(l.Dir, "online", "online.db"))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	get := func(key string) (inputs map[string]any, err error) {
		var text string
		row := db.QueryRowContext(t.Context(), "SELECT features FROM features WHERE key = ?", key)
		if err := row.Scan(&text); err != nil {
			return nil, err
		}
		return inputs, json.Unmarshal([]byte(text), &inputs)
	}
	inputs, err := get("10")
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"size": nil, "ripe": 1.0, "color": 2.0}, inputs, "no key, label, weight, part or fold")
	require.NoError(t, os.Remove(filepath.Join(l.Dir, "raw", "a.csv")))
	l.Drop("b.csv", rows(40), 1)
	require.NoError(t, run(t, l, "r2"))
	_, err = get("39")
	require.NoError(t, err)
	_, err = get("49")
	require.ErrorIs(t, err, sql.ErrNoRows, "rows that are gone are gone here too")
}

func TestReadGivesTheParts(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, fruit)
	l.Drop("a.csv", rows(100), 0)
	require.NoError(t, run(t, l, "r1"))
	spec, err := pipeline.Parse("p", []byte(fruit))
	require.NoError(t, err)
	set, err := featureset.Read(t.Context(), l.Zone("features"), l.Run("r1").Features, spec, featureset.Selection{})
	require.NoError(t, err)
	_, got := l.Rows("features", l.Run("r1").Features)
	next := map[string]int{}
	for _, row := range got {
		part := row["_split"].(string)
		table, i := set[part], next[part]
		next[part]++
		assert.Equal(t, []string{"size", "ripe", "color"}, table.Inputs)
		if row["size"] == nil {
			assert.True(t, math.IsNaN(float64(table.Row(i)[0])))
		} else {
			assert.InDelta(t, row["size"], table.Row(i)[0], 0)
		}
		assert.InDelta(t, map[any]float64{"apple": 0, "pear": 1}[row["kind"]], table.Labels[i], 0)
	}
	for part, n := range next {
		assert.Equal(t, n, set[part].Rows())
	}
	_, err = featureset.Read(t.Context(), l.Zone("features"), "gone.parquet", spec, featureset.Selection{})
	require.ErrorContains(t, err, "start a new run")
}

func TestStepsInTheWrongOrder(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, fruit)
	require.ErrorContains(t, features.Run(t.Context(), l.Options("r1")), "run etl first")
	l.Drop("a.csv", rows(60), 0)
	require.NoError(t, etl.Run(t.Context(), l.Options("r1")))
	l.SetPipeline(fruit + "split: {seed: 9}\n")
	require.ErrorContains(t, features.Run(t.Context(), l.Options("r1")), "pipeline.yaml has changed since etl")
	require.ErrorContains(t, features.Run(t.Context(), l.Options("r1")), "has failed")
	o := l.Options("")
	require.ErrorContains(t, features.Run(t.Context(), o), step.NewRunID(l.Run("r1").Started)[:4])
}

// Weights and what rows are divided by are no inputs, and the parts are what they should be.
func TestRowsAreDividedByAColumn(t *testing.T) {
	t.Parallel()
	const query = "SELECT id, kind, size, id % 29 AS farm, " +
		"TIMESTAMP '2026-01-01' + INTERVAL 1 HOUR * (id * 37 % 100) AS moment, " +
		"1 + id % 2 AS counts FROM curated"
	for split, check := range map[string]func(parts map[string][]int64){
		"by: farm": func(parts map[string][]int64) {
			farms := map[int64]string{}
			for part, ids := range parts {
				for _, id := range ids {
					if other, ok := farms[id%29]; ok {
						require.Equal(t, other, part, "the rows of farm %d are in one part", id%29)
					}
					farms[id%29] = part
				}
			}
		},
		"time: moment": func(parts map[string][]int64) {
			assert.Len(t, parts["test"], 20)
			assert.Len(t, parts["validation"], 15)
			newest := func(part string) (least, most int64) {
				least = 1000
				for _, id := range parts[part] {
					least, most = min(least, id*37%100), max(most, id*37%100)
				}
				return least, most
			}
			_, train := newest("train")
			first, last := newest("validation")
			test, _ := newest("test")
			assert.Less(t, train, first)
			assert.Less(t, last, test)
		},
	} {
		other := map[string]string{"by: farm": "moment", "time: moment": "farm"}[split]
		l := steptest.New(t, fruit+"features: |\n  SELECT * EXCLUDE ("+other+") FROM ("+query+
			")\nweight: counts\nsplit: {seed: 3, "+split+"}\n")
		l.Drop("a.csv", rows(100), 0)
		require.NoError(t, run(t, l, "r1"))
		columns, got := l.Rows("features", l.Run("r1").Features)
		assert.Equal(t, []string{"id", "kind", "size", "counts", "_split"}, columns)
		parts := map[string][]int64{}
		for _, row := range got {
			id := row["id"].(int64)
			parts[row["_split"].(string)] = append(parts[row["_split"].(string)], id)
			assert.InDelta(t, 1+id%2, row["counts"], 0)
		}
		check(parts)
		spec, err := pipeline.Load(l.Dir + "/pipeline.yaml")
		require.NoError(t, err)
		set, err := featureset.Read(t.Context(), l.Zone("features"), l.Run("r1").Features, spec, featureset.Selection{})
		require.NoError(t, err)
		assert.Equal(t, []string{"size"}, set["train"].Inputs)
		assert.Len(t, set["train"].Weights, set["train"].Rows())
	}
}

func TestBadWeightsAndDivisionsAreRefused(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		"weight: w\n":            `the weight "w" is not in the result`,
		"weight: size\n":         "the weight is null: want a number above 0",
		"split: {by: w}\n":       `the column of split.by "w" is not in the result`,
		"split: {by: color}\n":   "rows are divided by it, and it is null",
		"split: {time: color}\n": "neither time nor number",
	} {
		l := steptest.New(t, fruit+more)
		l.Drop("a.csv", rows(60), 0)
		require.ErrorContains(t, run(t, l, "r1"), want, more)
	}
}
