//go:build cloud

package lake_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/lake/laketest"
)

// The object stores of the clouds keep the laws that a directory keeps.
func TestStoresOfTheClouds(t *testing.T) { //nolint:paralleltest // the stand-ins set environment variables
	for _, s := range laketest.All(t, "zone") {
		t.Run(s.Scheme, func(t *testing.T) { //nolint:paralleltest // one after the other
			zone, err := lake.Open(t.Context(), s.URI("zone"))
			require.NoError(t, err)
			defer func() { _ = zone.Close() }()
			ctx := t.Context()
			_, err = zone.Read(ctx, "a/b.txt")
			require.ErrorIs(t, err, lake.ErrNotFound)
			_, err = zone.Stat(ctx, "a/b.txt")
			require.ErrorIs(t, err, lake.ErrNotFound)
			require.NoError(t, zone.Write(ctx, "a/b.txt", []byte("one")))
			require.NoError(t, zone.Write(ctx, "a/b.txt", []byte("three")))
			data, err := zone.Read(ctx, "a/b.txt")
			require.NoError(t, err)
			assert.Equal(t, "three", string(data))
			tail, err := zone.NewReaderAt(ctx, "a/b.txt", 2)
			require.NoError(t, err)
			data, err = io.ReadAll(tail)
			require.NoError(t, err)
			assert.Equal(t, "ree", string(data))
			_ = tail.Close()

			failure := errors.New("full")
			err = zone.WriteFrom(ctx, "a/b.txt", func(w io.Writer) error {
				_, _ = w.Write(make([]byte, 1<<20))
				return failure
			})
			require.ErrorIs(t, err, failure)
			data, err = zone.Read(ctx, "a/b.txt")
			require.NoError(t, err)
			assert.Equal(t, "three", string(data), "a write that fails changes nothing")

			big := make([]byte, 12<<20) // more than one part of an upload
			for i := range big {
				big[i] = byte(i * 7 >> 3)
			}
			source := filepath.Join(t.TempDir(), "big")
			require.NoError(t, os.WriteFile(source, big, 0o600))
			require.NoError(t, zone.Upload(ctx, "big", source))
			path, release, err := zone.Fetch(ctx, "big")
			require.NoError(t, err)
			data, err = os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, big, data)
			release()
			assert.NoFileExists(t, path)

			require.NoError(t, zone.Write(ctx, "a/.hidden", nil))
			objects, err := zone.List(ctx, "a/")
			require.NoError(t, err)
			require.Len(t, objects, 1)
			assert.Equal(t, "a/b.txt", objects[0].Key)
			assert.Equal(t, int64(5), objects[0].SizeBytes)
			assert.False(t, objects[0].Modified.IsZero())
			require.NoError(t, zone.Delete(ctx, "a/b.txt"))
			require.NoError(t, zone.Delete(ctx, "a/b.txt"))
			ok, err := zone.Exists(ctx, "a/b.txt")
			require.NoError(t, err)
			assert.False(t, ok)
		})
	}
}

// Missing rights and wrong credentials are told apart from what is not there.
func TestDenied(t *testing.T) {
	stores := laketest.All(t, "zone")
	for _, s := range stores {
		if s.Scheme == "azblob" {
			t.Setenv("AZURE_STORAGE_KEY", "bm8ga2V5IGF0IGFsbA==")
		}
		zone, err := lake.Open(t.Context(), s.URI("zone"))
		require.NoError(t, err)
		if s.Scheme != "azblob" {
			require.NoError(t, zone.Write(t.Context(), "secret.csv", []byte("x")))
		}
		s.Forbid("secret.csv")
		_, err = zone.Read(t.Context(), "secret.csv")
		require.ErrorIs(t, err, lake.ErrDenied, s.Scheme)
		require.NotErrorIs(t, err, lake.ErrNotFound)
		require.ErrorContains(t, err, "secret.csv in "+s.Scheme+"://zone")
		s.Forbid("zone")
		_, err = zone.List(t.Context(), "")
		require.ErrorIs(t, err, lake.ErrDenied, s.Scheme)
		_ = zone.Close()
	}
}
