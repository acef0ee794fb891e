package family

import (
	"context"
	"sync"
)

// CrossValidate fits all folds at the same time, round by round: the loss after a round is that on the validation rows
// of all folds, so that all stop after the same round. A fold that ends by itself, as a linear model does, counts with
// its last loss. As many folds compute at a time as there is room in turns, which several validations may share. each
// is called once for a round, when the first fold has ended it; nil for nobody. The folds need Spec, Train and
// Validation.
//
// It gives the rounds that would be kept, of the fold with the most where they differ, and the loss after them.
func CrossValidate(ctx context.Context, f Family, folds []*Request, turns chan struct{}, each func(Round) error,
) (rounds int, loss float64, err error) {
	c := &crossing{turns: turns, each: each, words: make([][]byte, len(folds)), running: len(folds)}
	c.changed = sync.NewCond(&c.mutex)
	longest := 0
	var group sync.WaitGroup
	for i, fold := range folds {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			request := *fold
			request.Exchange, request.Each = c.exchange(i), c.tell
			fitted, err := f.Fit(ctx, &request)
			c.mutex.Lock()
			defer c.mutex.Unlock()
			c.leave(err)
			if err == nil && len(fitted.Curve) > longest {
				longest, rounds, loss = len(fitted.Curve), fitted.Rounds, fitted.Loss
			}
		})
	}
	group.Wait()
	if c.err != nil {
		return 0, 0, c.err
	}
	return rounds, loss, nil
}

// crossing is where the fits of the folds meet after each round.
type crossing struct {
	turns chan struct{}
	each  func(Round) error

	mutex   sync.Mutex
	changed *sync.Cond
	words   [][]byte // of each fold, the newest
	merge   func(all [][]byte) ([]byte, error)
	merged  []byte
	round   int // how often they have met
	waiting int
	running int
	told    int   // rounds that each was told of
	err     error // the first
}

// exchange puts together what the folds know of their rows.
func (c *crossing) exchange(fold int) Exchange {
	return func(own []byte, merge func(all [][]byte) ([]byte, error)) ([]byte, error) {
		<-c.turns
		defer func() { c.turns <- struct{}{} }() // after the mutex is free again
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.words[fold], c.merge = own, merge
		c.waiting++
		round := c.round
		c.meet()
		for c.round == round && c.err == nil {
			c.changed.Wait()
		}
		return c.merged, c.err
	}
}

// meet gives all their answer when the last one has come.
func (c *crossing) meet() {
	if c.waiting < c.running || c.err != nil {
		return
	}
	c.merged, c.err = c.merge(c.words)
	c.waiting = 0
	c.round++
	c.changed.Broadcast()
}

// leave is called when a fold has ended. The first error ends all.
func (c *crossing) leave(err error) {
	c.running--
	switch {
	case err != nil && c.err == nil:
		c.err = err
		c.changed.Broadcast()
	case c.waiting > 0:
		c.meet()
	}
}

// tell tells of a round once.
func (c *crossing) tell(r Round) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.each == nil || r.Number <= c.told {
		return nil
	}
	c.told = r.Number
	return c.each(r)
}
