// Package netns makes networks of which loopback is all: what listens in one takes no port of the machine and reaches
// nobody outside.
package netns

// Namespace is such a network.
type Namespace struct {
	// Path is that of its namespace, for nsenter and podman.
	Path string

	end chan struct{}
}

// Close lets the network go.
func (n *Namespace) Close() { close(n.end) }
