package registry_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Any bytes for an alias and a manifest give an error or a version whose sums fit.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	zone, err := lake.Open(f.Context(), lake.FileURI(dir))
	require.NoError(f, err)
	f.Cleanup(func() { _ = zone.Close() })
	r := registry.New(zone)
	require.NoError(f, r.Register(f.Context(), version("v1")))
	require.NoError(f, r.Promote(f.Context(), "tumour", registry.Production, "v1"))
	manifest := filepath.Join(dir, "tumour/versions/v1/manifest.json")
	alias := filepath.Join(dir, "tumour/aliases/production")
	good, err := os.ReadFile(manifest)
	require.NoError(f, err)
	f.Add(good, []byte(`{"version":"v1"}`))
	f.Add(good[:len(good)/2], []byte(`{"version":"../v1"}`))
	f.Add([]byte(`{"sha256":null}`), []byte(`{"version":7}`))
	f.Add([]byte("null"), []byte("null"))
	f.Add([]byte(`{"sha256":{"model.onnx":""},"inputs":[{}]}`), []byte(`{"version":""}`))
	f.Fuzz(func(t *testing.T, m, a []byte) {
		require.NoError(t, os.WriteFile(manifest, m, 0o600))
		require.NoError(t, os.WriteFile(alias, a, 0o600))
		to, err := r.Resolve(t.Context(), "tumour", registry.Production)
		if err != nil {
			return
		}
		v, err := r.Open(t.Context(), "tumour", to.Version)
		if err != nil {
			return
		}
		require.True(t, registry.ValidName(to.Version))
		require.Equal(t, registry.Sum(v.Model), v.Manifest.SHA256[registry.ModelFile])
	})
}
