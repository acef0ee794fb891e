package monitor_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func options(l *inferencetest.Lake, at time.Time) monitor.Options {
	return monitor.Options{Models: l.URI("models"), Logs: l.URI("logs"), Results: l.URI("results"),
		Model: inferencetest.Model, Now: func() time.Time { return at }}
}

// record writes rows as captured files, as the endpoint does.
func record(t *testing.T, l *inferencetest.Lake, e *onnx.Ensemble, version string, at time.Time, rows [][]float32) {
	t.Helper()
	r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 1, Files: 100})
	for i, row := range rows {
		out := make([]float32, e.Outputs())
		e.Predict(row, out)
		r.Record(capture.Row{At: at.Add(time.Duration(i) * time.Second), Version: version, Features: row, Output: out})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx)
}

func latest(t *testing.T, l *inferencetest.Lake) *monitor.Report {
	t.Helper()
	data, err := os.ReadFile(l.Path("results", monitor.LatestReport))
	require.NoError(t, err)
	var r monitor.Report
	require.NoError(t, json.Unmarshal(data, &r))
	return &r
}

func shifted(rows [][]float32, feature int, by float32) [][]float32 {
	for _, row := range rows {
		row[feature] += by
	}
	return rows
}

func TestDrift(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	rows := shifted(onnxtest.Rows(5, e, 600, 0), 3, 2)
	for i := range rows {
		if i%3 == 0 {
			rows[i][1] = float32(math.NaN())
		}
	}
	record(t, l, e, "v1", noon, rows)
	record(t, l, e, "v0", noon, onnxtest.Rows(6, e, 500, 0)) // another version does not count
	var out strings.Builder
	o := options(l, noon)
	o.Out, o.JSON = &out, true
	require.NoError(t, monitor.Run(t.Context(), o), "drift is no failure")
	r := latest(t, l)
	assert.Equal(t, monitor.Drift, r.Status)
	assert.Equal(t, 600, r.Rows)
	assert.Equal(t, "v1", r.Version)
	assert.Subset(t, []string{"prediction", "x1", "x3"}, r.Drifted)
	assert.Contains(t, r.Drifted, "x3")
	assert.Contains(t, r.Drifted, "x1")
	require.Len(t, r.Features, 5)
	assert.InDelta(t, 2, r.Features[3].MeanShift, 0.3)
	assert.InDelta(t, 1.0/3, r.Features[1].MissingRise, 1e-9)
	assert.Equal(t, monitor.OK, r.Features[0].Status)
	assert.Equal(t, noon, r.From)
	assert.Equal(t, noon.Add(599*time.Second), r.To)
	require.NotNil(t, r.Prediction)
	assert.InDelta(t, 1, sum(r.Prediction.Live), 1e-9)
	assert.Equal(t, "x3", r.Sorted()[0].Name, "the largest index comes first")
	var printed monitor.Report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &printed))
	assert.Equal(t, *r, printed)
	dated, err := os.ReadFile(l.Path("results", "monitoring/20261122T120000.000Z.json"))
	require.NoError(t, err)
	assert.JSONEq(t, out.String(), string(dated))

	o.FailOnDrift, o.Out = true, nil
	require.ErrorIs(t, monitor.Run(t.Context(), o), monitor.ErrDrift)
	o.Since = 24 * time.Hour
	o.Now = func() time.Time { return noon.Add(24*time.Hour + 599*time.Second) }
	require.NoError(t, monitor.Run(t.Context(), o))
	assert.Equal(t, 1, latest(t, l).Rows, "only the last row is young enough")
}

func sum(shares []float64) (total float64) {
	for _, s := range shares {
		total += s
	}
	return total
}

func TestNoDrift(t *testing.T) {
	t.Parallel()
	for _, task := range []string{onnx.Binary, onnx.Multiclass, onnx.Regression} {
		l := inferencetest.New(t)
		e := onnxtest.Ensemble(1, onnxtest.Shape{Task: task})
		l.Serve("v1", e)
		record(t, l, e, "v1", noon, onnxtest.Rows(5, e, 1000, 0))
		o := options(l, noon)
		o.FailOnDrift = true
		require.NoError(t, monitor.Run(t.Context(), o))
		r := latest(t, l)
		assert.Equal(t, monitor.OK, r.Status, task)
		assert.Empty(t, r.Drifted)
		assert.NotNil(t, r.Drifted, "an empty list in JSON, not null")
	}
}

