// Package ranks brings the processes of a distributed training together and watches that none of them is lost: rank 0
// listens at the address that the platform gives, the others connect to it, and each connection carries a sign of life
// until the end. Whoever misses another one for too long stops with an error that says whom.
package ranks

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// ErrLost means that a rank has gone or is silent.
var ErrLost = errors.New("a rank is lost")

// errRefused means that rank 0 does not take a rank; trying again would not help.
var errRefused = errors.New("rank 0 refused this rank")

// Options describe one rank.
type Options struct {
	// Rank of this process and World, the number of processes.
	Rank, World int
	// Coordinator is host:port of rank 0.
	Coordinator string
	// Job is what all ranks must agree on: the run, the library and its version.
	Job string
	// Join bounds the time until all ranks are there.
	Join time.Duration
	// Silence bounds the time that a rank may give no sign of life.
	Silence time.Duration
}

// message is one line between two ranks.
type message struct {
	Rank    int    `json:"rank,omitempty"`
	World   int    `json:"world,omitempty"`
	Job     string `json:"job,omitempty"`
	Tracker int    `json:"tracker,omitempty"` // port of the tracker: all ranks are there
	Leave   bool   `json:"leave,omitempty"`   // the end, in good order
	Round   int    `json:"round,omitempty"`   // that has ended
	Value   string `json:"value,omitempty"`   // what was computed in it
	Data    []byte `json:"data,omitempty"`    // what is exchanged
	Stop    bool   `json:"stop,omitempty"`    // a rank was told to stop
	Error   string `json:"error,omitempty"`   // whom the sender has lost, or why it refuses
}

// Group are the ranks of a training, seen from one of them.
type Group struct {
	options Options
	// TrackerHost and TrackerPort are where the tracker of the collective listens.
	TrackerHost string
	TrackerPort int

	mu       sync.Mutex
	peers    []*peer
	words    chan message // about rounds
	err      error
	leaving  bool
	lost     chan struct{} // closed when err is set
	stop     chan struct{} // closed at the end
	watchers sync.WaitGroup
}

// peer is a connection to another rank.
type peer struct {
	rank  int
	conn  net.Conn
	lines *bufio.Reader
	mu    sync.Mutex // one writer at a time
}

// Join brings the ranks together. Rank 0 calls start for the tracker of the collective, which must listen on every
// address of the machine or on that of the coordinator; the others get its port.
func Join(ctx context.Context, o Options, start func() (port int, err error)) (*Group, error) {
	g := &Group{options: o, words: make(chan message, o.World), lost: make(chan struct{}), stop: make(chan struct{})}
	host, _, err := net.SplitHostPort(o.Coordinator)
	if err != nil {
		return nil, fmt.Errorf("joining the ranks: the address of rank 0, %q: %w", o.Coordinator, err)
	}
	g.TrackerHost = host
	ctx, cancel := context.WithTimeout(ctx, o.Join)
	defer cancel()
	if o.Rank == 0 {
		err = g.gather(ctx, start)
	} else {
		err = g.call(ctx)
	}
	if err != nil {
		g.closeAll()
		return nil, fmt.Errorf("joining the ranks: %w", err)
	}
	for _, p := range g.peers {
		g.watchers.Go(func() { g.watch(p) })
	}
	g.watchers.Go(g.beat)
	return g, nil
}

// gather waits for all others, at rank 0.
func (g *Group) gather(ctx context.Context, start func() (int, error)) error {
	_, port, err := net.SplitHostPort(g.options.Coordinator)
	if err != nil {
		return err
	}
	// The coordinator's name may be that of a service that knows this rank only once it listens.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(listenAt(g.TrackerHost), port))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	defer func() { _ = listener.Close() }()
	there := map[int]bool{}
	for len(there) < g.options.World-1 {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return fmt.Errorf("%w: waited %v for %s", ErrLost, g.options.Join, g.absent(there))
		}
		if err != nil {
			return err
		}
		p := newPeer(conn)
		if err := g.admit(p, there); err != nil {
			p.send(message{Error: err.Error()}) // the one that does not belong here hears why
			_ = conn.Close()
			if errors.Is(err, errRefused) {
				return err
			}
			continue
		}
		there[p.rank] = true
		g.peers = append(g.peers, p)
	}
	if g.TrackerPort, err = start(); err != nil {
		return err
	}
	g.tell(message{Tracker: g.TrackerPort})
	return nil
}

// listenAt is a loopback address where the coordinator is one, and else every address.
func listenAt(host string) string {
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return host
	}
	return ""
}

// admit reads who has come.
func (g *Group) admit(p *peer, there map[int]bool) error {
	m, err := p.receive(g.options.Silence)
	if err != nil {
		return err
	}
	p.rank = m.Rank
	switch {
	case m.World != g.options.World:
		return fmt.Errorf("%w: rank %d believes in %d ranks, rank 0 in %d", errRefused, m.Rank, m.World, g.options.World)
	case m.Job != g.options.Job:
		return fmt.Errorf("%w: rank %d trains %q, rank 0 %q: all ranks need the same run and the same XGBoost", errRefused,
			m.Rank, m.Job, g.options.Job)
	case m.Rank < 1 || m.Rank >= m.World || there[m.Rank]:
		return fmt.Errorf("%w: two processes are rank %d", errRefused, m.Rank)
	}
	return nil
}

