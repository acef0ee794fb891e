// Package serve is the endpoint of models: it follows aliases of the model registry, answers predictions in the
// protocols of the platforms, and swaps versions under load without a failed request.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/keepalive"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Run serves until ctx ends, then drains: /readyz says so at once, running requests end, captured rows are written.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	s, closeZones, err := newServer(ctx, o)
	if err != nil {
		return err
	}
	defer closeZones()
	secure, err := newTLS(&o)
	if err != nil {
		return err
	}
	listener, err := listen(s.o.Address)
	if err != nil {
		return err
	}
	if secure != nil {
		secure.NextProtos = []string{"h2", "http/1.1"}
		listener = tls.NewListener(netutil.LimitListener(listener, o.Connections), secure)
	}
	if o.GRPCAddress == "" {
		return s.run(ctx, listener, nil, nil)
	}
	second, err := listen(o.GRPCAddress)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return s.run(ctx, listener, netutil.LimitListener(second, o.Connections), s.newGRPC(secure))
}

// RunWith is Run where something else than a listener brings the requests: take is given the handler once the models
// are loaded, and runs until ctx ends.
func RunWith(ctx context.Context, o Options, take func(context.Context, http.Handler) error) error {
	o.setDefaults()
	o.AllowAnonymous = true // it listens nowhere
	s, closeZones, err := newServer(ctx, o)
	if err != nil {
		return err
	}
	defer closeZones()
	stop, err := s.background(ctx)
	if err != nil {
		return err
	}
	defer stop()
	s.waitReady(ctx)
	return take(ctx, s.handler())
}

// waitReady gives the models a moment to be loaded; without them requests are answered with 503.
func (s *server) waitReady(ctx context.Context) {
	ending, cancel := context.WithTimeout(ctx, 8*time.Second) // Lambda gives an initialization 10 seconds
	defer cancel()
	for !s.isReady() && ending.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w; is another program on %s?", err, address)
	}
	return listener, nil
}

// newServer opens all that the options name.
func newServer(ctx context.Context, o Options) (s *server, closeAll func(), err error) {
	s = &server{o: o, log: o.Log, metrics: newMetrics(), gate: newGate(o.Concurrency, o.Queue),
		deployments: map[string]*deployment{}}
	if s.guard, err = newGuard(&o); err != nil {
		return nil, nil, err
	}
	if s.template, err = parsePage(); err != nil {
		return nil, nil, fmt.Errorf("reading the page: %w", err)
	}
	zones := &zones{}
	closeAll = zones.close
	if err := s.open(ctx, zones); err != nil {
		closeAll()
		return nil, nil, err
	}
	if s.tracer, err = newTracer(ctx); err != nil {
		closeAll()
		return nil, nil, err
	}
	return s, closeAll, nil
}

// zones are what the server opened.
type zones struct{ opened []*lake.Zone }

func (z *zones) open(ctx context.Context, uri string) (*lake.Zone, error) {
	if uri == "" {
		return nil, nil
	}
	zone, err := lake.Open(ctx, uri)
	if err == nil {
		z.opened = append(z.opened, zone)
	}
	return zone, err
}

func (z *zones) close() {
	for _, zone := range z.opened {
		_ = zone.Close()
	}
}

// open opens the zones and makes the deployments.
func (s *server) open(ctx context.Context, zones *zones) (err error) {
	if s.results, err = zones.open(ctx, s.o.Results); err != nil {
		return err
	}
	logs, err := zones.open(ctx, s.o.Logs)
	if err != nil {
		return err
	}
	if logs != nil && s.o.CaptureShare > 0 {
		s.recorder = capture.New(capture.Options{
			Logs: logs, Share: s.o.CaptureShare, Files: s.o.CaptureFiles, Log: s.log,
			OnKept:    func(rows int) { s.metrics.captured.Add(float64(rows)) },
			OnDropped: func(rows int) { s.metrics.dropped.Add(float64(rows)) },
		})
	}
	if s.o.ModelURI != "" {
		zone, err := zones.open(ctx, s.o.ModelURI)
		if err != nil {
			return err
		}
		return s.serveFixed(ctx, zone)
	}
	if s.models, err = zones.open(ctx, s.o.Models); err != nil {
		return err
	}
	names, err := model.Names(ctx, s.o.Model, s.o.Pipeline)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.deploy(name); err != nil {
			return err
		}
	}
	return nil
}

// deploy makes the deployment of a model whose versions aliases stand for.
func (s *server) deploy(name string) error {
	traffic := s.o.Traffic
	if traffic == "" {
		traffic = s.o.Alias
	}
	arms, err := parseTraffic(traffic)
	if err != nil {
		return err
	}
	d := &deployment{name: name, arms: arms}
	if s.o.Shadow != "" {
		d.shadow, d.queue = &arm{alias: s.o.Shadow}, make(chan shadowed, shadowQueue)
	}
	if s.deployments[name] != nil {
		return fmt.Errorf("the model %s stands in --model twice", name)
	}
	s.deployments[name] = d
	if s.first == nil {
		s.first = d
	}
	return nil
}

