package ranks

import (
	"errors"
	"fmt"
)

// ErrDiffer means that the ranks have computed different things.
var ErrDiffer = errors.New("the ranks have computed different things; nothing is kept")

// Agree is called by all ranks after each round with what they have computed. It comes back when all of them are as
// far, and tells whether any of them was told to stop. ErrLost where one is lost, ErrDiffer where they have computed
// different things: the library does not always notice either.
func (g *Group) Agree(round int, value string, stop bool) (halt bool, err error) {
	own := message{Rank: g.options.Rank, Round: round, Value: value, Stop: stop}
	if g.options.Rank != 0 {
		g.peers[0].send(own)
		decision, err := g.next()
		if err == nil && decision.Value != value {
			err = fmt.Errorf("%w: round %d: %q here, %q at rank 0", ErrDiffer, round, value, decision.Value)
		}
		return decision.Stop, err
	}
	for range g.peers {
		m, err := g.next()
		if err != nil {
			return false, err
		}
		own.Stop = own.Stop || m.Stop
		if m.Round != round || m.Value != value {
			err = fmt.Errorf("%w: rank %d has %q after round %d, rank 0 %q after round %d", ErrDiffer, m.Rank, m.Value,
				m.Round, value, round)
			g.tell(own) // the others see it too
			return false, err
		}
	}
	g.tell(own)
	return own.Stop, nil
}

// exchanged is the value of messages that carry data, so that a rank that does something else is noticed.
const exchanged = "exchange"

// Exchange is called by all ranks with what each of them has. Rank 0 merges the words of all, in the order of the
// ranks, and all get the answer. ErrLost where one is lost, ErrDiffer where one does not exchange anything now.
func (g *Group) Exchange(own []byte, merge func(all [][]byte) ([]byte, error)) ([]byte, error) {
	word := message{Rank: g.options.Rank, Value: exchanged, Data: own}
	if g.options.Rank != 0 {
		g.peers[0].send(word)
		m, err := g.next()
		if err == nil && m.Value != exchanged {
			err = fmt.Errorf("%w: rank 0 has ended round %d while this rank waits for its data", ErrDiffer, m.Round)
		}
		return m.Data, err
	}
	all := make([][]byte, g.options.World)
	all[0] = own
	for range g.peers {
		m, err := g.next()
		if err != nil {
			return nil, err
		}
		if m.Value != exchanged {
			return nil, fmt.Errorf("%w: rank %d has ended round %d while rank 0 waits for its data", ErrDiffer, m.Rank, m.Round)
		}
		all[m.Rank] = m.Data
	}
	merged, err := merge(all)
	if err != nil {
		return nil, err
	}
	word.Data = merged
	g.tell(word)
	return merged, nil
}
