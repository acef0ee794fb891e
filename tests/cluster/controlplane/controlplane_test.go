package controlplane_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

func TestStart(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	cache, err := binaries.Open(root)
	require.NoError(t, err)
	c, err := controlplane.Start(t.Context(), cache, controlplane.Options{Dir: t.TempDir(), Controllers: true})
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	_, err = c.Get(ctx, "v1", "Namespace", "", "default")
	require.NoError(t, err)
	require.NoError(t, c.StartOperators(ctx))
	require.NoError(t, c.InstallDefinitions(ctx))
}
