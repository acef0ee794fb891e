package serve

import (
	"context"
	"errors"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// longestWait is the longest time between two attempts to load a broken version.
const longestWait = time.Minute

// follower watches an alias and puts its version in place.
type follower struct {
	s        *server
	d        *deployment
	arm      *arm
	registry *registry.Registry

	failed  registry.Alias // the alias whose version could not be loaded last
	wait    time.Duration  // until the next attempt
	retry   time.Time      // of the next attempt
	problem string         // the last problem that was logged
}

// run polls until ctx ends. Whatever goes wrong, the version that is served stays in place.
func (f *follower) run(ctx context.Context) {
	tick := time.NewTicker(f.s.o.Poll)
	defer tick.Stop()
	for {
		f.poll(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *follower) poll(ctx context.Context, now time.Time) {
	reading, cancel := context.WithTimeout(ctx, f.s.o.RegistryTimeout) // a store that hangs must not be waited for
	defer cancel()
	alias, err := f.registry.Resolve(reading, f.d.name, f.arm.alias)
	current := f.arm.current.Load()
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, registry.ErrNoAlias) && current == nil:
		f.report("waiting for the first model", nil)
		return
	case err != nil:
		f.s.metrics.loadErrors.Inc()
		f.report("reading the alias; the served version stays", err)
		return
	case current != nil && current.Manifest.Version == alias.Version:
		f.problem, f.failed = "", registry.Alias{}
		return
	case *alias == f.failed && now.Before(f.retry):
		return
	}
	m, err := model.Load(reading, f.registry, f.d.name, alias.Version)
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		f.s.metrics.loadErrors.Inc()
		f.report("loading a model version; the served version stays", err)
		f.backOff(*alias, now)
		return
	}
	f.s.put(f.arm, m)
	f.problem, f.failed = "", registry.Alias{}
}

// backOff doubles the wait between attempts at the same broken version.
func (f *follower) backOff(alias registry.Alias, now time.Time) {
	if alias != f.failed {
		f.wait = 0
	}
	f.failed, f.wait = alias, min(max(2*f.wait, f.s.o.Poll), longestWait)
	f.retry = now.Add(f.wait)
}

// report logs a problem when it is new, and not at every poll.
func (f *follower) report(what string, err error) {
	text := what
	if err != nil {
		text += err.Error()
	}
	if text == f.problem {
		return
	}
	f.problem = text
	if err == nil {
		f.s.log.Info(what, "model", f.d.name, "alias", f.arm.alias)
		return
	}
	f.s.log.Error(what, "model", f.d.name, "alias", f.arm.alias, "error", err)
}

// put serves a model from the next request on.
func (s *server) put(a *arm, m *model.Model) {
	next := newServed(m, s.metrics)
	next.batcher = newBatcher(m, s.o.Gather, s.o.Queue, next.batchSize)
	old := a.current.Swap(next)
	before := "none"
	if old != nil {
		before = old.Manifest.Version
	}
	s.metrics.swapped(m.Manifest.Name, a.alias, m.Manifest.Version)
	s.log.Info("serving", "model", m.Manifest.Name, "version", m.Manifest.Version, "before", before,
		"alias", a.alias, "gathers", next.batcher != nil)
}
