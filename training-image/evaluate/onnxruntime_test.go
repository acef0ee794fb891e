//go:build onnxruntime

package evaluate_test

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnxruntime"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/linear"
	"github.com/mlpathway/mlpathway/training-image/mlp"
	"github.com/mlpathway/mlpathway/training-image/optimize"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// What is trained means the same to ONNX Runtime: every family, task and optimized form, on rows with missing values.
func TestONNXRuntimeAgreesWithWhatIsTrained(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, os.Getenv(onnxruntime.Variable), "set it to ONNX Runtime's library; make clients brings one")
	b, err := blas.Open()
	require.NoError(t, err)
	families := map[string]struct {
		family     family.Family
		parameters string
		forms      map[string]pipeline.Optimize
	}{
		"linear": {linear.New(b), "", nil},
		"trees": {trees.New(xgboosttest.Open(t)), "rounds: 40, maxDepth: 5, learningRate: 0.2",
			map[string]pipeline.Optimize{"pruned": {Prune: 0.5}}},
		"mlp": {mlp.New(b), "hidden: [32, 16], batchSize: 64, epochs: 10, learningRate: 0.005",
			map[string]pipeline.Optimize{"pruned": {Prune: 0.5}, "static": {Quantize: pipeline.Static},
				"dynamic": {Quantize: pipeline.Dynamic}, "both": {Prune: 0.5, Quantize: pipeline.Static}}},
	}
	for name, f := range families {
		for _, task := range []pipeline.Task{pipeline.Binary, pipeline.Multiclass, pipeline.Regression} {
			t.Run(name+" "+string(task), func(t *testing.T) {
				t.Parallel()
				spec, set := familytest.Spec(t, task, name, f.parameters), familytest.Set(task, 900)
				r := familytest.Request(spec, set)
				fitted, err := f.family.Fit(t.Context(), r)
				require.NoError(t, err)
				agrees(t, fitted.Model, set[registry.TestPart])
				for form, o := range f.forms {
					spec.Model.Optimize = &o
					smaller, done, err := optimize.Model(t.Context(), r, fitted.Model)
					require.NoError(t, err)
					require.NotEmpty(t, done, form)
					agrees(t, smaller, set[registry.TestPart])
				}
			})
		}
	}
}

// agrees demands that ONNX Runtime answers as we do, up to the rounding of sums in another order.
func agrees(t *testing.T, m family.Model, rows *featureset.Table) {
	t.Helper()
	data, err := m.Marshal(map[string]string{"dataVersion": "d"})
	require.NoError(t, err)
	own, err := onnx.Load(data)
	require.NoError(t, err)
	n := own.Outputs()
	theirs, err := onnxruntime.Open(data, len(rows.Inputs), n)
	require.NoError(t, err)
	want, got := make([]float32, n), make([]float32, n)
	missing, spread := 0, map[float32]bool{}
	for i := range rows.Rows() {
		require.NoError(t, own.Predict(rows.Row(i), 1, want))
		require.NoError(t, theirs.Predict(rows.Row(i), 1, got))
		for k := range want {
			require.InDelta(t, want[k], got[k], 5e-6*max(1, math.Abs(float64(want[k]))), "row %v", rows.Row(i))
		}
		spread[want[0]] = true
		if math.IsNaN(float64(rows.Row(i)[1])) {
			missing++
		}
	}
	assert.Greater(t, missing, 10)
	assert.Greater(t, len(spread), 10, "the model tells rows apart")
}
