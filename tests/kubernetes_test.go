package tests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/stacks"
)

// TestKubernetesStacks: the example stacks give the graphs that are on record, whatever clusters this machine knows.
// The environment belongs to the process, so this test runs alone.
func TestKubernetesStacks(t *testing.T) {
	t.Setenv("KUBECONFIG", os.DevNull)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	for _, stack := range []string{"onprem-dev", "onprem-prod"} {
		r, err := recording.Record(func(ctx *pulumi.Context) error {
			return stacks.Build(ctx, root, stackValues(t, stack))
		}, recording.Options{Project: "mlpathway", Stack: stack})
		require.NoError(t, err)
		graph, err := r.Graph()
		require.NoError(t, err)
		componenttest.CompareGolden(t, filepath.Join("testdata", "graph-"+stack+".json"),
			strings.ReplaceAll(string(graph), root, "/project"))
	}
}

// TestKubernetesBuildsNoSDKOfACloud: what is compiled for a stack on a cluster.
func TestKubernetesBuildsNoSDKOfACloud(t *testing.T) {
	t.Parallel()
	packages := list(t, "-tags", "kubernetes", ".", "./components/kubernetes/...")
	require.NotEmpty(t, packages)
	for _, p := range packages {
		for _, dep := range p.Deps {
			costly := hasPrefix(dep, cloudSDKs) && !slices.Contains(kubernetesProvider, dep)
			assert.False(t, costly, "%s needs %s", p.ImportPath, dep)
		}
	}
}
