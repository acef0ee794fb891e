package search_test

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/search"
)

func numbers(low, high float64, log bool, steps int) pipeline.Range {
	return pipeline.Range{Min: &low, Max: &high, Log: log, Steps: steps}
}

func tuning(strategy pipeline.Strategy, seed int64) *pipeline.Tuning {
	return &pipeline.Tuning{Strategy: strategy, Trials: 40, Parallel: 1, Seed: seed, Space: map[string]pipeline.Range{
		"learningRate": numbers(0.001, 1, true, 4), "maxDepth": numbers(2, 10, false, 3),
		"subsample": {Values: []string{"0.5", "1"}},
		"l2":        numbers(0, 10, false, 3)}}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return x
}

func TestTheGridHoldsEveryPointOnce(t *testing.T) {
	t.Parallel()
	s := search.New(tuning(pipeline.GridSearch, 1))
	assert.Equal(t, 4*3*2*3, s.Size())
	seen := map[string]bool{}
	for i := range s.Size() {
		p := s.Propose(i, nil)
		key := p["l2"] + " " + p["learningRate"] + " " + p["maxDepth"] + " " + p["subsample"]
		assert.False(t, seen[key], key)
		seen[key] = true
	}
	assert.True(t, seen["0 0.001 2 0.5"])
	assert.True(t, seen["5 0.01 6 1"])
	assert.True(t, seen["10 1 10 1"])
	assert.Equal(t, s.Propose(0, nil), s.Propose(s.Size(), nil))
}

// bowl is a loss with one valley.
func bowl(t *testing.T, p search.Point) float64 {
	t.Helper()
	rate, depth, l2 := math.Log10(number(t, p["learningRate"])), number(t, p["maxDepth"]), number(t, p["l2"])
	loss := (rate+1.3)*(rate+1.3) + (depth-7)*(depth-7)/16 + (l2-3)*(l2-3)/25
	if p["subsample"] == "1" {
		loss += 0.3
	}
	return loss
}

// best runs a search of so many trials and gives its lowest loss.
func best(t *testing.T, s *search.Search, trials int, loss func(*testing.T, search.Point) float64) float64 {
	t.Helper()
	var known []search.Observation
	lowest := math.Inf(1)
	for i := range trials {
		p := s.Propose(i, known)
		known = append(known, search.Observation{Point: p, Loss: loss(t, p)})
		lowest = math.Min(lowest, known[i].Loss)
	}
	return lowest
}

func TestProposalsStayInTheirRanges(t *testing.T) {
	t.Parallel()
	for _, strategy := range []pipeline.Strategy{pipeline.RandomSearch, pipeline.BayesianSearch} {
		s := search.New(tuning(strategy, 3))
		var known []search.Observation
		depths := map[string]int{}
		for i := range 300 {
			p := s.Propose(i, known)
			rate, depth, l2 := number(t, p["learningRate"]), number(t, p["maxDepth"]), number(t, p["l2"])
			assert.True(t, rate >= 0.001 && rate <= 1 && l2 >= 0 && l2 <= 10 && depth >= 2 && depth <= 10, "%v", p)
			assert.InDelta(t, depth, math.Round(depth), 0)
			assert.Contains(t, []string{"0.5", "1"}, p["subsample"])
			depths[p["maxDepth"]]++
			if len(known) < 60 {
				known = append(known, search.Observation{Point: p, Loss: bowl(t, p)})
			}
		}
		if strategy == pipeline.RandomSearch {
			assert.Len(t, depths, 9, "all depths are drawn, the ends too")
			assert.InDelta(t, 300/9, depths["2"], 20)
		}
	}
}

func TestAProposalDependsOnSeedNumberAndKnownTrialsAlone(t *testing.T) {
	t.Parallel()
	a, b := search.New(tuning(pipeline.BayesianSearch, 5)), search.New(tuning(pipeline.BayesianSearch, 5))
	var known []search.Observation
	for i := range 25 {
		p := a.Propose(i, known)
		assert.Equal(t, p, b.Propose(i, known), "another process proposes the same")
		known = append(known, search.Observation{Point: p, Loss: bowl(t, p)})
	}
	assert.NotEqual(t, a.Propose(3, nil), search.New(tuning(pipeline.BayesianSearch, 6)).Propose(3, nil))
	reverse := slices.Clone(known)
	for i := range reverse {
		reverse[i].Loss = -reverse[i].Loss
	}
	assert.NotEqual(t, a.Propose(25, known), a.Propose(25, reverse), "what was found counts")
}

func TestBayesianBeatsRandomBeatsItsLuck(t *testing.T) {
	t.Parallel()
	var bayesian, random []float64
	for seed := range int64(30) {
		bayesian = append(bayesian, best(t, search.New(tuning(pipeline.BayesianSearch, seed)), 40, bowl))
		random = append(random, best(t, search.New(tuning(pipeline.RandomSearch, seed)), 40, bowl))
	}
	slices.Sort(bayesian)
	slices.Sort(random)
	t.Logf("median of 30 seeds: bayesian %.4f, random %.4f", bayesian[15], random[15])
	assert.Less(t, bayesian[15], random[15]/3)
}

