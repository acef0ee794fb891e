// Package cluster_test shows on real schedulers and controllers how the platform's objects behave. kwok plays the
// nodes: pods are queued, placed, counted and moved for real, and no container runs.
package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

const (
	// patience is how long a test waits for what must happen. Nothing is measured with it.
	patience = 5 * time.Minute
	// gpu is the resource and the taint of the nodes that have it.
	gpu = "nvidia.com/gpu"
)

// shared is the one control plane of all tests. They take turns, because they share its nodes.
var shared struct {
	once  sync.Once
	turn  sync.Mutex
	plane *controlplane.ControlPlane
	err   error
	dir   string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.plane != nil {
		shared.plane.Stop()
	}
	if shared.dir != "" && code == 0 {
		_ = os.RemoveAll(shared.dir)
	} else if shared.dir != "" {
		fmt.Fprintln(os.Stderr, "what the control plane wrote:", filepath.Join(shared.dir, "log"))
	}
	os.Exit(code)
}

// scene is one test's turn on the control plane.
type scene struct {
	*controlplane.ControlPlane
	t *testing.T
	// machines are the nodes that were made.
	machines []string
}

// open waits for the test's turn. It is skipped, or fails where the environment demands it, where the programs are not
// built or may not run.
func open(t *testing.T) *scene {
	t.Helper()
	cache := binaries.Need(t, "../..", binaries.Behaviour)
	if os.Geteuid() != 0 { // Kueue reads a certificate under /etc, where only root may mount one
		const message = "the controllers need root: make test-cluster"
		require.NotEqual(t, "1", os.Getenv(binaries.RequireVariable), message)
		t.Skip(message)
	}
	shared.turn.Lock()
	t.Cleanup(shared.turn.Unlock)
	shared.once.Do(func() { shared.plane, shared.err = start(cache) })
	require.NoError(t, shared.err)
	s := &scene{ControlPlane: shared.plane, t: t}
	t.Cleanup(s.clear)
	return s
}

// clear takes the nodes away, after everything else: a pod whose node has gone stays for a minute.
func (s *scene) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, name := range s.machines {
		node := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": name},
		}}
		require.NoError(s.t, s.Delete(ctx, node))
	}
}

func start(cache *binaries.Cache) (*controlplane.ControlPlane, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var err error
	if shared.dir, err = os.MkdirTemp("", "mlpathway-cluster-"); err != nil {
		return nil, err
	}
	c, err := controlplane.Start(ctx, cache, controlplane.Options{
		Dir: shared.dir, Controllers: true, Timeout: 5 * time.Minute,
	})
	if err != nil {
		return nil, err
	}
	err = c.StartOperators(ctx)
	if err == nil {
		err = c.InstallDefinitions(ctx)
	}
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// during is a context that ends with the patience of the test.
func (s *scene) during() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// until waits for something that must happen.
func (s *scene) until(what string, question func(context.Context) (bool, error)) {
	s.t.Helper()
	require.NoError(s.t, s.Wait(s.during(), what, question))
}

// after waits for something after the test.
func (s *scene) after(what string, question func(context.Context) (bool, error)) {
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(s.t, s.Wait(ctx, what, question))
	})
}

// namespace makes a namespace. After the test it waits until what was made in it and its pods are gone, and then until
// the namespace is: one that is deleted with pods in it waits for as long as they may take to end.
func (s *scene) namespace(object *unstructured.Unstructured) {
	s.t.Helper()
	name := object.GetName()
	s.after("the namespace to be gone", func(ctx context.Context) (bool, error) {
		there, err := s.Exists(ctx, "v1", "Namespace", "", name)
		return err == nil && !there, err
	})
	s.create(object)
	s.after("the pods to be gone", func(ctx context.Context) (bool, error) {
		left, err := s.List(ctx, "v1", "Pod", name, "")
		return err == nil && len(left) == 0, err
	})
}

// make creates objects from YAML, strict about fields, and deletes them after the test. It returns the last one.
func (s *scene) make(text string) *unstructured.Unstructured {
	s.t.Helper()
	objects, err := controlplane.Decode([]byte(text))
	require.NoError(s.t, err, text)
	for _, object := range objects {
		s.create(object)
	}
	return objects[len(objects)-1]
}

