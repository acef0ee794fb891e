package mlp

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/dense"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
)

func TestEachEpochHasAnOrderOfItsOwn(t *testing.T) {
	t.Parallel()
	const rows = 500
	seen := map[string]bool{}
	for seed := range int64(3) {
		for epoch := range 4 {
			o := order(seed, epoch, rows)
			assert.Equal(t, o, order(seed, epoch, rows), "the same again")
			key := string(runes(o))
			assert.False(t, seen[key], "seed %d, epoch %d", seed, epoch)
			seen[key] = true
			slices.Sort(o)
			for i, row := range o {
				require.Equal(t, i, row, "each row once")
			}
		}
	}
}

func runes(order []int) []rune {
	out := make([]rune, len(order))
	for i, row := range order {
		out[i] = rune(row)
	}
	return out
}

// The order reaches the weights: from the same weights, two epochs of the same rows lead to different ones.
func TestTheOrderCounts(t *testing.T) {
	t.Parallel()
	spec := familytest.Spec(t, pipeline.Binary, "mlp", "hidden: [4], batchSize: 16, epochs: 1")
	r := familytest.Request(spec, familytest.Set(pipeline.Binary, 200))
	after := func(epoch int) []float32 {
		f := New(blas.Go()).begin(r, dense.New(spec, r.Train))
		_, err := f.epoch(t.Context(), epoch)
		require.NoError(t, err)
		return f.weights
	}
	first, again := after(0), after(0)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, after(1))
}
