package optimize_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/quality"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/mlp"
	"github.com/mlpathway/mlpathway/training-image/optimize"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// measure gives a metric of a model on the test rows, and the size of its file.
func measure(t *testing.T, spec *pipeline.Spec, m family.Model, rows *featureset.Table) (metric float64, bytes int) {
	t.Helper()
	data, err := m.Marshal(nil)
	require.NoError(t, err)
	loaded, err := onnx.Load(data)
	require.NoError(t, err)
	out := make([]float32, loaded.Outputs()*rows.Rows())
	require.NoError(t, loaded.Predict(rows.Values, rows.Rows(), out))
	name := "accuracy"
	if spec.Task == pipeline.Regression {
		name = "r2"
	}
	return quality.Measure(spec.Task, out, rows.Labels)[name], len(data)
}

func TestAnOptimizedModelIsSmallerAndNearlyAsGood(t *testing.T) {
	t.Parallel()
	b, err := blas.Open()
	require.NoError(t, err)
	families := map[string]family.Family{"mlp": mlp.New(b), "trees": trees.New(xgboosttest.Open(t))}
	parameters := map[string]string{"mlp": "hidden: [64, 32], batchSize: 64, epochs: 15, learningRate: 0.005",
		"trees": "rounds: 50, maxDepth: 5, learningRate: 0.2"}
	for _, task := range []pipeline.Task{pipeline.Binary, pipeline.Multiclass, pipeline.Regression} {
		for name, c := range map[string]struct {
			family string
			o      pipeline.Optimize
			size   float64 // the largest share of the file
			loss   float64
		}{
			"static":         {"mlp", pipeline.Optimize{Quantize: pipeline.Static}, 0.5, 0.01},
			"dynamic":        {"mlp", pipeline.Optimize{Quantize: pipeline.Dynamic}, 0.5, 0.01},
			"pruned":         {"mlp", pipeline.Optimize{Prune: 0.5}, 0.6, 0.03},
			"pruned, 8 bits": {"mlp", pipeline.Optimize{Prune: 0.5, Quantize: pipeline.Static}, 0.4, 0.03},
			"trees":          {"trees", pipeline.Optimize{Prune: 0.5}, 0.6, 0.03},
		} {
			t.Run(string(task)+" "+name, func(t *testing.T) {
				t.Parallel()
				spec, set := familytest.Spec(t, task, c.family, parameters[c.family]), familytest.Set(task, 1500)
				spec.Model.Optimize = &c.o
				r := familytest.Request(spec, set)
				fitted, err := families[c.family].Fit(t.Context(), r)
				require.NoError(t, err)
				smaller, done, err := optimize.Model(t.Context(), r, fitted.Model)
				require.NoError(t, err)
				assert.NotEmpty(t, done)
				rows := set[registry.TestPart]
				was, large := measure(t, spec, fitted.Model, rows)
				is, small := measure(t, spec, smaller, rows)
				assert.LessOrEqual(t, float64(small), c.size*float64(large))
				assert.GreaterOrEqual(t, is, was-c.loss)
				again, _, err := optimize.Model(t.Context(), r, fitted.Model)
				require.NoError(t, err)
				assert.Equal(t, sum(t, smaller), sum(t, again), "the same model every time")
			})
		}
	}
}

func sum(t *testing.T, m family.Model) string {
	t.Helper()
	data, err := m.Marshal(nil)
	require.NoError(t, err)
	return registry.Sum(data)
}

// By hand: the split that changes least goes first, and the leaf in its place has the mean of the rows.
func TestTreesByHand(t *testing.T) {
	t.Parallel()
	e := &onnx.Ensemble{Task: onnx.Regression, Inputs: []string{"a"}, Base: []float32{0}}
	e.Trees = []onnx.Tree{{Nodes: []onnx.Node{
		{Feature: 0, Threshold: 10, Left: 1, Right: 2},
		{Feature: 0, Threshold: 5, Left: 3, Right: 4},
		{Feature: 0, Threshold: 15, Left: 5, Right: 6},
		{Left: -1, Right: -1, Leaf: 1}, {Left: -1, Right: -1, Leaf: 2},
		{Left: -1, Right: -1, Leaf: 10}, {Left: -1, Right: -1, Leaf: 20},
	}}}
	rows := &featureset.Table{Inputs: []string{"a"}, Values: []float32{1, 6, 7, 8, 11, 16}, Labels: make([]float32, 6)}
	p, err := optimize.Trees(e, rows, 0.34)
	require.NoError(t, err)
	predict := func(e *onnx.Ensemble, x float32) float32 {
		out := make([]float32, 1)
		e.Predict([]float32{x}, out)
		return out[0]
	}
	assert.InDelta(t, 1.75, predict(p, 1), 1e-6, "one row of 1 and three of 2")
	assert.InDelta(t, 1.75, predict(p, 9), 1e-6)
	assert.InDelta(t, 10, predict(p, 11), 0)
	assert.InDelta(t, 20, predict(p, 16), 0)
	p, err = optimize.Trees(e, rows, 0.99)
	require.NoError(t, err)
	assert.InDelta(t, 15, predict(p, 11), 1e-6, "two splits of three are gone")
	assert.InDelta(t, 2, predict(e, 6), 0, "the trained model stays as it is")
}
