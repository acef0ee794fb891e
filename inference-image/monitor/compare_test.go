package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

var limits = Thresholds{PSI: 0.2, MissingRise: 0.1, MinRows: 100}

func TestPSI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		training, live []int
		want           float64
	}{
		// Worked out by hand: (80.5/101 - 50.5/101) * ln(80.5/50.5) + (20.5/101 - 50.5/101) * ln(20.5/50.5)
		{[]int{50, 50}, []int{80, 20}, 0.40629},
		{[]int{100, 100, 100, 100}, []int{100, 0, 0, 0}, 3.89949},
		{[]int{10, 20, 30}, []int{10, 20, 30}, 0},
		{[]int{10, 20, 30}, []int{100, 200, 300}, 0.00011},
		{[]int{1000}, []int{5}, 0},
	} {
		assert.InDelta(t, c.want, PSI(c.training, c.live), 1e-5, c)
		assert.InDelta(t, PSI(c.live, c.training), PSI(c.training, c.live), 1e-12, "it does not matter which is which")
	}
}

func TestTallyPutsValuesIntoBins(t *testing.T) {
	t.Parallel()
	tally := newTally(&registry.Distribution{Edges: []float64{0, 10}, Counts: []int{1, 1, 1}})
	for _, x := range []float64{-1, 0, 5, 9.99, 10, 11, math.NaN(), math.Inf(1), math.Inf(-1)} {
		tally.add(x)
	}
	assert.Equal(t, []int{2, 3, 3}, tally.counts)
	assert.Equal(t, 1, tally.missing)
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edges          []float64
		training, live []int
		wantEdges      []float64
		wantTraining   []int
		wantLive       []int
	}{
		"enough rows": {[]float64{1, 2}, []int{100, 100, 100}, []int{20, 20, 20},
			[]float64{1, 2}, []int{100, 100, 100}, []int{20, 20, 20}},
		"few live rows": {[]float64{1, 2, 3}, []int{100, 90, 50, 60}, []int{1, 2, 3, 54},
			[]float64{1, 2}, []int{100, 90, 110}, []int{1, 2, 57}},
		"few training rows": {[]float64{1, 2, 3}, []int{10, 9, 5, 26}, []int{100, 200, 300, 400},
			[]float64{3}, []int{24, 26}, []int{600, 400}},
		"a rare value stays apart": {[]float64{1}, []int{990, 10}, []int{0, 60},
			[]float64{1}, []int{990, 10}, []int{0, 60}},
		"no live rows": {[]float64{1, 2}, []int{50, 50, 50}, []int{0, 0, 0},
			[]float64{2}, []int{100, 50}, []int{0, 0}},
		"one bin": {nil, []int{100}, []int{100}, nil, []int{100}, []int{100}},
	} {
		edges, training, live := merge(c.edges, c.training, c.live)
		assert.Equal(t, c.wantEdges, edges, name)
		assert.Equal(t, c.wantTraining, training, name)
		assert.Equal(t, c.wantLive, live, name)
		assert.Equal(t, total(c.live), total(live), name)
	}
}

func sample(seed uint64, n int, mean, missing float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	values := make([]float64, n)
	for i := range values {
		values[i] = mean + r.NormFloat64()
		if r.Float64() < missing {
			values[i] = math.NaN()
		}
	}
	return values
}

func compared(training *registry.Distribution, live []float64) Comparison {
	tally := newTally(training)
	for _, x := range live {
		tally.add(x)
	}
	return tally.compare(limits)
}

// Rows of the same distribution are not called drifted, with few rows or many and many bins or few.
func TestNoDriftWhereThereIsNone(t *testing.T) {
	t.Parallel()
	judged, wrong := 0, 0
	for _, bins := range []int{5, 10, 20} {
		for _, n := range []int{100, 200, 1000} {
			for seed := range uint64(100) {
				training := inferencetest.Distribution("x", sample(seed, 400, 0, 0), bins)
				judged++
				if compared(&training, sample(seed+1000, n, 0, 0)).Status == Drift {
					wrong++
				}
			}
		}
	}
	assert.LessOrEqual(t, wrong, judged/100, "of %d", judged)
}

func TestCompare(t *testing.T) {
	t.Parallel()
	training := inferencetest.Distribution("x", sample(1, 2000, 5, 0.02), 10)
	same := compared(&training, sample(2, 500, 5, 0.02))
	assert.Equal(t, OK, same.Status)
	assert.InDelta(t, 0, same.MeanShift, 0.2)
	moved := compared(&training, sample(3, 500, 6, 0.02))
	assert.Equal(t, Drift, moved.Status)
	assert.InDelta(t, 1, moved.MeanShift, 0.2)
	require.NotNil(t, moved.PSI)
	assert.Greater(t, *moved.PSI, 0.5)
	assert.InDelta(t, 6, moved.MeanLive, 0.2)
	gaps := compared(&training, sample(4, 500, 5, 0.3))
	assert.Equal(t, Drift, gaps.Status)
	assert.Less(t, *gaps.PSI, 0.2)
	assert.InDelta(t, 0.28, gaps.MissingRise, 0.05)
	all := compared(&training, sample(4, 500, 5, 1.1))
	assert.Equal(t, Drift, all.Status)
	assert.Nil(t, all.PSI, "no values, no index")
	assert.InDelta(t, 5, all.MeanLive, 0.2)
	few := compared(&training, sample(5, 99, 50, 0))
	assert.Equal(t, Insufficient, few.Status)
	assert.NotNil(t, few.PSI)
	none := compared(&training, nil)
	assert.Equal(t, Insufficient, none.Status)
	assert.Zero(t, none.MissingLive)
	constant := inferencetest.Distribution("c", []float64{3, 3, 3}, 10)
	assert.Zero(t, compared(&constant, sample(1, 200, 3, 0)).MeanShift)
}
