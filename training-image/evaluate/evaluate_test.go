package evaluate_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/evaluate"
)

// binary turns probabilities of class 1 into predictions.
func binary(ps ...float32) []float32 {
	var out []float32
	for _, p := range ps {
		out = append(out, 1-p, p)
	}
	return out
}

func TestBinaryMetrics(t *testing.T) {
	t.Parallel()
	labels := []float32{1, 1, 1, 0, 0, 0}
	predictions := binary(0.9, 0.6, 0.3, 0.6, 0.2, 0.1)
	got := evaluate.Measure(pipeline.Binary, predictions, labels)
	assert.InDelta(t, 4.0/6, got["accuracy"], 1e-9)
	assert.InDelta(t, 2*2.0/(2*2+1+1), got["f1"], 1e-9)
	assert.InDelta(t, (3+2.5+2)/9, got["auc"], 1e-9, "0.9 beats all three, 0.6 beats two and ties one, 0.3 beats two")
	want := 0.0
	for _, p := range []float64{0.9, 0.6, 0.3, 0.4, 0.8, 0.9} {
		want -= math.Log(p) / 6
	}
	assert.InDelta(t, want, got["logloss"], 1e-6)
	assert.Equal(t, [][]int{{2, 1}, {1, 2}}, evaluate.Confusion(pipeline.Binary, 2, predictions, labels))
}

func TestWhatRowsDoNotDefineIsLeftOut(t *testing.T) {
	t.Parallel()
	got := evaluate.Measure(pipeline.Binary, binary(0.9, 0.8), []float32{1, 1})
	assert.NotContains(t, got, "auc", "one class has no AUC")
	assert.InDelta(t, 1, got["accuracy"], 0)
	got = evaluate.Measure(pipeline.Binary, binary(0, 1), []float32{1, 0})
	assert.Greater(t, got["logloss"], 10.0)
	assert.False(t, math.IsInf(got["logloss"], 0))
	assert.InDelta(t, 0, got["f1"], 0)
	assert.InDelta(t, 0, got["auc"], 0)
	got = evaluate.Measure(pipeline.Regression, []float32{1, 2}, []float32{3, 3})
	assert.NotContains(t, got, "r2", "equal numbers have no spread")
	assert.Empty(t, evaluate.Measure(pipeline.Binary, nil, nil))
}

func TestMulticlassMetrics(t *testing.T) {
	t.Parallel()
	predictions := []float32{0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.5, 0.25, 0.25, 0.2, 0.5, 0.3}
	labels := []float32{0, 1, 2, 1}
	got := evaluate.Measure(pipeline.Multiclass, predictions, labels)
	assert.InDelta(t, 0.75, got["accuracy"], 1e-9)
	assert.InDelta(t, (2.0/3+1+0)/3, got["f1"], 1e-9)
	assert.InDelta(t, -(math.Log(0.7)+math.Log(0.8)+math.Log(0.25)+math.Log(0.5))/4, got["logloss"], 1e-6)
	assert.NotContains(t, got, "auc")
	assert.Equal(t, [][]int{{1, 0, 0}, {0, 2, 0}, {1, 0, 0}},
		evaluate.Confusion(pipeline.Multiclass, 3, predictions, labels))
}

func TestRegressionMetrics(t *testing.T) {
	t.Parallel()
	got := evaluate.Measure(pipeline.Regression, []float32{1, 2, 3, 6}, []float32{1, 2, 3, 2})
	assert.InDelta(t, 2, got["rmse"], 1e-9)
	assert.InDelta(t, 1, got["mae"], 1e-9)
	assert.InDelta(t, 1-16.0/2, got["r2"], 1e-9)
	assert.Len(t, got, 3)
	assert.Nil(t, evaluate.Confusion(pipeline.Regression, 0, nil, nil))
}

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
