// Package keepalive is an HTTP/1.1 server for callers that ask in the same way again and again over connections that
// stay open, as those of a model do. net/http needs a second goroutine, four deadlines and a new request for each
// question; here a question whose head is that of the one before, but for its length, costs none of them.
//
// It knows plain POST requests of moderate size alone, whose head net/http has parsed. A connection that brings
// anything else is given to an http.Server with all that came over it, and stays there.
package keepalive

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server answers with the handler of an http.Server, and within the limits of it.
type Server struct {
	// HTTP has the handler and the limits, and takes the connections that are not for this server.
	HTTP *http.Server
	// Connections are served at a time; 0 is no limit.
	Connections int
	// Log takes what should not happen. Default slog.Default.
	Log *slog.Logger

	date     atomic.Pointer[date]
	draining atomic.Bool

	mu       sync.Mutex
	listener net.Listener
	conns    map[*conn]bool
	empty    chan struct{} // is closed when the last connection is gone, while it drains
	others   *handedOver
}

// Serve answers until Shutdown or Close is called, and returns http.ErrServerClosed then.
func (s *Server) Serve(listener net.Listener) error {
	others := &handedOver{address: listener.Addr(), queue: make(chan net.Conn), closed: make(chan struct{})}
	s.mu.Lock()
	s.listener, s.others, s.conns = listener, others, map[*conn]bool{}
	s.mu.Unlock()
	if s.Log == nil {
		s.Log = slog.Default()
	}
	ended := make(chan error, 1)
	go func() { ended <- s.HTTP.Serve(others) }()
	err := s.accept(listener)
	_ = others.Close()
	if other := <-ended; err == nil {
		err = other
	}
	return err
}

// accept takes connections until the listener is closed.
func (s *Server) accept(listener net.Listener) error {
	places := make(chan struct{}, max(1, s.Connections))
	for wait := time.Duration(0); ; {
		if s.Connections > 0 {
			places <- struct{}{}
		}
		rwc, err := listener.Accept()
		switch {
		case err == nil:
			wait = 0
		case s.draining.Load() || errors.Is(err, net.ErrClosed):
			return http.ErrServerClosed
		default: // such as too many open files: in a moment there may be fewer
			wait = min(max(5*time.Millisecond, 2*wait), time.Second)
			s.Log.Warn("taking a connection", "error", err, "again", wait.String())
			time.Sleep(wait)
			if s.Connections > 0 {
				<-places
			}
			continue
		}
		leave := func() {}
		if s.Connections > 0 {
			leave = sync.OnceFunc(func() { <-places })
		}
		c := newConn(s, &limited{Conn: rwc, leave: leave}, rwc)
		if s.add(c) {
			go c.serve()
		}
	}
}

// limited is a connection that leaves its place when it is closed.
type limited struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (l *limited) Close() error {
	err := l.Conn.Close()
	l.leave()
	return err
}

func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		_ = c.outer.Close()
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// Shutdown takes no more connections, closes those that wait, and waits for running requests until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	others := make(chan error, 1)
	go func() { others <- s.HTTP.Shutdown(ctx) }()
	s.mu.Lock()
	for c := range s.conns {
		c.closeIdle()
	}
	var empty chan struct{}
	if len(s.conns) > 0 {
		empty = make(chan struct{})
		s.empty = empty
	}
	s.mu.Unlock()
	var err error
	if empty != nil {
		select {
		case <-empty:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return errors.Join(err, <-others)
}

// Close ends all at once.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.outer.Close()
	}
	s.mu.Unlock()
	return s.HTTP.Close()
}

func (s *Server) stop() {
	s.draining.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
}

// handedOver is the listener of the http.Server.
type handedOver struct {
	address net.Addr
	queue   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// Accept implements net.Listener.
func (h *handedOver) Accept() (net.Conn, error) {
	select {
	case c := <-h.queue:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handedOver) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handedOver) Addr() net.Addr { return h.address }

// take gives a connection to the http.Server, with what was read of it.
func (h *handedOver) take(c net.Conn, read []byte) {
	select {
	case h.queue <- &replayed{Conn: c, read: append([]byte(nil), read...)}:
	case <-h.closed:
		_ = c.Close()
	}
}

// replayed is a connection of which something was read already.
type replayed struct {
	net.Conn
	read []byte
}

// Read implements net.Conn.
func (r *replayed) Read(to []byte) (int, error) {
	if len(r.read) == 0 {
		return r.Conn.Read(to)
	}
	n := copy(to, r.read)
	if r.read = r.read[n:]; len(r.read) == 0 {
		r.read = nil
	}
	return n, nil
}
