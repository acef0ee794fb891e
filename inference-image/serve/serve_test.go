package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// endpoint is an endpoint that runs in the test.
type endpoint struct {
	t    *testing.T
	url  string
	stop func() error // ends it and returns what Run returned
	log  *bytes.Buffer
}

// start runs an endpoint on a free port with a fast poll; change may alter its options.
func start(t *testing.T, l *inferencetest.Lake, change func(o *serve.Options)) *endpoint {
	t.Helper()
	e := &endpoint{t: t, log: &bytes.Buffer{}}
	started := make(chan string, 1)
	o := serve.Options{Address: "127.0.0.1:0", Models: l.URI("models"), Model: inferencetest.Model,
		Poll: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(e.log, nil)),
		Started: func(address string) { started <- address }}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, o) }()
	select {
	case address := <-started:
		e.url = "http://" + address
	case err := <-ended:
		cancel()
		require.NoError(t, err)
	}
	stopped := false
	e.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { assert.NoError(t, e.stop()) })
	return e
}

// do sends a request and returns the code, the header and the decoded JSON of the answer.
func (e *endpoint) do(method, path, body string, header ...string) (int, http.Header, map[string]any) {
	e.t.Helper()
	code, h, data := e.raw(method, path, body, header...)
	var answer map[string]any
	require.NoError(e.t, json.Unmarshal(data, &answer), "%s %s: %s", method, path, data)
	return code, h, answer
}

// raw sends a request and holds the answer against the OpenAPI document.
func (e *endpoint) raw(method, path, body string, header ...string) (int, http.Header, []byte) {
	e.t.Helper()
	code, h, data := e.exchange(method, path, body, header...)
	if path, _, _ := strings.Cut(path, "?"); !strings.Contains(path, "..") {
		conforms(e.t, method, path, code, h, data)
	}
	return code, h, data
}

