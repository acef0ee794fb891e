package lake

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/fileblob"
)

// An object of a store is read in blocks, of which some are kept; one on this machine is the file itself.
func TestAnyPartOfAnObject(t *testing.T) {
	t.Parallel()
	const size = (mostBlocks+3)*blockBytes + 12345
	random := rand.NewChaCha8([32]byte{1})
	data := make([]byte, size)
	_, err := random.Read(data)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "object"), data, 0o600))
	bucket, err := fileblob.OpenBucket(dir, nil)
	require.NoError(t, err)
	for name, zone := range map[string]*Zone{"store": {uri: "store://x", bucket: bucket},
		"machine": {uri: "file://" + dir, dir: dir, bucket: bucket}} {
		r, err := zone.NewRandomReader(t.Context(), "object")
		require.NoError(t, err)
		assert.EqualValues(t, size, r.Size)
		draw := rand.New(random)
		for range 200 {
			at, n := draw.IntN(size), 1+draw.IntN(3*blockBytes)
			part := make([]byte, min(n, size-at))
			got, err := r.ReadAt(part, int64(at))
			require.NoError(t, err, name)
			require.Equal(t, len(part), got)
			require.True(t, bytes.Equal(data[at:at+len(part)], part), "%s: %d bytes from %d on", name, n, at)
		}
		beyond := make([]byte, 10)
		n, err := r.ReadAt(beyond, size-4)
		require.ErrorIs(t, err, io.EOF)
		assert.Equal(t, 4, n)
		if b, ok := r.ReaderAt.(*blocks); ok {
			assert.Len(t, b.held, mostBlocks, "the others are forgotten")
		}
		require.NoError(t, r.Close())
		_, err = zone.NewRandomReader(t.Context(), "none")
		require.ErrorIs(t, err, ErrNotFound)
	}
	stopped, cancel := context.WithCancel(t.Context())
	r, err := (&Zone{uri: "store://x", bucket: bucket}).NewRandomReader(stopped, "object")
	require.NoError(t, err)
	cancel()
	_, err = r.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, context.Canceled)
}
