package secret_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/secret"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(" abc\n"), 0o600))
	for _, address := range []string{path, "file://" + path} {
		data, err := secret.Read(t.Context(), address)
		require.NoError(t, err)
		assert.Equal(t, "abc", string(data))
	}
	require.NoError(t, os.WriteFile(path, []byte("\n"), 0o600))
	_, err := secret.Read(t.Context(), path)
	require.ErrorIs(t, err, secret.ErrEmpty)
	_, err = secret.Read(t.Context(), path+"x")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = secret.Read(t.Context(), "vault://token")
	require.ErrorContains(t, err, "-tags cloud")
}
