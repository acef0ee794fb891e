package ranks_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/ranks"
)

// free is an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func options(address string, rank, world int) ranks.Options {
	return ranks.Options{Rank: rank, World: world, Coordinator: address, Job: "run 1", Join: time.Minute,
		Silence: 20 * time.Second}
}

func tracker() (int, error) { return 4711, nil }

// join lets all ranks come.
func join(t *testing.T, all []ranks.Options) ([]*ranks.Group, []error) {
	t.Helper()
	groups, errs := make([]*ranks.Group, len(all)), make([]error, len(all))
	var wait sync.WaitGroup
	for i, o := range all {
		wait.Go(func() { groups[i], errs[i] = ranks.Join(t.Context(), o, tracker) })
	}
	wait.Wait()
	return groups, errs
}

func world(t *testing.T, n int) []*ranks.Group {
	t.Helper()
	address := free(t)
	var all []ranks.Options
	for rank := range n {
		all = append(all, options(address, rank, n))
	}
	groups, errs := join(t, all)
	require.NoError(t, errors.Join(errs...))
	return groups
}

func TestRanksMeetAndLeave(t *testing.T) {
	t.Parallel()
	groups := world(t, 3)
	for _, g := range groups {
		assert.Equal(t, 4711, g.TrackerPort)
		assert.Equal(t, "127.0.0.1", g.TrackerHost)
	}
	groups[1].Leave()
	groups[2].Leave()
	groups[0].Leave()
	for _, g := range groups {
		require.NoError(t, g.Err(), "an end in good order is no loss")
	}
}

// agree lets all ranks agree at once.
func agree(groups []*ranks.Group, round int, values []string, stop int) ([]bool, []error) {
	halts, errs := make([]bool, len(groups)), make([]error, len(groups))
	var wait sync.WaitGroup
	for i, g := range groups {
		wait.Go(func() { halts[i], errs[i] = g.Agree(round, values[i], i == stop) })
	}
	wait.Wait()
	return halts, errs
}

func TestRanksAgree(t *testing.T) {
	t.Parallel()
	groups := world(t, 3)
	for round := range 50 {
		halts, errs := agree(groups, round, []string{"a", "a", "a"}, -1)
		require.NoError(t, errors.Join(errs...))
		assert.Equal(t, []bool{false, false, false}, halts)
	}
	for stop := range 3 {
		halts, errs := agree(groups, 51, []string{"a", "a", "a"}, stop)
		require.NoError(t, errors.Join(errs...))
		assert.Equal(t, []bool{true, true, true}, halts, "all stop, whichever was told to")
	}
	_, errs := agree(groups, 52, []string{"a", "a", "b"}, -1)
	require.ErrorIs(t, errs[0], ranks.ErrDiffer)
	require.ErrorIs(t, errs[2], ranks.ErrDiffer)
	for _, g := range groups {
		g.Leave()
	}
}

func TestALostRankIsKnownToAll(t *testing.T) {
	t.Parallel()
	address := free(t)
	var all []*ranks.Group
	var mu sync.Mutex
	var wait sync.WaitGroup
	for rank := range 2 {
		wait.Go(func() {
			g, err := ranks.Join(t.Context(), options(address, rank, 3), tracker)
			assert.NoError(t, err) //nolint:testifylint // not in the test's goroutine
			mu.Lock()
			defer mu.Unlock()
			all = append(all, g)
		})
	}
	// Rank 2 comes, and goes without a word.
	var conn net.Conn
	require.Eventually(t, func() bool {
		var err error
		conn, err = net.Dial("tcp", address)
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	_, err := conn.Write([]byte(`{"rank":2,"world":3,"job":"run 1"}` + "\n"))
	require.NoError(t, err)
	wait.Wait()
	require.NoError(t, conn.Close())
	for _, g := range all {
		<-g.Lost()
		require.ErrorIs(t, g.Err(), ranks.ErrLost)
		require.ErrorContains(t, g.Err(), "rank 2 at 127.0.0.1")
		require.ErrorContains(t, g.Explain(errors.New("Allreduce failed")), "its connection has ended (Allreduce failed)")
		g.Leave()
	}
}

func TestASilentRankIsLost(t *testing.T) {
	t.Parallel()
	address := free(t)
	o := options(address, 0, 2)
	o.Silence = 300 * time.Millisecond
	var g *ranks.Group
	var wait sync.WaitGroup
	wait.Go(func() {
		var err error
		g, err = ranks.Join(t.Context(), o, tracker)
		assert.NoError(t, err)
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, err = conn.Write([]byte(`{"rank":1,"world":2,"job":"run 1"}` + "\n"))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	wait.Wait()
	<-g.Lost()
	require.ErrorContains(t, g.Err(), "no sign of life for 300ms")
	g.Leave()
}

func TestRanksThatDoNotBelongTogether(t *testing.T) {
	t.Parallel()
	for message, change := range map[string]func(o *ranks.Options){
		"rank 1 believes in 3 ranks, rank 0 in 2": func(o *ranks.Options) { o.World = 3 },
		`rank 1 trains "run 2", rank 0 "run 1"`:   func(o *ranks.Options) { o.Job = "run 2" },
	} {
		address := free(t)
		other := options(address, 1, 2)
		change(&other)
		_, errs := join(t, []ranks.Options{options(address, 0, 2), other})
		for _, err := range errs {
			require.ErrorContains(t, err, message)
		}
	}
}

func TestRanksThatDoNotCome(t *testing.T) {
	t.Parallel()
	o := options(free(t), 0, 3)
	o.Join = 100 * time.Millisecond
	_, err := ranks.Join(t.Context(), o, tracker)
	require.ErrorIs(t, err, ranks.ErrLost)
	require.ErrorContains(t, err, "waited 100ms for rank 1, rank 2")
	o.Rank = 1
	_, err = ranks.Join(t.Context(), o, tracker)
	require.ErrorIs(t, err, ranks.ErrLost)
	require.ErrorContains(t, err, "rank 0 did not answer")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.Join = time.Hour
	_, err = ranks.Join(ctx, o, tracker)
	require.ErrorIs(t, err, context.Canceled)
}
