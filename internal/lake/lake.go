// Package lake reads and writes the zones of a data lake through one URI each.
//
// A zone is a bucket or a directory; a key is a slash-separated path in it. Every write is atomic: a reader sees the
// old object or the new one and never a part. file:// is always there; s3://, gs:// and azblob:// are where the program
// was built with the tag cloud.
package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
)

// ErrNotFound is returned, wrapped, where a key holds no object.
var ErrNotFound = errors.New("no such object in the lake")

// ErrDenied is returned, wrapped, where the credentials of this program may not do what was asked.
var ErrDenied = errors.New("access is denied: check the credentials of this program and their rights on the zone")

// Zone is an opened zone of the lake. It is safe for concurrent use.
type Zone struct {
	uri    string
	dir    string // the directory behind a file:// zone, else empty
	bucket *blob.Bucket
}

// Object describes one object of a zone.
type Object struct {
	// Key is the path of the object inside its zone.
	Key string
	// SizeBytes is the length of the object.
	SizeBytes int64
	// Modified is the time of the last write.
	Modified time.Time
}

// Open opens the zone at a URI such as file:///data/lake/raw or s3://bucket/raw. A file:// directory must exist.
func Open(ctx context.Context, uri string) (*Zone, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("opening the lake zone %q: want a URI such as file:///data/lake/raw", uri)
	}
	if u.Scheme == "file" {
		return openDir(uri, filepath.FromSlash(u.Path))
	}
	if !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		return nil, fmt.Errorf("opening the lake zone %s: this program knows the schemes %s alone; "+
			"build it with -tags cloud for s3, gs and azblob", uri, strings.Join(blob.DefaultURLMux().BucketSchemes(), ", "))
	}
	prefix := strings.Trim(u.Path, "/")
	u.Path = ""
	bucket, err := blob.OpenBucket(ctx, address(u, os.Getenv(PathStyle)))
	if err != nil {
		return nil, fmt.Errorf("opening the lake zone %s: %w", uri, err)
	}
	if prefix != "" {
		bucket = blob.PrefixedBucket(bucket, prefix+"/")
	}
	return &Zone{uri: uri, bucket: bucket}, nil
}

// OpenAt opens a zone at a URI or at an absolute directory, which is made where it is missing.
func OpenAt(ctx context.Context, address string) (*Zone, error) {
	if filepath.IsAbs(address) {
		if err := os.MkdirAll(address, 0o700); err != nil {
			return nil, fmt.Errorf("opening the directory %s: %w", address, err)
		}
		address = FileURI(address)
	}
	return Open(ctx, address)
}

// Split divides the URI of an object into that of the zone that it lies in and its key there; ok is false where it
// names none. It is pure.
func Split(uri string) (zone, key string, ok bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || path.Base(u.Path) == "/" || path.Base(u.Path) == "." {
		return "", "", false
	}
	key, u.Path = path.Base(u.Path), path.Dir(u.Path)
	if u.Host != "" && u.Path == "/" { // the root of a bucket
		u.Path = ""
	}
	return u.String(), key, true
}

// PathStyle is the environment variable that asks an S3 store for buckets as a part of the path, as stores of one's own
// have them that no name server knows: true or nothing.
const PathStyle = "MLPATHWAY_S3_PATH_STYLE"

// address is what the library opens.
func address(u *url.URL, pathStyle string) string {
	if u.Scheme != "s3" || pathStyle != "true" {
		return u.String()
	}
	styled, query := *u, u.Query()
	query.Set("use_path_style", "true")
	styled.RawQuery = query.Encode()
	return styled.String()
}

// MakeFolders is the environment variable that lets a program make a zone's folder on a disk where nothing else does,
// such as the volume of a pod: true or nothing. Elsewhere a missing folder is an error, since a zone that was deleted
// must not come back empty.
const MakeFolders = "MLPATHWAY_MAKE_FOLDERS"

