package ranks_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/ranks"
)

func TestRanksExchangeWhatTheyKnow(t *testing.T) {
	t.Parallel()
	groups := world(t, 3)
	long := string(bytes.Repeat([]byte("long "), 1<<18))
	for _, words := range [][]string{{"a", "b", "c"}, {"", "x", ""}, {"a", long, "c"}} {
		got := make([]string, len(groups))
		errs := make([]error, len(groups))
		merges := 0
		var group sync.WaitGroup
		for rank, g := range groups {
			group.Go(func() {
				all, err := g.Exchange([]byte(words[rank]), func(all [][]byte) ([]byte, error) {
					merges++
					return bytes.Join(all, []byte("|")), nil
				})
				got[rank], errs[rank] = string(all), err
			})
		}
		group.Wait()
		require.NoError(t, errors.Join(errs...))
		want := words[0] + "|" + words[1] + "|" + words[2]
		assert.Equal(t, []string{want, want, want}, got, "in the order of the ranks")
		assert.Equal(t, 1, merges)
	}
	for _, g := range groups[1:] {
		g.Leave()
	}
	groups[0].Leave()
}

func TestARankThatExchangesNothingIsNoticed(t *testing.T) {
	t.Parallel()
	groups := world(t, 2)
	var first, second error
	var group sync.WaitGroup
	group.Go(func() {
		_, first = groups[0].Exchange([]byte("a"), func(all [][]byte) ([]byte, error) { return nil, nil })
		groups[0].Break()
	})
	group.Go(func() {
		_, second = groups[1].Agree(3, "v", false)
		groups[1].Break()
	})
	group.Wait()
	require.ErrorIs(t, first, ranks.ErrDiffer)
	require.ErrorContains(t, first, "rank 1 has ended round 3")
	require.Error(t, second)

	groups = world(t, 2)
	group.Go(func() {
		_, first = groups[0].Agree(3, "v", false)
		groups[0].Break()
	})
	group.Go(func() {
		_, second = groups[1].Exchange([]byte("a"), func(all [][]byte) ([]byte, error) { return nil, nil })
		groups[1].Break()
	})
	group.Wait()
	require.ErrorIs(t, first, ranks.ErrDiffer)
	require.ErrorIs(t, second, ranks.ErrDiffer)
}

func TestALostRankEndsAnExchange(t *testing.T) {
	t.Parallel()
	groups := world(t, 2)
	groups[1].Break()
	_, err := groups[0].Exchange(nil, func(all [][]byte) ([]byte, error) { return nil, nil })
	require.ErrorIs(t, err, ranks.ErrLost)
	groups[0].Break()
}