func TestTooFewRows(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	o := options(l, noon)
	var out strings.Builder
	o.Out, o.FailOnDrift = &out, true
	require.NoError(t, monitor.Run(t.Context(), o))
	assert.Equal(t, "no model yet: nothing has been promoted to production of tumour\n", out.String())
	assert.Equal(t, monitor.Insufficient, latest(t, l).Status)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	require.NoError(t, monitor.Run(t.Context(), o))
	assert.Zero(t, latest(t, l).Rows)
	record(t, l, e, "v1", noon, shifted(onnxtest.Rows(5, e, 99, 0), 0, 100))
	require.NoError(t, monitor.Run(t.Context(), o))
	r := latest(t, l)
	assert.Equal(t, monitor.Insufficient, r.Status)
	assert.Equal(t, 99, r.Rows)
	assert.Empty(t, r.Drifted)
	record(t, l, e, "v1", noon, shifted(onnxtest.Rows(6, e, 1, 0), 0, 100))
	require.ErrorIs(t, monitor.Run(t.Context(), o), monitor.ErrDrift, "the hundredth row makes it enough")
}

func TestTheMessageStaysShort(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 12})
	l.Serve("v1", e)
	rows := onnxtest.Rows(5, e, 300, 0)
	for feature := range e.Inputs {
		shifted(rows, feature, 3)
	}
	record(t, l, e, "v1", noon, rows)
	require.NoError(t, monitor.Run(t.Context(), options(l, noon)))
	r := latest(t, l)
	assert.GreaterOrEqual(t, len(r.Drifted), 12)
	assert.Contains(t, r.Message, fmt.Sprintf(" and %d more", len(r.Drifted)-5))
	assert.Equal(t, 4, strings.Count(r.Message, ", "))
}

