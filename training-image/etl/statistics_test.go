package etl_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// described runs etl and gives the columns of statistics.json by their names, the bytes and what was said.
func described(t *testing.T, l *steptest.Lake) (map[string]map[string]any, string, string) {
	t.Helper()
	o := l.Options("r1")
	o.Warehouse = ""
	var out strings.Builder
	o.Out = &out
	require.NoError(t, etl.Run(t.Context(), o))
	data, err := os.ReadFile(filepath.Join(l.Dir, "curated", l.Run("r1").DataVersion, etl.StatisticsFile))
	require.NoError(t, err)
	var all struct {
		Rows    int
		Columns []map[string]any
	}
	require.NoError(t, json.Unmarshal(data, &all))
	assert.Equal(t, l.Run("r1").Rows.Accepted, all.Rows)
	byName := map[string]map[string]any{}
	for _, c := range all.Columns {
		byName[c["name"].(string)] = c
	}
	return byName, string(data), out.String()
}

func TestStatisticsSayWhatTheAcceptedRowsHold(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("a.csv", header+"1,2,yes,ü,2026-01-02,pear\n2,4,no,abc,2026-01-01,pear\n3,,,,,apple\n"+
		"4,9,yes,,2026-01-03,pear\n"+
		"5,x,,,,pear\n", 0)
	l.Drop("b.csv", header+"4,6,yes,,2026-01-03,pear\n", 1)
	columns, _, said := described(t, l)
	quantiles := func(values ...float64) []any {
		var all []any
		for i, share := range []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99} {
			all = append(all, map[string]any{"share": share, "value": values[i]})
		}
		return all
	}
	assert.InDelta(t, math.Sqrt(8.0/3), columns["size"]["standardDeviation"], 1e-12)
	delete(columns["size"], "standardDeviation")
	assert.Equal(t, map[string]any{"name": "size", "type": "float", "count": 3.0, "missing": 1.0, "minimum": 2.0,
		"maximum": 6.0, "mean": 4.0, "quantiles": quantiles(2, 2, 2, 4, 6, 6, 6)}, columns["size"],
		"neither the replaced 9 nor the bad x")
	assert.Equal(t, map[string]any{"name": "ripe", "type": "boolean", "count": 3.0, "missing": 1.0,
		"values": map[string]any{"false": 1.0, "true": 2.0}}, columns["ripe"])
	assert.Equal(t, map[string]any{"name": "note", "type": "text", "count": 2.0, "missing": 2.0, "shortest": 1.0,
		"longest": 3.0}, columns["note"])
	assert.Equal(t, map[string]any{"name": "day", "type": "timestamp", "count": 3.0, "missing": 1.0,
		"first": "2026-01-01T00:00:00Z", "last": "2026-01-03T00:00:00Z"}, columns["day"])
	assert.Equal(t, map[string]any{"name": "kind", "type": "category", "count": 4.0, "missing": 0.0,
		"values": map[string]any{"apple": 1.0, "pear": 3.0}}, columns["kind"])
	assert.NotContains(t, said, "note: the column")
}

func TestStatisticsOfManyRowsAreNearAndAlwaysTheSame(t *testing.T) {
	t.Parallel()
	const n = 40_000
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	text := func(order []int) string {
		var b strings.Builder
		b.WriteString("id,size,kind\n")
		for _, i := range order {
			_, _ = fmt.Fprintf(&b, "%d,%d,%s\n", i, i, []string{"apple", "pear"}[i%2])
		}
		return b.String()
	}
	pipeline := strings.Replace(changing, "FORMAT", "csv", 1)
	one, two := steptest.New(t, pipeline), steptest.New(t, pipeline)
	one.Drop("a.csv", text(order), 0)
	two.Drop("1.csv", text(order[:n/3]), 0)
	two.Drop("2.csv", text(order[n/3:]), 1)
	columns, bytes, _ := described(t, one)
	_, again, _ := described(t, two)
	assert.Equal(t, bytes, again, "the same data version has the same statistics")
	size := columns["size"]
	assert.InDelta(t, (n-1)/2.0, size["mean"], 1e-6)
	assert.InDelta(t, math.Sqrt((n*n-1)/12.0), size["standardDeviation"], 1e-6)
	assert.InDelta(t, 0, size["minimum"], 0)
	assert.InDelta(t, n-1, size["maximum"], 0)
	for _, q := range size["quantiles"].([]any) {
		share, value := q.(map[string]any)["share"].(float64), q.(map[string]any)["value"].(float64)
		assert.InDelta(t, share*n, value, 0.02*n, "%v", share) // four standard errors of 10,000 rows
	}
}

func TestColumnsThatTeachNothingAreNoted(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, keyed)
	l.Drop("a.csv", header+"1,2,yes,,,pear\n2,2,yes,a,,apple\n3,2,,b,,pear\n", 0)
	_, _, said := described(t, l)
	assert.Contains(t, said, `note: the column "size" has the same value in every row`)
	assert.Contains(t, said, `note: the column "day" has no value in any row`)
	for _, name := range []string{"id", "ripe", "note", "kind"} { // a missing value may say something
		assert.NotContains(t, said, `the column "`+name)
	}
}
