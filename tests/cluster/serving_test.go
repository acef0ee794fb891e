package cluster_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// requests is the metric that the endpoint follows.
const requests = "mlpathway_predict_requests_per_second"

// serve makes the endpoint of the plain cluster with a source of request rates and at least so many pods, which take a
// second to become ready, on one node. The autoscaler is not told to wait for five minutes before it goes back.
func (s *scene) serve(least int) (*platform, *controlplane.Metrics) {
	s.t.Helper()
	metrics, err := s.ServeMetrics(s.during())
	require.NoError(s.t, err)
	metrics.Set(requests, "1")
	s.nodes(1, "plain", plainNode)
	p := s.deploy(plainStack, changes{
		"kubernetes": with(map[string]any{
			"operators": []string{"prometheus-adapter"}, "quota.cpus": 32, "quota.memoryGiB": 64,
		}),
		"endpoint": with(map[string]any{"minReplicas": least, "maxReplicas": 6}),
	}, func(o *unstructured.Unstructured) {
		switch o.GetKind() + " " + o.GetName() {
		case "Deployment endpoint":
			require.NoError(s.t, unstructured.SetNestedField(o.Object, "1s", "spec", "template", "metadata", "annotations",
				controlplane.ReadyAfter))
		case "HorizontalPodAutoscaler endpoint":
			unstructured.RemoveNestedField(o.Object, "spec", "behavior")
		}
	})
	s.serving(p.namespace, least)
	return p, metrics
}

// addresses is how many addresses of the endpoint take requests.
func (s *scene) addresses(ctx context.Context, namespace string) (int, error) {
	slices, err := s.List(ctx, "discovery.k8s.io/v1", "EndpointSlice", namespace, "kubernetes.io/service-name=endpoint")
	if err != nil {
		return 0, err
	}
	ready := 0
	for i := range slices {
		all, _, _ := unstructured.NestedSlice(slices[i].Object, "endpoints")
		for _, each := range all {
			if yes, _, _ := unstructured.NestedBool(each.(map[string]any), "conditions", "ready"); yes {
				ready++
			}
		}
	}
	return ready, nil
}

// serving waits until a number of addresses of the endpoint take requests.
func (s *scene) serving(namespace string, n int) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d addresses", n), func(ctx context.Context) (bool, error) {
		ready, err := s.addresses(ctx, namespace)
		if err != nil {
			return false, err
		}
		return ready == n, fmt.Errorf("there are %d", ready)
	})
}

// served are the labels of the pods of the endpoint.
const served = "app.kubernetes.io/instance=endpoint"

// TestAutoscaling scales an endpoint from 1 to 6 replicas and back to 1 by the requests per second of its pods.
func TestAutoscaling(t *testing.T) {
	t.Parallel()
	s := open(t)
	p, metrics := s.serve(1)
	metrics.Set(requests, "100k") // for many more than are allowed
	s.serving(p.namespace, 6)
	metrics.Set(requests, "1")
	s.serving(p.namespace, 1)
}

// TestDisruptionBudget drains the node that serves: an eviction is refused while another pod is away, and the drain
// ends when both serve elsewhere.
func TestDisruptionBudget(t *testing.T) {
	t.Parallel()
	s := open(t)
	p, _ := s.serve(2)
	require.NoError(t, s.Cordon(t.Context(), "plain-1")) // nowhere to go yet
	pods := s.running(p.namespace, served, 2)
	require.NoError(t, s.Evict(t.Context(), &pods[0].Unstructured), "one of two may go")
	s.serving(p.namespace, 1)
	err := s.Evict(t.Context(), &pods[1].Unstructured)
	require.Error(t, err)
	assert.True(t, apierrors.IsTooManyRequests(err), "%v", err)
	assert.Contains(t, err.Error(), "violate the pod's disruption budget")

	others := s.nodes(1, "other", plainNode)
	_, err = s.Drain(s.during(), "plain-1")
	require.NoError(t, err)
	s.serving(p.namespace, 2)
	for _, each := range s.running(p.namespace, served, 2) {
		assert.Equal(t, others[0], each.node)
	}
}

// TestRollingUpdate gives an endpoint another image: at no moment are fewer addresses ready than before, although each
// new pod takes its time. The same update that takes one away first is seen to be worse.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	s := open(t)
	p, _ := s.serve(2)
	deployment := p.the("Deployment", "endpoint")
	assert.EqualValues(t, 2, s.fewest(deployment, "registry.test/inference:2"))

	worse := `{"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}}}`
	require.NoError(t, s.Patch(t.Context(), deployment, "", []byte(worse)))
	assert.Less(t, s.fewest(deployment, "registry.test/inference:3"), int64(2), "this watch sees nothing")
}

// fewest rolls an image out and is the smallest number of ready addresses on the way.
func (s *scene) fewest(deployment *unstructured.Unstructured, image string) int64 {
	s.t.Helper()
	var fewest atomic.Int64
	fewest.Store(1000)
	ctx, cancel := context.WithCancel(s.during())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if ready, err := s.addresses(ctx, deployment.GetNamespace()); err == nil {
				fewest.Store(min(fewest.Load(), int64(ready)))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	change := fmt.Appendf(nil, `[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": %q}]`, image)
	require.NoError(s.t, s.JSONPatch(s.during(), deployment, change))
	s.until("the update to be rolled out", func(ctx context.Context) (bool, error) {
		found, err := s.read(ctx, deployment)
		if err != nil {
			return false, err
		}
		wanted := number(found, "spec", "replicas")
		return number(found, "status", "observedGeneration") == found.GetGeneration() &&
			number(found, "status", "updatedReplicas") == wanted && number(found, "status", "replicas") == wanted &&
			number(found, "status", "readyReplicas") == wanted, nil
	})
	cancel()
	<-done
	return fewest.Load()
}
