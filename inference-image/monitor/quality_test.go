package monitor_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

const thresholds = `
name: tumour
task: binary
label: diagnosis
source:
  columns:
    - {name: x0, type: float}
    - {name: diagnosis, type: category, values: ["no", "yes"]}
gate: {metric: accuracy, threshold: 0.9}
drift: {psi: 100, ks: %v, js: %v, minRows: 50, newCategories: 0.05, quality: 0.9}
`

// recordNamed writes rows with ids r-0, r-1 and so on.
func recordNamed(t *testing.T, l *inferencetest.Lake, e *onnx.Ensemble, rows [][]float32, unknown int) {
	t.Helper()
	r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 1, Files: 100})
	for i, row := range rows {
		out := make([]float32, e.Outputs())
		e.Predict(row, out)
		r.Record(capture.Row{At: noon, Version: "v1", Features: row, Output: out, ID: "r", Row: i, List: true})
	}
	for range unknown {
		r.RecordUnknown(noon, "v1", "x1")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx)
}

func TestQualityAndNewCategories(t *testing.T) {
	t.Parallel()
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	rows := onnxtest.Rows(5, e, 200, 0)
	for name, c := range map[string]struct {
		right, labelled, unknown int
		ks, js                   float64
		quality                  monitor.Status
		drifted                  []string
	}{
		"good":           {190, 200, 0, 0, 0, monitor.OK, []string{}},
		"bad":            {170, 200, 0, 0, 0, monitor.Drift, []string{"quality"}},
		"few labels":     {10, 40, 0, 0, 0, monitor.Insufficient, []string{}},
		"new categories": {200, 200, 12, 0, 0, monitor.OK, []string{"x1"}},
		"some unknown":   {200, 200, 9, 0, 0, monitor.OK, []string{}},
		"by KS":          {200, 200, 0, 1e-9, 0, monitor.OK, []string{"prediction", "x0", "x1", "x2", "x3", "x4"}},
		"by JS":          {200, 200, 0, 0, 1e-9, monitor.OK, []string{"prediction", "x0", "x1", "x2", "x3", "x4"}},
	} {
		l := inferencetest.New(t)
		l.Serve("v1", e)
		recordNamed(t, l, e, rows, c.unknown)
		var labels strings.Builder
		labels.WriteString("nonsense\n{\"id\":\"r/0\",\"label\":\"perhaps\"}\n{\"id\":\"nobody\",\"label\":\"yes\"}\n")
		out := make([]float32, 2)
		for i, row := range rows[:c.labelled] {
			e.Predict(row, out)
			yes := out[1] > out[0]
			if i >= c.right {
				yes = !yes
			}
			fmt.Fprintf(&labels, "{\"id\":\"r/%d\",\"label\":%q}\n", i, map[bool]string{true: "yes", false: "no"}[yes])
		}
		require.NoError(t, os.Mkdir(l.Path("logs", "labels"), 0o700))
		require.NoError(t, os.WriteFile(l.Path("logs", "labels/a.jsonl"), []byte(labels.String()), 0o600))
		path := filepath.Join(l.Root, "pipeline.yaml")
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, thresholds, c.ks, c.js), 0o600))
		o := options(l, noon)
		o.Pipeline = lake.FileURI(path)
		require.NoError(t, monitor.Run(t.Context(), o), name)
		r := latest(t, l)
		require.NotNil(t, r.Quality, name)
		assert.Equal(t, c.quality, r.Quality.Status, name)
		assert.Equal(t, c.labelled, r.Quality.Rows, name)
		assert.Equal(t, c.labelled+1, r.Quality.Labels, name)
		assert.InDelta(t, float64(min(c.right, c.labelled))/float64(c.labelled), r.Quality.Metrics["accuracy"], 1e-9, name)
		assert.ElementsMatch(t, c.drifted, r.Drifted, name)
		assert.InDelta(t, float64(c.unknown)/float64(200+c.unknown), r.Features[1].NewCategories, 1e-9, name)
		page, err := os.ReadFile(l.Path("results", monitor.Page))
		require.NoError(t, err)
		assert.Contains(t, string(page), "live rows whose labels came later", name)
		assert.Equal(t, c.unknown > 0, strings.Contains(string(page), "new categories"), name)
	}
}
