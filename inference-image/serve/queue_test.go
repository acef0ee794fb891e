package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// slowEngine computes when it is let, and counts.
type slowEngine struct {
	let   chan struct{} // nil lets everything through
	begun chan int
	calls atomic.Int64
	rows  atomic.Int64
	err   error
}

func (e *slowEngine) Outputs() int { return 2 }

func (e *slowEngine) Predict(rows []float32, n int, out []float32) error {
	e.calls.Add(1)
	e.rows.Add(int64(n))
	if e.begun != nil {
		e.begun <- n
	}
	if e.let != nil {
		<-e.let
	}
	for i := range n {
		out[2*i], out[2*i+1] = 0, rows[i]
	}
	return e.err
}

// slowServer serves a model of one input whose engine is under the test's control.
func slowServer(t *testing.T, engine model.Engine, change func(o *Options)) *server {
	t.Helper()
	l := inferencetest.New(t)
	o := Options{Model: inferencetest.Model, Models: l.URI("models"), Gather: GatherOff,
		Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	o.setDefaults()
	s, closeAll, err := newServer(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(closeAll)
	v := inferencetest.Version(t, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	s.put(s.first.arms[0], model.WithEngine(v, engine))
	return s
}

func post(ctx context.Context, s *server, body io.Reader) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/predict", body))
	return w
}

// One computes, one waits, and everybody else is told to come back.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	engine := &slowEngine{let: make(chan struct{}), begun: make(chan int, 10)}
	s := slowServer(t, engine, func(o *Options) { o.Concurrency, o.Queue, o.Timeout = 1, 1, time.Hour })
	codes := make(chan int, 2)
	ask := func() { codes <- post(context.Background(), s, strings.NewReader(`{"features":[1]}`)).Code }
	go ask()
	<-engine.begun
	go ask()
	require.Eventually(t, func() bool { return s.gate.waiting.Load() == 1 }, 20*time.Second, time.Millisecond)
	w := post(t.Context(), s, strings.NewReader(`{"features":[1]}`))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Contains(t, w.Body.String(), "too many requests are waiting")
	bad := post(t.Context(), s, strings.NewReader(`{"features":["a"]}`))
	assert.Equal(t, http.StatusBadRequest, bad.Code, "a bad request needs no place")
	close(engine.let)
	assert.Equal(t, http.StatusOK, <-codes)
	assert.Equal(t, http.StatusOK, <-codes)
	assert.Equal(t, int64(2), engine.calls.Load())
}

func TestDeadlineAndCancellation(t *testing.T) {
	t.Parallel()
	engine := &slowEngine{let: make(chan struct{}), begun: make(chan int, 10)}
	s := slowServer(t, engine, func(o *Options) { o.Concurrency, o.Queue, o.Timeout = 1, 10, 30*time.Millisecond })
	first := make(chan struct{})
	go func() {
		post(context.Background(), s, strings.NewReader(`{"features":[1]}`))
		close(first)
	}()
	<-engine.begun
	w := post(t.Context(), s, strings.NewReader(`{"features":[1]}`))
	assert.Equal(t, http.StatusGatewayTimeout, w.Code, "it waited longer than the time limit")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w = post(ctx, s, strings.NewReader(`{"features":[1]}`))
	assert.Equal(t, statusGone, w.Code, "the caller went away")
	close(engine.let)
	<-first
	assert.Equal(t, int64(1), engine.calls.Load(), "what nobody waits for is not computed")
}

// The rows of a large request stop to be computed when the caller goes.
func TestCancellationStopsALargeRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	engine := &slowEngine{let: make(chan struct{}, 1), begun: make(chan int, 100)}
	s := slowServer(t, engine, nil)
	done := make(chan int, 1)
	go func() {
		done <- post(ctx, s, strings.NewReader(`{"features":[`+strings.Repeat("[1],", 49_999)+`[1]]}`)).Code
	}()
	<-engine.begun
	cancel()
	engine.let <- struct{}{}
	assert.Equal(t, statusGone, <-done)
	assert.Equal(t, int64(rowsAtOnce), engine.rows.Load())
}

func TestBrokenEngine(t *testing.T) {
	t.Parallel()
	s := slowServer(t, &slowEngine{err: errors.New("out of order")}, nil)
	w := post(t.Context(), s, strings.NewReader(`{"features":[1]}`))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
}

