package parallel

import "iter"

// Relay hands buffers from one goroutine, which fills them, to another one, which uses them and gives them back. The
// filler calls Take and Pass for each, and at last End; the user ranges over All.
type Relay[T any] struct {
	free, full chan T
	stopped    chan struct{}
}

// NewRelay makes a relay of buffers: the filler can be ahead of the user by so many.
func NewRelay[T any](buffers ...T) *Relay[T] {
	r := &Relay[T]{free: make(chan T, len(buffers)), full: make(chan T, len(buffers)), stopped: make(chan struct{})}
	for _, b := range buffers {
		r.free <- b
	}
	return r
}

// Take gives the filler a buffer; false where the user wants no more.
func (r *Relay[T]) Take() (buffer T, ok bool) {
	select {
	case buffer = <-r.free:
		return buffer, true
	case <-r.stopped:
		return buffer, false
	}
}

// Pass hands over a buffer that was taken. It does not wait.
func (r *Relay[T]) Pass(buffer T) { r.full <- buffer }

// End says that no more buffers come.
func (r *Relay[T]) End() { close(r.full) }

// All are the buffers in their order, each until the next. Where the loop is left early, the filler gets no more of
// them, and All waits until it has called End.
func (r *Relay[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for buffer := range r.full {
			if !yield(buffer) {
				close(r.stopped)
				break
			}
			r.free <- buffer
		}
		for range r.full {
		}
	}
}

const (
	piped = 256 // items that are handed over together
	ahead = 4   // such hands that may wait
)

// Pipe calls produce beside consume, which gets what produce emits, in its order. emit tells whether to go on. The
// error of consume ends both; that of produce counts when all that was emitted has been consumed.
func Pipe[T any](produce func(emit func(T) bool) error, consume func(T) error) error {
	hands := make([]*[]T, ahead)
	for i := range hands {
		hands[i] = &[]T{}
	}
	relay, end := NewRelay(hands...), make(chan error, 1)
	go func() {
		defer relay.End()
		var hand *[]T
		err := produce(func(item T) bool {
			if hand == nil {
				var ok bool
				if hand, ok = relay.Take(); !ok {
					return false
				}
				*hand = (*hand)[:0]
			}
			if *hand = append(*hand, item); len(*hand) == piped {
				relay.Pass(hand)
				hand = nil
			}
			return true
		})
		if hand != nil {
			relay.Pass(hand)
		}
		end <- err
	}()
	for hand := range relay.All() {
		for _, item := range *hand {
			if err := consume(item); err != nil {
				return err
			}
		}
	}
	return <-end
}
