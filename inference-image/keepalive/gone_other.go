//go:build !unix

package keepalive

import "net"

// gone would report whether the other side has closed a connection; here a failing write tells.
func gone(net.Conn) bool { return false }
