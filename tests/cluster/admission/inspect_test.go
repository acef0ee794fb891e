package admission_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/internal/plan/planner"
	"github.com/mlpathway/mlpathway/stacks"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// inspected is the stack whose program looks at the server.
const inspected = "onprem-prod"

// built is what became of the program of a stack: how many resources it registered, and its error.
type built struct {
	resources int
	err       error
}

// build runs the program of the stack as an engine would, with a kubeconfig whose context of the stack is the server.
func build(c *controlplane.ControlPlane) built {
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		return built{err: err}
	}
	config.Contexts[inspected] = config.Contexts[config.CurrentContext]
	path := filepath.Join(shared.dir, "inspect.kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return built{err: err}
	}
	if err := os.Setenv("KUBECONFIG", path); err != nil { // nothing else here reads it
		return built{err: err}
	}
	directory, err := filepath.Abs(root)
	if err != nil {
		return built{err: err}
	}
	values, err := planner.Values(root, inspected)
	if err != nil {
		return built{err: err}
	}
	r, err := recording.Record(func(ctx *pulumi.Context) error { return stacks.Build(ctx, directory, values) },
		recording.Options{Project: "mlpathway", Stack: inspected})
	return built{resources: len(r.Resources()), err: err}
}

// TestInspect: the program of a stack that lists operators finds them in the server that has their definitions, and
// before the server had them it registered nothing and said which charts were missing.
func TestInspect(t *testing.T) {
	t.Parallel()
	c := server(t)
	bare := shared.bare
	require.ErrorIs(t, bare.err, components.ErrRequired)
	assert.Zero(t, bare.resources)
	for _, text := range []string{
		"found jobset, ", "oci://registry.k8s.io/jobset/charts/jobset, version 0.12.0", "found kueue, ",
		"does not serve CronWorkflow, WorkflowEventBinding, WorkflowTemplate of argoproj.io/v1alpha1",
		"kubernetes.installOperators: true",
	} {
		require.ErrorContains(t, bare.err, text)
	}
	whole := build(c)
	require.NoError(t, whole.err)
	assert.NotZero(t, whole.resources)
}
