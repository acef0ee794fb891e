package parallel

import "iter"

// Relay hands buffers from one goroutine, which fills them, to another one, which uses them and gives them back. The
// filler calls Take and Pass for each, and at last End; the user ranges over All, or calls Next and Give for each and
// at last Stop.
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

// Next is the buffer that was passed next; false where no more come.
func (r *Relay[T]) Next() (buffer T, ok bool) {
	buffer, ok = <-r.full
	return buffer, ok
}

// Give gives a buffer back.
func (r *Relay[T]) Give(buffer T) { r.free <- buffer }

// Stop lets the filler take no more buffers, and waits until it has called End.
func (r *Relay[T]) Stop() {
	close(r.stopped)
	for range r.full {
	}
}

// All are the buffers in their order, each until the next. It stops where the loop is left early.
func (r *Relay[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		defer r.Stop()
		for buffer, ok := r.Next(); ok; buffer, ok = r.Next() {
			if !yield(buffer) {
				return
			}
			r.Give(buffer)
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
