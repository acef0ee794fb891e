package train_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/train"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

func spec(t *testing.T, task, label, parameters string) *pipeline.Spec {
	t.Helper()
	metric := map[string]string{"regression": "rmse"}[task]
	if metric == "" {
		metric = "accuracy"
	}
	s, err := pipeline.Parse("pipeline.yaml", fmt.Appendf(nil, `
name: m
task: %s
source: {columns: [{name: a, type: float}, {name: b, type: float, optional: true}, {name: y, %s}]}
label: y
model: {parameters: {%s}}
gate: {metric: %s, threshold: 0}
`, task, label, parameters, metric))
	require.NoError(t, err)
	return s
}

// set makes a feature set of two inputs with missing values; y gives the label.
func set(rows int, y func(a, b float64) float64) featureset.Set {
	random := rand.New(rand.NewPCG(3, 4))
	s := featureset.Set{}
	for i, part := range []string{registry.TrainPart, registry.ValidationPart, registry.TestPart} {
		t := &featureset.Table{Inputs: []string{"a", "b"}}
		for range rows / (i + 1) {
			a, b := random.NormFloat64(), random.NormFloat64()
			t.Labels = append(t.Labels, float32(y(a, b)))
			if random.Float64() < 0.1 {
				b = math.NaN()
			}
			t.Values = append(t.Values, float32(a), float32(b))
		}
		s[part] = t
	}
	return s
}

func quiet(string, ...any) {}

func above(a, b float64) float64 {
	if a+b > 0 {
		return 1
	}
	return 0
}

const twoClasses = "type: category, values: [no, yes]"

func TestFitIsRepeatableAndStopsEarly(t *testing.T) {
	t.Parallel()
	l := xgboosttest.Open(t)
	s := spec(t, "binary", twoClasses, "rounds: 400, learningRate: 0.3, earlyStopping: 10, subsample: 0.7")
	data := set(400, above)
	var said []string
	one, err := train.Fit(t.Context(), l, s, data, func(format string, args ...any) {
		said = append(said, fmt.Sprintf(format, args...))
	})
	require.NoError(t, err)
	two, err := train.Fit(t.Context(), l, s, data, quiet)
	require.NoError(t, err)
	bytes1, err := one.Ensemble.Marshal(nil)
	require.NoError(t, err)
	bytes2, err := two.Ensemble.Marshal(nil)
	require.NoError(t, err)
	assert.Equal(t, registry.Sum(bytes1), registry.Sum(bytes2))
	assert.Less(t, one.Rounds, 100)
	assert.NotContains(t, strings.Join(said, "\n"), "round 200:", "training ends where it brings nothing")
	assert.Len(t, one.Ensemble.Trees, one.Rounds, "later trees are cut off")
	assert.InDelta(t, 1, one.Importance["a"]+one.Importance["b"], 1e-9)

	s.Model.Seed = 2
	other, err := train.Fit(t.Context(), l, s, data, quiet)
	require.NoError(t, err)
	bytes3, err := other.Ensemble.Marshal(nil)
	require.NoError(t, err)
	assert.NotEqual(t, registry.Sum(bytes1), registry.Sum(bytes3), "the seed counts")
}

func TestWithoutEarlyStoppingAllRoundsAreKept(t *testing.T) {
	t.Parallel()
	s := spec(t, "regression", "type: float", "rounds: 60, learningRate: 1, earlyStopping: 0")
	data := set(200, func(a, b float64) float64 { return 50 + 10*a*b })
	fit, err := train.Fit(t.Context(), xgboosttest.Open(t), s, data, quiet)
	require.NoError(t, err)
	assert.Equal(t, 60, fit.Rounds)
	assert.InDelta(t, 50, fit.Ensemble.Base[0], 5, "a regression starts at the mean")
}

func TestMulticlassLearns(t *testing.T) {
	t.Parallel()
	s := spec(t, "multiclass", "type: category, values: [x, y, z]", "rounds: 50, maxDepth: 3")
	data := set(600, func(a, _ float64) float64 { return math.Min(2, math.Floor(math.Abs(2*a))) })
	fit, err := train.Fit(t.Context(), xgboosttest.Open(t), s, data, quiet)
	require.NoError(t, err)
	assert.Len(t, fit.Ensemble.Trees, 3*fit.Rounds)
	assert.Less(t, fit.Loss, 0.2)
}

func TestFitStopsWhenTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := train.Fit(ctx, xgboosttest.Open(t), spec(t, "binary", twoClasses, "rounds: 5"), set(50, above), quiet)
	require.ErrorIs(t, err, context.Canceled)
}

func TestErrorsOfTheLibraryReachTheCaller(t *testing.T) {
	t.Parallel()
	data := set(50, func(_, _ float64) float64 { return 3 })
	_, err := train.Fit(t.Context(), xgboosttest.Open(t), spec(t, "binary", twoClasses, "rounds: 5"), data, quiet)
	require.ErrorContains(t, err, "label must be in [0,1]")
}

func TestLosses(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, math.Log(2), train.Loss(pipeline.Binary, []float32{0, 0}, []float32{0, 1}), 1e-9)
	assert.InDelta(t, 500, train.Loss(pipeline.Binary, []float32{1000, 0}, []float32{0, 1}), 1, "nothing overflows")
	assert.InDelta(t, math.Log(3), train.Loss(pipeline.Multiclass, []float32{5, 5, 5}, []float32{2}), 1e-9)
	assert.InDelta(t, 1000, train.Loss(pipeline.Multiclass, []float32{1000, 0}, []float32{1}), 1e-3)
	assert.InDelta(t, 5, train.Loss(pipeline.Regression, []float32{3, 4}, []float32{10, 5}), 1e-6)
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	var values []float64
	for i := range 100 {
		values = append(values, float64((i*37)%100))
	}
	d := train.Describe("x", append(values, math.NaN(), math.NaN()))
	assert.Equal(t, "x", d.Name)
	assert.Equal(t, []float64{10, 20, 30, 40, 50, 60, 70, 80, 90}, d.Edges)
	assert.Equal(t, []int{10, 10, 10, 10, 10, 10, 10, 10, 10, 10}, d.Counts, "equal shares")
	assert.Equal(t, 2, d.Missing)
	assert.InDelta(t, 49.5, d.Mean, 1e-9)
	assert.InDelta(t, 28.866, d.StandardDeviation, 1e-3)

	flag := train.Describe("flag", []float64{1, 0, 0, 1, 1, 1, 1, 1, 1, 1})
	assert.Equal(t, []float64{1}, flag.Edges)
	assert.Equal(t, []int{2, 8}, flag.Counts)

	same := train.Describe("same", []float64{4, 4, 4})
	assert.Empty(t, same.Edges)
	assert.Equal(t, []int{3}, same.Counts)
	assert.InDelta(t, 0, same.StandardDeviation, 0)

	none := train.Describe("none", []float64{math.NaN()})
	assert.Equal(t, registry.Distribution{Name: "none", Edges: []float64{}, Counts: []int{0}, Missing: 1}, none)
}
