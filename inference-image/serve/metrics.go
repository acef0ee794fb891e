package serve

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the endpoint's own; nothing is registered globally.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	rows       *prometheus.CounterVec
	inFlight   prometheus.Gauge
	info       *prometheus.GaugeVec
	swaps      prometheus.Counter
	loadErrors prometheus.Counter
	captured   prometheus.Counter
	dropped    prometheus.Counter
	batchRows  *prometheus.HistogramVec
	errors     *prometheus.CounterVec
	unknown    *prometheus.CounterVec
	queued     prometheus.Gauge
	drift      *driftMetrics
	rates      *rates

	shadowRows       *prometheus.CounterVec
	shadowDifference *prometheus.HistogramVec
	shadowDropped    prometheus.Counter

	mu       sync.Mutex
	versions []modelVersion // whose series exist, oldest first
}

type modelVersion struct{ model, version string }

// keptVersions bounds how many versions have series of their own in an endpoint that lives long.
const keptVersions = 20

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "mlpathway", Name: name, Help: help})
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(
			prometheus.CounterOpts{Namespace: "mlpathway", Name: name, Help: help}, labels)
	}
	labels := []string{"model", "version", "code"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "mlpathway", Name: "predict_requests_total",
			Help: "Requests to /predict by model, version and HTTP status code.",
		}, labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "mlpathway", Name: "predict_request_seconds",
			Help:    "Time from the first byte of the body to the answer.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, labels),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "mlpathway", Name: "predicted_rows_total", Help: "Rows that were predicted.",
		}, []string{"model", "version"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "mlpathway", Name: "predict_requests_in_flight", Help: "Requests to /predict that run now.",
		}),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "mlpathway", Name: "model_info", Help: "1 for the version that is served now.",
		}, []string{"model", "alias", "version"}),
		swaps:      counter("model_swaps_total", "How often a version was put in place, the first included."),
		loadErrors: counter("model_load_errors_total", "Attempts to load a version or to read the alias that failed."),
		captured:   counter("captured_rows_total", "Rows that were written to the logs zone."),
		dropped:    counter("captured_rows_dropped_total", "Rows that were lost as the disk was slow or full."),
		batchRows: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "mlpathway", Name: "predict_batch_rows", Help: "Rows that were computed together.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 256, 1024, 8192, 50_000},
		}, []string{"model", "version"}),
		errors: vector("predict_errors_total", "Requests that were not answered, by kind.", "model", "kind"),
		unknown: vector("unknown_categories_total",
			"Requests that were refused for a category that the model does not know.", "model", "feature"),
		queued: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "mlpathway", Name: "predict_requests_queued", Help: "Requests that wait to compute.",
		}),
		drift: newDriftMetrics(),
		shadowRows: vector("shadow_rows_total",
			"Rows that the shadow answered too, by whether it chose the same class.", "model", "version", "agrees"),
		shadowDifference: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "mlpathway", Name: "shadow_difference",
			Help:    "Largest difference of a row between an output of the shadow and of the version that answered.",
			Buckets: []float64{0, 1e-6, 1e-4, .001, .01, .05, .1, .25, .5, 1, 10},
		}, []string{"model", "version"}),
		shadowDropped: counter("shadow_rows_dropped_total", "Rows that the shadow did not answer."),
	}
	m.rates = newRates(m)
	m.registry.MustRegister(m.requests, m.seconds, m.rows, m.inFlight, m.info, m.swaps, m.loadErrors, m.captured,
		m.dropped, m.batchRows, m.errors, m.unknown, m.queued, m.drift, m.shadowRows, m.shadowDifference, m.shadowDropped,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// swapped records which version an alias stands for now.
func (m *metrics) swapped(name, alias, version string) {
	m.swaps.Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.info.DeletePartialMatch(prometheus.Labels{"model": name, "alias": alias})
	m.info.WithLabelValues(name, alias, version).Set(1)
	now := modelVersion{name, version}
	m.versions = slices.DeleteFunc(m.versions, func(v modelVersion) bool { return v == now })
	m.versions = append(m.versions, now)
	for len(m.versions) > keptVersions {
		old := prometheus.Labels{"model": m.versions[0].model, "version": m.versions[0].version}
		m.requests.DeletePartialMatch(old)
		m.seconds.DeletePartialMatch(old)
		m.rows.DeletePartialMatch(old)
		m.batchRows.DeletePartialMatch(old)
		m.shadowRows.DeletePartialMatch(old)
		m.shadowDifference.DeletePartialMatch(old)
		m.versions = m.versions[1:]
	}
}

// refused counts a request that was not answered with 200.
func (m *metrics) refused(name, version string, f *failure, since time.Time) {
	code := strconv.Itoa(f.code)
	m.requests.WithLabelValues(name, version, code).Inc()
	m.seconds.WithLabelValues(name, version, code).Observe(time.Since(since).Seconds())
	m.errors.WithLabelValues(name, f.kind).Inc()
}
