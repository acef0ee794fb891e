package keepalive

import (
	"context"
	"sync"
	"time"
)

// watch is the context of a request. It ends with the request, or when the caller goes away; it looks at the connection
// only where somebody asks, since most requests are answered before anybody does.
type watch struct {
	c *conn

	mu      sync.Mutex
	used    bool
	err     error
	done    chan struct{} // nil until somebody waits for it
	reading chan struct{} // is closed when the reader has ended; nil where there is none
	ahead   int           // the byte that the reader read; -1 for none
	ended   bool
}

// Deadline implements context.Context.
func (w *watch) Deadline() (at time.Time, ok bool) { return at, false }

// Value implements context.Context.
func (w *watch) Value(any) any { return nil }

// Done implements context.Context.
func (w *watch) Done() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = true
	if w.done == nil {
		w.done = make(chan struct{})
		switch {
		case w.err != nil:
			close(w.done)
		case w.more():
		default:
			w.reading = make(chan struct{})
			if w.c.rwc.SetReadDeadline(time.Time{}) == nil {
				go w.read()
			} else {
				close(w.reading)
			}
		}
	}
	return w.done
}

// more reports whether something follows the request already, so that the connection tells nothing about the caller.
func (w *watch) more() bool { return w.c.end > w.c.at+w.c.size }

// Err implements context.Context.
func (w *watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && w.done == nil && !w.more() && gone(w.c.rwc) {
		w.used, w.err = true, context.Canceled
	}
	return w.err
}

// read waits for the caller to go away, or for the first byte of the next request.
func (w *watch) read() {
	defer close(w.reading)
	var one [1]byte
	n, err := w.c.rwc.Read(one[:])
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case n == 1:
		w.ahead = int(one[0])
	case err != nil && !w.ended:
		w.cancel()
	}
}

// cancel ends the context.
func (w *watch) cancel() {
	if w.err == nil {
		w.err = context.Canceled
	}
	if w.done != nil {
		select {
		case <-w.done:
		default:
			close(w.done)
		}
	}
}

// end ends the context with its request. It gives the byte that was read ahead, negative for none, and reports whether
// the context may be held by somebody.
func (w *watch) end() (ahead int, used bool) {
	w.mu.Lock()
	if !w.used {
		w.mu.Unlock()
		return -1, false
	}
	w.ended = true
	w.cancel()
	reading := w.reading
	w.mu.Unlock()
	if reading != nil {
		_ = w.c.rwc.SetReadDeadline(time.Unix(1, 0)) // ends the reader
		<-reading
	}
	return w.ahead, true
}
