//go:build unix

package keepalive

import (
	"errors"
	"net"
	"syscall"
)

// gone reports whether the other side has closed a connection, without waiting and without taking what it sent.
func gone(c net.Conn) (closed bool) {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return true
	}
	err = control.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n == 0 && err == nil || errors.Is(err, syscall.ECONNRESET)
		return true
	})
	return closed || errors.Is(err, net.ErrClosed)
}
