package serve

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// ratesKept is how many seconds the page shows.
const ratesKept = 60

// sample is the state of the counters at a moment.
type sample struct {
	at                         time.Time
	requests, failed, rows     float64
	seconds, finished, waiting float64
}

// rates looks at the counters once a second, so that a request pays nothing for the page.
type rates struct {
	m *metrics

	mu      sync.Mutex
	samples []sample
}

func newRates(m *metrics) *rates { return &rates{m: m} }

func (r *rates) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		r.look(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *rates) look(now time.Time) {
	s := sample{at: now}
	each(r.m.requests, func(m *dto.Metric) {
		s.requests += m.GetCounter().GetValue()
		for _, label := range m.GetLabel() {
			if label.GetName() == "code" && label.GetValue() != "200" {
				s.failed += m.GetCounter().GetValue()
			}
		}
	})
	each(r.m.rows, func(m *dto.Metric) { s.rows += m.GetCounter().GetValue() })
	each(r.m.seconds, func(m *dto.Metric) {
		s.seconds += m.GetHistogram().GetSampleSum()
		s.finished += float64(m.GetHistogram().GetSampleCount())
	})
	each(r.m.queued, func(m *dto.Metric) { s.waiting = m.GetGauge().GetValue() })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, s)
	if len(r.samples) > ratesKept+1 {
		r.samples = append(r.samples[:0], r.samples[1:]...)
	}
}

// each calls visit for every series of a collector.
func each(c prometheus.Collector, visit func(*dto.Metric)) {
	series := make(chan prometheus.Metric, 16)
	go func() {
		defer close(series)
		c.Collect(series)
	}()
	for one := range series {
		var m dto.Metric
		if one.Write(&m) == nil { // a series of our own can always be written
			visit(&m)
		}
	}
}

//go:embed rates.html
var ratesText string

var ratesTemplate = template.Must(template.New("rates").Parse(ratesText))

// ratesView is what the page of rates shows.
type ratesView struct {
	Requests, Rows, Failed, Milliseconds, Waiting, Most string
	Line                                                string
}

// view computes the rates of the last five seconds, and the line of the last minute.
func (r *rates) view() ratesView {
	r.mu.Lock()
	samples := append([]sample(nil), r.samples...)
	r.mu.Unlock()
	v := ratesView{Requests: "0", Rows: "0", Failed: "0", Milliseconds: "–", Waiting: "0", Most: "0"}
	if len(samples) < 2 {
		return v
	}
	last := samples[len(samples)-1]
	from := samples[max(0, len(samples)-6)]
	span := last.at.Sub(from.at).Seconds()
	perSecond := func(now, before float64) string { return fmt.Sprintf("%.3g", max(0, now-before)/span) }
	v.Requests, v.Rows = perSecond(last.requests, from.requests), perSecond(last.rows, from.rows)
	v.Failed, v.Waiting = perSecond(last.failed, from.failed), fmt.Sprintf("%.0f", last.waiting)
	if n := last.finished - from.finished; n > 0 {
		v.Milliseconds = fmt.Sprintf("%.3g", 1000*(last.seconds-from.seconds)/n)
	}
	v.Line, v.Most = ratesLine(samples)
	return v
}

// ratesLine draws the requests of each second as the points of a polyline of 600 by 60.
func ratesLine(samples []sample) (line, most string) {
	values, largest := make([]float64, 0, len(samples)), 0.0
	for i := 1; i < len(samples); i++ {
		gap := samples[i].at.Sub(samples[i-1].at).Seconds()
		value := max(0, samples[i].requests-samples[i-1].requests) / max(gap, 1e-3)
		values = append(values, value)
		largest = max(largest, value)
	}
	var b strings.Builder
	for i, value := range values {
		fmt.Fprintf(&b, "%.1f,%.1f ", 600*float64(i+ratesKept-len(values))/(ratesKept-1), 58-56*value/max(largest, 1))
	}
	return b.String(), fmt.Sprintf("%.3g", largest)
}

// ratesPage answers GET /rates, which the page at / shows in a frame that refreshes itself: no script is needed.
func (s *server) ratesPage(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	if err := ratesTemplate.Execute(&b, s.metrics.rates.view()); err != nil {
		s.log.Error("writing the page of rates", "error", err)
		writeError(w, http.StatusInternalServerError, "the page could not be written")
		return
	}
	writePage(w, []byte(b.String()))
}
