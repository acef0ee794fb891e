package lake

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// RandomReader reads any part of an object. Close it at the end.
type RandomReader struct {
	io.ReaderAt
	// Size of the object in bytes.
	Size  int64
	close func() error
}

// Close releases the object.
func (r *RandomReader) Close() error { return r.close() }

// NewRandomReader opens an object of which parts are wanted. In a file:// zone that is the file; elsewhere the parts
// come in blocks, of which the last ones are kept. A missing object gives ErrNotFound.
func (z *Zone) NewRandomReader(ctx context.Context, key string) (*RandomReader, error) {
	o, err := z.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if z.dir == "" {
		b := &blocks{ctx: ctx, zone: z, key: key, size: o.SizeBytes, held: map[int64][]byte{}}
		return &RandomReader{ReaderAt: b, Size: o.SizeBytes, close: func() error { return nil }}, nil
	}
	f, err := os.Open(filepath.Join(z.dir, filepath.FromSlash(key)))
	if err != nil {
		return nil, z.wrap("reading", key, err)
	}
	return &RandomReader{ReaderAt: f, Size: o.SizeBytes, close: f.Close}, nil
}

const (
	blockBytes = 1 << 20
	mostBlocks = 16
)

// blocks reads an object in blocks and keeps the last ones.
type blocks struct {
	ctx  context.Context // of whoever opened it: io.ReaderAt has none
	zone *Zone
	key  string
	size int64

	mu    sync.Mutex
	held  map[int64][]byte
	order []int64 // of the blocks that are held, the oldest first
}

// ReadAt implements io.ReaderAt.
func (b *blocks) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) && at+int64(n) < b.size {
		from := at + int64(n)
		block, err := b.block(from / blockBytes)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], block[from%blockBytes:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (b *blocks) block(number int64) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if data, ok := b.held[number]; ok {
		return data, nil
	}
	if err := b.ctx.Err(); err != nil {
		return nil, b.zone.wrap("reading", b.key, err)
	}
	from := number * blockBytes
	want := min(blockBytes, b.size-from)
	r, err := b.zone.bucket.NewRangeReader(b.ctx, b.key, from, want, nil)
	if err != nil {
		return nil, b.zone.wrap("reading", b.key, err)
	}
	data, err := io.ReadAll(r)
	if closing := r.Close(); err == nil {
		err = closing
	}
	if err == nil && int64(len(data)) != want {
		err = fmt.Errorf("it has changed while it was read: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, b.zone.wrap("reading", b.key, err)
	}
	if len(b.order) == mostBlocks {
		delete(b.held, b.order[0])
		b.order = b.order[1:]
	}
	b.held[number], b.order = data, append(b.order, number)
	return data, nil
}
