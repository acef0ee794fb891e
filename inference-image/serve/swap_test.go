package serve_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

func TestBeforeTheFirstModel(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := start(t, l, nil)
	code, _, _ := e.do(http.MethodGet, "/healthz", "")
	assert.Equal(t, http.StatusOK, code)
	for path, method := range map[string]string{"/readyz": "GET", "/model": "GET", "/predict": "POST"} {
		code, header, answer := e.do(method, path, `{"features":[1]}`)
		assert.Equal(t, http.StatusServiceUnavailable, code, path)
		assert.Equal(t, "1", header.Get("Retry-After"), path)
		assert.Contains(t, answer["error"], "no model yet", path)
	}
	_, _, page := e.raw(http.MethodGet, "/", "")
	assert.Contains(t, string(page), "waiting for a model")
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	e.waitFor("v1")
	code, _, _ = e.do(http.MethodPost, "/predict", `{"features":[1]}`)
	assert.Equal(t, http.StatusOK, code)
	_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
	assert.Contains(t, string(metrics), `mlpathway_predict_requests_total{code="503",model="tumour",version="none"} 1`)
	assert.Contains(t, string(metrics), "mlpathway_model_load_errors_total 0", "to wait is no error")
	require.NoError(t, e.stop())
	assert.Equal(t, 1, strings.Count(e.log.String(), "waiting for the first model"))
}

// While versions swap fifty times no request fails, and every row of every answer is that of the version it names.
func TestSwapUnderLoad(t *testing.T) {
	t.Parallel()
	const versions, swaps, clients = 5, 50, 4
	l := inferencetest.New(t)
	models := map[string]*onnx.Ensemble{}
	for i := range versions {
		version := fmt.Sprintf("v%d", i)
		models[version] = onnxtest.Ensemble(uint64(i+1), onnxtest.Shape{Task: onnx.Regression})
		l.Register(inferencetest.Version(t, version, models[version]))
	}
	l.Promote("v0")
	e := start(t, l, func(o *serve.Options) { o.Poll = time.Millisecond })
	e.waitFor("v0")
	rows := onnxtest.Rows(5, models["v0"], 20, 0)
	text := body(t, rows...)
	wanted := map[string][]float32{}
	for version, model := range models {
		for _, row := range rows {
			out := make([]float32, 1)
			model.Predict(row, out)
			wanted[version] = append(wanted[version], out[0])
		}
	}
	var done atomic.Bool
	var seen sync.Map
	var answers atomic.Int64
	var failed atomic.Value
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for !done.Load() {
				version, err := ask(e.url, strings.NewReader(text), wanted)
				if err != nil {
					failed.Store(err)
					return
				}
				seen.Store(version, true)
				answers.Add(1)
			}
		})
	}
	for i := range swaps {
		version := fmt.Sprintf("v%d", (i+1)%versions)
		l.Promote(version)
		e.waitFor(version)
	}
	done.Store(true)
	group.Wait()
	require.Nil(t, failed.Load())
	assert.GreaterOrEqual(t, answers.Load(), int64(swaps))
	for version := range models {
		_, ok := seen.Load(version)
		assert.True(t, ok, "no client saw %s", version)
	}
	_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
	assert.Contains(t, string(metrics), fmt.Sprintf("mlpathway_model_swaps_total %d", swaps+1))
	assert.Contains(t, string(metrics), "mlpathway_model_load_errors_total 0")
}

// ask sends the rows and checks that the answer belongs wholly to the version that it names.
func ask(url string, text io.Reader, wanted map[string][]float32) (string, error) {
	response, err := http.Post(url+"/predict", "application/json", text) //nolint:noctx // a test
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Version     string
		Predictions []struct{ Prediction float32 }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	want := wanted[answer.Version]
	if response.StatusCode != http.StatusOK || len(answer.Predictions) != len(want) || len(want) == 0 {
		return "", fmt.Errorf("code %d, %d rows of version %q",
			response.StatusCode, len(answer.Predictions), answer.Version)
	}
	for i, p := range answer.Predictions {
		if p.Prediction != want[i] {
			return "", fmt.Errorf("row %d of version %s is %v, want %v", i, answer.Version, p.Prediction, want[i])
		}
	}
	return answer.Version, nil
}

