//go:build bench

package tune_test

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/features"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/search"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/train"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// problem is the example as it is shipped, with trials that are judged by the validation rows or by folds.
type problem struct {
	spec   *pipeline.Spec
	folds  []*family.Request // one with the validation rows, or one for each fold
	family *trees.Trees
	known  map[string]float64 // loss by parameters: the same are not trained twice
}

const example = "../../examples/tumour/"

// newProblem brings the example's rows into a feature set. folds is 0 for the validation rows.
func newProblem(t *testing.T, folds int) *problem {
	t.Helper()
	text, err := os.ReadFile(example + "pipeline.yaml")
	require.NoError(t, err)
	data, err := os.ReadFile(example + "breast_cancer.csv")
	require.NoError(t, err)
	l := steptest.New(t, string(text)+fmt.Sprintf("tuning: {folds: %d, space: {maxDepth: {min: 1, max: 2}}}\n", folds))
	l.Drop("breast_cancer.csv", string(data), 0)
	o := l.Options("r1")
	o.Out = io.Discard
	require.NoError(t, etl.Run(t.Context(), o))
	require.NoError(t, features.Run(t.Context(), o))
	p := &problem{family: trees.New(xgboosttest.Open(t)), known: map[string]float64{}}
	p.spec, err = pipeline.Load(filepath.Join(l.Dir, "pipeline.yaml"))
	require.NoError(t, err)
	set, err := featureset.Read(t.Context(), l.Zone("features"), l.Run("r1").Features, p.spec,
		featureset.Selection{Folds: folds > 0})
	require.NoError(t, err)
	sets := []featureset.Set{set}
	if folds > 0 {
		sets, err = set.Folds(folds)
		require.NoError(t, err)
	}
	for _, set := range sets {
		p.folds = append(p.folds, train.Request(p.spec, set, nil))
	}
	return p
}

// loss trains with parameters.
func (p *problem) loss(t *testing.T, point search.Point) float64 {
	t.Helper()
	key := ""
	for _, name := range slices.Sorted(maps.Keys(point)) {
		key += point[name] + " "
	}
	if loss, ok := p.known[key]; ok {
		return loss
	}
	spec, err := p.spec.With(point)
	require.NoError(t, err)
	var folds []*family.Request
	for _, fold := range p.folds {
		own := *fold
		own.Spec = spec
		folds = append(folds, &own)
	}
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	_, loss, err := family.CrossValidate(t.Context(), p.family, folds, turns, nil)
	require.NoError(t, err)
	p.known[key] = loss
	return loss
}

// best runs a search of so many trials and gives its lowest loss.
func (p *problem) best(t *testing.T, tuning *pipeline.Tuning, trials int) float64 {
	t.Helper()
	s := search.New(tuning)
	var seen []search.Observation
	lowest := math.Inf(1)
	for i := range trials {
		point := s.Propose(i, seen)
		loss := p.loss(t, point)
		seen = append(seen, search.Observation{Point: point, Loss: loss})
		lowest = math.Min(lowest, loss)
	}
	return lowest
}

// spaces of four parameters, each with a grid of 200 points.
func spaces() map[string]map[string]pipeline.Range {
	between := func(low, high float64, log bool, steps int) pipeline.Range {
		return pipeline.Range{Min: &low, Max: &high, Log: log, Steps: steps}
	}
	return map[string]map[string]pipeline.Range{
		"wide": {"learningRate": between(0.03, 0.5, true, 5), "maxDepth": between(1, 8, false, 5),
			"l2": between(0.001, 10, true, 4), "minChildWeight": between(0.001, 10, true, 2)},
		"narrow": {"learningRate": between(0.05, 0.3, true, 5), "maxDepth": between(2, 6, false, 5),
			"l2": between(0.1, 10, true, 4), "minChildWeight": between(0.1, 10, true, 2)},
		"shallow": {"learningRate": between(0.1, 0.5, true, 5), "maxDepth": between(1, 4, false, 4),
			"l2": between(0.01, 1, true, 5), "minChildWeight": between(0.01, 1, true, 2)},
	}
}

// TestBayesianFindsInFortyTrialsWhatAGridNeedsTwoHundredFor compares the searches on the example in three spaces and
// prints what they find. Judged by folds, Bayesian search must find in all of them what the grid finds, and beat random
// search. Judged by the validation rows alone, of which the example has few, the lowest of many losses is luck as much
// as merit: these are printed beside. MLPATHWAY_TUNE_SEEDS is the number of seeds.
func TestBayesianFindsInFortyTrialsWhatAGridNeedsTwoHundredFor(t *testing.T) {
	t.Parallel()
	seeds := 10
	if text := os.Getenv("MLPATHWAY_TUNE_SEEDS"); text != "" {
		var err error
		seeds, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	for _, folds := range []int{5, 0} {
		p := newProblem(t, folds)
		for _, name := range slices.Sorted(maps.Keys(spaces())) {
			space := spaces()[name]
			grid := p.best(t, &pipeline.Tuning{Strategy: pipeline.GridSearch, Space: space}, 200)
			var bayesian, random []float64
			reached := 0
			for seed := range int64(seeds) {
				tuning := &pipeline.Tuning{Strategy: pipeline.BayesianSearch, Seed: seed + 1, Space: space}
				found := p.best(t, tuning, 40)
				if bayesian = append(bayesian, found); found <= grid {
					reached++
				}
				tuning.Strategy = pipeline.RandomSearch
				random = append(random, p.best(t, tuning, 40))
			}
			t.Logf("%d folds, %s, log loss: grid of 200 %.5f; bayesian, 40 trials, median %.5f, %d of %d reach the grid, %.5f; "+
				"random, 40 trials, median %.5f, %.5f", folds, name, grid, median(bayesian), reached, seeds, bayesian,
				median(random), random)
			if folds > 0 {
				assert.Less(t, median(bayesian), median(random), name)
				assert.LessOrEqual(t, median(bayesian), grid, "40 trials find what the grid finds in 200")
			}
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
