package trees

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

func TestVerifyRefusesAModelThatAnswersOtherwise(t *testing.T) {
	t.Parallel()
	leaf := []onnx.Node{{Left: -1, Right: -1, Leaf: 2}}
	number := &onnx.Ensemble{Task: onnx.Regression, Inputs: []string{"a"}, Base: []float32{1},
		Trees: []onnx.Tree{{Nodes: leaf}}}
	rows := &featureset.Table{Inputs: []string{"a"}, Values: []float32{0, 0}, Labels: []float32{0, 0}}
	require.NoError(t, verify(number, rows, []float32{3, 3}))
	require.ErrorIs(t, verify(number, rows, []float32{3, 3.00001}), errDiffers)

	class := *number
	class.Task, class.Classes, class.Base = onnx.Binary, []string{"no", "yes"}, []float32{-2}
	require.NoError(t, verify(&class, rows, []float32{0.5, 0.5}), "XGBoost gives the second probability only")
	require.ErrorIs(t, verify(&class, rows, []float32{0.5, 0.50001}), errDiffers)
	nan := float32(0)
	require.ErrorIs(t, verify(&class, rows, []float32{0.5, nan / nan}), errDiffers)
}
