package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// instanceTypes are machines that Karpenter may choose from, as its cloud for tests reads them.
func instanceTypes(t *testing.T) string {
	t.Helper()
	offering := func(capacity string, price float64) map[string]any {
		requirement := func(key, value string) map[string]any {
			return map[string]any{"key": key, "operator": "In", "values": []string{value}}
		}
		return map[string]any{"Price": price, "Available": true, "Requirements": []any{
			requirement("karpenter.sh/capacity-type", capacity), requirement("topology.kubernetes.io/zone", "test-zone-a"),
		}}
	}
	machine := func(name, cpu, memory, gpus string, price float64) map[string]any {
		resources := map[string]string{"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "1Ti"}
		if gpus != "" {
			resources[gpu] = gpus
		}
		return map[string]any{
			"name": name, "architecture": "amd64", "operatingSystems": []string{"linux"}, "resources": resources,
			"offerings": []any{offering("spot", price*0.4), offering("on-demand", price)},
		}
	}
	text, err := json.Marshal([]any{
		machine("a100-8", "96", "768Gi", "8", 32.77), machine("plain-16", "16", "64Gi", "", 0.81), // as the pools say
	})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "types.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// made lets Karpenter make the nodes of the shared cluster, all of its GPUs interruptible, out of the class of its
// cloud for tests.
var made = changes{
	"training": spot["training"],
	"cluster": func(value any) any {
		pools := value.(map[string]any)["pools"].([]any)
		pools[0].(map[string]any)["spotPercent"] = 100
		return value
	},
	"kubernetes": with(map[string]any{
		"nodes.topology": []string{}, "nodes.accelerators": map[string]any{}, "nodes.flavors": map[string]any{},
		"nodes.karpenter": map[string]any{"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "gpu"},
		"operators":       []string{"jobset", "kueue", "trainer", "argo-workflows", "keda", "gateway-api", "karpenter"},
	}),
}

// TestKarpenter has no node at all: Karpenter makes spot nodes for a job, none above the limit of the pool until
// that is raised, and takes them away when they are empty.
func TestKarpenter(t *testing.T) {
	t.Parallel()
	s := open(t)
	require.NoError(t, s.StartKarpenter(s.during(), instanceTypes(t)))
	s.make(`{"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": "gpu"}}`)
	p := s.deploy(shareStack, made, func(o *unstructured.Unstructured) {
		if o.GetKind() == "NodePool" { // the quickest way back that it allows
			require.NoError(t, unstructured.SetNestedField(o.Object, "5s", "spec", "disruption", "consolidateAfter"))
		}
	})
	set, pods := p.launch("train", nil)
	workers := s.running(p.namespace, pods, 2)
	pool := ""
	for _, w := range workers {
		node, err := s.Get(t.Context(), "v1", "Node", "", w.node)
		require.NoError(t, err)
		assert.Equal(t, "spot", node.GetLabels()["karpenter.sh/capacity-type"], "the cheaper one")
		assert.Equal(t, "a100-8", node.GetLabels()["node.kubernetes.io/instance-type"])
		pool = node.GetLabels()["karpenter.sh/nodepool"]
	}

	more, waiting := p.launch("more", func(job *unstructured.Unstructured) {
		job.SetLabels(nil) // past the queue, which would hold it back before Karpenter sees it
		oneNode(job)
	})
	s.until("Karpenter to refuse a third node", func(ctx context.Context) (bool, error) {
		events, err := s.List(ctx, "v1", "Event", p.namespace, "")
		if err != nil {
			return false, err
		}
		for i := range events {
			about, _, _ := unstructured.NestedString(events[i].Object, "involvedObject", "name")
			message := fmt.Sprint(events[i].Object["message"])
			if strings.HasPrefix(about, "more-") && (strings.Contains(message, "exceed limits for nodepool") ||
				strings.Contains(message, "no instance type has enough resources")) {
				return true, nil
			}
		}
		return false, fmt.Errorf("%d events and none about the limit", len(events))
	})
	of := "karpenter.sh/nodepool=" + pool
	nodes, err := s.List(t.Context(), "v1", "Node", "", of)
	require.NoError(t, err)
	assert.Len(t, nodes, 2)
	third := `{"spec": {"limits": {"cpu": "288", "memory": "2304Gi", "nvidia.com/gpu": "24"}}}`
	require.NoError(t, s.Patch(t.Context(), p.the("NodePool", pool), "", []byte(third)), "it was the limit")
	workers = append(workers, s.running(p.namespace, waiting, 1)...)

	s.end(controlplane.Succeeds, workers...)
	s.condition(set, "Completed")
	s.condition(more, "Completed")
	s.until("the nodes to be gone", func(ctx context.Context) (bool, error) {
		nodes, err := s.List(ctx, "v1", "Node", "", of)
		if err != nil {
			return false, err
		}
		return len(nodes) == 0, fmt.Errorf("%d are left", len(nodes))
	})
}