// A swap between the first and the last byte of a body does not mix versions.
func TestSwapDuringARequest(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	wanted := map[string][]float32{}
	row := []float32{0.1, 0.2, 0.3, 0.4, 0.5}
	for i, version := range []string{"v1", "v2"} {
		model := onnxtest.Ensemble(uint64(i+1), onnxtest.Shape{Task: onnx.Regression})
		l.Serve(version, model)
		out := make([]float32, 1)
		model.Predict(row, out)
		wanted[version] = append(out, out...)
	}
	l.Promote("v1")
	e := start(t, l, nil)
	e.waitFor("v1")
	text := body(t, row, row)
	reader, writer := io.Pipe()
	type answer struct {
		version string
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		version, err := ask(e.url, reader, wanted)
		answers <- answer{version, err}
	}()
	_, err := writer.Write([]byte(text[:20]))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
		return strings.Contains(string(metrics), "mlpathway_predict_requests_in_flight 1")
	}, 20*time.Second, 5*time.Millisecond)
	l.Promote("v2")
	e.waitFor("v2")
	_, err = writer.Write([]byte(text[20:]))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	got := <-answers
	require.NoError(t, got.err)
	assert.Contains(t, wanted, got.version)
}

func TestBrokenVersionsAreRefused(t *testing.T) {
	t.Parallel()
	good := onnxtest.Ensemble(1, onnxtest.Shape{})
	for name, c := range map[string]struct {
		spoil func(l *inferencetest.Lake)
		says  string
	}{
		"bytes differ from the manifest": {func(l *inferencetest.Lake) {
			l.Register(inferencetest.Version(t, "v2", good))
			path := l.Path("models", "tumour/versions/v2/model.onnx")
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			data[len(data)/2] ^= 1
			require.NoError(t, os.WriteFile(path, data, 0o600))
			l.Promote("v2")
		}, "the manifest says"},
		"no ONNX": {func(l *inferencetest.Lake) {
			v := inferencetest.Version(t, "v2", good)
			v.Model = []byte("hello")
			l.Register(v)
			l.Promote("v2")
		}, "not a valid tree ensemble"},
		"truncated ONNX": {func(l *inferencetest.Lake) {
			v := inferencetest.Version(t, "v2", good)
			v.Model = v.Model[:len(v.Model)-100]
			l.Register(v)
			l.Promote("v2")
		}, "not a valid tree ensemble"},
		"inputs in another order": {func(l *inferencetest.Lake) {
			v := inferencetest.Version(t, "v2", good)
			v.Manifest.Inputs[0], v.Manifest.Inputs[1] = v.Manifest.Inputs[1], v.Manifest.Inputs[0]
			l.Register(v)
			l.Promote("v2")
		}, "do not belong together"},
		"other classes": {func(l *inferencetest.Lake) {
			v := inferencetest.Version(t, "v2", good)
			v.Manifest.Classes = []string{"yes", "no"}
			l.Register(v)
			l.Promote("v2")
		}, "do not belong together"},
		"other task": {func(l *inferencetest.Lake) {
			v := inferencetest.Version(t, "v2", good)
			v.Manifest.Task = onnx.Regression
			l.Register(v)
			l.Promote("v2")
		}, "do not belong together"},
		"a file is missing": {func(l *inferencetest.Lake) {
			l.Register(inferencetest.Version(t, "v2", good))
			require.NoError(t, os.Remove(l.Path("models", "tumour/versions/v2/profile.json")))
			l.Promote("v2")
		}, "no such object"},
		"alias of a version that does not exist": {func(l *inferencetest.Lake) {
			putAlias(t, l, `{"version":"v2"}`)
		}, "no such object"},
		"alias that leaves the registry": {func(l *inferencetest.Lake) {
			putAlias(t, l, `{"version":"../../../v2"}`)
		}, "not a name and version"},
		"alias that is no JSON": {func(l *inferencetest.Lake) {
			putAlias(t, l, "v2")
		}, "the model version is corrupt"},
		"alias is gone": {func(l *inferencetest.Lake) {
			require.NoError(t, os.Remove(l.Path("models", "tumour/aliases/production")))
		}, registry.ErrNoAlias.Error()},
		"version with the manifest of another": {func(l *inferencetest.Lake) {
			l.Register(inferencetest.Version(t, "v2", good))
			from, to := l.Path("models", "tumour/versions/v2"), l.Path("models", "tumour/versions/v3")
			require.NoError(t, os.CopyFS(to, os.DirFS(from)))
			putAlias(t, l, `{"version":"v3"}`)
		}, "the manifest is that of tumour v2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := inferencetest.New(t)
			l.Serve("v1", good)
			e := start(t, l, nil)
			e.waitFor("v1")
			c.spoil(l)
			require.Eventually(t, func() bool {
				_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
				return !strings.Contains(string(metrics), "mlpathway_model_load_errors_total 0")
			}, 20*time.Second, 5*time.Millisecond)
			_, _, answer := e.do(http.MethodPost, "/predict", `{"features":[1,2,3,4,5]}`)
			assert.Equal(t, "v1", answer["version"])
			// The next good version is taken.
			l.Register(inferencetest.Version(t, "v9", good))
			_ = os.Remove(l.Path("models", "tumour/aliases/production"))
			l.Promote("v9")
			e.waitFor("v9")
			require.NoError(t, e.stop())
			assert.Contains(t, e.log.String(), c.says)
		})
	}
}