// corner is a loss whose lowest point is a corner of the space, which a grid visits and a draw hardly ever.
func corner(t *testing.T, p search.Point) float64 {
	t.Helper()
	rate, depth, l2 := math.Log10(number(t, p["learningRate"]))/3, number(t, p["maxDepth"])/8, number(t, p["l2"])/10
	return rate*rate + depth*depth + l2*l2
}

// diagonal is a loss that is low where one parameter makes up for another.
func diagonal(t *testing.T, p search.Point) float64 {
	t.Helper()
	rate, depth, l2 := math.Log10(number(t, p["learningRate"]))/3+1, number(t, p["maxDepth"])/10, number(t, p["l2"])/10
	across, along, deep := rate+l2-1, rate-0.3, depth-0.6
	return 10*across*across + along*along + deep*deep
}

func TestBayesianFindsInFortyTrialsMoreThanAGridInTwoHundred(t *testing.T) {
	t.Parallel()
	for name, loss := range map[string]func(*testing.T, search.Point) float64{"bowl": bowl, "corner": corner,
		"diagonal": diagonal} {
		space := tuning(pipeline.GridSearch, 1)
		space.Space["learningRate"], space.Space["maxDepth"] = numbers(0.001, 1, true, 5), numbers(2, 10, false, 5)
		space.Space["l2"] = numbers(0, 10, false, 4)
		s := search.New(space)
		require.Equal(t, 200, s.Size())
		grid := best(t, s, 200, loss)
		var bayesian []float64
		for seed := range int64(30) {
			space.Seed, space.Strategy = seed, pipeline.BayesianSearch
			bayesian = append(bayesian, best(t, search.New(space), 40, loss))
		}
		slices.Sort(bayesian)
		t.Logf("%s: grid %.5f, bayesian median %.5f, from %.5f to %.5f", name, grid, bayesian[15], bayesian[0], bayesian[29])
		assert.LessOrEqual(t, bayesian[15], grid, name) // the grid holds the very best point of "corner"
	}
}

// The same parameters give the same model, so that a point is tried once, as long as there are others.
func TestNoPointIsTriedTwice(t *testing.T) {
	t.Parallel()
	space := tuning(pipeline.BayesianSearch, 1)
	space.Space = map[string]pipeline.Range{"maxDepth": numbers(2, 9, false, 3), "rounds": numbers(1, 10, false, 3)}
	s := search.New(space)
	var known []search.Observation
	for i := range 50 {
		p := s.Propose(i, known)
		if i >= 10 {
			for _, o := range known {
				require.NotEqual(t, o.Point, p, "trial %d", i)
			}
		}
		known = append(known, search.Observation{Point: p, Loss: number(t, p["maxDepth"])})
	}
	space.Space = map[string]pipeline.Range{"subsample": {Values: []string{"0.5", "1"}}}
	s = search.New(space)
	for i := range 20 { // where there are no others it goes on
		p := s.Propose(i, known[:i])
		require.Contains(t, []string{"0.5", "1"}, p["subsample"])
		known[i] = search.Observation{Point: p, Loss: float64(i)}
	}
}

// What is good together is drawn together: where two pairs of values are good, what is mixed of both is not tried.
func TestGoodPairsAreNotMixed(t *testing.T) {
	t.Parallel()
	space := tuning(pipeline.BayesianSearch, 1)
	space.Space = map[string]pipeline.Range{"columnSample": numbers(0, 1, false, 3), "subsample": numbers(0, 1, false, 3)}
	s := search.New(space)
	near := func(p search.Point, x, y float64) bool {
		return math.Hypot(number(t, p["columnSample"])-x, number(t, p["subsample"])-y) < 0.25
	}
	var known []search.Observation
	for i := range 40 {
		text := func(x float64) string { return strconv.FormatFloat(x+0.002*float64(i), 'g', 6, 64) }
		p, loss := search.Point{"columnSample": text(0.2), "subsample": text(0.2)}, 0.0
		switch i % 10 {
		case 0:
			p = search.Point{"columnSample": text(0.8), "subsample": text(0.8)}
		case 1: // the first is good
		default:
			p, loss = search.Point{"columnSample": text(0.45), "subsample": text(float64(i%10) / 10)}, 1
		}
		known = append(known, search.Observation{Point: p, Loss: loss})
	}
	pairs, mixed := 0, 0
	for i := range 40 {
		switch p := s.Propose(40+i, known); {
		case near(p, 0.2, 0.2) || near(p, 0.8, 0.8):
			pairs++
		case near(p, 0.2, 0.8) || near(p, 0.8, 0.2):
			mixed++
		}
	}
	assert.GreaterOrEqual(t, pairs, 25)
	assert.LessOrEqual(t, mixed, 4)
}
