package dense

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNthIsWhatSortingPutsThere(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	for _, distinct := range []int{1, 2, 10, 1 << 20} {
		for _, n := range []int{1, 2, 3, 10, 1001} {
			values := make([]float32, n)
			for i := range values {
				values[i] = float32(random.IntN(distinct))
			}
			sorted := slices.Sorted(slices.Values(values))
			for range 20 {
				place := random.IntN(n)
				require.InDelta(t, sorted[place], nth(values, place), 0, "%d of %d", place, n)
			}
		}
	}
}
