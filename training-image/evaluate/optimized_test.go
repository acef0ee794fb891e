package evaluate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/evaluate"
)

func TestAnOptimizedModelThatLosesTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	tolerance := 0.01
	for name, c := range map[string]struct {
		metric          string
		threshold, a, b float64
		accepted        bool
		reason          string
	}{
		"as good":          {"accuracy", 0.9, 0.95, 0.95, true, "taken: accuracy is 0.9500 and was 0.9500"},
		"better":           {"accuracy", 0.9, 0.95, 0.96, true, "taken"},
		"a little less":    {"accuracy", 0.9, 0.95, 0.941, true, "it may lose 0.01"},
		"too much":         {"accuracy", 0.9, 0.95, 0.93, false, "refused: accuracy is 0.9300 and was 0.9500"},
		"below the gate":   {"accuracy", 0.9, 0.905, 0.899, false, "the threshold 0.9 of the gate is not reached any more"},
		"neither passes":   {"accuracy", 0.99, 0.905, 0.899, true, "taken"},
		"rmse":             {"rmse", 10, 5, 5.005, true, "taken"},
		"rmse too high":    {"rmse", 10, 5, 5.02, false, "refused"},
		"above the gate":   {"rmse", 10, 9.999, 10.001, false, "not reached any more"},
		"not to be judged": {"auc", 0, 1, 1, false, "auc cannot be computed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := &pipeline.Spec{Gate: pipeline.Gate{Metric: c.metric, Threshold: c.threshold},
				Model: pipeline.Model{Optimize: &pipeline.Optimize{Tolerance: &tolerance}}}
			measured := func(x float64) *registry.Measured {
				if c.metric == "auc" {
					return &registry.Measured{}
				}
				return &registry.Measured{Metrics: map[string]float64{c.metric: x}}
			}
			o := evaluate.Compare(spec, "8 bits", measured(c.a), measured(c.b))
			assert.Equal(t, c.accepted, o.Accepted)
			assert.Contains(t, o.Reason, c.reason)
			assert.Equal(t, "8 bits", o.Done)
		})
	}
}
