package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// fault is what is wrong with a store of objects.
type fault int32

// The faults.
const (
	healthy   fault = iota
	answering       // every request fails
	slow            // every request takes a while
	hanging         // no request is answered
	cutting         // every object ends in the middle, as if that were all of it
	breaking        // every object breaks off in the middle
	faults
)

var errFault = errors.New("the store is broken")

// faulty is a store whose objects are the files of a directory, for reading; its faults come and go.
type faulty struct {
	driver.Bucket // nil: nothing else is called

	dir  string
	now  atomic.Int32
	seen [faults]atomic.Int64 // how often each fault was met
}

var stores atomic.Int64

// openFaulty registers a store under a scheme of its own and returns it with its URI.
func openFaulty(dir string) (*faulty, string) {
	f, scheme := &faulty{dir: dir}, fmt.Sprintf("faulty%d", stores.Add(1))
	blob.DefaultURLMux().RegisterBucket(scheme, opener(func() *blob.Bucket { return blob.NewBucket(f) }))
	return f, scheme + "://models"
}

type opener func() *blob.Bucket

// OpenBucketURL implements blob.BucketURLOpener.
func (o opener) OpenBucketURL(context.Context, *url.URL) (*blob.Bucket, error) { return o(), nil }

// set lets a fault begin. What it returns waits until the fault was met.
func (f *faulty) set(now fault) (met func(context.Context)) {
	f.now.Store(int32(now))
	before := f.seen[now].Load()
	return func(ctx context.Context) {
		for ctx.Err() == nil && f.seen[now].Load() == before {
			time.Sleep(time.Millisecond)
		}
	}
}

// suffer does what the fault of the moment does to a request.
func (f *faulty) suffer(ctx context.Context) (fault, error) {
	now := fault(f.now.Load())
	f.seen[now].Add(1)
	wait := time.Duration(0)
	switch now {
	case answering:
		return now, errFault
	case slow:
		wait = 20 * time.Millisecond
	case hanging:
		wait = time.Hour
	case healthy, cutting, breaking, faults:
	}
	select {
	case <-ctx.Done():
		return now, ctx.Err()
	case <-time.After(wait):
		return now, nil
	}
}

// NewRangeReader implements driver.Bucket.
func (f *faulty) NewRangeReader(ctx context.Context, key string, _, _ int64, _ *driver.ReaderOptions) (
	driver.Reader, error,
) {
	now, err := f.suffer(ctx)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(key)))
	if err != nil {
		return nil, err
	}
	r := &reader{size: int64(len(data)), Reader: bytes.NewReader(data)}
	switch now {
	case cutting:
		r.Reader = bytes.NewReader(data[:len(data)/2])
	case breaking:
		r.Reader = io.MultiReader(bytes.NewReader(data[:len(data)/2]), brokenReader{})
	case healthy, answering, slow, hanging, faults:
	}
	return r, nil
}

// ErrorCode implements driver.Bucket.
func (f *faulty) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case os.IsNotExist(err):
		return gcerrors.NotFound
	case errors.Is(err, context.DeadlineExceeded):
		return gcerrors.DeadlineExceeded
	default:
		return gcerrors.Internal
	}
}

// ErrorAs implements driver.Bucket.
func (f *faulty) ErrorAs(error, any) bool { return false }

// Close implements driver.Bucket.
func (f *faulty) Close() error { return nil }

type brokenReader struct{}

// Read implements io.Reader.
func (brokenReader) Read([]byte) (int, error) { return 0, errFault }

type reader struct {
	io.Reader
	size int64
}

// Close implements io.Closer.
func (r *reader) Close() error { return nil }

// Attributes implements driver.Reader.
func (r *reader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: "application/octet-stream", Size: r.size}
}

// As implements driver.Reader.
func (r *reader) As(any) bool { return false }

// missed names the faults that were never met.
func (f *faulty) missed() string {
	var names []string
	for i, name := range []string{"healthy", "answering", "slow", "hanging", "cutting", "breaking"} {
		if f.seen[i].Load() == 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
