package extsort_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/extsort"
)

func sorted(t *testing.T, limit int, words []string) (got []string, spills int) {
	t.Helper()
	dir := t.TempDir()
	s := extsort.New(dir, limit)
	defer s.Close()
	for i, word := range words {
		require.NoError(t, s.Add(extsort.Record{Key: []byte(word), Order: uint64(len(words) - i), Payload: []byte(word)}))
	}
	var last extsort.Record
	require.NoError(t, s.Each(func(r extsort.Record) error {
		if string(last.Key) == string(r.Key) && len(got) > 0 {
			assert.LessOrEqual(t, last.Order, r.Order)
		}
		last = extsort.Record{Key: slices.Clone(r.Key), Order: r.Order}
		got = append(got, string(r.Payload))
		return nil
	}))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	return got, len(files)
}

func TestTheOrderDoesNotDependOnTheMemory(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 5_000)
	for i := range words {
		words[i] = fmt.Sprint(random.IntN(2_000))
	}
	for limit, words := range map[int][]string{1: words[:200], 1_000: words, 50_000: words, 1 << 30: words} {
		want := slices.Sorted(slices.Values(words))
		got, spills := sorted(t, limit, words)
		assert.Equal(t, want, got)
		assert.Equal(t, limit == 1<<30, spills == 0, "limit %d, %d spills", limit, spills)
	}
}

func TestNothingToSort(t *testing.T) {
	t.Parallel()
	got, _ := sorted(t, 10, nil)
	assert.Empty(t, got)
}

func TestErrorsStop(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	s := extsort.New(t.TempDir(), 1)
	defer s.Close()
	require.NoError(t, s.Add(extsort.Record{Key: []byte("b")}))
	require.NoError(t, s.Add(extsort.Record{Key: []byte("a")}))
	n := 0
	require.ErrorIs(t, s.Each(func(r extsort.Record) error {
		n++
		assert.Equal(t, "a", string(r.Key))
		return stop
	}), stop)
	assert.Equal(t, 1, n)

	s = extsort.New("/nowhere/at/all", 1)
	require.NoError(t, s.Add(extsort.Record{}))
	require.ErrorContains(t, s.Add(extsort.Record{}), "no such file", "the spill of the one before")
	s.Close()
}
