package etl

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/training-image/cell"
)

func TestEncodeIsReversible(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 100)
	values := cell.Row(nil, 1.5, int64(-7), true, false, "", "äb\x00c", math.MaxFloat64, long)
	got, b := make([]cell.Value, len(values)), cell.NewBlock(len(values))
	var d decoder
	for range 2 { // the second time texts are known
		data := encode(nil, values)
		d.decode(data, b)
		clear(data) // the texts have memory of their own
		b.Row(b.Rows-1, got)
		assert.Equal(t, values, got)
	}
	assert.Equal(t, 2, b.Rows)
	assert.NotContains(t, d.texts, long)
}

func TestSortKeysSortAsTheirValues(t *testing.T) {
	t.Parallel()
	for _, values := range [][]cell.Value{
		cell.Row(int64(math.MinInt64), int64(-5), int64(0), int64(3), int64(300), int64(math.MaxInt64)),
		cell.Row(-math.MaxFloat64, -2.5, -1e-300, 0.0, 1e-300, 2.5, math.MaxFloat64),
		cell.Row("", "a", "ab", "b", "ä"),
		cell.Row(false, true),
	} {
		keys := make([][]byte, len(values))
		for i, v := range values {
			keys[i] = sortKey(nil, v)
		}
		assert.True(t, slices.IsSortedFunc(keys, bytes.Compare), "%v", values)
	}
}
