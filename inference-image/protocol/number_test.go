package protocol

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A short number is taken where something ends it that may; everything else is left to strconv.
func TestShortNumbers(t *testing.T) {
	t.Parallel()
	for _, behind := range []string{"", ",", "]", "}", " ", "\t", "\r\n"} {
		p := parser{data: []byte("[-1.5" + behind), at: 1}
		x, ok := p.shortNumber()
		assert.True(t, ok, "%q", behind)
		assert.InDelta(t, -1.5, x, 0)
		assert.Equal(t, len("[-1.5"), p.at)
	}
	for _, text := range []string{"", "-", "01", "1.", ".1", "1e3", "1E3", "+1", "1x", "1.5e", "--1", "1.2.3",
		"1234567890123456", "0.1234567890123456", "00", "1_0"} {
		p := parser{data: []byte(text)}
		_, ok := p.shortNumber()
		assert.False(t, ok, text)
		assert.Zero(t, p.at, text)
	}
}