// exchange sends a request.
func (e *endpoint) exchange(method, path, body string, header ...string) (int, http.Header, []byte) {
	e.t.Helper()
	request, err := http.NewRequestWithContext(e.t.Context(), method, e.url+path, strings.NewReader(body))
	require.NoError(e.t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(e.t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(e.t, err)
	return response.StatusCode, response.Header, data
}

// waitFor waits until the endpoint serves a version.
func (e *endpoint) waitFor(version string) {
	e.t.Helper()
	require.Eventually(e.t, func() bool {
		_, _, answer := e.do(http.MethodGet, "/readyz", "")
		return answer["version"] == version
	}, 20*time.Second, 5*time.Millisecond)
}

// body writes rows as the body of a request; one row is not wrapped in a list.
func body(t *testing.T, rows ...[]float32) string {
	t.Helper()
	var features any = rows
	if len(rows) == 1 {
		features = rows[0]
	}
	data, err := json.Marshal(map[string]any{"features": features})
	require.NoError(t, err)
	return string(data)
}

// same checks that the decimal digits of an answer stand for exactly the 32 bits that the model computed.
func same(t *testing.T, want float32, got any) {
	t.Helper()
	x, ok := got.(float64)
	require.True(t, ok, "%v is no number", got)
	assert.Equal(t, want, float32(x)) //nolint:testifylint // the bits are meant
}

func TestPredictions(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	model := onnxtest.Ensemble(1, onnxtest.Shape{Task: onnx.Binary})
	v := inferencetest.Version(t, "v1", model)
	v.Manifest.Inputs[2].Optional = true
	l.Register(v)
	l.Promote("v1")
	e := start(t, l, nil)
	e.waitFor("v1")
	out := make([]float32, 2)
	check := func(answer map[string]any, row []float32) {
		t.Helper()
		model.Predict(row, out)
		best := 0
		if out[1] > out[0] {
			best = 1
		}
		assert.Equal(t, model.Classes[best], answer["prediction"])
		same(t, out[best], answer["probability"])
		probabilities, ok := answer["probabilities"].(map[string]any)
		require.True(t, ok)
		require.Len(t, probabilities, 2)
		same(t, out[0], probabilities["no"])
		same(t, out[1], probabilities["yes"])
	}
	rows := onnxtest.Rows(7, model, 50, 0)
	for _, row := range rows {
		code, header, answer := e.do(http.MethodPost, "/predict", body(t, row))
		require.Equal(t, http.StatusOK, code)
		assert.Equal(t, "application/json", header.Get("Content-Type"))
		assert.Equal(t, inferencetest.Model, answer["model"])
		assert.Equal(t, "v1", answer["version"])
		check(answer, row)
	}
	_, _, answer := e.do(http.MethodPost, "/predict", body(t, rows...))
	list, ok := answer["predictions"].([]any)
	require.True(t, ok)
	require.Len(t, list, len(rows))
	assert.Equal(t, "v1", answer["version"])
	for i, row := range rows {
		one, ok := list[i].(map[string]any)
		require.True(t, ok)
		check(one, row)
	}
	nan := float32(0)
	nan /= nan
	for text, row := range map[string][]float32{
		` { "features" : [ 1 , -2.5e0, null, 1E+2, 0 ] } `:                               {1, -2.5, nan, 100, 0},
		`{"features":{"x4":5,"x0":1,"x1":2,"x2":3,"x3":4}}`:                              {1, 2, 3, 4, 5},
		`{"features":{"x4":5,"x0":1,"x1":2,"x2":null,"x3":4}}`:                           {1, 2, nan, 4, 5},
		`{"features":{"x4":5,"\u00780":1,"x1":2,"x3":-0.0}}`:                             {1, 2, nan, 0, 5},
		"{\"features\"\n:\t[0.1,0.2,0.3,0.4,16777217]}\r\n":                              {.1, .2, .3, .4, 16777216},
		`{"features":[1e-50,0.0000000000000000000000000000000000000000000000001,1,2,3]}`: {0, 0, 1, 2, 3},
	} {
		code, _, answer := e.do(http.MethodPost, "/predict", text)
		require.Equal(t, http.StatusOK, code, text)
		check(answer, row)
	}
	_, _, answer = e.do(http.MethodPost, "/predict", `{"features":[[1,2,3,4,5],{"x0":1,"x1":2,"x3":4,"x4":5}]}`)
	require.Len(t, answer["predictions"], 2)
	_, _, answer = e.do(http.MethodPost, "/predict", `{"features":[[1,2,3,4,5]]}`)
	require.Len(t, answer["predictions"], 1, "a list of one row gives a list")
}

func TestPredictionOfOtherTasks(t *testing.T) {
	t.Parallel()
	for _, task := range []string{onnx.Multiclass, onnx.Regression} {
		l := inferencetest.New(t)
		model := onnxtest.Ensemble(4, onnxtest.Shape{Task: task})
		l.Serve("v1", model)
		e := start(t, l, nil)
		e.waitFor("v1")
		row := onnxtest.Rows(1, model, 1, 0)[0]
		out := make([]float32, model.Outputs())
		model.Predict(row, out)
		code, _, answer := e.do(http.MethodPost, "/predict", body(t, row))
		require.Equal(t, http.StatusOK, code)
		if task == onnx.Regression {
			same(t, out[0], answer["prediction"])
			assert.NotContains(t, answer, "probabilities")
			continue
		}
		probabilities, ok := answer["probabilities"].(map[string]any)
		require.True(t, ok)
		for i, class := range model.Classes {
			same(t, out[i], probabilities[class])
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	v := inferencetest.Version(t, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	v.Manifest.Inputs[1].Optional = true
	l.Register(v)
	l.Promote("v1")
	e := start(t, l, nil)
	e.waitFor("v1")
	bad := map[string]string{
		``:                                        `the body is no JSON object`,
		`x`:                                       `the body is no JSON object`,
		`[1,2]`:                                   `the body is no JSON object`,
		`{}`:                                      `want a name in quotation marks`,
		`{"feature":[1,2]}`:                       `unknown key "feature"`,
		`{"features":[1,2],"x":1}`:                `unknown key "x" after "features"`,
		`{"features":[1,2],"features":[1,2]}`:     `unknown key "features" after "features"`,
		`{"features":[1,2],}`:                     `want a name in quotation marks`,
		`{"features":[1,2]`:                       `want '}'`,
		`{"features":[1,2]} x`:                    `something follows the JSON object`,
		`{"features":[1,2]}{}`:                    `something follows the JSON object`,
		`{"features":[1,2]}` + "\x00":             `something follows the JSON object`,
		`{"features" [1,2]}`:                      `want ':' after the name "features"`,
		`{"features":"1,2"}`:                      `"features" is a string`,
		`{"features":null}`:                       `"features" is null`,
		`{"features":1}`:                          `"features" is a number`,
		`{"features":`:                            `"features" is cut off`,
		`{"features":[]}`:                         `there are 0 features, want 2; the first that is missing is "x0"`,
		`{"features":[1]}`:                        `there are 1 features, want 2; the first that is missing is "x1"`,
		`{"features":[1,2,3]}`:                    `there are more than 2 features`,
		`{"features":[1,2,]}`:                     `there are more than 2 features`,
		`{"features":[1,]}`:                       `the feature "x1" is no JSON value`,
		`{"features":[1 2]}`:                      `want ',' or ']'`,
		`{"features":[,1]}`:                       `the feature "x0" is no JSON value`,
		`{"features":["1",2]}`:                    `the feature "x0" is a string`,
		`{"features":[1,"2"]}`:                    `the feature "x1" is a string`,
		`{"features":[true,2]}`:                   `the feature "x0" is true or false`,
		`{"features":[1,{}]}`:                     `the feature "x1" is an object`,
		`{"features":[1,[2]]}`:                    `the feature "x1" is a list`,
		`{"features":[null,2]}`:                   `the feature "x0" is null, and it is not optional`,
		`{"features":[NaN,2]}`:                    `the feature "x0" is NaN or Infinity`,
		`{"features":[Infinity,2]}`:               `the feature "x0" is NaN or Infinity`,
		`{"features":[-Infinity,2]}`:              `the feature "x0" is no JSON number`,
		`{"features":[nan,2]}`:                    `the feature "x0" is no JSON value`,
		`{"features":[1e39,2]}`:                   `the feature "x0" is too large for a 32-bit number`,
		`{"features":[1,-1e400]}`:                 `the feature "x1" is too large for a 32-bit number`,
		`{"features":[01,2]}`:                     `the feature "x0" is no JSON number`,
		`{"features":[+1,2]}`:                     `the feature "x0" is no JSON value`,
		`{"features":[.5,2]}`:                     `the feature "x0" is no JSON value`,
		`{"features":[1.,2]}`:                     `the feature "x0" is no JSON number`,
		`{"features":[1e,2]}`:                     `the feature "x0" is no JSON number`,
		`{"features":[-,2]}`:                      `the feature "x0" is no JSON number`,
		`{"features":[0x10,2]}`:                   `the feature "x0" is no JSON number`,
		`{"features":[1_0,2]}`:                    `the feature "x0" is no JSON number`,
		`{"features":{}}`:                         `the feature "x0" is missing`,
		`{"features":{"x1":1}}`:                   `the feature "x0" is missing`,
		`{"features":{"x0":1,"x0":1}}`:            `the feature "x0" stands there twice`,
		`{"features":{"x0":1,"X1":1}}`:            `unknown feature "X1"`,
		`{"features":{"x0":1 "x1":1}}`:            `want ',' or '}'`,
		`{"features":{"x0":1,}}`:                  `want a name in quotation marks`,
		`{"features":{"x0":"1"}}`:                 `the feature "x0" is a string`,
		`{"features":{x0:1}}`:                     `want a name in quotation marks`,
		`{"features":{"x0`:                        `does not end`,
		`{"features":{"x0\`:                       `does not end`,
		`{"features":{"x\q":1}}`:                  `a wrong escape in a name`,
		"{\"features\":{\"x\n0\":1}}":             `a control character in a name`,
		"{\"features\":{\"x\xff\":1}}":            `is not UTF-8`,
		`{"features":[[1,2],[1]]}`:                `row 1: there are 1 features, want 2`,
		`{"features":[[1,2],[1,2,3]]}`:            `row 1: there are more than 2 features`,
		`{"features":[[1,2],[1,"a"]]}`:            `row 1: the feature "x1" is a string`,
		`{"features":[[1,2],[null,1]]}`:           `row 1: the feature "x0" is null`,
		`{"features":[[1,2],{"x2":1}]}`:           `row 1: unknown feature "x2"`,
		`{"features":[[1,2],3]}`:                  `row 1 is a number`,
		`{"features":[[1,2],]}`:                   `row 1 is no JSON value`,
		`{"features":[[1,2] [3,4]]}`:              `want ',' or ']'`,
		`{"features":[[1,2]`:                      `want ',' or ']'`,
		`{"features":[[]]}`:                       `row 0: there are 0 features`,
		`{"features":[[[1,2]]]}`:                  `row 0: the feature "x0" is a list`,
		strings.Repeat(`{"features":`, 100_000):   `unknown feature "features"`,
		`{"features":` + strings.Repeat("[", 1e6): `row 0: the feature "x0" is a list`,
	}
	for text, want := range bad {
		shown := text[:min(len(text), 60)]
		code, header, answer := e.do(http.MethodPost, "/predict", text)
		assert.Equal(t, http.StatusBadRequest, code, shown)
		assert.Equal(t, "application/json", header.Get("Content-Type"), shown)
		assert.Contains(t, answer["error"], want, shown)
	}
	rows := `{"features":[` + strings.TrimSuffix(strings.Repeat("[1,2],", 50_001), ",") + `]}`
	code, _, answer := e.do(http.MethodPost, "/predict", rows)
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, answer["error"], "more than 50000 rows")
	_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
	assert.Contains(t, string(metrics),
		fmt.Sprintf(`mlpathway_predict_requests_total{code="400",model="tumour",version="v1"} %d`, len(bad)+1))
	code, _, _ = e.do(http.MethodPost, "/predict", `{"features":[1,2]}`)
	assert.Equal(t, http.StatusOK, code, "the buffers of bad requests do no harm")
}

func TestTooLargeBodies(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	e := start(t, l, nil)
	e.waitFor("v1")
	large := `{"features":[1,2]}` + strings.Repeat(" ", serve.MaxBody)
	code, _, answer := e.do(http.MethodPost, "/predict", large)
	assert.Equal(t, http.StatusRequestEntityTooLarge, code)
	assert.Contains(t, answer["error"], "larger than 8 MiB")
	// The same without a Content-Length.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url+"/predict",
		io.MultiReader(strings.NewReader(large)))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	assert.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
	exact := `{"features":[1,2]}`
	code, _, _ = e.do(http.MethodPost, "/predict", exact+strings.Repeat(" ", serve.MaxBody-len(exact)))
	assert.Equal(t, http.StatusOK, code)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{}))
	e := start(t, l, nil)
	e.waitFor("v1")
	for _, c := range []struct {
		method, path string
		code         int
		allow        string
	}{
		{http.MethodGet, "/predict", 405, "POST"}, {http.MethodPut, "/predict", 405, "POST"},
		{http.MethodPost, "/model", 405, "GET, HEAD"}, {http.MethodPost, "/", 405, "GET, HEAD"},
		{http.MethodDelete, "/metrics", 405, "GET, HEAD"}, {http.MethodGet, "/predict/", 404, ""},
		{http.MethodGet, "/nothing", 404, ""}, {http.MethodGet, "/drift", 404, ""},
		{http.MethodGet, "/../etc/passwd", 404, ""},
	} {
		code, header, answer := e.do(c.method, c.path, "")
		assert.Equal(t, c.code, code, c)
		assert.Equal(t, c.allow, header.Get("Allow"), c)
		assert.NotEmpty(t, answer["error"], c)
	}
	code, _, answer := e.do(http.MethodGet, "/model", "")
	require.Equal(t, http.StatusOK, code)
	manifest, ok := answer["manifest"].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, "v1", manifest["version"])
	assert.Len(t, manifest["inputs"], 5)
	code, _, answer = e.do(http.MethodGet, "/healthz", "")
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, "alive", answer["status"])
	code, _, data := e.raw(http.MethodHead, "/readyz", "")
	assert.Equal(t, http.StatusOK, code)
	assert.Empty(t, data)
	_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
	for _, want := range []string{
		`mlpathway_model_info{alias="production",model="tumour",version="v1"} 1`, "mlpathway_model_swaps_total 1",
		"mlpathway_model_load_errors_total 0", "go_goroutines", "process_open_fds",
		"mlpathway_captured_rows_dropped_total 0",
	} {
		assert.Contains(t, string(metrics), want)
	}
}
