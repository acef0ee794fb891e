package cluster_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// started is how the first container of a pod is started, which decides where a run goes on from.
func started(t *testing.T, p *unstructured.Unstructured) (args []string, env map[string]any) {
	t.Helper()
	all, _, err := unstructured.NestedSlice(p.Object, "spec", "containers")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	first := all[0].(map[string]any)
	args, _, err = unstructured.NestedStringSlice(first, "args")
	require.NoError(t, err)
	env = map[string]any{}
	list, _, err := unstructured.NestedSlice(first, "env")
	require.NoError(t, err)
	for _, each := range list {
		variable := each.(map[string]any)
		name := variable["name"].(string)
		delete(variable, "name")
		env[name] = variable
	}
	return args, env
}

// moved drains the node of one worker, and checks that all workers start again elsewhere as the same ranks of the same
// run: same arguments, same checkpoint, same environment.
func (s *scene) moved(namespace, labels string, before []pod) []pod {
	s.t.Helper()
	gone := before[0].node
	_, err := s.Drain(s.during(), gone)
	require.NoError(s.t, err)
	old := map[string]bool{}
	for _, p := range before {
		old[string(p.GetUID())] = true
	}
	var after []pod
	s.until("the workers to start again", func(ctx context.Context) (bool, error) {
		found, err := s.pods(ctx, namespace, labels)
		if err != nil {
			return false, err
		}
		after = nil
		for _, p := range found {
			if p.phase == "Running" && !old[string(p.GetUID())] {
				after = append(after, p)
			}
		}
		return len(after) == len(before), nil
	})
	const index = "batch.kubernetes.io/job-completion-index"
	ranks := map[string]pod{}
	for _, p := range before {
		ranks[p.GetAnnotations()[index]] = p
	}
	require.Len(s.t, ranks, len(before))
	for _, p := range after {
		assert.NotEqual(s.t, gone, p.node)
		was, ok := ranks[p.GetAnnotations()[index]]
		require.True(s.t, ok, "rank %s is new", p.GetAnnotations()[index])
		oldArgs, oldEnv := started(s.t, &was.Unstructured)
		args, env := started(s.t, &p.Unstructured)
		assert.Equal(s.t, oldArgs, args)
		assert.Equal(s.t, oldEnv, env)
		assert.Contains(s.t, env, "JOB_COMPLETION_INDEX")
	}
	return after
}

// TestSpotNode drains the node of a running worker, as the cloud does when it takes a spot node back: the job starts
// again on other nodes, once, as the same ranks with the same checkpoints, and ends well.
func TestSpotNode(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, spot, nil)
	p.machines(3)
	job, pods := p.launch("run", nil)
	again := s.moved(p.namespace, pods, s.running(p.namespace, pods, 2))
	for _, w := range again {
		assert.Equal(t, "1", w.GetLabels()["jobset.sigs.k8s.io/restart-attempt"])
		_, env := started(t, &w.Unstructured)
		for _, name := range []string{"MLPATHWAY_CHECKPOINTS", "MLPATHWAY_RUN", "MASTER_ADDR", "WORLD_SIZE"} {
			assert.NotEmpty(t, env[name], name)
		}
	}
	found, err := s.read(t.Context(), job)
	require.NoError(t, err)
	assert.EqualValues(t, 1, number(found, "status", "restarts"))
	s.end(controlplane.Succeeds, again...)
	s.condition(job, "Completed")
}

// TestFailure starts a job again whose worker failed, as often as it may, and then gives up.
func TestFailure(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(plainStack, nil, nil)
	s.nodes(1, "plain", plainNode)
	job, pods := p.launch("run", nil)
	allowed := number(job, "spec", "failurePolicy", "maxRestarts")
	require.Positive(t, allowed)
	for attempt := range allowed + 1 {
		now := fmt.Sprintf("%s,jobset.sigs.k8s.io/restart-attempt=%d", pods, attempt)
		s.end(controlplane.Fails, s.running(p.namespace, now, 1)...)
	}
	s.condition(job, "Failed")
}
