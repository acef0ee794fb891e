//go:build !linux

package netns

import (
	"context"
	"errors"
	"net"
)

var errUnsupported = errors.New("networks of their own need Linux")

// New makes no network here.
func New() (*Namespace, error) { return nil, errUnsupported }

// Dial connects to nothing here.
func (*Namespace) Dial(context.Context, string, string) (net.Conn, error) { return nil, errUnsupported }

// Listen listens to nothing here.
func (*Namespace) Listen(context.Context, string) (net.Listener, error) { return nil, errUnsupported }
