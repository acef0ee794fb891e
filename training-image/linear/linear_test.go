package linear_test

import (
	"testing"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
	"github.com/mlpathway/mlpathway/training-image/linear"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	familytest.Run(t, familytest.Case{Family: linear.Linear{}, Name: "linear", Parameters: "l2: 1",
		Least: map[pipeline.Task]float64{pipeline.Binary: 0.92, pipeline.Multiclass: 0.88, pipeline.Regression: 0.9}})
}
