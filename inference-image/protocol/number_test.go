package protocol

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A short number has the bits that strconv gives; everything else is left to it.
func TestShortNumbers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	texts := []string{"0", "-0", "0.1", "-0.0", "1.5", "999999999999999", "0.000000000000001", "123456.789", "0.30000001"}
	for range 20_000 {
		texts = append(texts, strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(9)-4)), 'f', r.IntN(9), 64))
	}
	short := 0
	for _, text := range texts {
		for _, behind := range []string{"", ",", "]", " "} {
			p := parser{data: []byte(text + behind)}
			x, ok := p.shortNumber()
			want, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			if ok {
				short++
				require.Equal(t, math.Float64bits(want), math.Float64bits(x), text)
				require.Equal(t, len(text), p.at)
			}
		}
	}
	assert.Greater(t, short, 70_000, "nearly all are short")
	for _, text := range []string{"", "-", "01", "1.", ".1", "1e3", "1E3", "+1", "1x", "1.5e", "--1", "1.2.3",
		"1234567890123456", "0.1234567890123456", "00", "1_0"} {
		p := parser{data: []byte(text)}
		_, ok := p.shortNumber()
		assert.False(t, ok, text)
		assert.Zero(t, p.at, text)
	}
}
