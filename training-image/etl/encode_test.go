package etl

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEncodeIsReversible(t *testing.T) {
	t.Parallel()
	values := []any{nil, 1.5, int64(-7), true, false, "", "äb\x00c", math.MaxFloat64}
	got := make([]any, len(values))
	decode(encode(nil, values), got)
	assert.Equal(t, values, got)
}

func TestSortKeysSortAsTheirValues(t *testing.T) {
	t.Parallel()
	for _, values := range [][]any{
		{int64(math.MinInt64), int64(-5), int64(0), int64(3), int64(300), int64(math.MaxInt64)},
		{-math.MaxFloat64, -2.5, -1e-300, 0.0, 1e-300, 2.5, math.MaxFloat64},
		{"", "a", "ab", "b", "ä"},
		{false, true},
	} {
		keys := make([][]byte, len(values))
		for i, v := range values {
			keys[i] = sortKey(v)
		}
		assert.True(t, slices.IsSortedFunc(keys, bytes.Compare), "%v", values)
	}
}
