package serve

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Nothing listens here, so that the test opens no port beyond this machine.
func TestAddressesBeyondThisMachine(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	token := l.Path("logs", "token")
	require.NoError(t, os.WriteFile(token, []byte("s3cret"), 0o600))
	for _, c := range []struct {
		address, token string
		anonymous, ok  bool
	}{
		{"127.0.0.1:0", "", false, true}, {"127.9.9.9:80", "", false, true}, {"[::1]:80", "", false, true},
		{"localhost:80", "", false, true}, {":80", "", false, false}, {"0.0.0.0:80", "", false, false},
		{"[::]:80", "", false, false}, {"192.0.2.1:80", "", false, false},
		{"192.0.2.1:80", token, false, true}, {":80", "", true, true},
	} {
		o := Options{Address: c.address, TokenFile: c.token, AllowAnonymous: c.anonymous, Models: l.URI("models"),
			Model: "m"}
		o.setDefaults()
		_, closeAll, err := newServer(t.Context(), o)
		if !c.ok {
			require.ErrorIs(t, err, ErrOpen, c.address)
			continue
		}
		require.NoError(t, err, c.address)
		closeAll()
	}
}

func newModel(tb testing.TB, s onnxtest.Shape) *model.Model {
	tb.Helper()
	m, err := model.New(inferencetest.Version(tb, "v1", onnxtest.Ensemble(1, s)))
	require.NoError(tb, err)
	return m
}

// A broken version is tried again, but less and less often.
func TestBackOff(t *testing.T) {
	t.Parallel()
	f := &follower{s: &server{o: Options{Poll: time.Second}}}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	a := registry.Alias{Version: "a"}
	var waits []float64
	for range 8 {
		f.backOff(a, now)
		waits = append(waits, f.retry.Sub(now).Seconds())
	}
	assert.Equal(t, []float64{1, 2, 4, 8, 16, 32, 60, 60}, waits)
	f.backOff(registry.Alias{Version: "b"}, now)
	assert.Equal(t, time.Second, f.wait)
}

func TestABrokenVersionIsNotReadAtEveryPoll(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	v := inferencetest.Version(t, "v1", onnxtest.Ensemble(1, onnxtest.Shape{}))
	v.Model = []byte("broken")
	l.Register(v)
	l.Promote("v1")
	o := Options{Model: inferencetest.Model, Models: l.URI("models"), Address: "127.0.0.1:0"}
	o.setDefaults()
	s, closeAll, err := newServer(t.Context(), o)
	require.NoError(t, err)
	defer closeAll()
	f := &follower{s: s, d: s.first, arm: s.first.arms[0], registry: l.Registry}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after    time.Duration
		attempts float64
	}{{0, 1}, {100 * time.Millisecond, 1}, {500 * time.Millisecond, 2}, {time.Second, 2}, {1500 * time.Millisecond, 3}} {
		f.poll(t.Context(), now.Add(c.after))
		assert.InDelta(t, c.attempts, value(t, s.metrics, "mlpathway_model_load_errors_total"), 0, c.after)
	}
}

// value reads a counter without labels.
func value(t *testing.T, m *metrics, name string) float64 {
	t.Helper()
	families, err := m.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	require.Fail(t, "no metric "+name)
	return 0
}

func TestVersionsHaveSeriesForAWhile(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	for i := range 3 * keptVersions {
		version := fmt.Sprintf("v%d", i%(2*keptVersions))
		m.requests.WithLabelValues("m", version, "200").Inc()
		m.swapped("m", "production", version)
	}
	families, err := m.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		switch f.GetName() {
		case "mlpathway_predict_requests_total":
			assert.Len(t, f.GetMetric(), keptVersions)
		case "mlpathway_model_info":
			assert.Len(t, f.GetMetric(), 1)
		}
	}
}

//nolint:paralleltest // the allocations of other tests would count
func TestAnswerAllocatesNothing(t *testing.T) {
	m := newServed(newModel(t, onnxtest.Shape{Inputs: 30}), newMetrics())
	o := Options{}
	o.setDefaults()
	s := &server{o: o, metrics: newMetrics(), gate: newGate(1, 1)}
	d := &deployment{name: "m"}
	positional, named := bodies(m.Model)
	var x scratch
	for _, body := range [][]byte{positional, named} {
		x.body = body
		assert.Zero(t, testing.AllocsPerRun(100, func() { s.hot(t, d, m, &x) }))
	}
}

// hot is what a prediction costs beside net/http.
func (s *server) hot(tb testing.TB, d *deployment, m *served, x *scratch) {
	tb.Helper()
	start := time.Now()
	if bad := s.predict(context.Background(), d, m, x, predictForm.read, start); bad != nil {
		tb.Fatal(bad.err)
	}
	if err := predictForm.write(x, m); err != nil {
		tb.Fatal(err)
	}
	s.done(d, m, x, start)
}

func bodies(m *model.Model) (positional, named []byte) {
	p, n := registry.ExampleBodies(&m.Manifest, &m.Profile)
	return []byte(p), []byte(n)
}

func TestHandlerHeaders(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	o := Options{Address: "127.0.0.1:0", Models: l.URI("models"), Model: "m"}
	o.setDefaults()
	s, closeAll, err := newServer(t.Context(), o)
	require.NoError(t, err)
	defer closeAll()
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.NotContains(t, strings.ToLower(w.Body.String()), "<script")
}

func BenchmarkAnswer(b *testing.B) {
	m := newServed(newModel(b, onnxtest.Shape{Task: onnx.Binary, Inputs: 30, Trees: 100, Depth: 6}), newMetrics())
	o := Options{}
	o.setDefaults()
	server := &server{o: o, metrics: newMetrics(), gate: newGate(1, 1)}
	d := &deployment{name: "m"}
	positional, named := bodies(m.Model)
	for name, body := range map[string][]byte{"positional": positional, "named": named} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			x := scratch{body: body}
			for b.Loop() {
				server.hot(b, d, m, &x)
			}
		})
	}
}
