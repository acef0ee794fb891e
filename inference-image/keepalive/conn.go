package keepalive

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// smallest is the buffer of a connection that waits.
	smallest = 4 << 10
	// largest is head and body of a request together; larger ones are for net/http.
	largest = 64 << 10
)

// fewest bytes behind an answer are the beginning of a request for net/http.
const fewest = 4

// slack is how far a deadline may be off that is there for callers who vanished: it is moved once a second at most.
const slack = time.Second

// The states of a connection.
const (
	idle int32 = iota
	active
	closed
)

// buffers are for requests that do not fit in the smallest one.
var buffers = sync.Pool{New: func() any { return new([largest]byte) }}

// conn is a connection. One goroutine reads, computes and writes.
type conn struct {
	s     *Server
	outer net.Conn // to close and to hand over
	rwc   net.Conn // to read and to write
	state atomic.Int32

	small    [smallest]byte
	large    *[largest]byte // nil where small suffices
	buf      []byte         // one of both
	at, end  int            // buf[at:end] was read and is not yet used
	readBy   time.Time      // the deadlines that are set
	writeBy  time.Time
	request  *request // the last that was parsed; nil at first
	current  http.Request
	body     body
	response response
	size     int  // of the request that is answered
	last     bool // the connection ends with this answer
}

func newConn(s *Server, outer, rwc net.Conn) *conn {
	c := &conn{s: s, outer: outer, rwc: rwc, response: response{header: http.Header{}}}
	c.buf = c.small[:]
	return c
}

// closeIdle closes the connection unless it has a request.
func (c *conn) closeIdle() {
	if c.state.CompareAndSwap(idle, closed) {
		_ = c.outer.Close()
	}
}

func (c *conn) serve() {
	handed := false
	defer func() {
		if cause := recover(); cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // the same value
			c.s.Log.Error("a handler panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		}
		c.release()
		if !handed {
			_ = c.outer.Close()
		}
		c.s.remove(c)
	}()
	for first := true; ; first = false {
		size, head, ours := c.next(first)
		switch {
		case size < 0:
			return
		case !ours:
			handed = true
			_ = c.rwc.SetDeadline(time.Time{})
			c.s.others.take(c.outer, c.buf[c.at:c.end])
			return
		}
		if !c.answer(size, head) {
			return
		}
	}
}

// next waits for a request. It gives the sizes of the whole and of its head; a negative one where the connection has
// ended; not ours where it is for net/http.
func (c *conn) next(first bool) (size, head int, ours bool) {
	if c.at == c.end && !c.wait() {
		return -1, 0, false
	}
	start := time.Now()
	if head, ours = c.head(first, start); !ours {
		return head, 0, false
	}
	if c.request = c.request.next(c.buf[c.at : c.at+head]); c.request == nil {
		return 0, 0, false
	}
	if size = head + c.request.length; size > largest {
		return 0, 0, false
	}
	c.body.err = io.EOF
	for c.end-c.at < size {
		if err := c.more(size, start.Add(c.s.HTTP.ReadTimeout)); err != nil {
			// The handler is told, as it is by net/http.
			c.body.err, c.last = cutOff(err), true
			return c.end - c.at, head, true
		}
	}
	return size, head, true
}

// head reads the head of a request and gives its size: not ours is 0 where it is for net/http, and -1 where the
// connection has ended.
func (c *conn) head(first bool, start time.Time) (size int, ours bool) {
	for {
		unread := c.buf[c.at:c.end]
		few := !first && len(unread) < fewest
		if !few && !bytes.HasPrefix(unread, post[:min(len(unread), len(post))]) {
			return 0, false
		}
		if size = bytes.Index(unread, headEnd) + len(headEnd); size >= len(headEnd) {
			return size, true
		}
		if len(unread) == smallest {
			return 0, false
		}
		if err := c.more(smallest, start.Add(c.s.HTTP.ReadHeaderTimeout)); err != nil {
			if err == io.EOF && !few { //nolint:errorlint // a connection gives it as it is
				return 0, false // net/http says what it thinks of half a head
			}
			return -1, false
		}
	}
}

func cutOff(err error) error {
	if err == io.EOF { //nolint:errorlint // a connection gives it as it is
		return io.ErrUnexpectedEOF
	}
	return err
}

// wait waits for the first bytes of a request. A new connection has as long as one that was used: clients open them in
// reserve, and one that is closed as it is taken into use costs them a request.
func (c *conn) wait() bool {
	c.release()
	c.at, c.end = 0, 0
	c.state.Store(idle)
	if c.s.draining.Load() {
		return false
	}
	// A deadline that is a little early does no harm.
	if by := time.Now().Add(c.s.HTTP.IdleTimeout); by.Sub(c.readBy) > slack || c.readBy.After(by) {
		c.readBy = by
		if c.rwc.SetReadDeadline(by) != nil {
			return false
		}
	}
	n, err := c.rwc.Read(c.buf)
	c.end = n
	return n > 0 && err == nil && c.state.CompareAndSwap(idle, active)
}

// more reads on until by; the buffer is to hold so many bytes.
func (c *conn) more(size int, by time.Time) error {
	if size > len(c.buf)-c.at {
		if size <= len(c.buf) {
			c.end = copy(c.buf, c.buf[c.at:c.end])
		} else {
			c.large = buffers.Get().(*[largest]byte)
			c.end = copy(c.large[:], c.buf[c.at:c.end])
			c.buf = c.large[:]
		}
		c.at = 0
	}
	if !by.Equal(c.readBy) {
		c.readBy = by
		if err := c.rwc.SetReadDeadline(by); err != nil {
			return err
		}
	}
	n, err := c.rwc.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}

// release gives the large buffer back; what was read must have been used.
func (c *conn) release() {
	if c.large != nil {
		buffers.Put(c.large)
		c.large, c.buf = nil, c.small[:]
	}
}

// answer answers the request in the buffer and reports whether the connection stays.
func (c *conn) answer(size, head int) bool {
	c.body.rest, c.size = c.buf[c.at+head:c.at+size], size
	caller := c.request.watch(c)
	c.current = *c.request.parsed
	c.current.Body = &c.body
	c.response.reset()
	c.s.HTTP.Handler.ServeHTTP(&c.response, &c.current)
	ahead, used := caller.end()
	if c.at += size; used {
		c.request.caller, c.readBy = nil, time.Time{} // somebody may hold the one, and the other was changed
	}
	if ahead >= 0 { // the first byte of the next request, read as nothing followed this one
		c.buf[0], c.at, c.end = byte(ahead), 0, 1
	}
	now := time.Now()
	// The time that is left to write in is that of net/http, or a little more.
	if patience := c.s.HTTP.WriteTimeout; patience > 0 && c.writeBy.Sub(now) < patience {
		c.writeBy = now.Add(patience + slack)
		if c.rwc.SetWriteDeadline(c.writeBy) != nil {
			return false
		}
	}
	stays := c.response.finish(c.s.dateAt(now), c.s.draining.Load()) && !c.last
	_, err := c.rwc.Write(c.response.out)
	c.response.shrink()
	return stays && err == nil
}

// body is the body of a request, which has been read already.
type body struct {
	rest []byte
	err  error // behind the last byte
}

// Read implements io.Reader.
func (b *body) Read(to []byte) (int, error) {
	n := copy(to, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) == 0 {
		return n, b.err
	}
	return n, nil
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }
