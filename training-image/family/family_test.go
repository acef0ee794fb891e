package family_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// lossOf is the loss of margins in one process.
func lossOf(t *testing.T, task pipeline.Task, margins, labels, weights []float32) float64 {
	t.Helper()
	r := family.Request{Spec: &pipeline.Spec{Task: task}, Validation: &featureset.Table{Labels: labels, Weights: weights}}
	loss, err := r.Loss(margins)
	require.NoError(t, err)
	return loss
}

func TestLosses(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, math.Log(2), lossOf(t, pipeline.Binary, []float32{0, 0}, []float32{0, 1}, nil), 1e-9)
	margins, labels, ones := make([]float32, 40_001), make([]float32, 40_001), slices.Repeat([]float32{1}, 40_001)
	for i := range margins {
		margins[i], labels[i] = float32(i%600-300)/10, float32(i%2)
	}
	assert.InEpsilon(t, lossOf(t, pipeline.Binary, margins, labels, ones),
		lossOf(t, pipeline.Binary, margins, labels, nil), 1e-12, "row by row and as a product")
	assert.InEpsilon(t, math.Log(2), lossOf(t, pipeline.Binary, make([]float32, 40_001), labels, nil), 1e-12,
		"the largest product")
	assert.True(t, math.IsNaN(lossOf(t, pipeline.Binary, []float32{float32(math.NaN())}, []float32{1}, nil)))
	assert.InDelta(t, 500, lossOf(t, pipeline.Binary, []float32{1000, 0}, []float32{0, 1}, nil), 1, "nothing overflows")
	assert.InDelta(t, math.Log(3), lossOf(t, pipeline.Multiclass, []float32{5, 5, 5}, []float32{2}, nil), 1e-9)
	assert.InDelta(t, 1000, lossOf(t, pipeline.Multiclass, []float32{1000, 0}, []float32{1}, nil), 1e-3)
	assert.InDelta(t, 5, lossOf(t, pipeline.Regression, []float32{3, 4}, []float32{10, 5}, nil), 1e-6)
}

// fixed answers the first input.
type fixed struct{}

func (fixed) Outputs() int { return 1 }

func (fixed) Predict(rows []float32, n int, out []float32) error {
	for i := range n {
		out[i] = rows[i*len(rows)/n]
	}
	return nil
}

// describe gives the distribution of one input.
func describe(t *testing.T, values ...float32) registry.Distribution {
	t.Helper()
	p, err := family.Profile(pipeline.Regression, fixed{}, &featureset.Table{Inputs: []string{"x"}, Values: values,
		Labels: make([]float32, len(values)), All: len(values)}, family.Alone)
	require.NoError(t, err)
	assert.Equal(t, len(values), p.Rows)
	assert.Equal(t, p.Features[0].Counts, p.Prediction.Counts)
	return p.Features[0]
}

func TestProfile(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	var values []float32
	for i := range 100 {
		values = append(values, float32((i*37)%100))
	}
	d := describe(t, append(values, nan, nan)...)
	assert.Equal(t, "x", d.Name)
	assert.Equal(t, []float64{10, 20, 30, 40, 50, 60, 70, 80, 90}, d.Edges)
	assert.Equal(t, []int{10, 10, 10, 10, 10, 10, 10, 10, 10, 10}, d.Counts, "equal shares")
	assert.Equal(t, 2, d.Missing)
	assert.InDelta(t, 49.5, d.Mean, 1e-9)
	assert.InDelta(t, 28.866, d.StandardDeviation, 1e-3)

	flag := describe(t, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1)
	assert.Equal(t, []float64{1}, flag.Edges)
	assert.Equal(t, []int{2, 8}, flag.Counts)

	same := describe(t, 4, 4, 4)
	assert.Empty(t, same.Edges)
	assert.Equal(t, []int{3}, same.Counts)
	assert.InDelta(t, 0, same.StandardDeviation, 0)

	none := describe(t, nan)
	assert.Equal(t, registry.Distribution{Name: "x", Edges: []float64{}, Counts: []int{0}, Missing: 1}, none)
}