// openDir opens a directory. With MakeFolders it makes the last folder of its path; a path that is wrong further up
// stays an error.
func openDir(uri, dir string) (*Zone, error) {
	if os.Getenv(MakeFolders) == "true" {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("opening the lake zone %s: %w", uri, err)
		}
	}
	// NoTempDir keeps the temporary file of a write beside its target, so that the final rename stays on one disk.
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		NoTempDir: true, Metadata: fileblob.MetadataDontWrite, DirFileMode: 0o700,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the lake zone %s: %w", uri, err)
	}
	return &Zone{uri: uri, dir: dir, bucket: bucket}, nil
}

// FileURI turns an absolute path into the URI of a zone on this machine.
func FileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// URI returns the address that the zone was opened with.
func (z *Zone) URI() string { return z.uri }

// Close releases the zone.
func (z *Zone) Close() error { return z.bucket.Close() }

// Read returns a whole object. A missing one gives ErrNotFound.
func (z *Zone) Read(ctx context.Context, key string) ([]byte, error) {
	data, err := z.bucket.ReadAll(ctx, key)
	return data, z.wrap("reading", key, err)
}

// ErrTooLarge is returned, wrapped, where an object is larger than the reader takes.
var ErrTooLarge = errors.New("the object is too large")

// ReadAtMost is Read for an object of at most so many bytes; ErrTooLarge for a larger one.
func (z *Zone) ReadAtMost(ctx context.Context, key string, most int64) ([]byte, error) {
	r, err := z.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, z.wrap("reading", key, err)
	}
	defer func() { _ = r.Close() }()
	if r.Size() > most {
		return nil, z.wrap("reading", key, fmt.Errorf("it has %d bytes, more than %d: %w", r.Size(), most, ErrTooLarge))
	}
	data := bytes.NewBuffer(make([]byte, 0, r.Size()+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(r, most+1)); err != nil {
		return nil, z.wrap("reading", key, err)
	}
	if int64(data.Len()) > most {
		return nil, z.wrap("reading", key, fmt.Errorf("it has more than %d bytes: %w", most, ErrTooLarge))
	}
	return data.Bytes(), nil
}

// NewReader streams an object. A missing one gives ErrNotFound.
func (z *Zone) NewReader(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := z.bucket.NewReader(ctx, key, nil)
	return r, z.wrap("reading", key, err)
}

// NewReaderAt streams an object from a byte on. A missing one gives ErrNotFound.
func (z *Zone) NewReaderAt(ctx context.Context, key string, from int64) (io.ReadCloser, error) {
	r, err := z.bucket.NewRangeReader(ctx, key, from, -1, nil)
	return r, z.wrap("reading", key, err)
}

// Stat describes one object. A missing one gives ErrNotFound.
func (z *Zone) Stat(ctx context.Context, key string) (*Object, error) {
	a, err := z.bucket.Attributes(ctx, key)
	if err != nil {
		return nil, z.wrap("looking at", key, err)
	}
	return &Object{Key: key, SizeBytes: a.Size, Modified: a.ModTime}, nil
}

// Write replaces an object atomically.
func (z *Zone) Write(ctx context.Context, key string, data []byte) error {
	return z.wrap("writing", key, z.bucket.WriteAll(ctx, key, data, nil))
}

// WriteFrom replaces an object atomically with what fill writes. Where fill fails nothing is written.
func (z *Zone) WriteFrom(ctx context.Context, key string, fill func(io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := z.bucket.NewWriter(ctx, key, nil)
	if err != nil {
		return z.wrap("writing", key, err)
	}
	if err := fill(w); err != nil {
		cancel() // a cancelled context makes Close drop the object
		_ = w.Close()
		return fmt.Errorf("writing %s in %s: %w", key, z.uri, err)
	}
	return z.wrap("writing", key, w.Close())
}

// Delete removes an object; a missing one is no error.
func (z *Zone) Delete(ctx context.Context, key string) error {
	err := z.wrap("deleting", key, z.bucket.Delete(ctx, key))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Exists reports whether a key holds an object.
func (z *Zone) Exists(ctx context.Context, key string) (bool, error) {
	ok, err := z.bucket.Exists(ctx, key)
	return ok, z.wrap("looking for", key, err)
}

// List returns the objects under a prefix in the order of their keys. Hidden names (a path element that begins with
// a dot) and the temporary files of unfinished writes are left out.
func (z *Zone) List(ctx context.Context, prefix string) ([]Object, error) {
	objects, err := z.listAll(ctx, prefix)
	return slices.DeleteFunc(objects, func(o Object) bool { return hidden(o.Key) }), err
}

// DeleteAll removes all objects under a prefix, hidden ones and unfinished writes too.
func (z *Zone) DeleteAll(ctx context.Context, prefix string) error {
	objects, err := z.listAll(ctx, prefix)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := z.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
	return nil
}

func (z *Zone) listAll(ctx context.Context, prefix string) ([]Object, error) {
	var objects []Object
	iter := z.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		item, err := iter.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, z.wrap("listing", prefix, err)
		}
		objects = append(objects, Object{Key: item.Key, SizeBytes: item.Size, Modified: item.ModTime})
	}
	sort.Slice(objects, func(i, j int) bool { return objects[i].Key < objects[j].Key })
	return objects, nil
}

