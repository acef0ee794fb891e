// Package serve is the HTTP endpoint of a model: it follows an alias of the model registry, answers predictions, and
// swaps versions under load without a failed request.
package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Options of the endpoint.
type Options struct {
	// Address to listen on, HOST:PORT. Default 127.0.0.1:8080; port 0 chooses a free one.
	Address string
	// Models is the URI of the models zone.
	Models string
	// Model is the name of the model; empty takes the name of Pipeline.
	Model string
	// Pipeline is the URI of pipeline.yaml; only its name is used.
	Pipeline string
	// Alias that is followed. Default production.
	Alias string
	// Poll is the time between two looks at the alias. Default 500 ms.
	Poll time.Duration
	// Results is the URI of the results zone, whose drift report is shown. Optional.
	Results string
	// Logs is the URI of the logs zone, which takes captured rows. Optional: without it nothing is captured.
	Logs string
	// CaptureShare is the share of the rows that are captured, 0 to 1.
	CaptureShare float64
	// CaptureFiles is how many files of captured rows are kept. Default 200.
	CaptureFiles int
	// TokenFile holds the bearer token that /predict and /model demand. Optional.
	TokenFile string
	// AllowAnonymous lets an endpoint without a token listen beyond this machine.
	AllowAnonymous bool
	// AccessLog writes a line per request, without payload.
	AccessLog bool
	// DrainDelay is how long requests are still taken after the end was announced on /readyz. Default 0.
	DrainDelay time.Duration
	// DrainTimeout is how long running requests may take to end. Default 15 s.
	DrainTimeout time.Duration
	// Log takes the log. Default slog.Default.
	Log *slog.Logger
	// Started is called with the address once the endpoint listens. Optional.
	Started func(address string)
}

// ErrOpen means that the endpoint would be open to the network without a token.
var ErrOpen = errors.New("an endpoint without a token listens on this machine only; " +
	"give --token-file, or an --address on 127.0.0.1, or --allow-anonymous")

func (o *Options) setDefaults() {
	setZero(&o.Address, "127.0.0.1:8080")
	setZero(&o.Alias, registry.Production)
	setZero(&o.Poll, 500*time.Millisecond)
	setZero(&o.CaptureFiles, 200)
	setZero(&o.DrainTimeout, 15*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

func setZero[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Run serves until ctx ends, then drains: /readyz says so at once, running requests end, captured rows are written.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	s, closeZones, err := newServer(ctx, o)
	if err != nil {
		return err
	}
	defer closeZones()
	listener, err := net.Listen("tcp", s.o.Address)
	if err != nil {
		return fmt.Errorf("listening: %w; is another program on %s?", err, s.o.Address)
	}
	return s.run(ctx, listener)
}

// newServer opens all that the options name.
func newServer(ctx context.Context, o Options) (s *server, closeAll func(), err error) {
	s = &server{o: o, log: o.Log, metrics: newMetrics()}
	if s.token, err = readToken(o.TokenFile); err != nil {
		return nil, nil, err
	}
	if s.token == nil && !o.AllowAnonymous {
		if err := requireLoopback(o.Address); err != nil {
			return nil, nil, err
		}
	}
	if s.template, err = parsePage(); err != nil {
		return nil, nil, fmt.Errorf("reading the page: %w", err)
	}
	if s.o.Model, err = model.Name(ctx, o.Model, o.Pipeline); err != nil {
		return nil, nil, err
	}
	var zones []*lake.Zone
	closeAll = func() {
		for _, zone := range zones {
			_ = zone.Close()
		}
	}
	open := func(uri string) *lake.Zone {
		if uri == "" || err != nil {
			return nil
		}
		var zone *lake.Zone
		if zone, err = lake.Open(ctx, uri); err == nil {
			zones = append(zones, zone)
		}
		return zone
	}
	s.models, s.results = open(o.Models), open(o.Results)
	logs := open(o.Logs)
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	if logs != nil && o.CaptureShare > 0 {
		s.recorder = capture.New(capture.Options{
			Logs: logs, Share: o.CaptureShare, Files: o.CaptureFiles, Log: o.Log,
			OnKept:    func(rows int) { s.metrics.captured.Add(float64(rows)) },
			OnDropped: func(rows int) { s.metrics.dropped.Add(float64(rows)) },
		})
	}
	return s, closeAll, nil
}

func readToken(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the token: %w", err)
	}
	token := bytes.TrimSpace(data)
	if len(token) == 0 {
		return nil, fmt.Errorf("reading the token: %s is empty", path)
	}
	sum := sha256.Sum256(token)
	return sum[:], nil
}

func requireLoopback(address string) error {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("the address %q: %w", address, err)
	}
	if !at.IP.IsLoopback() { // an empty host, every address of the machine, has no IP
		return fmt.Errorf("the address %q: %w", address, ErrOpen)
	}
	return nil
}

// run serves on a listener until ctx ends.
func (s *server) run(ctx context.Context, listener net.Listener) error {
	handler := s.handler()
	if s.o.AccessLog {
		handler = s.logged(handler)
	}
	h := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	var background sync.WaitGroup
	following, stopFollowing := context.WithCancel(ctx)
	background.Go(func() { (&follower{s: s, registry: registry.New(s.models)}).run(following) })
	if s.results != nil {
		background.Go(func() { s.metrics.drift.follow(following, s.results, s.log) })
	}
	// Rows are captured until the last request has been answered.
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	if s.recorder != nil {
		background.Go(func() { s.recorder.Run(recording) })
	}
	defer func() {
		stopFollowing()
		stopRecording()
		background.Wait()
	}()
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(listener) }()
	address := listener.Addr().String()
	s.log.Info("listening", "address", address, "model", s.o.Model, "alias", s.o.Alias)
	if s.o.Started != nil {
		s.o.Started(address)
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serving on %s: %w", address, err)
	case <-ctx.Done():
		return s.drain(ctx, h)
	}
}

func (s *server) drain(ctx context.Context, h *http.Server) error {
	s.draining.Store(true)
	s.log.Info("shutting down", "delay", s.o.DrainDelay.String())
	time.Sleep(s.o.DrainDelay)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.DrainTimeout)
	defer cancel()
	if err := h.Shutdown(ending); err != nil {
		_ = h.Close()
		return fmt.Errorf("shutting down: requests still ran after %s: %w", s.o.DrainTimeout, err)
	}
	return nil
}
