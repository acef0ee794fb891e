// Package progress tells how far a training is: a bar on a terminal, a structured line now and then elsewhere, and
// Prometheus metrics to scrape or to push.
package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/push"
)

// Options say where progress is told.
type Options struct {
	// Terminal takes the bar; nil where nobody looks.
	Terminal io.Writer
	// Log takes the lines; nil for none.
	Log *slog.Logger
	// Every is the time between two lines. Default 10 seconds.
	Every time.Duration
	// Address serves the metrics at /metrics; empty for none.
	Address string
	// Push is the address of a Pushgateway; empty for none.
	Push string
	// Labels of the metrics, such as model and run.
	Labels map[string]string
	// Now is the clock; time.Now unless a test has its own.
	Now func() time.Time
}

// Reporter tells about one training.
type Reporter struct {
	o        Options
	begun    time.Time
	first    int // round before the first that was told
	told     time.Time
	registry *prometheus.Registry
	gauges   map[string]prometheus.Gauge
	server   *http.Server
	address  string
}

// gaugeHelp describes the metrics.
var gaugeHelp = map[string]string{
	"mlpathway_training_round":                 "Round or epoch that has ended.",
	"mlpathway_training_rounds":                "Largest number of rounds or epochs.",
	"mlpathway_training_best_round":            "Round with the lowest validation loss.",
	"mlpathway_training_validation_loss":       "Loss on the validation rows.",
	"mlpathway_training_rounds_per_second":     "Rounds in a second since the start.",
	"mlpathway_training_seconds_left":          "Time left if all rounds are run.",
	"mlpathway_training_last_progress_seconds": "Unix time of the last round.",
}

// New begins to tell. first is the round that a resumed training goes on from, else 0.
func New(ctx context.Context, o Options, first int) (*Reporter, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	r := &Reporter{o: o, begun: o.Now(), first: first, registry: prometheus.NewRegistry(),
		gauges: map[string]prometheus.Gauge{}}
	r.told = r.begun.Add(-o.Every)
	for name, help := range gaugeHelp {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: o.Labels})
		r.gauges[name] = g
		if err := r.registry.Register(g); err != nil {
			return nil, err
		}
	}
	if o.Address == "" {
		return r, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("serving the metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{}))
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	r.address = listener.Addr().String()
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// Address that the metrics are served at.
func (r *Reporter) Address() string { return r.address }

// State is where a training stands.
type State struct {
	Round, Of, Best int
	Loss            float64
	LossName        string
}

// Round tells that a round has ended.
func (r *Reporter) Round(s State) {
	now := r.o.Now()
	rate := float64(s.Round-r.first) / max(now.Sub(r.begun).Seconds(), 1e-9)
	left := time.Duration(float64(s.Of-s.Round) / rate * float64(time.Second))
	r.set(s, rate, left, now)
	if r.o.Terminal != nil {
		_, _ = fmt.Fprintf(r.o.Terminal, "\r%s\x1b[K", Bar(s, rate, left))
	}
	if now.Sub(r.told) < r.o.Every {
		return
	}
	r.told = now
	if r.o.Log != nil && r.o.Terminal == nil {
		r.o.Log.Info("progress", "round", s.Round, "of", s.Of, "loss", s.Loss, "lossName", s.LossName, "best", s.Best,
			"roundsPerSecond", float64(int(rate*100))/100, "secondsLeft", int(left.Seconds()))
	}
	r.push()
}

func (r *Reporter) set(s State, rate float64, left time.Duration, now time.Time) {
	for name, value := range map[string]float64{
		"mlpathway_training_round": float64(s.Round), "mlpathway_training_rounds": float64(s.Of),
		"mlpathway_training_best_round": float64(s.Best), "mlpathway_training_validation_loss": s.Loss,
		"mlpathway_training_rounds_per_second": rate, "mlpathway_training_seconds_left": left.Seconds(),
		"mlpathway_training_last_progress_seconds": float64(now.UnixMilli()) / 1000,
	} {
		r.gauges[name].Set(value)
	}
}

// push sends the metrics away. What cannot be pushed is lost, and the training goes on.
func (r *Reporter) push() {
	if r.o.Push == "" {
		return
	}
	p := push.New(r.o.Push, "mlpathway_training").Gatherer(r.registry).Client(&http.Client{Timeout: 5 * time.Second})
	if err := p.Push(); err != nil && r.o.Log != nil {
		r.o.Log.Warn("the metrics could not be pushed: " + err.Error())
	}
}

// Close ends the bar and the server, and pushes the last state.
func (r *Reporter) Close() error {
	if r.o.Terminal != nil {
		_, _ = fmt.Fprintln(r.o.Terminal)
	}
	r.push()
	if r.server == nil {
		return nil
	}
	if err := r.server.Close(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// width of the bar in characters.
const width = 24

// Bar is one line: a bar with loss, rate and time left.
func Bar(s State, rate float64, left time.Duration) string {
	full := 0
	if s.Of > 0 {
		full = min(width, width*s.Round/s.Of)
	}
	return fmt.Sprintf("[%s%s] %d/%d  %s %.5f (best: round %d)  %.1f rounds/s  %s left", strings.Repeat("#", full),
		strings.Repeat(".", width-full), s.Round, s.Of, s.LossName, s.Loss, s.Best, rate, left.Round(time.Second))
}