// Fetch gives an object as a file on this machine. For a file:// zone that is the object itself; otherwise it is a
// copy in a temporary directory, which release removes. The file must not be changed.
func (z *Zone) Fetch(ctx context.Context, key string) (path string, release func(), err error) {
	if z.dir != "" {
		path = filepath.Join(z.dir, filepath.FromSlash(key))
		if _, err := os.Stat(path); err != nil {
			return "", nil, fmt.Errorf("reading %s in %s: %w", key, z.uri, ErrNotFound)
		}
		return path, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "mlpathway-fetch-")
	if err != nil {
		return "", nil, fmt.Errorf("fetching %s from %s: %w", key, z.uri, err)
	}
	release = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, filepath.Base(key))
	if err := z.download(ctx, key, path); err != nil {
		release()
		return "", nil, err
	}
	return path, release, nil
}

func (z *Zone) download(ctx context.Context, key, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("fetching %s from %s: %w", key, z.uri, err)
	}
	err = z.bucket.Download(ctx, key, f, nil)
	return z.wrap("fetching", key, errors.Join(err, f.Close()))
}

// Upload replaces an object atomically with the content of a file on this machine, which must not change afterwards: in
// a zone on the same disk the object is a second name of the file, and nothing is copied.
func (z *Zone) Upload(ctx context.Context, key, path string) error {
	if z.dir != "" && ctx.Err() == nil && z.link(key, path) == nil {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("uploading %s to %s: %w", path, z.uri, err)
	}
	defer func() { _ = f.Close() }()
	return z.WriteFrom(ctx, key, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// link makes a file an object of a zone that is a directory.
func (z *Zone) link(key, path string) error {
	to := filepath.Join(z.dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	beside, err := os.MkdirTemp(filepath.Dir(to), ".upload-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(beside) }()
	name := filepath.Join(beside, filepath.Base(to))
	if err := os.Link(path, name); err != nil {
		return err
	}
	return os.Rename(name, to)
}

func (z *Zone) wrap(verb, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("%s %s in %s: %w", verb, key, z.uri, ErrNotFound)
	case gcerrors.Code(err) == gcerrors.PermissionDenied || denied(err):
		return fmt.Errorf("%s %s in %s: %w: %w", verb, key, z.uri, ErrDenied, err)
	default:
		return fmt.Errorf("%s %s in %s: %w", verb, key, z.uri, err)
	}
}

// denied tells whether a store has answered 401 or 403: not all of them have a code of their own for it.
func denied(err error) bool {
	var status interface{ HTTPStatusCode() int } // AWS
	if errors.As(err, &status) {
		return status.HTTPStatusCode() == http.StatusForbidden || status.HTTPStatusCode() == http.StatusUnauthorized
	}
	text := err.Error()
	return strings.Contains(text, "AuthenticationFailed") || strings.Contains(text, "googleapi: Error 403") ||
		strings.Contains(text, "AuthorizationFailure") || strings.Contains(text, "RESPONSE 403")
}

func hidden(key string) bool {
	for part := range strings.SplitSeq(key, "/") {
		if strings.HasPrefix(part, ".") {
			return true
		}
	}
	return strings.HasSuffix(key, ".tmp")
}
