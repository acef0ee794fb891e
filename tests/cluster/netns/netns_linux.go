package netns

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// New makes a network. It lives until Close.
func New() (*Namespace, error) {
	n := &Namespace{end: make(chan struct{})}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its network
		err := isolate()
		n.Path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		made <- err
		<-n.end
	}()
	return n, <-made
}

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
func (n *Namespace) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return inside(n, func() (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, network, address) })
}

// Listen listens on an address inside of the network.
func (n *Namespace) Listen(ctx context.Context, address string) (net.Listener, error) {
	return inside(n, func() (net.Listener, error) { return (&net.ListenConfig{}).Listen(ctx, "tcp", address) })
}

// inside makes something on a thread that is in the network. What is made stays there.
func inside[T any](n *Namespace, work func() (T, error)) (T, error) {
	type answer struct {
		made T
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: it is in another network
		var a answer
		space, err := os.Open(n.Path)
		if err != nil {
			a.err = err
		} else if err = unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			a.err = fmt.Errorf("entering the network: %w", err)
		} else {
			a.made, a.err = work()
		}
		_ = space.Close()
		answers <- a
	}()
	a := <-answers
	return a.made, a.err
}
