package number_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/number"
)

// Short gives the very number that strconv gives, or leaves it to strconv.
func TestShortIsStrconv(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	short := 0
	for range 200_000 {
		text := strconv.FormatFloat(random.NormFloat64()*math.Pow(10, float64(random.IntN(20)-8)), 'f', random.IntN(12), 64)
		x, end, ok := number.Short(text, 0)
		y, from, same := number.Short([]byte("x"+text+","), 1)
		require.Equal(t, ok, same, text)
		if !ok {
			continue
		}
		short++
		want, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(want), math.Float64bits(x), text)
		require.Equal(t, math.Float64bits(want), math.Float64bits(y), text)
		require.Equal(t, len(text), end)
		require.Equal(t, len(text)+1, from)
	}
	assert.Greater(t, short, 100_000)
}

func TestShortLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "-", "+1", ".5", "1.", "01", "-01", "NaN", "inf", " 1", "1234567890123456",
		"0.1234567890123456"} {
		_, _, ok := number.Short(text, 0)
		assert.False(t, ok, text)
	}
	for text, want := range map[string]int{"1e5": 1, "1.5 ": 3, "0x10": 1, "-0": 2, "0.0": 3, "1_000": 1} {
		_, end, ok := number.Short(text, 0)
		assert.True(t, ok, text)
		assert.Equal(t, want, end, text)
	}
}
