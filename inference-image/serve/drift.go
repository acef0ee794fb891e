package serve

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/internal/lake"
)

// driftInterval is how often the newest drift report is read; reports come every few minutes.
const driftInterval = 15 * time.Second

// driftMetrics shows the newest drift report to Prometheus.
type driftMetrics struct {
	report atomic.Pointer[monitor.Report]

	psi, ks, js, missing, unknown, quality, status, rows, when *prometheus.Desc
}

func newDriftMetrics() *driftMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("mlpathway_drift_"+name, help, append([]string{"model", "version"}, labels...), nil)
	}
	return &driftMetrics{
		psi:     desc("psi", "Population stability index of each feature and of the prediction.", "feature"),
		ks:      desc("ks", "Kolmogorov-Smirnov statistic of each feature and of the prediction.", "feature"),
		js:      desc("js", "Jensen-Shannon distance of each feature and of the prediction.", "feature"),
		unknown: desc("new_categories", "Share of requests with a category that training did not know.", "feature"),
		quality: desc("quality", "Metrics on live rows whose labels came later.", "metric"),
		missing: desc("missing_rise", "Rise of the share of missing values since training.", "feature"),
		status:  desc("status", "1 for the status of the newest drift report.", "status"),
		rows:    desc("rows", "Captured rows that the newest drift report looked at."),
		when:    desc("report_timestamp_seconds", "Time of the newest drift report."),
	}
}

// Describe implements prometheus.Collector.
func (d *driftMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		d.psi, d.ks, d.js, d.missing, d.unknown, d.quality, d.status, d.rows, d.when,
	} {
		to <- desc
	}
}

// Collect implements prometheus.Collector. Without a report there is nothing.
func (d *driftMetrics) Collect(to chan<- prometheus.Metric) {
	r := d.report.Load()
	if r == nil {
		return
	}
	send := func(desc *prometheus.Desc, value float64, labels ...string) {
		labels = append([]string{r.Model, r.Version}, labels...)
		// An invalid metric is shown as an error of the scrape and does not end the program.
		metric, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, value, labels...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(desc, err)
		}
		to <- metric
	}
	for _, f := range r.All() {
		for statistic, value := range map[*prometheus.Desc]*float64{d.psi: f.PSI, d.ks: f.KS, d.js: f.JS} {
			if value != nil {
				send(statistic, *value, f.Name)
			}
		}
		send(d.missing, f.MissingRise, f.Name)
		send(d.unknown, f.NewCategories, f.Name)
	}
	if r.Quality != nil {
		for name, value := range r.Quality.Metrics {
			send(d.quality, value, name)
		}
	}
	for _, status := range []monitor.Status{monitor.OK, monitor.Drift, monitor.Insufficient} {
		value := 0.0
		if r.Status == status {
			value = 1
		}
		send(d.status, value, string(status))
	}
	send(d.rows, float64(r.Rows))
	send(d.when, float64(r.Time.Unix()))
}

// follow reads the newest report now and then until ctx ends.
func (d *driftMetrics) follow(ctx context.Context, results *lake.Zone, log *slog.Logger) {
	tick := time.NewTicker(driftInterval)
	defer tick.Stop()
	for failed := false; ; {
		err := d.read(ctx, results)
		if err != nil && !failed && ctx.Err() == nil {
			log.Warn("reading the newest drift report", "error", err)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *driftMetrics) read(ctx context.Context, results *lake.Zone) error {
	data, err := results.Read(ctx, monitor.LatestReport)
	if errors.Is(err, lake.ErrNotFound) {
		d.report.Store(nil)
		return nil
	}
	if err != nil {
		return err
	}
	var r monitor.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	d.report.Store(&r)
	return nil
}
