package lake_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
)

func open(t *testing.T) (*lake.Zone, string) {
	t.Helper()
	dir := t.TempDir()
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, zone.Close()) })
	return zone, dir
}

func TestReadWriteDelete(t *testing.T) {
	t.Parallel()
	zone, _ := open(t)
	ctx := t.Context()
	_, err := zone.Read(ctx, "a/b.txt")
	require.ErrorIs(t, err, lake.ErrNotFound)
	require.NoError(t, zone.Write(ctx, "a/b.txt", []byte("one")))
	require.NoError(t, zone.Write(ctx, "a/b.txt", []byte("two")))
	data, err := zone.Read(ctx, "a/b.txt")
	require.NoError(t, err)
	assert.Equal(t, "two", string(data))
	ok, err := zone.Exists(ctx, "a/b.txt")
	require.NoError(t, err)
	assert.True(t, ok)
	require.NoError(t, zone.Delete(ctx, "a/b.txt"))
	require.NoError(t, zone.Delete(ctx, "a/b.txt"), "deleting what is gone is no error")
	_, err = zone.NewReader(ctx, "a/b.txt")
	require.ErrorIs(t, err, lake.ErrNotFound)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"", "/plain/path", "file:///does/not/exist", "nothing://x", "%"} {
		_, err := lake.Open(t.Context(), uri)
		assert.ErrorContains(t, err, "opening the lake zone", uri)
	}
}

func TestAKeyCannotLeaveItsZone(t *testing.T) {
	t.Parallel()
	zone, dir := open(t)
	_ = zone.Write(t.Context(), "../outside", []byte("x"))
	_, err := os.Stat(filepath.Join(filepath.Dir(dir), "outside"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestListIsSortedAndHidesUnfinishedFiles(t *testing.T) {
	t.Parallel()
	zone, dir := open(t)
	for _, key := range []string{"b.csv", "a/2.csv", "a/1.csv", ".hidden", "a/.x/y", "c.csv.1234.tmp"} {
		path := filepath.Join(dir, key)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("12"), 0o600))
	}
	objects, err := zone.List(t.Context(), "")
	require.NoError(t, err)
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
		assert.Equal(t, int64(2), o.SizeBytes)
		assert.False(t, o.Modified.IsZero())
	}
	assert.Equal(t, []string{"a/1.csv", "a/2.csv", "b.csv"}, keys)
	some, err := zone.List(t.Context(), "a/")
	require.NoError(t, err)
	assert.Len(t, some, 2)
}

func TestAFailedWriteLeavesTheOldObject(t *testing.T) {
	t.Parallel()
	zone, dir := open(t)
	ctx := t.Context()
	require.NoError(t, zone.Write(ctx, "x", []byte("old")))
	failure := errors.New("full")
	err := zone.WriteFrom(ctx, "x", func(w io.Writer) error {
		_, _ = w.Write([]byte("half of the ne"))
		return failure
	})
	require.ErrorIs(t, err, failure)
	data, err := zone.Read(ctx, "x")
	require.NoError(t, err)
	assert.Equal(t, "old", string(data))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing half-written may stay behind")
}

func TestReadersSeeWholeObjects(t *testing.T) {
	t.Parallel()
	zone, _ := open(t)
	ctx := t.Context()
	a, b := make([]byte, 1<<16), make([]byte, 1<<16)
	for i := range b {
		a[i], b[i] = 'a', 'b'
	}
	require.NoError(t, zone.Write(ctx, "x", a))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 200 {
			assert.NoError(t, zone.Write(ctx, "x", [][]byte{a, b}[i%2]))
		}
	})
	for range 200 {
		data, err := zone.Read(ctx, "x")
		require.NoError(t, err)
		require.Len(t, data, len(a))
		require.Equal(t, data[0], data[len(data)-1], "a reader saw parts of two objects")
	}
	wg.Wait()
}

func TestFetchAndUpload(t *testing.T) {
	t.Parallel()
	zone, dir := open(t)
	ctx := context.Background()
	source := filepath.Join(t.TempDir(), "source")
	require.NoError(t, os.WriteFile(source, []byte("data"), 0o600))
	require.NoError(t, zone.Upload(ctx, "in/zone", source))
	path, release, err := zone.Fetch(ctx, "in/zone")
	require.NoError(t, err)
	defer release()
	assert.Equal(t, filepath.Join(dir, "in", "zone"), path, "a file:// object is not copied")
	_, _, err = zone.Fetch(ctx, "none")
	require.ErrorIs(t, err, lake.ErrNotFound)

	before, err := os.Stat(source)
	require.NoError(t, err)
	object, err := os.Stat(path)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, object), "nor is a file on the same disk")
	require.NoError(t, os.Remove(source))
	require.NoError(t, os.WriteFile(source, []byte("newer"), 0o600))
	require.NoError(t, zone.Upload(ctx, "in/zone", source))
	data, err := zone.Read(ctx, "in/zone")
	require.NoError(t, err)
	assert.Equal(t, "newer", string(data), "an object is replaced")
	beside, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, beside, 1, "nothing is left over")
	require.Error(t, zone.Upload(ctx, "none", filepath.Join(dir, "none")))
	stopped, stop := context.WithCancel(ctx)
	stop()
	require.Error(t, zone.Upload(stopped, "stopped", source))
}

// A file on another disk is copied.
func TestUploadFromAnotherDisk(t *testing.T) {
	t.Parallel()
	zone, dir := open(t)
	memory, err := os.MkdirTemp("/dev/shm", "mlpathway-test-") //nolint:usetesting // that is on the same disk
	if err != nil {
		t.Skip("there is no other disk: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(memory) })
	source := filepath.Join(memory, "source")
	require.NoError(t, os.WriteFile(source, []byte("data"), 0o600))
	if os.Link(source, filepath.Join(dir, "link")) == nil {
		t.Skip("/dev/shm is on the same disk")
	}
	require.NoError(t, zone.Upload(t.Context(), "object", source))
	data, err := zone.Read(t.Context(), "object")
	require.NoError(t, err)
	assert.Equal(t, "data", string(data))
}

func TestFoldersAreMadeWhereAskedFor(t *testing.T) {
	root := t.TempDir()
	models := filepath.Join(root, "models")
	_, err := lake.Open(t.Context(), lake.FileURI(models))
	require.Error(t, err, "a zone that was deleted does not come back empty")
	assert.NoDirExists(t, models)
	t.Setenv(lake.MakeFolders, "true")
	zone, err := lake.Open(t.Context(), lake.FileURI(models))
	require.NoError(t, err)
	require.NoError(t, zone.Close())
	assert.DirExists(t, models)
	_, err = lake.Open(t.Context(), lake.FileURI(filepath.Join(root, "wrong", "models")))
	require.Error(t, err)
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string][2]string{
		"file:///data/pipeline.yaml":          {"file:///data", "pipeline.yaml"},
		"file:///pipeline.yaml":               {"file:///", "pipeline.yaml"},
		"s3://bucket/training.json":           {"s3://bucket", "training.json"},
		"s3://bucket/a/b.json?region=eu-west": {"s3://bucket/a?region=eu-west", "b.json"},
	} {
		zone, key, ok := lake.Split(uri)
		assert.True(t, ok, uri)
		assert.Equal(t, want, [2]string{zone, key}, uri)
	}
	for _, uri := range []string{"", "data/pipeline.yaml", "s3://bucket", "s3://bucket/", "file:///", "a b://c"} {
		_, _, ok := lake.Split(uri)
		assert.False(t, ok, uri)
	}
}
