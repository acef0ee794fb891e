package controlplane

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// pods of all namespaces.
var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// writers is how many objects are written at a time.
const writers = 16

// Node is a machine that kwok plays.
type Node struct {
	// Name of the node.
	Name string
	// Labels beside those that every node has.
	Labels map[string]string
	// Taints as {key, value, effect}.
	Taints []any
	// Capacity by resource; all of it can be used.
	Capacity map[string]string
}

// AddNodes makes nodes and waits until pods can be placed on all of them.
func (c *Client) AddNodes(ctx context.Context, nodes ...Node) error {
	var group errgroup.Group
	group.SetLimit(writers)
	for _, n := range nodes {
		group.Go(func() error { return c.addNode(ctx, n) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.Wait(ctx, fmt.Sprintf("%d nodes to be ready", len(nodes)), func(ctx context.Context) (bool, error) {
		found, err := c.List(ctx, "v1", "Node", "", "")
		if err != nil {
			return false, err
		}
		open := map[string]bool{}
		for i := range found {
			open[found[i].GetName()] = Condition(&found[i], "Ready") == "True" &&
				!tainted(&found[i], "node.kubernetes.io/not-ready")
		}
		for _, n := range nodes {
			if !open[n.Name] {
				return false, fmt.Errorf("%s is not ready", n.Name)
			}
		}
		return true, nil
	})
}

func (c *Client) addNode(ctx context.Context, n Node) error {
	labels := map[string]any{
		"kubernetes.io/hostname": n.Name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		"topology.kubernetes.io/region": "test", "topology.kubernetes.io/zone": "test-a",
	}
	for key, value := range n.Labels {
		labels[key] = value
	}
	capacity := map[string]any{"pods": "110", "ephemeral-storage": "1Ti"}
	for resource, amount := range n.Capacity {
		capacity[resource] = amount
	}
	return c.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{
			"name": n.Name, "labels": labels, "annotations": map[string]any{"kwok.x-k8s.io/node": "fake"},
		},
		"spec":   map[string]any{"providerID": "kwok://" + n.Name, "taints": n.Taints},
		"status": map[string]any{"capacity": capacity, "allocatable": capacity},
	}})
}

func tainted(node *unstructured.Unstructured, key string) bool {
	taints, _, _ := unstructured.NestedSlice(node.Object, "spec", "taints")
	for _, each := range taints {
		if taint, ok := each.(map[string]any); ok && taint["key"] == key {
			return true
		}
	}
	return false
}

// Cordon closes a node for new pods.
func (c *Client) Cordon(ctx context.Context, name string) error {
	node, err := c.Get(ctx, "v1", "Node", "", name)
	if err != nil {
		return err
	}
	return c.Patch(ctx, node, "", []byte(`{"spec":{"unschedulable":true}}`))
}

// Evict asks the server to move a pod away. It refuses where a PodDisruptionBudget forbids it.
func (c *Client) Evict(ctx context.Context, pod *unstructured.Unstructured) error {
	in, err := c.Resource("v1", "Pod", pod.GetNamespace())
	if err != nil {
		return err
	}
	_, err = in.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy/v1", "kind": "Eviction",
		"metadata": map[string]any{"name": pod.GetName(), "namespace": pod.GetNamespace()},
	}}, metav1.CreateOptions{}, "eviction")
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Drain does what kubectl drain does: it closes a node and evicts its pods, again and again where a budget forbids it
// for now. refused counts the refusals.
func (c *Client) Drain(ctx context.Context, name string) (refused int, err error) {
	if err := c.Cordon(ctx, name); err != nil {
		return 0, err
	}
	err = c.Wait(ctx, name+" to be empty", func(ctx context.Context) (bool, error) {
		left, err := c.PodsOn(ctx, name)
		if err != nil {
			return false, err
		}
		for i := range left {
			if err := c.Evict(ctx, &left[i]); apierrors.IsTooManyRequests(err) {
				refused++
			} else if err != nil {
				return false, err
			}
		}
		return len(left) == 0, nil
	})
	return refused, err
}

// PodsOn lists the pods of a node that have not ended.
func (c *Client) PodsOn(ctx context.Context, node string) ([]unstructured.Unstructured, error) {
	list, err := c.dynamic.Resource(pods).List(ctx, metav1.ListOptions{
		FieldSelector: "spec.nodeName=" + node + ",status.phase!=Succeeded,status.phase!=Failed",
	})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Unplaced tells whether a pod has no node yet. It is a cheap question in a cluster of thousands.
func (c *Client) Unplaced(ctx context.Context) (bool, error) {
	list, err := c.dynamic.Resource(pods).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=", Limit: 1})
	if err != nil {
		return false, err
	}
	return len(list.Items) > 0, nil
}
