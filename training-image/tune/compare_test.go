//go:build bench

package tune_test

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
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
	key := fmt.Sprint(point)
	if _, ok := p.known[key]; !ok {
		p.known[key] = p.judge(t, point, p.folds)
	}
	return p.known[key]
}

func (p *problem) judge(t *testing.T, point search.Point, by []*family.Request) float64 {
	t.Helper()
	spec, err := p.spec.With(point)
	require.NoError(t, err)
	var folds []*family.Request
	for _, fold := range by {
		own := *fold
		own.Spec = spec
		folds = append(folds, &own)
	}
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	_, loss, err := family.CrossValidate(t.Context(), p.family, folds, turns, nil)
	require.NoError(t, err)
	return loss
}

// anew judges parameters by five folds that are drawn anew, ten times: by other ones than the search has seen.
func (p *problem) anew(t *testing.T, point search.Point) float64 {
	t.Helper()
	const times = 10
	key, sum := "anew "+fmt.Sprint(point), 0.0
	if loss, ok := p.known[key]; ok {
		return loss
	}
	for seed := range uint64(times) {
		sum += p.judge(t, point, divided(p.folds[0], 5, seed))
	}
	p.known[key] = sum / times
	return sum / times
}

// divided draws folds of the rows of a request.
func divided(r *family.Request, n int, seed uint64) []*family.Request {
	random := rand.New(rand.NewPCG(seed, 0))
	folds := make([]*family.Request, n)
	for i := range folds {
		folds[i] = &family.Request{Train: &featureset.Table{Inputs: r.Train.Inputs},
			Validation: &featureset.Table{Inputs: r.Train.Inputs}}
	}
	for _, rows := range []*featureset.Table{r.Train, r.Validation} {
		for row := range rows.Rows() {
			held := random.IntN(n)
			for i, fold := range folds {
				to := fold.Train
				if i == held {
					to = fold.Validation
				}
				to.Values, to.Labels = append(to.Values, rows.Row(row)...), append(to.Labels, rows.Labels[row])
			}
		}
	}
	return folds
}

// best runs a search of so many trials and gives the lowest loss, and where it is.
func (p *problem) best(t *testing.T, tuning *pipeline.Tuning, trials int) (float64, search.Point) {
	t.Helper()
	s := search.New(tuning)
	var seen []search.Observation
	for i := range trials {
		point := s.Propose(i, seen)
		seen = append(seen, search.Observation{Point: point, Loss: p.loss(t, point)})
	}
	best := slices.MinFunc(seen, func(a, b search.Observation) int { return cmp.Compare(a.Loss, b.Loss) })
	return best.Loss, best.Point
}

// found is what searches with several seeds have found: the lowest losses, and what new folds say of the same.
type found struct{ losses, anew []float64 }

func (p *problem) search(t *testing.T, strategy pipeline.Strategy, space map[string]pipeline.Range, trials, seeds int,
) (f found) {
	t.Helper()
	for seed := range int64(seeds) {
		loss, point := p.best(t, &pipeline.Tuning{Strategy: strategy, Seed: seed + 1, Space: space}, trials)
		f.losses, f.anew = append(f.losses, loss), append(f.anew, p.anew(t, point))
	}
	return f
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
// prints what they find. Judged by folds, Bayesian search must find in all of them what the grid finds, and beat
// random search. Beside it stand what folds that are drawn anew say of the same parameters, and searches that the few
// validation rows of the example judge. MLPATHWAY_TUNE_SEEDS is the number of seeds.
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
			grid := p.search(t, pipeline.GridSearch, space, 200, 1)
			bayesian := p.search(t, pipeline.BayesianSearch, space, 40, seeds)
			random := p.search(t, pipeline.RandomSearch, space, 40, seeds)
			lowest, reached := grid.losses[0], 0
			for _, loss := range bayesian.losses {
				if loss <= lowest {
					reached++
				}
			}
			t.Logf("%s, %d folds, log loss (judged anew): grid of 200 %.5f (%.4f); 40 trials, medians of %d seeds: "+
				"bayesian %.5f (%.4f), %d reach the grid; random %.5f (%.4f)", name, folds, lowest, grid.anew[0], seeds,
				median(bayesian.losses), median(bayesian.anew), reached, median(random.losses), median(random.anew))
			if folds > 0 {
				assert.Less(t, median(bayesian.losses), median(random.losses), name)
				assert.LessOrEqual(t, median(bayesian.losses), lowest, "40 trials find what the grid finds in 200")
			}
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
