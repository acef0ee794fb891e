package cell_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/training-image/cell"
)

func TestABlockHasRoomForItsRows(t *testing.T) {
	t.Parallel()
	b, row := cell.NewBlock(3), make([]cell.Value, 3)
	for i := range cell.BlockRows {
		assert.False(t, b.Full(), "%d rows", i)
		for c := range 3 {
			b.Set(b.Rows, c, cell.OfInteger(int64(10*i+c)))
		}
		b.Rows++
	}
	assert.True(t, b.Full())
	for c := range 3 {
		for i, v := range b.Column(c) {
			assert.EqualValues(t, 10*i+c, v.Integer())
		}
	}
	b.Row(7, row)
	assert.Equal(t, cell.Row(int64(70), int64(71), int64(72)), row)
	b.Rows = 2
	assert.Len(t, b.Column(2), 2)
}
