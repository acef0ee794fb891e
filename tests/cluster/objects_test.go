package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// The stacks whose objects are tested: a cluster with GPUs that teams share, and one without anything.
const (
	shareStack = "onprem-prod"
	plainStack = "onprem-dev"
)

// plainNode is a node of a cluster without pools.
var plainNode = controlplane.Node{Capacity: map[string]string{"cpu": "16", "memory": "64Gi"}}

// spotFlavors are the flavors of a cluster whose GPU nodes are interruptible. They know no topology: Kueue would hold
// the ranks that start again to the nodes that they had.
var spotFlavors = map[string]any{
	"nodes.flavors": map[string]any{"gpu-spot": "a100-spot", "cpu": "cpu"}, "nodes.topology": []string{},
	"quota.cpus": 1024, "quota.memoryGiB": 8192, // what the third node and borrowing come to
}

// spot makes the GPU nodes of the shared cluster interruptible, with as many as a job that has to move needs.
var spot = changes{
	"training": with(map[string]any{"spot": true}),
	"cluster": func(value any) any {
		pools := value.(map[string]any)["pools"].([]any)
		gpus := pools[0].(map[string]any)
		gpus["spotPercent"], gpus["max"] = 100, 3
		return value
	},
	"kubernetes": with(spotFlavors),
}

// podTemplate is the template of the pods of the first job of a JobSet; changes of it change the JobSet.
func podTemplate(t *testing.T, set *unstructured.Unstructured) map[string]any {
	t.Helper()
	jobs, _, err := unstructured.NestedFieldNoCopy(set.Object, "spec", "replicatedJobs")
	require.NoError(t, err)
	job := jobs.([]any)[0].(map[string]any)
	template, _, err := unstructured.NestedFieldNoCopy(job, "template", "spec", "template")
	require.NoError(t, err)
	return template.(map[string]any)
}

// oneNode is the training job with a single rank.
func oneNode(job *unstructured.Unstructured) {
	jobs, _, _ := unstructured.NestedFieldNoCopy(job.Object, "spec", "replicatedJobs")
	spec, _, _ := unstructured.NestedFieldNoCopy(jobs.([]any)[0].(map[string]any), "template", "spec")
	spec.(map[string]any)["parallelism"], spec.(map[string]any)["completions"] = int64(1), int64(1)
}