func TestThresholdsOfThePipeline(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	record(t, l, e, "v1", noon, shifted(onnxtest.Rows(5, e, 600, 0), 3, 2))
	path := filepath.Join(l.Root, "pipeline.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
name: tumour
task: binary
label: diagnosis
source: {columns: [{name: diagnosis, type: category, values: ["no", "yes"]}, {name: x0, type: float}]}
gate: {metric: accuracy, threshold: 0.9}
drift: {psi: 50, missing: 0.5, minRows: 7}
`), 0o600))
	o := options(l, noon)
	o.Model, o.Pipeline = "", lake.FileURI(path)
	require.NoError(t, monitor.Run(t.Context(), o))
	r := latest(t, l)
	assert.Equal(t, monitor.Thresholds{PSI: 50, MissingRise: 0.5, MinRows: 7, NewCategories: 0.01,
		Metric: "accuracy"}, r.Thresholds)
	assert.Equal(t, monitor.OK, r.Status)
}

func TestAllVersions(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	other := onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 4})
	l.Register(inferencetest.Version(t, "v0", other))
	l.Register(inferencetest.Version(t, "v1", e))
	l.Serve("v2", e)
	for version, n := range map[string]int{"v0": 1, "v1": 20, "v2": 300, "gone": 4000} {
		model := e
		if version == "v0" {
			model = other
		}
		record(t, l, model, version, noon, onnxtest.Rows(5, model, n, 0))
	}
	o := options(l, noon)
	require.NoError(t, monitor.Run(t.Context(), o))
	assert.Equal(t, 300, latest(t, l).Rows)
	o.AllVersions = true
	require.NoError(t, monitor.Run(t.Context(), o))
	assert.Equal(t, 320, latest(t, l).Rows)
}

func TestBrokenInput(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	record(t, l, e, "v1", noon, onnxtest.Rows(5, e, 200, 0))
	lines := "hello\n{}\n[1,2]\n\n" +
		`{"time":"2026-11-22T12:00:00Z","version":"v1","features":[1],"output":[0.5,0.5]}` + "\n" +
		`{"time":"2026-11-22T12:00:00Z","version":"v1","features":[1,2,3,4,5],"output":[0.5]}` + "\n" +
		`{"time":"2026-11-22T12:00:00Z","version":"v1","fea`
	require.NoError(t, os.WriteFile(l.Path("logs", "capture/20200101T000000.000Z-1.jsonl"), []byte(lines), 0o600))
	require.NoError(t, os.WriteFile(l.Path("logs", "other.txt"), []byte("x"), 0o600))
	require.NoError(t, monitor.Run(t.Context(), options(l, noon)))
	r := latest(t, l)
	assert.Equal(t, 200, r.Rows)
	assert.Equal(t, 7, r.Broken)
	for name, spoil := range map[string]func(v *registry.Version){
		"the profile of tumour v2 has 4 features, the model 5 inputs": func(v *registry.Version) {
			v.Profile.Features = v.Profile.Features[:4]
		},
		`has the feature "y" where the model has "x2"`: func(v *registry.Version) { v.Profile.Features[2].Name = "y" },
		`the profile of "x1" has 2 counts for`: func(v *registry.Version) {
			v.Profile.Features[1].Counts = []int{1, 2}
		},
		`the profile of "prediction" has`: func(v *registry.Version) { v.Profile.Prediction.Edges[0] = 9 },
	} {
		l := inferencetest.New(t)
		v := inferencetest.Version(t, "v2", e)
		spoil(v)
		l.Register(v)
		l.Promote("v2")
		err := monitor.Run(t.Context(), options(l, noon))
		require.ErrorIs(t, err, registry.ErrCorrupt)
		require.ErrorContains(t, err, name)
	}
	o := options(l, noon)
	o.Logs = "file:///no/such/folder"
	require.ErrorContains(t, monitor.Run(t.Context(), o), "opening the lake zone")
	o = options(l, noon)
	o.Model = ""
	require.ErrorContains(t, monitor.Run(t.Context(), o), "which model?")
}

func TestOldReportsAreDeleted(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	for i := range 7 {
		o := options(l, noon.Add(time.Duration(i)*time.Minute))
		o.Keep = 3
		require.NoError(t, monitor.Run(t.Context(), o))
	}
	files, err := filepath.Glob(l.Path("results", "monitoring/2*.json"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	assert.Equal(t, "20261122T120400.000Z.json", filepath.Base(files[0]))
}

func TestPage(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	e.Inputs[2] = `<script>alert("x")</script>`
	l.Serve("v1", e)
	record(t, l, e, "v1", noon, onnxtest.Rows(4, e, 200, 0))
	require.NoError(t, monitor.Run(t.Context(), options(l, noon)))
	page := readPage(t, l)
	assert.NotContains(t, page, "Over time", "one report is no history")
	record(t, l, e, "v1", noon.Add(time.Hour), shifted(onnxtest.Rows(5, e, 600, 0), 3, 2))
	require.NoError(t, monitor.Run(t.Context(), options(l, noon.Add(time.Hour))))
	page = readPage(t, l)
	r := latest(t, l)
	assert.NotContains(t, page, "<script")
	assert.NotContains(t, page, "http://")
	assert.NotContains(t, page, "https://")
	assert.Contains(t, page, fmt.Sprintf("%d drifted", len(r.Drifted)))
	assert.Contains(t, page, "Over time")
	assert.Contains(t, page, "The last 2 reports.")
	bins := 0
	for _, c := range r.All() {
		bins += len(c.Training)
		assert.Contains(t, page, fmt.Sprintf("PSI %.3f", *c.PSI), c.Name)
	}
	assert.Equal(t, bins, strings.Count(page, `<rect class="t"`))
	assert.Equal(t, bins, strings.Count(page, `<rect class="l"`))
	assert.Equal(t, len(r.Features)+1, strings.Count(page, `<rect class="psi`))
	first, ok := "", false
	for _, c := range r.Sorted() {
		at := strings.Index(page, "<h3>"+html.EscapeString(c.Name)+"</h3>")
		if !ok {
			first, ok = c.Name, true
			assert.Less(t, at, strings.Index(page, "<h3>x0</h3>"), "drifted features come first")
		}
		assert.Positive(t, at, c.Name)
	}
	assert.Equal(t, "x3", first)
	assertBalanced(t, page)
	assert.NotContains(t, page, "NaN")
}

func readPage(t *testing.T, l *inferencetest.Lake) string {
	t.Helper()
	data, err := os.ReadFile(l.Path("results", monitor.Page))
	require.NoError(t, err)
	return string(data)
}

// assertBalanced checks that every tag is closed.
func assertBalanced(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}
