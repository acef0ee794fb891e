package evaluate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/evaluate"
)

func TestTheGate(t *testing.T) {
	t.Parallel()
	accuracy := pipeline.Gate{Metric: "accuracy", Threshold: 0.9}
	rmse := pipeline.Gate{Metric: "rmse", Threshold: 10}
	off := false
	alone := pipeline.Gate{Metric: "accuracy", Threshold: 0.9, MustBeatCurrent: &off}
	metric := func(name string, values ...float64) *registry.Metrics {
		m := &registry.Metrics{Rows: 7, Candidate: map[string]float64{name: values[0]}}
		if len(values) > 1 {
			m.CurrentVersion, m.Current = "v1", map[string]float64{name: values[1]}
		}
		return m
	}
	unmeasured := &registry.Metrics{Candidate: map[string]float64{"accuracy": 1}, CurrentVersion: "v1"}
	for name, c := range map[string]struct {
		gate     pipeline.Gate
		metrics  *registry.Metrics
		against  string
		promoted bool
		reason   string
	}{
		"first":             {accuracy, metric("accuracy", 0.9), "", true, "no version is served yet"},
		"below":             {accuracy, metric("accuracy", 0.8999), "", false, "0.8999 on 7 test rows; at least 0.9000"},
		"better":            {accuracy, metric("accuracy", 0.95, 0.94), "", true, "better than 0.9400 of v1"},
		"worse":             {accuracy, metric("accuracy", 0.95, 0.96), "", false, "worse than 0.9600 of v1"},
		"equal":             {accuracy, metric("accuracy", 0.95, 0.95), "", true, "v1 has the same on the same rows"},
		"better and below":  {accuracy, metric("accuracy", 0.5, 0.4), "", false, "at least 0.9000"},
		"worse but alone":   {alone, metric("accuracy", 0.95, 0.96), "", true, "does not compare with v1"},
		"lower is better":   {rmse, metric("rmse", 9, 9.5), "", true, "at most 10.0000 is demanded; that is better"},
		"higher is worse":   {rmse, metric("rmse", 9, 8.5), "", false, "worse than 8.5000"},
		"above the bar":     {rmse, metric("rmse", 10.1), "", false, "rmse 10.1000 on 7 test rows; at most 10.0000"},
		"undefined":         {accuracy, metric("f1", 1), "", false, "accuracy cannot be computed on these 7 test rows"},
		"current undefined": {accuracy, unmeasured, "", false, "cannot be computed for v1"},
		"incomparable": {accuracy, unmeasured,
			`its input "x" is gone`, true, `v1 could not be compared: its input "x" is gone`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := evaluate.Decide(c.gate, c.metrics, c.against)
			assert.Equal(t, c.promoted, got.Promoted)
			assert.Contains(t, got.Reason, c.reason)
		})
	}
}
