package controlplane_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// requireVariable makes a test fail where the programs of the control plane are missing.
const requireVariable = "MLPATHWAY_REQUIRE_CLUSTER"

// built is the cache with the programs that a test needs. Where they are not built the test is skipped, and says how to
// build them; make test-cluster builds them first and skips nothing.
func built(t *testing.T, names []string) *binaries.Cache {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	cache, err := binaries.Open(root)
	require.NoError(t, err)
	if missing := cache.Missing(names); len(missing) > 0 {
		message := "not built: " + strings.Join(missing, ", ") + "; make test-cluster builds them (20 minutes of CPU, once)"
		require.Empty(t, os.Getenv(requireVariable), message)
		t.Skip(message)
	}
	return cache
}

// TestStart starts everything that the package can start, and everything answers.
func TestStart(t *testing.T) {
	t.Parallel()
	cache := built(t, binaries.Behaviour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c, err := controlplane.Start(ctx, cache, controlplane.Options{Dir: t.TempDir(), Controllers: true})
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	require.NoError(t, c.StartOperators(ctx))
	require.NoError(t, c.InstallDefinitions(ctx))
	for _, account := range []string{"jobset-system", "kubeflow-system", "kueue-system"} {
		found, err := c.List(ctx, "v1", "ServiceAccount", account, "")
		require.NoError(t, err)
		require.NotEmpty(t, found, account)
	}
}
