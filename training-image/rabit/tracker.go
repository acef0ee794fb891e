// Package rabit is the tracker of XGBoost's collective up to version 2.0: the process that tells the ranks of a
// distributed training who they are and where their neighbours listen. From version 2.1 on the library brings its own.
package rabit

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// magic begins each connection, in both directions.
const magic = 0xff99

// limit bounds the time of one exchange with a rank.
const limit = time.Minute

// Tracker waits for the ranks of one training.
type Tracker struct {
	listener net.Listener
	world    int
	done     chan struct{}
	err      error
	once     sync.Once
}

// Start listens at an address such as 127.0.0.1:0 for so many ranks. Each must give its rank as its task id.
func Start(address string, world int) (*Tracker, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("starting the tracker: %w", err)
	}
	t := &Tracker{listener: listener, world: world, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.err = t.serve()
	}()
	return t, nil
}

// Port that the tracker listens at.
func (t *Tracker) Port() int { return t.listener.Addr().(*net.TCPAddr).Port }

// Close ends the tracker, whatever it was doing.
func (t *Tracker) Close() {
	t.once.Do(func() { _ = t.listener.Close() })
	<-t.done
}

// Wait waits until all ranks have said that they are done, or the tracker was closed.
func (t *Tracker) Wait() error {
	<-t.done
	return t.err
}

// worker is a connection of a rank.
type worker struct {
	conn    net.Conn
	host    string
	rank    int
	task    string
	command string
	port    int // where it listens for the others
	waits   int // for so many of them
}

// serve answers connections until every rank has shut down.
func (t *Tracker) serve() error {
	defer t.once.Do(func() { _ = t.listener.Close() })
	var pending []*worker
	ended := map[int]bool{}
	for len(ended) < t.world {
		conn, err := t.listener.Accept()
		if err != nil {
			return fmt.Errorf("the tracker was closed: %w", err)
		}
		w, err := greet(conn)
		if err != nil { // a port scanner, or a rank that died: others go on
			_ = conn.Close()
			continue
		}
		switch w.command {
		case "print":
			_, _ = receiveText(conn)
			_ = conn.Close()
		case "shutdown":
			ended[w.rank] = true
			_ = conn.Close()
		case "start":
			if pending = append(pending, w); len(pending) == t.world {
				err = introduce(pending)
				pending = nil
			}
		default:
			err = fmt.Errorf("a rank asks for %q, which this tracker does not know", w.command)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// greet reads how a rank begins a connection.
func greet(conn net.Conn) (*worker, error) {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	number, err := receive(conn)
	if err != nil || number != magic {
		return nil, errors.Join(err, errors.New("not a rank"))
	}
	if err := send(conn, magic); err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return nil, err
	}
	w := &worker{conn: conn, host: host}
	if w.rank, err = receive(conn); err != nil {
		return nil, err
	}
	if _, err = receive(conn); err != nil { // its idea of the size of the world
		return nil, err
	}
	if w.task, err = receiveText(conn); err != nil {
		return nil, err
	}
	w.command, err = receiveText(conn)
	return w, err
}

// introduce gives the ranks their numbers and their neighbours, one after the other, lowest first: each connects to
// those that came before it and waits for those that come after it.
func introduce(workers []*worker) error {
	for _, w := range workers {
		defer func() { _ = w.conn.Close() }()
		task, err := strconv.Atoi(w.task)
		if err != nil {
			return fmt.Errorf("a rank calls itself %q: want its number", w.task)
		}
		w.rank = task
	}
	slices.SortFunc(workers, func(a, b *worker) int { return cmp.Compare(a.rank, b.rank) })
	for i, w := range workers {
		if w.rank != i {
			return fmt.Errorf("there is no rank %d of %d, or a rank came twice", i, len(workers))
		}
	}
	all := topology(len(workers))
	for _, w := range workers {
		if err := w.conn.SetDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
		if err := w.introduce(workers, all[w.rank]); err != nil {
			return fmt.Errorf("telling rank %d its neighbours: %w", w.rank, err)
		}
	}
	return nil
}

func (w *worker) introduce(workers []*worker, l links) error {
	numbers := []int{w.rank, l.parent, len(workers), len(l.tree)}
	numbers = append(numbers, l.tree...)
	near := map[int]bool{}
	for _, r := range l.tree {
		near[r] = true
	}
	for _, r := range []int{l.prev, l.next} {
		if r == w.rank { // a ring of one
			r = -1
		} else {
			near[r] = true
		}
		numbers = append(numbers, r)
	}
	if err := send(w.conn, numbers...); err != nil {
		return err
	}
	for {
		again, err := w.connect(workers, near)
		if err != nil || !again {
			return err
		}
	}
}

// connect tells a rank which neighbours it can reach already. It asks again where it could not reach one.
func (w *worker) connect(workers []*worker, near map[int]bool) (again bool, err error) {
	count, err := receive(w.conn)
	if err != nil {
		return false, err
	}
	missing := map[int]bool{}
	for r := range near {
		missing[r] = true
	}
	for range count {
		r, err := receive(w.conn)
		if err != nil {
			return false, err
		}
		delete(missing, r)
	}
	var reach []*worker
	for _, other := range workers {
		if missing[other.rank] && other.waits > 0 {
			reach = append(reach, other)
		}
	}
	if err := send(w.conn, len(reach), len(missing)-len(reach)); err != nil {
		return false, err
	}
	for _, other := range reach {
		if err := errors.Join(sendText(w.conn, other.host), send(w.conn, other.port, other.rank)); err != nil {
			return false, err
		}
	}
	failures, err := receive(w.conn)
	if err != nil || failures != 0 {
		return err == nil, err
	}
	if w.port, err = receive(w.conn); err != nil {
		return false, err
	}
	for _, other := range reach {
		other.waits--
	}
	w.waits = len(missing) - len(reach)
	return false, nil
}

// Numbers have 32 bits in the order of the machine: ranks of one training run on machines of one kind.
func send(conn io.Writer, numbers ...int) error {
	var data []byte
	for _, n := range numbers {
		data = binary.NativeEndian.AppendUint32(data, uint32(int32(n)))
	}
	_, err := conn.Write(data)
	return err
}

func receive(conn io.Reader) (int, error) {
	var data [4]byte
	if _, err := io.ReadFull(conn, data[:]); err != nil {
		return 0, err
	}
	return int(int32(binary.NativeEndian.Uint32(data[:]))), nil
}

func sendText(conn io.Writer, text string) error {
	if err := send(conn, len(text)); err != nil {
		return err
	}
	_, err := io.WriteString(conn, text)
	return err
}

// longest text that a rank may send.
const longest = 1 << 16

func receiveText(conn io.Reader) (string, error) {
	n, err := receive(conn)
	if err != nil {
		return "", err
	}
	if n < 0 || n > longest {
		return "", fmt.Errorf("a text of %d bytes", n)
	}
	data := make([]byte, n)
	_, err = io.ReadFull(conn, data)
	return string(data), err
}
