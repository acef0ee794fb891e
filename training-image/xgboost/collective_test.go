package xgboost_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// share makes rows of three inputs; a rank of several gets its share of them.
func share(rank, world int) (values, labels []float32) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		a, b, c := random.Float32(), random.Float32(), random.Float32()
		label := float32(0)
		if a+b*b > 0.9+0.1*random.Float32() {
			label = 1
		}
		if i%world == rank {
			values, labels = append(values, a, b, c), append(labels, label)
		}
	}
	return values, labels
}

// boost trains on a share of the rows, which are kept in some way.
func boost(l *xgboost.Library, kind string, rank, world int) ([]byte, error) {
	values, labels := share(rank, world)
	m, err := kinds(l)[kind](xgboost.Rows{Columns: 3, Values: values, Labels: labels})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	b, err := l.NewBooster(map[string]string{"objective": "binary:logistic", "tree_method": "hist", "base_score": "0.5",
		"max_depth": "4", "subsample": "0.8", "colsample_bytree": "0.7", "seed": "7", "nthread": "1",
		"disable_default_eval_metric": "1"}, m)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	for round := range 20 {
		if err := b.Update(round, m); err != nil {
			return nil, err
		}
	}
	return b.JSON()
}

// together runs a function as so many ranks, each with a membership of its own.
func together(t *testing.T, world int, f func(c *xgboost.Collective, rank int) error) {
	t.Helper()
	l := xgboosttest.Open(t)
	tracker, err := l.NewTracker("127.0.0.1", world)
	require.NoError(t, err)
	defer tracker.Close()
	errs := make([]error, world)
	var group sync.WaitGroup
	for rank := range world {
		group.Go(func() {
			c, err := l.Join("127.0.0.1", tracker.Port, rank, world)
			if err == nil {
				err = f(c, rank)
			}
			if err == nil {
				err = c.Leave()
			}
			errs[rank] = err
		})
	}
	group.Wait()
	for rank, err := range errs {
		require.NoError(t, err, "rank %d", rank)
	}
}

func TestRanksAgreeOnTheModel(t *testing.T) {
	t.Parallel()
	for kind := range kinds(nil) {
		for _, world := range map[string][]int{"memory": {1, 2, 3, 5}, "bins": {3}, "pages": {3}}[kind] {
			models := make([][]byte, world)
			together(t, world, func(c *xgboost.Collective, rank int) (err error) {
				models[rank], err = boost(c.Library(), kind, rank, world)
				return err
			})
			for rank := range world {
				assert.Equal(t, string(models[0]), string(models[rank]), "%s: rank %d of %d", kind, rank, world)
			}
			alone, err := boost(xgboosttest.Open(t), kind, 0, world)
			require.NoError(t, err)
			assert.Equal(t, world == 1, string(alone) == string(models[0]), "%s, %d ranks: the model knows all rows",
				kind, world)
		}
	}
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "x", "what rank 0 has"} {
		got := make([]string, 3)
		together(t, 3, func(c *xgboost.Collective, rank int) error {
			var own []byte
			if rank == 0 {
				own = []byte(data)
			}
			all, err := c.Broadcast(own)
			got[rank] = string(all)
			return err
		})
		assert.Equal(t, []string{data, data, data}, got)
	}
}
