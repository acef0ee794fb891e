package mlp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
	"github.com/mlpathway/mlpathway/training-image/mlp"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	system, err := blas.Open()
	require.NoError(t, err)
	for _, b := range []*blas.BLAS{system, blas.Go()} {
		t.Run(b.Name(), func(t *testing.T) {
			t.Parallel()
			familytest.Run(t, familytest.Case{Family: mlp.New(b), Name: "mlp",
				Parameters: "hidden: [16, 8], batchSize: 32, epochs: 40, learningRate: 0.01, earlyStopping: 8",
				Least:      map[pipeline.Task]float64{pipeline.Binary: 0.9, pipeline.Multiclass: 0.86, pipeline.Regression: 0.88}})
		})
	}
}
