package quality_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/quality"
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
	got := quality.Measure(pipeline.Binary, predictions, labels)
	assert.InDelta(t, 4.0/6, got["accuracy"], 1e-9)
	assert.InDelta(t, 2*2.0/(2*2+1+1), got["f1"], 1e-9)
	assert.InDelta(t, (3+2.5+2)/9, got["auc"], 1e-9, "0.9 beats all three, 0.6 beats two and ties one, 0.3 beats two")
	want := 0.0
	for _, p := range []float64{0.9, 0.6, 0.3, 0.4, 0.8, 0.9} {
		want -= math.Log(p) / 6
	}
	assert.InDelta(t, want, got["logloss"], 1e-6)
	assert.Equal(t, [][]int{{2, 1}, {1, 2}}, quality.Confusion(pipeline.Binary, 2, predictions, labels))
}

func TestWhatRowsDoNotDefineIsLeftOut(t *testing.T) {
	t.Parallel()
	got := quality.Measure(pipeline.Binary, binary(0.9, 0.8), []float32{1, 1})
	assert.NotContains(t, got, "auc", "one class has no AUC")
	assert.InDelta(t, 1, got["accuracy"], 0)
	got = quality.Measure(pipeline.Binary, binary(0, 1), []float32{1, 0})
	assert.Greater(t, got["logloss"], 10.0)
	assert.False(t, math.IsInf(got["logloss"], 0))
	assert.InDelta(t, 0, got["f1"], 0)
	assert.InDelta(t, 0, got["auc"], 0)
	got = quality.Measure(pipeline.Regression, []float32{1, 2}, []float32{3, 3})
	assert.NotContains(t, got, "r2", "equal numbers have no spread")
	assert.Empty(t, quality.Measure(pipeline.Binary, nil, nil))
}

func TestMulticlassMetrics(t *testing.T) {
	t.Parallel()
	predictions := []float32{0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.5, 0.25, 0.25, 0.2, 0.5, 0.3}
	labels := []float32{0, 1, 2, 1}
	got := quality.Measure(pipeline.Multiclass, predictions, labels)
	assert.InDelta(t, 0.75, got["accuracy"], 1e-9)
	assert.InDelta(t, (2.0/3+1+0)/3, got["f1"], 1e-9)
	assert.InDelta(t, -(math.Log(0.7)+math.Log(0.8)+math.Log(0.25)+math.Log(0.5))/4, got["logloss"], 1e-6)
	assert.NotContains(t, got, "auc")
	assert.Equal(t, [][]int{{1, 0, 0}, {0, 2, 0}, {1, 0, 0}},
		quality.Confusion(pipeline.Multiclass, 3, predictions, labels))
}

func TestRegressionMetrics(t *testing.T) {
	t.Parallel()
	got := quality.Measure(pipeline.Regression, []float32{1, 2, 3, 6}, []float32{1, 2, 3, 2})
	assert.InDelta(t, 2, got["rmse"], 1e-9)
	assert.InDelta(t, 1, got["mae"], 1e-9)
	assert.InDelta(t, 1-16.0/2, got["r2"], 1e-9)
	assert.Len(t, got, 3)
	assert.Nil(t, quality.Confusion(pipeline.Regression, 0, nil, nil))
}

func TestCalibration(t *testing.T) {
	t.Parallel()
	var predictions, labels []float32
	for i := range 1000 {
		p := float32(i) / 1000
		predictions = append(predictions, 1-p, p)
		labels = append(labels, map[bool]float32{true: 1}[(i*619)%1000 < i])
	}
	bins := quality.Calibration(pipeline.Binary, 2, predictions, labels)
	require.Len(t, bins, 10)
	for i, b := range bins {
		assert.Equal(t, 100, b.Rows)
		assert.InDelta(t, 0.05+float64(i)/10, b.Predicted, 0.001)
		assert.InDelta(t, b.Predicted, b.Observed, 0.08, "a model that knows its probabilities")
	}
	assert.Nil(t, quality.Calibration(pipeline.Regression, 1, labels, labels))
}
