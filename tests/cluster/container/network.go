//go:build linux

package container

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Network is the network of pods on one machine: loopback and nothing else, so that no port of the machine is taken and
// nobody outside is reached.
type Network struct {
	path string
	end  chan struct{}
}

// NewNetwork makes a network. It lives until Close.
func NewNetwork() (*Network, error) {
	n := &Network{end: make(chan struct{})}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its network
		err := isolate()
		n.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		made <- err
		<-n.end
	}()
	return n, <-made
}

// Close lets the network go.
func (n *Network) Close() { close(n.end) }

// isolate puts this thread into a network of its own whose loopback is up.
func isolate() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("making a network: %w", err)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// Dial connects to an address inside of the network.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	type answer struct {
		conn net.Conn
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: it is in another network
		space, err := os.Open(n.path)
		if err != nil {
			answers <- answer{nil, err}
			return
		}
		defer space.Close()
		if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			answers <- answer{nil, err}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		answers <- answer{conn, err}
	}()
	a := <-answers
	return a.conn, a.err
}