// While a batch is computed, the requests that come are gathered, and each gets its own answer.
func TestGathering(t *testing.T) {
	t.Parallel()
	engine := &slowEngine{let: make(chan struct{}), begun: make(chan int, 100)}
	s := slowServer(t, engine, nil)
	m := s.first.choose()
	m.batcher = &batcher{m: m.Model, workers: 1, most: 100, size: prometheus.NewHistogram(prometheus.HistogramOpts{})}
	var group sync.WaitGroup
	answers := make([]string, 21)
	ask := func(i int, body string) {
		group.Go(func() { answers[i] = post(context.Background(), s, strings.NewReader(body)).Body.String() })
	}
	ask(0, `{"features":[0.5]}`)
	assert.Equal(t, 1, <-engine.begun)
	for i := 1; i <= 20; i++ {
		ask(i, `{"features":[[`+string(rune('0'+i%10))+`],[`+string(rune('0'+i/10))+`]]}`)
	}
	require.Eventually(t, func() bool {
		m.batcher.mu.Lock()
		defer m.batcher.mu.Unlock()
		return len(m.batcher.pending) == 20
	}, 20*time.Second, time.Millisecond)
	engine.let <- struct{}{}
	assert.Equal(t, 40, <-engine.begun, "twenty requests of two rows in one batch")
	engine.let <- struct{}{}
	group.Wait()
	assert.Contains(t, answers[0], `"yes":0.5`)
	for i := 1; i <= 20; i++ {
		first, second := string(rune('0'+i%10)), string(rune('0'+i/10))
		at := strings.Index(answers[i], `"yes":`+first)
		require.GreaterOrEqual(t, at, 0, answers[i])
		assert.Contains(t, answers[i][at:], `"yes":`+second)
	}
	m.batcher.most = 0
	w := post(t.Context(), s, strings.NewReader(`{"features":[1]}`))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code, "the queue of a batcher is bounded as well")
}

// pacedEngine takes so long for a batch and so long for each row of it, by a clock of its own.
type pacedEngine struct {
	batch, row time.Duration
	clock      time.Time
}

func (e *pacedEngine) Outputs() int { return 2 }

func (e *pacedEngine) Predict(_ []float32, n int, _ []float32) error {
	e.clock = e.clock.Add(e.batch + time.Duration(n)*e.row)
	return nil
}

func TestGatheringIsOffWhereItGainsNothing(t *testing.T) {
	t.Parallel()
	v := inferencetest.Version(t, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	for name, c := range map[string]struct {
		batch, row time.Duration
		want       bool
	}{
		"a batch costs as a row":         {time.Millisecond, 0, true},
		"a batch costs as all its rows":  {0, time.Millisecond, false},
		"twice as fast":                  {100 * time.Microsecond, 90 * time.Microsecond, true},
		"hardly faster":                  {20 * time.Microsecond, 90 * time.Microsecond, false},
		"a row is too cheap to wait for": {40 * time.Microsecond, 0, false},
	} {
		e := &pacedEngine{batch: c.batch, row: c.row}
		assert.Equal(t, c.want, gains(model.WithEngine(v, e), func() time.Time { return e.clock }), name)
	}
	m := model.WithEngine(v, &pacedEngine{})
	assert.NotNil(t, newBatcher(m, GatherOn, 1, nil))
	assert.Nil(t, newBatcher(m, GatherOff, 1, nil))
}

func TestParseTraffic(t *testing.T) {
	t.Parallel()
	arms, err := parseTraffic("production=90, canary=10")
	require.NoError(t, err)
	require.Len(t, arms, 2)
	assert.Equal(t, "canary", arms[1].alias)
	assert.Equal(t, 10, arms[1].percent)
	arms, err = parseTraffic("production")
	require.NoError(t, err)
	assert.Equal(t, 100, arms[0].percent)
	for text, says := range map[string]string{
		"": "has no name", "a=50": "sum up to 50", "a=50,a=50": "twice", "a=x": "whole percent", "a=101": "whole percent",
		"a=-1,b=101": "whole percent", "a,b": "sum up to 200", "=100": "has no name",
	} {
		_, err := parseTraffic(text)
		require.ErrorContains(t, err, says, text)
	}
}

func TestPlainID(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a-Z_0.9:x", plainID("a-Z_0.9:x"))
	for _, id := range []string{`"`, "a b", "ä", "a\n", strings.Repeat("a", 129)} {
		assert.Empty(t, plainID(id), id)
	}
}
