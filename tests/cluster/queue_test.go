package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// workload is what Kueue made of a job.
func (s *scene) workload(ctx context.Context, namespace, job string) (*unstructured.Unstructured, error) {
	found, err := s.List(ctx, "kueue.x-k8s.io/v1beta2", "Workload", namespace, "")
	if err != nil {
		return nil, err
	}
	for i := range found {
		for _, owner := range found[i].GetOwnerReferences() {
			if owner.Name == job {
				return &found[i], nil
			}
		}
	}
	return nil, fmt.Errorf("there is no workload of %s yet", job)
}

// waits sees that a job is held in its queue, and returns what Kueue says about it.
func (s *scene) waits(namespace, job string) string {
	s.t.Helper()
	var message string
	s.until(job+" to be queued", func(ctx context.Context) (bool, error) {
		w, err := s.workload(ctx, namespace, job)
		if err != nil {
			return false, err
		}
		_, message = why(w, "QuotaReserved")
		return controlplane.Condition(w, "QuotaReserved") == "False", nil
	})
	found, err := s.pods(s.during(), namespace, "jobset.sigs.k8s.io/jobset-name="+job)
	require.NoError(s.t, err)
	assert.Empty(s.t, found, "a job that waits has no pods")
	return message
}

// TestQuota holds a job that the team has no quota left for, although there are nodes, and admits it when the first one
// ends.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, nil, nil)
	p.machines(4)
	first, pods := p.launch("first", nil)
	workers := s.running(p.namespace, pods, 2)
	second, pods := p.launch("second", nil)
	assert.Contains(t, s.waits(p.namespace, second.GetName()), "insufficient unused quota for nvidia.com/gpu")

	s.end(controlplane.Succeeds, workers...)
	s.condition(first, "Completed")
	s.end(controlplane.Succeeds, s.running(p.namespace, pods, 2)...)
	s.condition(second, "Completed")
}

// teams makes two teams of the shared cluster, each with the quota of the stack for two GPU nodes, and the four nodes.
func (s *scene) teams() (vision, speech *platform) {
	s.t.Helper()
	vision = s.deploy(shareStack, nil, nil)
	speech = s.deploy(shareStack, changes{"team": set("speech")}, nil)
	vision.machines(4)
	return vision, speech
}

// TestTeams holds a team's job that needs more than the team owns while the other team uses all of its own, and lets it
// in when that ends.
func TestTeams(t *testing.T) {
	t.Parallel()
	s := open(t)
	vision, speech := s.teams()
	theirs, pods := speech.launch("theirs", nil)
	workers := s.running(speech.namespace, pods, 2)
	mine, pods := vision.launch("mine", nil)
	mineToo := s.running(vision.namespace, pods, 2)
	more, pods := vision.launch("more", oneNode)
	assert.Contains(t, s.waits(vision.namespace, more.GetName()), "insufficient unused quota")
	s.end(controlplane.Succeeds, workers...)
	s.condition(theirs, "Completed")
	s.end(controlplane.Succeeds, append(mineToo, s.running(vision.namespace, pods, 1)...)...)
	s.condition(mine, "Completed")
	s.condition(more, "Completed")
}

// TestBorrowing lets a team use what another one leaves, and takes it back when the owner wants it: that and no more.
func TestBorrowing(t *testing.T) {
	t.Parallel()
	s := open(t)
	vision, speech := s.teams()
	own, pods := vision.launch("own", nil)
	owned := s.running(vision.namespace, pods, 2)
	borrower, borrowing := vision.launch("borrower", oneNode)
	s.running(vision.namespace, borrowing, 1)
	s.until("8 of the 24 GPUs to count as borrowed", func(ctx context.Context) (bool, error) {
		queued, err := s.Get(ctx, "kueue.x-k8s.io/v1beta2", "ClusterQueue", "", vision.namespace)
		if err != nil {
			return false, err
		}
		status := fmt.Sprint(queued.Object["status"])
		return strings.Contains(status, "borrowed:8 name:nvidia.com/gpu"), errors.New(status)
	})
	over, _ := vision.launch("over", oneNode) // although a node is free: half of the quota may be borrowed
	assert.Contains(t, s.waits(vision.namespace, over.GetName()), "insufficient unused quota")
	require.NoError(t, s.Delete(t.Context(), over))

	wants, pods := speech.launch("wants", nil)
	workers := s.running(speech.namespace, pods, 2)
	s.until("the borrower to be evicted", func(ctx context.Context) (bool, error) {
		w, err := s.workload(ctx, vision.namespace, borrower.GetName())
		if err != nil {
			return false, err
		}
		reason, message := why(w, "Evicted")
		return reason == "Preempted", fmt.Errorf("%s: %s", reason, message)
	})
	s.waits(vision.namespace, borrower.GetName())
	s.end(controlplane.Succeeds, workers...)
	s.condition(wants, "Completed")
	s.end(controlplane.Succeeds, s.running(vision.namespace, borrowing, 1)...) // it comes back
	s.condition(borrower, "Completed")
	s.end(controlplane.Succeeds, owned...) // still the same pods
	s.condition(own, "Completed")
}

// TestUnknownQueue holds a job whose queue does not exist, and Kueue says which one.
func TestUnknownQueue(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, nil, nil)
	lost, _ := p.launch("lost", func(job *unstructured.Unstructured) {
		labels := job.GetLabels()
		labels["kueue.x-k8s.io/queue-name"] = "jbos"
		job.SetLabels(labels)
	})
	assert.Contains(t, s.waits(p.namespace, lost.GetName()), "LocalQueue jbos doesn't exist")
}

// TestWebhooks sees what only the controllers' own admission knows.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, asTrainJob(), nil)
	for name, twin := range map[string]struct{ sound, right, wrong, says string }{
		"quota for another resource": {
			s.json(p.the("ClusterQueue", p.namespace)), `"name":"nvidia.com/gpu",`, `"name":"nvidia.com/gpus",`,
			"must match the name in coveredResources",
		},
		"unknown runtime": { // several webhooks know
			s.json(p.job("run")), `"name":"training"`, `"name":"trainign"`, "not found",
		},
	} {
		for text, refused := range map[string]bool{
			twin.sound: false, strings.Replace(twin.sound, twin.right, twin.wrong, 1): true,
		} {
			objects, err := controlplane.Decode([]byte(text))
			require.NoError(t, err)
			objects[0].SetName(objects[0].GetName() + "-twin")
			err = s.DryRun(t.Context(), objects[0])
			if !refused {
				require.NoError(t, err, name)
			} else if assert.ErrorContains(t, err, twin.says, name) {
				t.Logf("%s: %v", name, err)
			}
		}
	}
}

func (s *scene) json(object *unstructured.Unstructured) string {
	s.t.Helper()
	data, err := object.MarshalJSON()
	require.NoError(s.t, err)
	return string(data)
}