// create creates an object and deletes it after the test.
func (s *scene) create(object *unstructured.Unstructured) {
	s.t.Helper()
	// A webhook may not see yet what was made a moment ago.
	s.until("the server to take "+object.GetKind()+" "+object.GetName(), func(ctx context.Context) (bool, error) {
		err := s.Create(ctx, object)
		return err == nil, err
	})
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(s.t, s.Delete(ctx, object))
	})
}

// nodes makes n nodes of a kind, named <kind>-1 and so on.
func (s *scene) nodes(n int, kind string, like controlplane.Node) []string {
	s.t.Helper()
	var all []controlplane.Node
	var names []string
	for i := range n {
		like.Name = fmt.Sprintf("%s-%d", kind, i+1)
		all, names = append(all, like), append(names, like.Name)
	}
	s.machines = append(s.machines, names...)
	require.NoError(s.t, s.AddNodes(s.during(), all...))
	return names
}

// pod is what the tests look at in a pod.
type pod struct {
	unstructured.Unstructured
	node, phase, reason, message string
	ready                        bool
}

// pods are those of a namespace with labels that are not on their way out, sorted by name.
func (s *scene) pods(ctx context.Context, namespace, labels string) ([]pod, error) {
	found, err := s.List(ctx, "v1", "Pod", namespace, labels)
	if err != nil {
		return nil, err
	}
	var all []pod
	for i := range found {
		if found[i].GetDeletionTimestamp() != nil {
			continue
		}
		p := pod{Unstructured: found[i], ready: controlplane.Condition(&found[i], "Ready") == "True"}
		p.node, _, _ = unstructured.NestedString(found[i].Object, "spec", "nodeName")
		p.phase, _, _ = unstructured.NestedString(found[i].Object, "status", "phase")
		p.reason, p.message = why(&found[i], "PodScheduled")
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b pod) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all, nil
}

// running waits until n pods with labels run, and returns them.
func (s *scene) running(namespace, labels string, n int) []pod {
	s.t.Helper()
	var all []pod
	s.until(fmt.Sprintf("%d pods with %s to run", n, labels), func(ctx context.Context) (bool, error) {
		found, err := s.pods(ctx, namespace, labels)
		if err != nil {
			return false, err
		}
		all = nil
		var others []string
		for _, p := range found {
			if p.phase == "Running" {
				all = append(all, p)
			} else {
				others = append(others, fmt.Sprintf("%s is %s: %s %s", p.GetName(), p.phase, p.reason, p.message))
			}
		}
		return len(all) == n, fmt.Errorf("%d run; %s", len(all), strings.Join(others, "; "))
	})
	return all
}

// end lets the containers of pods end, well or badly.
func (s *scene) end(how string, all ...pod) {
	s.t.Helper()
	for _, p := range all {
		change := fmt.Appendf(nil, `{"metadata": {"annotations": {%q: %q}}}`, controlplane.Ends, how)
		require.NoError(s.t, s.Patch(s.during(), &p.Unstructured, "", change))
	}
}

// condition waits until a condition of an object is true.
func (s *scene) condition(object *unstructured.Unstructured, name string) {
	s.t.Helper()
	s.until(object.GetKind()+" "+object.GetName()+" to be "+name, func(ctx context.Context) (bool, error) {
		found, err := s.read(ctx, object)
		if err != nil {
			return false, err
		}
		status, _, _ := unstructured.NestedMap(found.Object, "status")
		return controlplane.Condition(found, name) == "True", fmt.Errorf("its status is %v", status)
	})
}

// read reads an object anew.
func (s *scene) read(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return s.Get(ctx, object.GetAPIVersion(), object.GetKind(), object.GetNamespace(), object.GetName())
}

// why is the reason and the message of a condition.
func why(object *unstructured.Unstructured, name string) (reason, message string) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, each := range conditions {
		if condition, ok := each.(map[string]any); ok && condition["type"] == name {
			reason, _ = condition["reason"].(string)
			message, _ = condition["message"].(string)
		}
	}
	return reason, message
}

// number reads a number of an object; 0 where it has none.
func number(object *unstructured.Unstructured, fields ...string) int64 {
	n, _, _ := unstructured.NestedInt64(object.Object, fields...)
	return n
}