func putAlias(t *testing.T, l *inferencetest.Lake, text string) {
	t.Helper()
	require.NoError(t, l.Zone("models").Write(t.Context(), "tumour/aliases/production", []byte(text)))
}

func TestCapture(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	model := onnxtest.Ensemble(1, onnxtest.Shape{})
	v := inferencetest.Version(t, "v1", model)
	v.Manifest.Inputs[4].Optional = true
	l.Register(v)
	l.Promote("v1")
	e := start(t, l, func(o *serve.Options) { o.Logs, o.CaptureShare = l.URI("logs"), 1 })
	e.waitFor("v1")
	rows := onnxtest.Rows(2, model, 30, 0)
	e.do(http.MethodPost, "/predict", body(t, rows[0]))
	e.do(http.MethodPost, "/predict", body(t, rows[1:]...))
	e.do(http.MethodPost, "/predict", `{"features":[1,2,3,4,null]}`)
	e.do(http.MethodPost, "/predict", `{"features":[1,2,3]}`) // a bad request is not captured
	require.NoError(t, e.stop())                              // what is waiting is written at the end
	var got []capture.Record
	broken, err := capture.Read(t.Context(), l.Zone("logs"), func(r *capture.Record) error {
		got = append(got, *r)
		return nil
	})
	require.NoError(t, err)
	assert.Zero(t, broken)
	require.Len(t, got, 31)
	out := make([]float32, 2)
	for i, row := range rows {
		model.Predict(row, out)
		assert.Equal(t, out, got[i].Output)
		assert.Equal(t, "v1", got[i].Version)
		assert.Contains(t, model.Classes, got[i].Prediction)
		assert.WithinDuration(t, time.Now(), got[i].Time, time.Hour)
		for j, x := range row {
			require.NotNil(t, got[i].Features[j])
			assert.Equal(t, x, *got[i].Features[j]) //nolint:testifylint // the bits are meant
		}
	}
	assert.Nil(t, got[30].Features[4])
	files, err := filepath.Glob(l.Path("logs", "capture/*.jsonl"))
	require.NoError(t, err)
	assert.NotEmpty(t, files)
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	e := start(t, l, func(o *serve.Options) { o.DrainDelay = 300 * time.Millisecond })
	e.waitFor("v1")
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	codes := make(chan int, 1)
	go func() {
		response, err := http.Post(e.url+"/predict", "application/json", reader) //nolint:noctx // a test
		if !assert.NoError(t, err) {
			codes <- 0
			return
		}
		_ = response.Body.Close()
		codes <- response.StatusCode
	}()
	_, err = writer.WriteString(`{"features":`)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
		return strings.Contains(string(metrics), "mlpathway_predict_requests_in_flight 1")
	}, 20*time.Second, 5*time.Millisecond)
	stopped := make(chan error, 1)
	go func() { stopped <- e.stop() }()
	require.Eventually(t, func() bool {
		code, _, answer := e.do(http.MethodGet, "/readyz", "")
		return code == http.StatusServiceUnavailable && answer["error"] == "shutting down"
	}, 20*time.Second, time.Millisecond)
	_, err = writer.WriteString(`[1]}`)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	assert.Equal(t, http.StatusOK, <-codes)
	require.NoError(t, <-stopped)
}