func (g *Group) absent(there map[int]bool) string {
	var names []string
	for r := 1; r < g.options.World; r++ {
		if !there[r] {
			names = append(names, fmt.Sprintf("rank %d", r))
		}
	}
	return strings.Join(names, ", ")
}

// call connects to rank 0 until it answers.
func (g *Group) call(ctx context.Context) error {
	for {
		err := g.tryCall(ctx)
		if err == nil || errors.Is(err, errRefused) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: rank 0 did not answer at %s within %v: %w", ErrLost, g.options.Coordinator, g.options.Join,
				err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (g *Group) tryCall(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", g.options.Coordinator)
	if err != nil {
		return err
	}
	p := newPeer(conn)
	p.send(message{Rank: g.options.Rank, World: g.options.World, Job: g.options.Job})
	deadline, _ := ctx.Deadline()
	m, err := p.receive(time.Until(deadline))
	switch {
	case err != nil:
		_ = conn.Close()
		return err
	case m.Error != "":
		_ = conn.Close()
		return fmt.Errorf("%w: %s", errRefused, m.Error)
	}
	g.TrackerPort = m.Tracker
	g.peers = []*peer{p}
	return nil
}

// watch reads from another rank until it leaves.
func (g *Group) watch(p *peer) {
	for {
		m, err := p.receive(g.options.Silence)
		switch {
		case err != nil:
			var late net.Error
			why := "its connection has ended"
			if errors.As(err, &late) && late.Timeout() {
				why = fmt.Sprintf("it gave no sign of life for %v", g.options.Silence)
			}
			g.lose(fmt.Sprintf("rank %d at %s: %s", p.rank, p.conn.RemoteAddr(), why))
			return
		case m.Error != "":
			g.lose(m.Error)
			return
		case m.Value != "":
			g.words <- m
		case m.Leave:
			return
		}
	}
}

// lose tells this process and all others that a rank is lost.
func (g *Group) lose(why string) {
	g.mu.Lock()
	first := g.err == nil && !g.leaving
	if first {
		g.err = fmt.Errorf("%w: %s", ErrLost, why)
		close(g.lost)
	}
	g.mu.Unlock()
	if first {
		g.tell(message{Error: why})
	}
}

// beat sends signs of life.
func (g *Group) beat() {
	every := time.NewTicker(max(g.options.Silence/5, time.Millisecond))
	defer every.Stop()
	for {
		select {
		case <-every.C:
			g.tell(message{})
		case <-g.stop:
			return
		}
	}
}

// tell sends a message to all others.
func (g *Group) tell(m message) {
	for _, p := range g.peers {
		p.send(m)
	}
}

// next waits for the next word of another rank about a round.
func (g *Group) next() (message, error) {
	select {
	case m := <-g.words:
		return m, nil
	default:
	}
	select {
	case m := <-g.words:
		return m, nil
	case <-g.lost:
		return message{}, g.Err()
	}
}

// Lost is closed when a rank is lost; Err says which one.
func (g *Group) Lost() <-chan struct{} { return g.lost }

// Err is ErrLost with the rank that is lost; nil as long as all are there.
func (g *Group) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// soon is the time in which the end of a connection is noticed.
const soon = 5 * time.Second

// Explain gives the reason of an error of the collective: the loss of a rank, where that becomes known soon after.
func (g *Group) Explain(err error) error {
	if err == nil || errors.Is(err, ErrLost) {
		return err
	}
	select {
	case <-g.lost:
		return fmt.Errorf("%w (%w)", g.Err(), err)
	case <-time.After(soon):
		return err
	}
}

// Leave ends the membership in good order.
func (g *Group) Leave() {
	g.mu.Lock()
	g.leaving = true
	g.mu.Unlock()
	g.tell(message{Leave: true})
	g.closeAll()
	g.watchers.Wait()
}

// Break ends the membership without a word: the others lose this rank.
func (g *Group) Break() {
	g.mu.Lock()
	g.leaving = true
	g.mu.Unlock()
	g.closeAll()
	g.watchers.Wait()
}

func (g *Group) closeAll() {
	select {
	case <-g.stop:
	default:
		close(g.stop)
	}
	for _, p := range g.peers {
		_ = p.conn.Close()
	}
}

func newPeer(conn net.Conn) *peer { return &peer{conn: conn, lines: bufio.NewReader(conn)} }

// slow is the time that a byte may take to another rank: a megabyte a second.
const slow = time.Microsecond

// send writes a line. An error shows when the next line is read.
func (p *peer) send(m message) {
	data, err := json.Marshal(m)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.conn.SetWriteDeadline(time.Now().Add(5*time.Second + time.Duration(len(data))*slow))
	_, _ = p.conn.Write(append(data, '\n'))
}

func (p *peer) receive(within time.Duration) (message, error) {
	var m message
	if err := p.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return m, err
	}
	line, err := p.lines.ReadBytes('\n')
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(line, &m)
}