// Ranks that hold shares of the rows describe all of them, with the same edges as one process, also where the edges
// come from a sample.
func TestRanksProfileAllRows(t *testing.T) {
	t.Parallel()
	const rows, world = 250_001, 3 // more than the sample
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, 2*rows)
	for i := range values {
		values[i] = float32(1000 + random.NormFloat64())
	}
	values[7], values[len(values)-2] = float32(math.NaN()), float32(math.NaN()) // at the first and at the last rank
	whole := &featureset.Table{Inputs: []string{"a", "b"}, Values: values, Labels: make([]float32, rows), All: rows}
	want, err := family.Profile(pipeline.Regression, fixed{}, whole, family.Alone)
	require.NoError(t, err)
	for _, d := range append(want.Features, want.Prediction) {
		all := rows // each is counted
		if d.Name == "prediction" {
			all = (rows + 2) / 3 // each third is answered
		}
		n := d.Missing
		for _, count := range d.Counts {
			assert.InDelta(t, all/10, count, float64(all/200), "a tenth in each bin")
			n += count
		}
		assert.Equal(t, all, n, d.Name)
		assert.InDelta(t, 1000, d.Mean, 0.01)
		assert.InDelta(t, 1, d.StandardDeviation, 0.01)
	}

	var got [world]*registry.Profile
	exchange := together(world)
	var group sync.WaitGroup
	for rank := range world {
		group.Go(func() {
			from, to := rows*rank/world, rows*(rank+1)/world
			share := &featureset.Table{Inputs: whole.Inputs, Values: values[2*from : 2*to], Labels: make([]float32, to-from),
				First: from, All: rows}
			p, err := family.Profile(pipeline.Regression, fixed{}, share, exchange(rank))
			assert.NoError(t, err)
			got[rank] = p
		})
	}
	group.Wait()
	for _, p := range got {
		require.NotNil(t, p)
		assert.Equal(t, want.Rows, p.Rows)
		for i, d := range append(p.Features, p.Prediction) {
			w := append(want.Features, want.Prediction)[i]
			assert.Equal(t, w.Edges, d.Edges)
			assert.Equal(t, w.Counts, d.Counts)
			assert.Equal(t, w.Missing, d.Missing)
			assert.InDelta(t, w.Mean, d.Mean, 1e-6)
			assert.InDelta(t, w.StandardDeviation, d.StandardDeviation, 1e-6)
		}
	}
}

// together lets goroutines exchange what they know, as ranks do.
func together(world int) func(rank int) family.Exchange {
	type call struct {
		rank  int
		data  []byte
		merge func([][]byte) ([]byte, error)
		reply chan []byte
	}
	calls := make(chan call)
	go func() {
		for {
			all := make([]call, world)
			words := make([][]byte, world)
			for range world {
				c := <-calls
				all[c.rank], words[c.rank] = c, c.data
			}
			merged, _ := all[0].merge(words)
			for _, c := range all {
				c.reply <- merged
			}
		}
	}()
	return func(rank int) family.Exchange {
		return func(own []byte, merge func([][]byte) ([]byte, error)) ([]byte, error) {
			c := call{rank, own, merge, make(chan []byte)}
			calls <- c
			return <-c.reply, nil
		}
	}
}

func TestTheLossIsThatOfAllRanks(t *testing.T) {
	t.Parallel()
	labels, weights := []float32{10, 5, 7}, []float32{1, 2, 1}
	for task, margins := range map[pipeline.Task][]float32{pipeline.Regression: {3, 4, 7}, pipeline.Binary: {3, -4, 1}} {
		if task == pipeline.Binary {
			labels = []float32{1, 0, 0}
		}
		spec := &pipeline.Spec{Task: task}
		want := lossOf(t, task, margins, labels, weights)
		exchange := together(2)
		var group sync.WaitGroup
		for rank, rows := range [][2]int{{0, 1}, {1, 3}} {
			group.Go(func() {
				r := &family.Request{Spec: spec, Exchange: exchange(rank), Validation: &featureset.Table{
					Labels: labels[rows[0]:rows[1]], Weights: weights[rows[0]:rows[1]]}}
				got, err := r.Loss(margins[rows[0]:rows[1]])
				assert.NoError(t, err) //nolint:testifylint // not the goroutine of the test
				assert.InDelta(t, want, got, 1e-12)
			})
		}
		group.Wait()
	}
}
