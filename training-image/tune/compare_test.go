//go:build bench

package tune_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/search"
	"github.com/mlpathway/mlpathway/training-image/train"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// problem is the example with a space of five parameters.
type problem struct {
	spec   *pipeline.Spec
	set    featureset.Set
	family *trees.Trees
	known  map[string]float64 // loss by parameters: the same are not trained twice
}

const example = "../../examples/tumour/"

func newProblem(t *testing.T) *problem {
	t.Helper()
	spec, err := pipeline.Load(example + "pipeline.yaml")
	require.NoError(t, err)
	// Without draws the loss is the smoother a function of the parameters, and luck counts less.
	spec, err = spec.With(map[string]string{"rounds": "150", "earlyStopping": "20", "subsample": "1", "columnSample": "1"})
	require.NoError(t, err)
	data, err := os.ReadFile(example + "breast_cancer.csv")
	require.NoError(t, err)
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	p := &problem{spec: spec, set: featureset.Set{}, family: trees.New(xgboosttest.Open(t)), known: map[string]float64{}}
	header := records[0]
	random := rand.New(rand.NewPCG(1, 1))
	for _, part := range []string{registry.TrainPart, registry.ValidationPart} {
		p.set[part] = &featureset.Table{Inputs: header[1 : len(header)-1]}
	}
	for _, record := range records[1:] {
		rows := p.set[registry.TrainPart]
		if random.Float64() < 0.4 {
			rows = p.set[registry.ValidationPart]
		}
		for _, text := range record[1 : len(record)-1] {
			x, err := strconv.ParseFloat(text, 32)
			require.NoError(t, err)
			rows.Values = append(rows.Values, float32(x))
		}
		rows.Labels = append(rows.Labels, float32(slices.Index(spec.Classes(), record[len(record)-1])))
	}
	return p
}

// loss trains with parameters.
func (p *problem) loss(t *testing.T, point search.Point) float64 {
	t.Helper()
	key := ""
	for _, name := range slices.Sorted(mapsKeys(point)) {
		key += point[name] + " "
	}
	if loss, ok := p.known[key]; ok {
		return loss
	}
	spec, err := p.spec.With(point)
	require.NoError(t, err)
	fitted, err := p.family.Fit(t.Context(), train.Request(spec, p.set, nil))
	require.NoError(t, err)
	p.known[key] = fitted.Loss
	return fitted.Loss
}

func mapsKeys(m search.Point) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
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
// prints what they find: Bayesian search must beat random search in all, and the grid in the wide one.
// MLPATHWAY_TUNE_SEEDS is the number of seeds.
func TestBayesianFindsInFortyTrialsWhatAGridNeedsTwoHundredFor(t *testing.T) {
	t.Parallel()
	seeds := 10
	if text := os.Getenv("MLPATHWAY_TUNE_SEEDS"); text != "" {
		var err error
		seeds, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	p := newProblem(t)
	for name, space := range spaces() {
		grid := p.best(t, &pipeline.Tuning{Strategy: pipeline.GridSearch, Space: space}, 200)
		var bayesian, random []float64
		for seed := range int64(seeds) {
			tuning := &pipeline.Tuning{Strategy: pipeline.BayesianSearch, Seed: seed + 1, Space: space}
			bayesian = append(bayesian, p.best(t, tuning, 40))
			tuning.Strategy = pipeline.RandomSearch
			random = append(random, p.best(t, tuning, 40))
		}
		t.Logf("%s, validation log loss: grid of 200 %.5f; bayesian, 40 trials, median %.5f of %.5f; random, 40 trials, "+
			"median %.5f of %.5f", name, grid, median(bayesian), bayesian, median(random), random)
		assert.Less(t, median(bayesian), median(random), name)
		if name == "wide" { // in the others the loss is too rough: two hundred tickets win more than forty
			assert.LessOrEqual(t, median(bayesian), grid, "40 trials find what the grid finds in 200")
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
