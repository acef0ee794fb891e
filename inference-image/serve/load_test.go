package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/oip"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// loadTime is how long the test below runs: MLPATHWAY_LOAD=10m for the long form.
func loadTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("MLPATHWAY_LOAD")
	if text == "" {
		return 6 * time.Second
	}
	span, err := time.ParseDuration(text)
	require.NoError(t, err)
	return span
}

// held is what a process holds.
type held struct{ goroutines, files, heapMiB int }

func holds(t *testing.T) held {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	runtime.GC()
	runtime.GC() // what the first one freed of the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return held{runtime.NumGoroutine(), len(files), int(m.HeapAlloc >> 20)}
}

// load is what the callers share.
type load struct {
	e      *endpoint
	calls  *grpc.ClientConn
	rows   [][]float32
	wanted map[string][]float32 // by version
	text   string

	good   atomic.Int64
	seen   sync.Map // versions that answered
	failed atomic.Pointer[error]
}

func (l *load) fail(err error) { l.failed.CompareAndSwap(nil, &err) }

// At saturation, while versions swap and the registry fails in every way, with bad requests, callers that go away and
// callers that never end: no good request fails, memory stays, and afterwards nothing is left over.
//
//nolint:paralleltest // it counts goroutines, files and memory of the whole process
func TestLoadAndFaults(t *testing.T) {
	lake := inferencetest.New(t)
	l := &load{wanted: map[string][]float32{}}
	for i, version := range []string{"v0", "v1", "v2"} {
		model := onnxtest.Ensemble(uint64(i+1), onnxtest.Shape{Task: onnx.Regression})
		lake.Register(inferencetest.Version(t, version, model))
		if l.rows == nil {
			l.rows = onnxtest.Rows(5, model, 20, 0)
		}
		for _, row := range l.rows {
			out := make([]float32, 1)
			model.Predict(row, out)
			l.wanted[version] = append(l.wanted[version], out[0])
		}
	}
	l.text = body(t, l.rows...)
	lake.Promote("v0")
	store, uri := openFaulty(lake.Path("models", ""))
	http.DefaultClient.CloseIdleConnections()
	before := holds(t)
	l.e, l.calls = startGRPC(t, lake, func(o *serve.Options) {
		o.Models, o.Poll, o.Queue, o.RegistryTimeout = uri, time.Millisecond, 1000, 100*time.Millisecond
		o.Logs, o.CaptureShare, o.CaptureFiles = lake.URI("logs"), .1, 3
	})
	l.e.waitFor("v0")
	l.run(t, lake, store)
	if err := l.failed.Load(); err != nil {
		require.NoError(t, *err)
	}
	assert.Empty(t, store.missed(), "faults that were never met")
	assert.Empty(t, l.unseen(), "versions that no caller saw")
	store.set(healthy)
	lake.Promote("v2")
	l.e.waitFor("v2")
	_, _, metrics := l.e.raw(http.MethodGet, "/metrics", "")
	assert.NotContains(t, string(metrics), `code="500"`)
	assert.NotContains(t, string(metrics), "mlpathway_model_load_errors_total 0", "the registry was broken indeed")
	require.NoError(t, l.calls.Close())
	require.NoError(t, l.e.stop())
	http.DefaultClient.CloseIdleConnections()
	var after held
	for range 1000 {
		if after = holds(t); after.goroutines <= before.goroutines && after.files <= before.files {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	assert.LessOrEqual(t, after.goroutines, before.goroutines, "%s", stacks[:runtime.Stack(stacks, true)])
	assert.LessOrEqual(t, after.files, before.files)
	t.Logf("%d good requests; before %+v, after %+v", l.good.Load(), before, after)
}

// run lets all callers loose for a while and looks at the memory on the way.
func (l *load) run(t *testing.T, lake *inferencetest.Lake, store *faulty) {
	t.Helper()
	span := loadTime(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() { l.goodCaller(ctx) })
	}
	group.Go(func() { l.goodRPC(ctx) })
	group.Go(func() { l.badCaller(ctx) })
	group.Go(func() { l.hastyCaller(ctx) })
	group.Go(func() { l.slowCaller(ctx) })
	group.Go(func() { faultyRegistry(ctx, t, lake, store) })
	time.Sleep(span / 3)
	warm := holds(t)
	time.Sleep(span * 2 / 3)
	for range 1000 { // a slow machine may need longer to see all
		if l.failed.Load() != nil || store.missed() == "" && l.unseen() == "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	cancel()
	group.Wait()
	end := holds(t)
	assert.LessOrEqual(t, end.heapMiB, warm.heapMiB+16, "memory grows: %+v, then %+v", warm, end)
	assert.Positive(t, l.good.Load())
}

// unseen names the versions that have answered nobody.
func (l *load) unseen() (names string) {
	for version := range l.wanted {
		if _, ok := l.seen.Load(version); !ok {
			names += version + " "
		}
	}
	return names
}

func (l *load) goodCaller(ctx context.Context) {
	for ctx.Err() == nil && l.failed.Load() == nil {
		version, err := ask(l.e.url, strings.NewReader(l.text), l.wanted)
		if err != nil {
			l.fail(err)
			return
		}
		l.seen.Store(version, true)
		l.good.Add(1)
	}
}

// goodRPC asks over gRPC.
func (l *load) goodRPC(ctx context.Context) {
	client := oip.NewGRPCInferenceServiceClient(l.calls)
	in := &oip.ModelInferRequest{ModelName: inferencetest.Model, RawInputContents: [][]byte{rawRows(l.rows)},
		Inputs: []*oip.ModelInferRequest_InferInputTensor{{Name: "features", Datatype: "FP32",
			Shape: []int64{int64(len(l.rows)), int64(len(l.rows[0]))}}}}
	for ctx.Err() == nil && l.failed.Load() == nil {
		answer, err := client.ModelInfer(context.WithoutCancel(ctx), in)
		if err != nil {
			l.fail(err)
			return
		}
		want, ok := l.wanted[answer.GetModelVersion()]
		if !ok || !slices.Equal(rawRows([][]float32{want}), answer.GetRawOutputContents()[0]) {
			l.fail(fmt.Errorf("gRPC: the answer is not that of version %q", answer.GetModelVersion()))
			return
		}
		l.good.Add(1)
	}
}

// badCaller sends what is refused.
func (l *load) badCaller(ctx context.Context) {
	for ctx.Err() == nil {
		response, err := http.Post(l.e.url+"/predict", "", strings.NewReader(`{"features":["a"]}`)) //nolint:noctx // short
		if err != nil {
			l.fail(err)
			return
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			l.fail(fmt.Errorf("a bad request was answered with %s", response.Status))
			return
		}
	}
}

// hastyCaller goes away before the answer comes.
func (l *load) hastyCaller(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		short, cancel := context.WithTimeout(ctx, time.Duration(i%10)*100*time.Microsecond)
		request, err := http.NewRequestWithContext(short, http.MethodPost, l.e.url+"/predict", strings.NewReader(l.text))
		if err == nil {
			var response *http.Response
			if response, err = http.DefaultClient.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			l.fail(err)
		}
		cancel()
	}
}

// slowCaller opens connections, sends a little and hangs up late.
func (l *load) slowCaller(ctx context.Context) {
	var open []net.Conn
	for ctx.Err() == nil {
		c, err := net.Dial("tcp", strings.TrimPrefix(l.e.url, "http://")) //nolint:noctx // loopback
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

// faultyRegistry swaps good versions, and between them lets the alias stand for what cannot be loaded, and the store
// fail.
func faultyRegistry(ctx context.Context, t *testing.T, l *inferencetest.Lake, store *faulty) {
	t.Helper()
	zone := l.Zone("models")
	model, err := os.ReadFile(l.Path("models", "tumour/versions/v1/model.onnx"))
	if !assert.NoError(t, err) { //nolint:testifylint // not the goroutine of the test
		return
	}
	write := func(key, text string) {
		assert.NoError(t, zone.Write(context.WithoutCancel(ctx), key, []byte(text)))
	}
	const alias = "tumour/aliases/production"
	for i := 0; ctx.Err() == nil; i++ {
		now := fault(i % int(faults))
		met := store.set(now)
		switch i % 5 {
		case 0:
			write(alias, `{"version":"nobody"}`)
		case 1:
			write(alias, `{"versi`) // half a file
		case 2:
			write("tumour/versions/half/model.onnx", string(model[:len(model)/2]))
			write("tumour/versions/half/manifest.json", string(bytes.Repeat([]byte("{"), 1000)))
			write(alias, `{"version":"half"}`)
		case 3:
			_ = zone.Delete(context.WithoutCancel(ctx), alias)
		}
		time.Sleep(10 * time.Millisecond)
		write(alias, fmt.Sprintf(`{"version":"v%d"}`, i%3))
		time.Sleep(10 * time.Millisecond)
		met(ctx) // a fault stays while good versions come
		met = store.set(healthy)
		time.Sleep(30 * time.Millisecond)
		met(ctx) // who hangs in the fault would miss the next one
	}
}
