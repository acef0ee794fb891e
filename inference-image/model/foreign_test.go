//go:build !onnxruntime

package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Without ONNX Runtime the program says that it is missing, and for what.
func checkForeign(t *testing.T, v *registry.Version) {
	t.Helper()
	_, err := model.New(v)
	require.ErrorIs(t, err, model.ErrForeign)
	require.ErrorContains(t, err, "it has the operators Relu; use the image inference-image:onnxruntime")
}

// foreignSays is what is said of a model whose weights lie in another file.
const foreignSays = "needs ONNX Runtime"
