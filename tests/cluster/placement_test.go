package cluster_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// TestGPUJob places the training job of the shared cluster, two nodes with 8 GPUs each, on GPU nodes, on one each, and
// sees it completed.
func TestGPUJob(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, nil, nil)
	gpus, _ := p.machines(2)
	job, pods := p.launch("run", nil)

	workers := s.running(p.namespace, pods, 2)
	assert.Contains(t, gpus, workers[0].node)
	assert.Contains(t, gpus, workers[1].node)
	assert.NotEqual(t, workers[0].node, workers[1].node, "a node has 8 GPUs")

	s.end(controlplane.Succeeds, workers...)
	s.condition(job, "Completed")
}

// TestNoToleration keeps a job off the GPU nodes that does not tolerate their taint: the scheduler says so. The same
// job with its toleration is placed there.
func TestNoToleration(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, nil, nil)
	p.machines(2)
	intolerant := func(job *unstructured.Unstructured) {
		job.SetLabels(nil) // outside of the queue, which holds it back before the scheduler sees it
		spec := podTemplate(t, job)["spec"].(map[string]any)
		require.NotEmpty(t, spec["tolerations"])
		delete(spec, "tolerations")
		oneNode(job) // what waits counts against the namespace's quota, which is for three nodes
	}
	_, pods := p.launch("intolerant", intolerant)
	s.until("the scheduler to refuse it", func(ctx context.Context) (bool, error) {
		found, err := s.pods(ctx, p.namespace, pods)
		if err != nil || len(found) != 1 || found[0].reason != "Unschedulable" {
			return false, err
		}
		assert.Contains(t, found[0].message, "2 node(s) had untolerated taint")
		return true, nil
	})
	_, proper := p.launch("proper", nil)
	s.running(p.namespace, proper, 2)
	found, err := s.pods(t.Context(), p.namespace, pods)
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Empty(t, found[0].node, "there was room before the other one came")
}