// serveFixed serves the one version whose files lie in a directory, as platforms mount it.
func (s *server) serveFixed(ctx context.Context, zone *lake.Zone) error {
	r, err := s.registry(zone)
	if err != nil {
		return err
	}
	m, err := model.LoadFiles(ctx, r)
	if err != nil {
		return err
	}
	s.o.Model, s.o.Traffic, s.o.Shadow = m.Manifest.Name, "", ""
	if err := s.deploy(m.Manifest.Name); err != nil {
		return err
	}
	s.put(s.first.arms[0], m)
	return nil
}

// registry gives the model registry in a zone, with the key that its signatures must fit.
func (s *server) registry(zone *lake.Zone) (*registry.Registry, error) {
	if s.o.VerifyKey == "" {
		return registry.New(zone), nil
	}
	key, err := registry.ReadPublicKey(s.o.VerifyKey)
	if err != nil {
		return nil, err
	}
	return registry.New(zone, registry.VerifyWith(key)), nil
}

// run serves on the listeners until ctx ends; second and g are nil where gRPC is not served.
func (s *server) run(ctx context.Context, listener, second net.Listener, g *grpc.Server) error {
	handler := s.handler()
	if s.o.AccessLog {
		handler = s.logged(handler)
	}
	h := s.newHTTP(handler)
	stop, err := s.background(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- h.Serve(listener) }()
	started := []any{"address", listener.Addr().String()}
	if g != nil {
		go func() { ended <- g.Serve(second) }()
		started = append(started, "grpc", second.Addr().String())
	}
	s.log.Info("listening", append(started, "model", s.first.name, "alias", s.first.arms[0].alias)...)
	if s.o.Started != nil {
		s.o.Started(listener.Addr().String())
	}
	if s.o.StartedGRPC != nil && second != nil {
		s.o.StartedGRPC(second.Addr().String())
	}
	select {
	case err := <-ended:
		_ = h.Close()
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
		return s.drain(ctx, h, g)
	}
}

// httpServer is a server of the standard library, or the faster one where nothing is encrypted.
type httpServer interface {
	Serve(listener net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

func (s *server) newHTTP(handler http.Handler) httpServer {
	fast := NewHTTPServer(handler)
	fast.HTTP.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	if s.o.TLSCert != "" {
		return fast.HTTP
	}
	fast.Connections, fast.Log = s.o.Connections, s.log
	return fast
}

// NewHTTPServer makes an HTTP server with the limits of the endpoint.
func NewHTTPServer(handler http.Handler) *keepalive.Server {
	return &keepalive.Server{HTTP: &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}}
}

// background starts what runs beside the requests; stop ends it and waits.
func (s *server) background(ctx context.Context) (stop func(), err error) {
	var group sync.WaitGroup
	following, stopFollowing := context.WithCancel(ctx)
	if s.models != nil {
		r, err := s.registry(s.models)
		if err != nil {
			stopFollowing()
			return nil, err
		}
		for _, d := range s.deployments {
			for _, a := range append([]*arm{d.shadow}, d.arms...) {
				if a != nil {
					group.Go(func() { (&follower{s: s, d: d, arm: a, registry: r}).run(following) })
				}
			}
			if d.shadow != nil {
				group.Go(func() { s.runShadow(following, d) })
			}
		}
	}
	group.Go(func() { s.metrics.rates.run(following) })
	if s.results != nil {
		group.Go(func() { s.metrics.drift.follow(following, s.results, s.log) })
	}
	// Rows are captured until the last request has been answered.
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	if s.recorder != nil {
		group.Go(func() { s.recorder.Run(recording) })
	}
	return func() {
		stopFollowing()
		stopRecording()
		group.Wait()
		if s.tracer != nil {
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_ = s.tracer.shutdown(ending) // traces that nobody takes are no reason to fail
		}
	}, nil
}

func (s *server) drain(ctx context.Context, h httpServer, g *grpc.Server) error {
	s.draining.Store(true)
	s.log.Info("shutting down", "delay", s.o.DrainDelay.String())
	time.Sleep(s.o.DrainDelay)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.DrainTimeout)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if g != nil {
			g.GracefulStop()
		}
	}()
	err := h.Shutdown(ending)
	select {
	case <-stopped:
	case <-ending.Done():
		g.Stop()
		err = errors.Join(err, ending.Err())
	}
	if err != nil {
		_ = h.Close()
		return fmt.Errorf("shutting down: requests still ran after %s: %w", s.o.DrainTimeout, err)
	}
	return nil
}
