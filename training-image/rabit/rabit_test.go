package rabit

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheRingVisitsEveryRankAndTheTreeIsOne(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 40; n++ {
		all := topology(n)
		require.Len(t, all, n)
		edges := 0
		for r, l := range all {
			assert.Equal(t, (r+1)%n, l.next, "ranks are numbered along the ring")
			assert.Equal(t, (r+n-1)%n, l.prev)
			for _, other := range l.tree {
				assert.Contains(t, all[other].tree, r, "links go both ways")
			}
			if l.parent >= 0 {
				edges++
				assert.Contains(t, l.tree, l.parent)
			}
			up, steps := r, 0
			for all[up].parent >= 0 && steps <= n {
				up, steps = all[up].parent, steps+1
			}
			assert.Equal(t, 0, up, "every rank hangs below the first")
		}
		assert.Equal(t, n-1, edges)
	}
}

func TestStrangersDoNotDisturbTheTracker(t *testing.T) {
	t.Parallel()
	tracker, err := Start("127.0.0.1:0", 2)
	require.NoError(t, err)
	for _, words := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x99\xff\x00\x00"} {
		conn, err := net.Dial("tcp", tracker.listener.Addr().String())
		require.NoError(t, err)
		_, err = conn.Write([]byte(words))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	shutdown(t, tracker, 0)
	shutdown(t, tracker, 1)
	require.NoError(t, tracker.Wait())
}

func TestACloseEndsTheTracker(t *testing.T) {
	t.Parallel()
	tracker, err := Start("127.0.0.1:0", 2)
	require.NoError(t, err)
	tracker.Close()
	require.ErrorContains(t, tracker.Wait(), "closed")
}

// shutdown says goodbye as a rank does.
func shutdown(t *testing.T, tracker *Tracker, rank int) {
	t.Helper()
	conn, err := net.Dial("tcp", tracker.listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, send(conn, magic))
	answer, err := receive(conn)
	require.NoError(t, err)
	assert.Equal(t, magic, answer)
	require.NoError(t, send(conn, rank, 2))
	for _, text := range []string{"0", "shutdown"} {
		require.NoError(t, sendText(conn, text))
	}
	_, _ = receive(conn) // until the tracker has closed it
}
