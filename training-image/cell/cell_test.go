package cell_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/training-image/cell"
)

func TestValuesKeepWhatTheyAreMadeOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		kind  cell.Kind
		text  string
	}{
		{nil, cell.Missing, ""}, {-0.5, cell.Float, "-0.5"}, {1e300, cell.Float, "1e+300"}, {int64(-7), cell.Integer, "-7"},
		{int64(1) << 62, cell.Integer, "4611686018427387904"}, {true, cell.Boolean, "true"}, {false, cell.Boolean, "false"},
		{"", cell.Text, ""}, {"ä", cell.Text, "ä"},
	} {
		v := cell.Of(c.value)
		assert.Equal(t, c.value, v.Any())
		assert.Equal(t, c.kind, v.Kind(), "%v", c.value)
		assert.Equal(t, c.text, v.String())
	}
	assert.Equal(t, cell.Value{}, cell.Row(1.5, nil)[1])
	assert.NotEqual(t, cell.Of(false), cell.Of(nil))
	assert.NotEqual(t, cell.Of(""), cell.Of(nil))
	assert.NotEqual(t, cell.Of(int64(0)), cell.Of(0.0))
	assert.Panics(t, func() { cell.Of(7) })
}
