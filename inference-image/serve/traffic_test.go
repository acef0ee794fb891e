package serve_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// promote lets an alias stand for a version.
func promote(t *testing.T, l *inferencetest.Lake, alias, version string) {
	t.Helper()
	require.NoError(t, l.Registry.Promote(t.Context(), inferencetest.Model, alias, version))
}

func TestTrafficIsSplit(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	for i, version := range []string{"v1", "v2"} {
		l.Register(inferencetest.Version(t, version, onnxtest.Ensemble(uint64(i+1), onnxtest.Shape{Inputs: 1})))
	}
	l.Promote("v1")
	e := start(t, l, func(o *serve.Options) { o.Traffic = "production=70,canary=30" })
	e.waitFor("v1")
	count := func(n int) map[any]int {
		seen := map[any]int{}
		for range n {
			_, _, answer := e.do(http.MethodPost, "/predict", `{"features":[1]}`)
			seen[answer["version"]]++
		}
		return seen
	}
	assert.Equal(t, map[any]int{"v1": 50}, count(50), "an alias without a version leaves its part to the others")
	promote(t, l, "canary", "v2")
	require.Eventually(t, func() bool {
		_, _, answer := e.do(http.MethodGet, "/readyz", "")
		models, ok := answer["models"].(map[string]any)
		return ok && len(models["tumour"].([]any)) == 2
	}, 20*time.Second, 5*time.Millisecond)
	seen := count(1000)
	assert.InDelta(t, 300, seen["v2"], 90, "five standard deviations are 72")
	assert.Equal(t, 1000, seen["v1"]+seen["v2"])
	for _, version := range []string{"v1", "v2"} {
		_, _, answer := e.do(http.MethodPost, "/v2/models/tumour/versions/"+version+"/infer",
			`{"inputs":[{"name":"features","shape":[1,1],"datatype":"FP32","data":[1]}]}`)
		assert.Equal(t, version, answer["model_version"], "a named version is not left to chance")
	}
}

func TestShadow(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	for i, version := range []string{"v1", "v2"} {
		l.Register(inferencetest.Version(t, version, onnxtest.Ensemble(uint64(i+1), onnxtest.Shape{Inputs: 3})))
	}
	l.Promote("v1")
	promote(t, l, "next", "v2")
	e := start(t, l, func(o *serve.Options) { o.Shadow = "next" })
	e.waitFor("v1")
	require.Eventually(t, func() bool {
		_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
		return strings.Contains(string(metrics), `mlpathway_model_info{alias="next",model="tumour",version="v2"} 1`)
	}, 20*time.Second, 5*time.Millisecond)
	model := onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 3})
	rows := onnxtest.Rows(1, model, 100, 0)
	_, _, answer := e.do(http.MethodPost, "/predict", body(t, rows...))
	assert.Equal(t, "v1", answer["version"])
	other, agree := onnxtest.Ensemble(2, onnxtest.Shape{Inputs: 3}), 0
	a, b := make([]float32, 2), make([]float32, 2)
	for _, row := range rows {
		model.Predict(row, a)
		other.Predict(row, b)
		if (a[1] > a[0]) == (b[1] > b[0]) {
			agree++
		}
	}
	require.NotContains(t, []int{0, 100}, agree)
	require.Eventually(t, func() bool {
		_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
		return strings.Contains(string(metrics),
			fmt.Sprintf(`mlpathway_shadow_rows_total{agrees="true",model="tumour",version="v2"} %d`, agree)) &&
			strings.Contains(string(metrics),
				fmt.Sprintf(`mlpathway_shadow_rows_total{agrees="false",model="tumour",version="v2"} %d`, 100-agree)) &&
			strings.Contains(string(metrics), `mlpathway_shadow_difference_count{model="tumour",version="v2"} 100`)
	}, 20*time.Second, 5*time.Millisecond)
}

func TestSeveralModels(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	other := inferencetest.Version(t, "w1", onnxtest.Ensemble(2, onnxtest.Shape{Inputs: 2}))
	other.Manifest.Name = "churn"
	e := start(t, l, func(o *serve.Options) { o.Model = "tumour, churn" })
	code, _, answer := e.do(http.MethodGet, "/readyz", "")
	assert.Equal(t, http.StatusServiceUnavailable, code, "the second model is missing: %v", answer)
	l.Register(other)
	require.NoError(t, l.Registry.Promote(t.Context(), "churn", registry.Production, "w1"))
	e.waitFor("v1")
	for path, features := range map[string]string{"/predict": "[1]", "/models/tumour/predict": "[1]",
		"/models/churn/predict": "[1,2]"} {
		code, _, answer := e.do(http.MethodPost, path, `{"features":`+features+`}`)
		assert.Equal(t, http.StatusOK, code, answer)
	}
	_, _, answer = e.do(http.MethodGet, "/models/churn", "")
	assert.Equal(t, "churn", answer["manifest"].(map[string]any)["name"])
	_, _, answer = e.do(http.MethodGet, "/v2/models/churn", "")
	assert.Equal(t, "churn", answer["name"])
	code, _, _ = e.do(http.MethodPost, "/models/nobody/predict", `{}`)
	assert.Equal(t, http.StatusNotFound, code)
}

// One version in a directory, as SageMaker, Vertex AI and Azure ML mount it.
func TestFixedVersion(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	for _, folder := range []string{"tumour/versions/v1", "tumour/versions"} { // at the top, and one folder below
		e := start(t, l, func(o *serve.Options) {
			o.Models, o.Model, o.ModelURI = "", "", l.URI("models")+"/"+folder
		})
		code, _, answer := e.do(http.MethodPost, "/predict", `{"features":[1,2]}`)
		assert.Equal(t, http.StatusOK, code, "it is there at once")
		assert.Equal(t, "tumour", answer["model"])
		require.NoError(t, e.stop())
	}
	l.Register(inferencetest.Version(t, "v2", onnxtest.Ensemble(2, onnxtest.Shape{})))
	o := serve.Options{Address: "127.0.0.1:0", ModelURI: l.URI("models") + "/tumour/versions"}
	require.ErrorContains(t, serve.Run(t.Context(), o), "found 2 files manifest.json, want one")
}
