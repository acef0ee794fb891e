package registry_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

func TestSignatures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	t.Cleanup(func() { _ = zone.Close() })
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	other, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	version := func(name string) *registry.Version {
		return &registry.Version{Manifest: registry.Manifest{Name: "m", Version: name}, Model: []byte("model")}
	}
	require.NoError(t, registry.New(zone, registry.SignWith(private)).Register(t.Context(), version("signed")))
	require.NoError(t, registry.New(zone).Register(t.Context(), version("plain")))
	trusting, strict := registry.New(zone), registry.New(zone, registry.VerifyWith(public))
	for _, name := range []string{"signed", "plain"} {
		_, err := trusting.Open(t.Context(), "m", name)
		require.NoError(t, err, "without a key nothing is asked")
	}
	_, err = strict.Open(t.Context(), "m", "signed")
	require.NoError(t, err)
	_, err = strict.Open(t.Context(), "m", "plain")
	require.ErrorIs(t, err, registry.ErrSignature)
	_, err = registry.New(zone, registry.VerifyWith(other)).Open(t.Context(), "m", "signed")
	require.ErrorIs(t, err, registry.ErrSignature)
	path := filepath.Join(dir, "m/versions/signed/manifest.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(data, ' '), 0o600))
	_, err = strict.Open(t.Context(), "m", "signed")
	require.ErrorIs(t, err, registry.ErrSignature, "one more byte")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
		return path
	}
	data, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	publicFile := write("public", "PUBLIC KEY", data)
	data, err = x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	privateFile := write("private", "PRIVATE KEY", data)
	gotPublic, err := registry.ReadPublicKey(publicFile)
	require.NoError(t, err)
	assert.Equal(t, public, gotPublic)
	gotPrivate, err := registry.ReadPrivateKey(privateFile)
	require.NoError(t, err)
	assert.Equal(t, private, gotPrivate)
	_, err = registry.ReadPublicKey(privateFile)
	require.ErrorIs(t, err, registry.ErrSignature)
	_, err = registry.ReadPrivateKey(publicFile)
	require.ErrorIs(t, err, registry.ErrSignature)
	require.NoError(t, os.WriteFile(publicFile, []byte("nonsense"), 0o600))
	_, err = registry.ReadPublicKey(publicFile)
	require.ErrorContains(t, err, "it is not PEM")
	_, err = registry.ReadPublicKey(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A file that is larger than anything sound does not reach the memory.
func TestHugeFilesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	t.Cleanup(func() { _ = zone.Close() })
	r := registry.New(zone)
	require.NoError(t, r.Register(t.Context(), &registry.Version{
		Manifest: registry.Manifest{Name: "m", Version: "v"}, Model: []byte("model")}))
	for _, file := range []string{"manifest.json", "profile.json", "model.onnx"} {
		require.NoError(t, os.Truncate(filepath.Join(dir, "m/versions/v", file), 3<<30)) // a sparse file
		_, err = r.Open(t.Context(), "m", "v")
		if file == "manifest.json" {
			require.ErrorIs(t, err, lake.ErrTooLarge)
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "m")))
			require.NoError(t, r.Register(t.Context(), &registry.Version{
				Manifest: registry.Manifest{Name: "m", Version: "v"}, Model: []byte("model")}))
			continue
		}
		require.ErrorIs(t, err, lake.ErrTooLarge, file)
	}
	require.NoError(t, r.Promote(t.Context(), "m", registry.Production, "v"))
	require.NoError(t, os.Truncate(filepath.Join(dir, "m/aliases/production"), 3<<30))
	_, err = r.Resolve(t.Context(), "m", registry.Production)
	require.ErrorIs(t, err, lake.ErrTooLarge)
}
