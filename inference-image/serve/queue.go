package serve

import (
	"context"
	"errors"
	"sync/atomic"
)

// errFull means that as many requests wait as may.
var errFull = errors.New("too many requests are waiting; try again in a moment")

// gate lets so many requests compute at a time, and so many wait. Requests pass it after their bodies were read, so
// that a slow caller holds no place.
type gate struct {
	running chan struct{}
	waiting atomic.Int64
	most    int64
}

func newGate(running, waiting int) *gate {
	return &gate{running: make(chan struct{}, running), most: int64(waiting)}
}

// try takes a place where one is free at once.
func (g *gate) try() bool {
	select {
	case g.running <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait waits for a place until ctx ends; errFull where too many wait already.
func (g *gate) wait(ctx context.Context) error {
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.most {
		return errFull
	}
	select {
	case g.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) leave() { <-g.running }
