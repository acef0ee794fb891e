package serve

import (
	"context"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// Gathering is whether the rows of concurrent requests are computed together.
type Gathering string

// The choices.
const (
	GatherAuto Gathering = "auto" // where a measurement at load says that the model gains from it
	GatherOn   Gathering = "on"
	GatherOff  Gathering = "off"
)

const (
	// maxGathered rows are computed together at most; a request of more rows goes alone.
	maxGathered = 64
	// gatherDelay is how long rows wait for others, and only where the last batch had company.
	gatherDelay = 500 * time.Microsecond
	// A model gains where a row alone takes so long, and a row of many so many times less.
	gatherLeast = 50 * time.Microsecond
	gatherGain  = 1.5
	gatherTrial = 32
)

// batcher computes the rows of concurrent requests together. It has no goroutine of its own while nobody asks.
type batcher struct {
	m       *model.Model
	workers int
	most    int // requests that may wait
	size    prometheus.Observer

	mu      sync.Mutex
	pending []*gathered
	running int
	company bool // the last batch was of more than one request
}

// gathered is a request that waits.
type gathered struct {
	ctx  context.Context
	x    *scratch
	done chan error
}

// newBatcher makes the batcher of a model; nil where rows are better computed alone.
func newBatcher(m *model.Model, how Gathering, most int, size prometheus.Observer) *batcher {
	if how == GatherOff || how == GatherAuto && !gains(m, time.Now) {
		return nil
	}
	return &batcher{m: m, workers: runtime.GOMAXPROCS(0), most: most, size: size}
}

// gains measures whether a row of many costs less than a row alone.
func gains(m *model.Model, now func() time.Time) bool {
	rows, out := make([]float32, gatherTrial*m.Inputs()), make([]float32, gatherTrial*m.Outputs())
	shortest := func(n int) time.Duration {
		best := time.Duration(math.MaxInt64)
		for range 5 {
			start := now()
			if m.Predict(rows, n, out) != nil {
				return 0 // the error shows at the first request
			}
			best = min(best, now().Sub(start))
		}
		return best
	}
	alone := shortest(1)
	return alone >= gatherLeast && float64(alone) >= gatherGain*float64(shortest(gatherTrial))/gatherTrial
}

// predict computes the rows of a request, together with others that come at the same time.
func (b *batcher) predict(ctx context.Context, x *scratch) error {
	g := &gathered{ctx: ctx, x: x, done: make(chan error, 1)}
	b.mu.Lock()
	if len(b.pending) >= b.most {
		b.mu.Unlock()
		return errFull
	}
	b.pending = append(b.pending, g)
	begin := b.running < b.workers
	if begin {
		b.running++
	}
	b.mu.Unlock()
	if begin {
		go b.work()
	}
	return <-g.done // work touches the scratch until then, so that it may not be given back earlier
}

// work computes batches until nobody waits.
func (b *batcher) work() {
	var values, out []float32
	for {
		batch, wait := b.take()
		if wait {
			time.Sleep(gatherDelay)
			batch, _ = b.take()
		}
		if batch == nil {
			return
		}
		values, out = b.compute(batch, values[:0], out)
	}
}

// take takes the next requests. With wait it took none yet, since more are likely to come in a moment.
func (b *batcher) take() (batch []*gathered, wait bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		b.running--
		return nil, false
	}
	if b.company && len(b.pending) < maxGathered {
		b.company = false
		return nil, true
	}
	n, rows := 0, 0
	for n < len(b.pending) && (n == 0 || rows+b.pending[n].x.rows.N <= maxGathered) {
		rows += b.pending[n].x.rows.N
		n++
	}
	batch = append(batch, b.pending[:n]...)
	b.pending = append(b.pending[:0], b.pending[n:]...)
	b.company = n > 1
	return batch, false
}

func (b *batcher) compute(batch []*gathered, values, out []float32) (v, o []float32) {
	live := batch[:0]
	for _, g := range batch {
		if err := g.ctx.Err(); err != nil {
			g.done <- err
			continue
		}
		values = append(values, g.x.rows.Values...)
		live = append(live, g)
	}
	n := len(values) / b.m.Inputs()
	if need := n * b.m.Outputs(); cap(out) < need {
		out = make([]float32, need)
	}
	err := b.m.Predict(values, n, out[:n*b.m.Outputs()])
	b.size.Observe(float64(n))
	at := 0
	for _, g := range live {
		at += copy(g.x.out, out[at:at+len(g.x.out)])
		g.done <- err
	}
	return values, out
}
