package serve_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

var curlBody = regexp.MustCompile(`(?s)<pre>curl -s (http://[^ ]+)/predict -d '([^']+)'</pre>`)

// The lines of the page work as they stand there, whatever the features are called.
func TestPageForAPerson(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	model := onnxtest.Ensemble(1, onnxtest.Shape{})
	model.Inputs[0], model.Inputs[1] = `it's <b>"bold"</b>`, "größe"
	v := inferencetest.Version(t, "v1", model)
	v.Metrics.Current, v.Metrics.CurrentVersion = map[string]float64{"accuracy": 0.9612}, "v0"
	l.Register(v)
	l.Promote("v1")
	e := start(t, l, nil)
	e.waitFor("v1")
	code, header, data := e.raw(http.MethodGet, "/", "")
	require.Equal(t, http.StatusOK, code)
	assert.Equal(t, "text/html; charset=utf-8", header.Get("Content-Type"))
	page := string(data)
	for _, want := range []string{"serving", "Version v1", "0.97", "0.9612", "before: v0", "no, yes"} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, page, "<b>\"bold\"")
	assert.NotContains(t, page, "drift report")
	lines := curlBody.FindAllStringSubmatch(page, -1)
	require.Len(t, lines, 2)
	for _, line := range lines {
		assert.Equal(t, e.url, line[1])
		code, _, answer := e.do(http.MethodPost, "/predict", html.UnescapeString(line[2]))
		assert.Equal(t, http.StatusOK, code, answer)
	}
}

func TestDriftOnTheEndpoint(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	model := onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2})
	l.Serve("v1", model)
	e := start(t, l, func(o *serve.Options) {
		o.Logs, o.CaptureShare, o.Results = l.URI("logs"), 1, l.URI("results")
	})
	e.waitFor("v1")
	code, _, answer := e.do(http.MethodGet, "/drift", "")
	assert.Equal(t, http.StatusNotFound, code)
	assert.Equal(t, "no drift report yet", answer["error"])
	rows := make([][]float32, 200)
	for i := range rows {
		rows[i] = []float32{5 + float32(i)/100, 0}
	}
	e.do(http.MethodPost, "/predict", body(t, rows...))
	require.NoError(t, e.stop())
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	require.NoError(t, monitor.Run(t.Context(), monitor.Options{Models: l.URI("models"), Logs: l.URI("logs"),
		Results: l.URI("results"), Model: inferencetest.Model, Now: func() time.Time { return now }}))
	e = start(t, l, func(o *serve.Options) { o.Results = l.URI("results") })
	var metrics string
	require.Eventually(t, func() bool {
		_, _, data := e.raw(http.MethodGet, "/metrics", "")
		metrics = string(data)
		return strings.Contains(metrics, "mlpathway_drift_rows")
	}, 20*time.Second, 5*time.Millisecond)
	for _, want := range []string{
		`mlpathway_drift_rows{model="tumour",version="v1"} 200`,
		`mlpathway_drift_status{model="tumour",status="drift",version="v1"} 1`,
		`mlpathway_drift_status{model="tumour",status="ok",version="v1"} 0`,
		`mlpathway_drift_missing_rise{feature="x0",model="tumour",version="v1"} 0`,
		`mlpathway_drift_psi{feature="x0",model="tumour",version="v1"} `,
		`mlpathway_drift_psi{feature="prediction",model="tumour",version="v1"} `,
		fmt.Sprintf(`mlpathway_drift_report_timestamp_seconds{model="tumour",version="v1"} %v`, float64(now.Unix())),
	} {
		assert.Contains(t, metrics, want)
	}
	code, header, page := e.raw(http.MethodGet, "/drift", "")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, header.Get("Content-Type"), "text/html")
	assert.Contains(t, string(page), "Drift of tumour")
	e.waitFor("v1")
	_, _, page = e.raw(http.MethodGet, "/", "")
	assert.Contains(t, string(page), `<a href="/drift">drift report</a>`)
}
