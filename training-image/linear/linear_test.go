package linear_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
	"github.com/mlpathway/mlpathway/training-image/linear"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	system, err := blas.Open()
	require.NoError(t, err)
	for _, b := range []*blas.BLAS{system, blas.Go()} {
		t.Run(b.Name(), func(t *testing.T) {
			t.Parallel()
			familytest.Run(t, familytest.Case{Family: linear.New(b), Name: "linear", Parameters: "l2: 1",
				Least: map[pipeline.Task]float64{pipeline.Binary: 0.92, pipeline.Multiclass: 0.88, pipeline.Regression: 0.9}})
		})
	}
}

// The weights of a model grow smaller with the L2 parameter; in a linear regression that of a standardized column that
// hangs together with no other is divided by 1 + l2/rows.
func TestL2ShrinksTheWeights(t *testing.T) {
	t.Parallel()
	for _, task := range []pipeline.Task{pipeline.Binary, pipeline.Regression} {
		set := familytest.Set(task, 600)
		first := func(l2 string) float64 {
			s := familytest.Spec(t, task, "linear", "l2: "+l2)
			fit, err := linear.New(blas.Go()).Fit(t.Context(), familytest.Request(s, set))
			require.NoError(t, err)
			return float64(fit.Model.(*onnx.Network).Layers[0].Weights[0])
		}
		none, some, much := first("0"), first("100"), first("10000")
		assert.Less(t, 1.05*some, none, "%s", task)
		assert.Less(t, 2*much, some, "%s", task)
		if task == pipeline.Regression {
			assert.InEpsilon(t, none/(1+100.0/600), some, 0.1)
			assert.InEpsilon(t, none/(1+10000.0/600), much, 0.2)
		}
	}
}
