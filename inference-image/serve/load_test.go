package serve_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// loadTime is how long the test below runs: MLPATHWAY_LOAD=10m for the long form.
func loadTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("MLPATHWAY_LOAD")
	if text == "" {
		return 3 * time.Second
	}
	span, err := time.ParseDuration(text)
	require.NoError(t, err)
	return span
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(files)
}

// At saturation, while versions swap and the registry is broken again and again, with bad requests, callers that go
// away and callers that never end: no good request fails, and afterwards nothing is left over.
//
//nolint:paralleltest // it counts goroutines and files of the whole process
func TestLoadAndFaults(t *testing.T) {
	l := inferencetest.New(t)
	wanted, models := map[string][]float32{}, map[string]*onnx.Ensemble{}
	for i, version := range []string{"v0", "v1", "v2"} {
		models[version] = onnxtest.Ensemble(uint64(i+1), onnxtest.Shape{Task: onnx.Regression})
		l.Register(inferencetest.Version(t, version, models[version]))
	}
	rows := onnxtest.Rows(5, models["v0"], 20, 0)
	for version, model := range models {
		for _, row := range rows {
			out := make([]float32, 1)
			model.Predict(row, out)
			wanted[version] = append(wanted[version], out[0])
		}
	}
	l.Promote("v0")
	http.DefaultClient.CloseIdleConnections()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	e := start(t, l, func(o *serve.Options) { o.Poll, o.Queue = time.Millisecond, 1000 })
	e.waitFor("v0")
	ctx, cancel := context.WithTimeout(t.Context(), loadTime(t))
	defer cancel()
	var good atomic.Int64
	var failed atomic.Value
	var group sync.WaitGroup
	text := body(t, rows...)
	for range 6 {
		group.Go(func() {
			for ctx.Err() == nil {
				if _, err := ask(e.url, strings.NewReader(text), wanted); err != nil {
					failed.Store(err)
					return
				}
				good.Add(1)
			}
		})
	}
	group.Go(func() { badCallers(ctx, t, e, text) })
	group.Go(func() { slowCallers(ctx, e) })
	group.Go(func() { faultyRegistry(ctx, t, l) })
	group.Wait()
	require.Nil(t, failed.Load())
	assert.Positive(t, good.Load())
	l.Promote("v2")
	e.waitFor("v2")
	_, _, metrics := e.raw(http.MethodGet, "/metrics", "")
	assert.NotContains(t, string(metrics), `code="500"`)
	assert.NotContains(t, string(metrics), "mlpathway_model_load_errors_total 0", "the registry was broken indeed")
	require.NoError(t, e.stop())
	http.DefaultClient.CloseIdleConnections()
	for range 1000 {
		if runtime.NumGoroutine() <= goroutines && openFiles(t) <= files {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "%s", stacks[:runtime.Stack(stacks, true)])
	assert.LessOrEqual(t, openFiles(t), files)
}

// badCallers send what is refused, and go away in the middle of what is not.
func badCallers(ctx context.Context, t *testing.T, e *endpoint, text string) {
	t.Helper()
	for i := 0; ctx.Err() == nil; i++ {
		response, err := http.Post(e.url+"/predict", "", strings.NewReader(`{"features":["a"]}`)) //nolint:noctx // short
		if assert.NoError(t, err) {
			assert.Equal(t, http.StatusBadRequest, response.StatusCode)
			_ = response.Body.Close()
		}
		short, cancel := context.WithTimeout(ctx, time.Duration(i%10)*100*time.Microsecond)
		request, err := http.NewRequestWithContext(short, http.MethodPost, e.url+"/predict", strings.NewReader(text))
		if assert.NoError(t, err) {
			if response, err := http.DefaultClient.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		}
		cancel()
	}
}

// slowCallers open connections, send a little and hang up late.
func slowCallers(ctx context.Context, e *endpoint) {
	var open []net.Conn
	for ctx.Err() == nil {
		c, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://")) //nolint:noctx // loopback
		if err == nil {
			_, _ = c.Write([]byte("POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"))
			open = append(open, c)
		}
		if len(open) > 50 {
			_ = open[0].Close()
			open = open[1:]
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, c := range open {
		_ = c.Close()
	}
}

// faultyRegistry swaps good versions, and between them lets the alias stand for what cannot be loaded.
func faultyRegistry(ctx context.Context, t *testing.T, l *inferencetest.Lake) {
	t.Helper()
	zone := l.Zone("models")
	model, err := os.ReadFile(l.Path("models", "tumour/versions/v1/model.onnx"))
	if !assert.NoError(t, err) { //nolint:testifylint // not the goroutine of the test
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		write := func(key string, data []byte) { assert.NoError(t, zone.Write(context.WithoutCancel(ctx), key, data)) }
		good := fmt.Sprintf(`{"version":"v%d"}`, i%3)
		switch i % 5 {
		case 0:
			write("tumour/aliases/production", []byte(`{"version":"nobody"}`))
		case 1:
			write("tumour/aliases/production", []byte(good[:9])) // half a file
		case 2:
			write("tumour/versions/half/model.onnx", model[:len(model)/2])
			write("tumour/versions/half/manifest.json", bytes.Repeat([]byte("{"), 1000))
			write("tumour/aliases/production", []byte(`{"version":"half"}`))
		case 3:
			_ = zone.Delete(context.WithoutCancel(ctx), "tumour/aliases/production")
		}
		time.Sleep(5 * time.Millisecond)
		write("tumour/aliases/production", []byte(good))
		time.Sleep(5 * time.Millisecond)
	}
}
