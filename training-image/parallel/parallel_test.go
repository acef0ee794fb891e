package parallel_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/parallel"
)

func TestEachPieceOnce(t *testing.T) {
	t.Parallel()
	seen := make([]atomic.Int32, 1001)
	require.NoError(t, parallel.Blocks(len(seen), 10, func(block, from, to int) error {
		assert.Equal(t, block*10, from)
		for i := from; i < to; i++ {
			seen[i].Add(1)
		}
		return nil
	}))
	for i := range seen {
		assert.EqualValues(t, 1, seen[i].Load(), "row %d", i)
	}
	require.NoError(t, parallel.Do(0, nil))
}

func TestTheFirstErrorCounts(t *testing.T) {
	t.Parallel()
	first, other := errors.New("first"), errors.New("other")
	err := parallel.Do(100, func(i int) error {
		switch i {
		case 7:
			return first
		case 8, 50:
			return other
		default:
			return nil
		}
	})
	require.ErrorIs(t, err, first)
}

func TestPipe(t *testing.T) {
	t.Parallel()
	bad, worse := errors.New("bad"), errors.New("worse")
	for _, n := range []int{0, 1, 255, 256, 257, 5000} {
		count := func(emit func(int) bool) error {
			for i := range n {
				if !emit(i) {
					return worse
				}
			}
			return bad
		}
		next := 0
		require.ErrorIs(t, parallel.Pipe(count, func(i int) error {
			assert.Equal(t, next, i)
			next++
			return nil
		}), bad)
		assert.Equal(t, n, next, "all that was emitted is consumed before the error counts")
		if n > 100 {
			require.ErrorIs(t, parallel.Pipe(count, func(i int) error {
				require.LessOrEqual(t, i, 100, "nothing is consumed after an error")
				if i == 100 {
					return errOther
				}
				return nil
			}), errOther)
		}
	}
}

var errOther = errors.New("other")
