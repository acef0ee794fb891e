package model_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

var tasks = []string{onnx.Binary, onnx.Multiclass, onnx.Regression}

// Trees, networks in 32 bits and networks in 8 bits come out of the registry with the bits that the trainer computes.
func TestNativeModels(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	for _, task := range tasks {
		s := onnxtest.Shape{Task: task, Inputs: 9}
		network := onnxtest.Network(2, s, 40, 7)
		rows := onnxtest.Vectors(3, 9, 70, 0.1)
		quantized, err := network.Quantize(rows)
		require.NoError(t, err)
		for kind, e := range map[string]inferencetest.Predictor{"trees": onnxtest.Ensemble(2, s), "network": network,
			"int8": quantized} {
			version := task + "-" + kind
			l.Register(inferencetest.VersionOf(t, version, e))
			m, err := model.Load(t.Context(), l.Registry, inferencetest.Model, version)
			require.NoError(t, err, version)
			var flat, want []float32
			for _, row := range rows {
				out := make([]float32, m.Outputs())
				e.Predict(row, out)
				flat, want = append(flat, row...), append(want, out...)
			}
			got := make([]float32, len(want))
			require.NoError(t, m.Predict(flat, len(rows), got))
			assert.Equal(t, want, got, version)
		}
	}
}

func TestANetworkThatIsNotTheManifests(t *testing.T) {
	t.Parallel()
	v := inferencetest.VersionOf(t, "v1", onnxtest.Network(1, onnxtest.Shape{}, 4))
	v.Manifest.Inputs[0].Name = "other"
	_, err := model.New(v)
	require.ErrorIs(t, err, model.ErrSchema)
}

func TestForeignModels(t *testing.T) {
	t.Parallel()
	v := inferencetest.Version(t, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Task: onnx.Multiclass, Inputs: 3}))
	v.Model = onnxtest.Relu(3)
	kind, operators, err := onnx.Look(v.Model)
	require.NoError(t, err)
	assert.Equal(t, onnx.Foreign, kind)
	assert.Equal(t, []string{"Relu"}, operators)
	checkForeign(t, v)
}
