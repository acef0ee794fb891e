//go:build onnxruntime

package model_test

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/onnxruntime"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// foreignSays is what is said of a model whose weights lie in another file.
const foreignSays = "reading the ONNX model"

func needLibrary(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, os.Getenv(onnxruntime.Variable), "set it to ONNX Runtime's library; make clients brings one")
}

// With ONNX Runtime it computes.
func checkForeign(t *testing.T, v *registry.Version) {
	t.Helper()
	needLibrary(t)
	m, err := model.New(v)
	require.NoError(t, err)
	out := make([]float32, 6)
	require.NoError(t, m.Predict([]float32{1, -2, 3, -4, 5, -6}, 2, out))
	assert.Equal(t, []float32{1, 0, 3, 0, 5, 0}, out)
	v.Manifest.Inputs = v.Manifest.Inputs[1:]
	_, err = model.New(v)
	require.ErrorIs(t, err, model.ErrSchema, "the manifest has fewer inputs")
	v.Model = v.Model[:len(v.Model)-3]
	_, err = model.New(v)
	require.Error(t, err)
}

// What this project writes means the same to ONNX Runtime: trees and networks, in 32 and in 8 bits.
func TestONNXRuntimeAgrees(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	for _, task := range tasks {
		for seed := range uint64(5) {
			s := onnxtest.Shape{Task: task, Inputs: 9}
			network := onnxtest.Network(seed, s, 40, 7)
			rows := onnxtest.Vectors(seed, 9, 100, 0.1)
			coded := onnxtest.Network(seed, s, 40, 7)
			onnxtest.Categories(seed, coded, 3)
			for i, row := range rows {
				row[0] = float32(i % 4) // a value that is none of the category, too
			}
			dynamic, err := coded.QuantizeDynamic()
			require.NoError(t, err)
			quantized, err := network.Quantize(rows)
			require.NoError(t, err)
			for kind, e := range map[string]inferencetest.Predictor{"trees": onnxtest.Ensemble(seed, s), "network": network,
				"int8": quantized, "categories": coded, "dynamic": dynamic} {
				v := inferencetest.VersionOf(t, "v1", e)
				native, err := model.New(v)
				require.NoError(t, err)
				theirs, err := model.NewForeign(v)
				require.NoError(t, err, "%s %s", task, kind)
				var flat []float32
				for _, row := range rows {
					flat = append(flat, row...)
				}
				want, got := make([]float32, len(rows)*native.Outputs()), make([]float32, len(rows)*native.Outputs())
				require.NoError(t, native.Predict(flat, len(rows), want))
				for i := range rows { // the ranges of "dynamic" are those of the rows of one call
					n := native.Outputs()
					require.NoError(t, theirs.Predict(rows[i], 1, got[i*n:(i+1)*n]))
				}
				worst := 0.0
				for i := range want {
					worst = max(worst, math.Abs(float64(want[i]-got[i])))
				}
				assert.LessOrEqual(t, worst, 2e-6, "%s %s", task, kind)
			}
		}
	}
}
