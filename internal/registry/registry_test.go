package registry_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

func open(t *testing.T) (*registry.Registry, *lake.Zone, string) {
	t.Helper()
	dir := t.TempDir()
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	t.Cleanup(func() { _ = zone.Close() })
	return registry.New(zone), zone, dir
}

func version(name string) *registry.Version {
	return &registry.Version{
		Manifest: registry.Manifest{Name: "tumour", Version: name, Task: "binary", Created: time.Unix(0, 0).UTC()},
		Model:    []byte("model of " + name),
		Metrics:  registry.Metrics{Rows: 3, Candidate: map[string]float64{"accuracy": 0.9}},
		Profile:  registry.Profile{Rows: 7},
	}
}

func TestRegisterAndOpen(t *testing.T) {
	t.Parallel()
	r, _, _ := open(t)
	ctx := t.Context()
	require.NoError(t, r.Register(ctx, version("v1")))
	require.NoError(t, r.Register(ctx, version("v2")))
	require.ErrorIs(t, r.Register(ctx, version("v1")), registry.ErrExists, "a version never changes")

	v, err := r.Open(ctx, "tumour", "v1")
	require.NoError(t, err)
	assert.Equal(t, "model of v1", string(v.Model))
	assert.Equal(t, 3, v.Metrics.Rows)
	assert.Equal(t, 7, v.Profile.Rows)
	assert.Len(t, v.Manifest.SHA256, 3)
	assert.Equal(t, registry.Sum(v.Model), v.Manifest.SHA256[registry.ModelFile])

	versions, err := r.Versions(ctx, "tumour")
	require.NoError(t, err)
	assert.Equal(t, []string{"v1", "v2"}, versions)
}

func TestAChangedFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, file := range []string{registry.ModelFile, registry.MetricsFile, registry.ProfileFile, registry.ManifestFile} {
		r, _, dir := open(t)
		require.NoError(t, r.Register(t.Context(), version("v1")))
		path := filepath.Join(dir, "tumour", "versions", "v1", file)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		data[0] ^= 1
		require.NoError(t, os.WriteFile(path, data, 0o600))
		_, err = r.Open(t.Context(), "tumour", "v1")
		require.ErrorIs(t, err, registry.ErrCorrupt, file)
	}
}

func TestAHalfWrittenVersionDoesNotExist(t *testing.T) {
	t.Parallel()
	r, zone, _ := open(t)
	ctx := t.Context()
	require.NoError(t, zone.Write(ctx, "tumour/versions/v1/model.onnx", []byte("x")))
	versions, err := r.Versions(ctx, "tumour")
	require.NoError(t, err)
	assert.Empty(t, versions)
	_, err = r.Open(ctx, "tumour", "v1")
	require.ErrorIs(t, err, lake.ErrNotFound)
	require.Error(t, r.Promote(ctx, "tumour", registry.Production, "v1"))
	require.NoError(t, r.Register(ctx, version("v1")), "registering again must complete it")
}

func TestPromote(t *testing.T) {
	t.Parallel()
	r, _, _ := open(t)
	ctx := t.Context()
	_, err := r.Resolve(ctx, "tumour", registry.Production)
	require.ErrorIs(t, err, registry.ErrNoAlias)
	require.NoError(t, r.Register(ctx, version("v1")))
	require.NoError(t, r.Register(ctx, version("v2")))
	require.NoError(t, r.Promote(ctx, "tumour", registry.Production, "v1"))
	require.NoError(t, r.Promote(ctx, "tumour", registry.Production, "v2"))
	alias, err := r.Resolve(ctx, "tumour", registry.Production)
	require.NoError(t, err)
	assert.Equal(t, "v2", alias.Version)
	assert.Equal(t, "v1", alias.Previous)
	assert.False(t, alias.Updated.IsZero())
}

func TestNamesCannotLeaveTheRegistry(t *testing.T) {
	t.Parallel()
	r, _, _ := open(t)
	for _, name := range []string{"..", "a/b", "", ".hidden", "a\x00b"} {
		v := version("v1")
		v.Manifest.Name = name
		require.Error(t, r.Register(t.Context(), v), name)
		_, err := r.Open(t.Context(), name, "v1")
		require.ErrorIs(t, err, registry.ErrCorrupt, name)
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	_, zone, _ := open(t)
	ctx := t.Context()
	run, err := registry.LatestRun(ctx, zone)
	require.NoError(t, err)
	assert.Nil(t, run)
	require.NoError(t, registry.WriteRun(ctx, zone, &registry.Run{ID: "1", Status: registry.Failed, Error: "why"}))
	require.NoError(t, registry.WriteRun(ctx, zone, &registry.Run{ID: "2", Status: registry.Running}))
	run, err = registry.LatestRun(ctx, zone)
	require.NoError(t, err)
	assert.Equal(t, "2", run.ID)
	run, err = registry.ReadRun(ctx, zone, "1")
	require.NoError(t, err)
	assert.Equal(t, "why", run.Error)
}
