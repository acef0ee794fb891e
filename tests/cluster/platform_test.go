package cluster_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/internal/plan/planner"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
	"github.com/mlpathway/mlpathway/tests/cluster/graph"
)

// platform is what a stack declares, made in the cluster.
type platform struct {
	*scene
	objects   []graph.Object
	namespace string
}

// changes are what a test wants else than the file of a stack says: by the key, without its prefix, what is done to the
// value, which is a text or a mapping.
type changes map[string]func(value any) any

// set is a change that puts another value.
func set(value any) func(any) any { return func(any) any { return value } }

// with is a change of some keys of a mapping; a key such as nodes.cohort lies in a mapping below.
func with(pairs map[string]any) func(any) any {
	return func(value any) any {
		mapping, ok := value.(map[string]any)
		if !ok {
			mapping = map[string]any{}
		}
		for key, wanted := range pairs {
			at, rest, deeper := strings.Cut(key, ".")
			if deeper {
				wanted = with(map[string]any{rest: wanted})(mapping[at])
			}
			mapping[at] = wanted
		}
		return mapping
	}
}

// values applies changes to the file of a stack.
func (s *scene) values(stack string, change changes) map[string]string {
	s.t.Helper()
	values, err := planner.Values("../..", stack)
	require.NoError(s.t, err)
	changed := map[string]string{}
	for key, edit := range change {
		var value any = values["mlpathway:"+key]
		var mapping any
		if json.Unmarshal([]byte(values["mlpathway:"+key]), &mapping) == nil {
			value = mapping
		}
		value = edit(value)
		text, ok := value.(string)
		if !ok {
			data, err := json.Marshal(value)
			require.NoError(s.t, err)
			text = string(data)
		}
		changed["mlpathway:"+key] = text
	}
	return changed
}

// deploy makes all objects of a stack. edit changes what no stack file can say; nil changes nothing.
func (s *scene) deploy(stack string, change changes, edit func(*unstructured.Unstructured)) *platform {
	s.t.Helper()
	objects, err := graph.Of("../..", stack, s.values(stack, change))
	require.NoError(s.t, err)
	if edit != nil {
		for _, o := range objects {
			edit(o.Unstructured)
		}
	}
	objects = append(objects, s.owners(stack, change, objects)...)
	p := &platform{scene: s, objects: objects}
	namespaces := graph.Kind(objects, "Namespace")
	require.Len(s.t, namespaces, 1)
	p.namespace = namespaces[0].GetName()
	slices.SortStableFunc(objects, func(a, b graph.Object) int { return rank(a.GetKind()) - rank(b.GetKind()) })
	for _, o := range objects {
		if o.GetKind() == "PersistentVolumeClaim" {
			s.disk(o)
		}
		switch {
		case o.URN == "": // the owner of the cluster has made it
		case o.GetKind() == "Namespace":
			s.namespace(o.DeepCopy())
		default:
			s.create(o.DeepCopy())
		}
	}
	return p
}

// owners makes the flavors that a stack shares with others, as the cluster's owner would: those that it would make
// itself if nobody else did. They have no URN.
func (s *scene) owners(stack string, change changes, objects []graph.Object) []graph.Object {
	s.t.Helper()
	shared := map[string]string{}
	settings := changes{}
	maps.Copy(settings, change)
	settings["kubernetes"] = func(value any) any {
		if edit := change["kubernetes"]; edit != nil {
			value = edit(value)
		}
		mapping, _ := value.(map[string]any)
		named, _, _ := unstructured.NestedStringMap(mapping, "nodes", "flavors")
		maps.Copy(shared, named)
		return with(map[string]any{"nodes.flavors": map[string]any{}})(value)
	}
	values := s.values(stack, settings)
	if len(shared) == 0 {
		return nil
	}
	own, err := graph.Of("../..", stack, values)
	require.NoError(s.t, err)
	namespace := graph.Kind(objects, "Namespace")[0].GetName()
	var made []graph.Object
	for _, kind := range []string{"Topology", "ResourceFlavor"} {
		for _, o := range graph.Kind(own, kind) {
			if name := shared[strings.TrimPrefix(o.GetName(), namespace+"-")]; name != "" {
				o.SetName(name)
			}
			there, err := s.Exists(s.during(), o.GetAPIVersion(), kind, "", o.GetName())
			require.NoError(s.t, err)
			if !there {
				s.create(o.DeepCopy())
			}
			made = append(made, graph.Object{Unstructured: o.Unstructured})
		}
	}
	return made
}

// rank puts first what others refer to.
func rank(kind string) int {
	order := []string{
		"Namespace", "PriorityClass", "ServiceAccount", "Topology", "ResourceFlavor",
		"ProvisioningRequestConfig", "AdmissionCheck", "ClusterQueue",
	}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// disk makes a disk for a claim, as the cluster's storage would.
func (s *scene) disk(claim graph.Object) {
	s.t.Helper()
	spec, _, err := unstructured.NestedMap(claim.Object, "spec")
	require.NoError(s.t, err)
	requests, _, _ := unstructured.NestedMap(spec, "resources", "requests")
	class, _, _ := unstructured.NestedString(spec, "storageClassName")
	s.create(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolume",
		"metadata": map[string]any{"name": claim.GetNamespace() + "-" + claim.GetName()},
		"spec": map[string]any{
			"capacity": requests, "accessModes": spec["accessModes"], "storageClassName": class,
			"persistentVolumeReclaimPolicy": "Retain", "hostPath": map[string]any{"path": "/nowhere"},
			"claimRef": map[string]any{"namespace": claim.GetNamespace(), "name": claim.GetName()},
		},
	}})
}

// the gives the object of a kind with a name.
func (p *platform) the(kind, name string) *unstructured.Unstructured {
	p.t.Helper()
	for _, o := range graph.Kind(p.objects, kind) {
		if o.GetName() == name {
			return o.DeepCopy()
		}
	}
	require.Fail(p.t, fmt.Sprintf("the stack declares no %s %s", kind, name))
	return nil
}

// job is the training job of the stack, as a step of its pipeline makes it for a run.
func (p *platform) job(run string) *unstructured.Unstructured {
	p.t.Helper()
	for _, o := range graph.Kind(p.objects, "WorkflowTemplate") {
		manifests, err := o.Manifests(run)
		require.NoError(p.t, err)
		if len(manifests) > 0 {
			return manifests[0]
		}
	}
	require.Fail(p.t, "no step of the pipeline makes a job")
	return nil
}

// machines makes n nodes for each of the stack's flavors, with the labels and taints that the stack expects of them. It
// returns the names of those with and of those without GPUs.
func (p *platform) machines(n int) (gpus, plain []string) {
	p.t.Helper()
	for _, flavor := range graph.Kind(p.objects, "ResourceFlavor") {
		labels, _, err := unstructured.NestedStringMap(flavor.Object, "spec", "nodeLabels")
		require.NoError(p.t, err)
		taints, _, err := unstructured.NestedSlice(flavor.Object, "spec", "nodeTaints")
		require.NoError(p.t, err)
		for _, topology := range graph.Kind(p.objects, "Topology") {
			levels, _, _ := unstructured.NestedSlice(topology.Object, "spec", "levels")
			for _, level := range levels {
				label, _ := level.(map[string]any)["nodeLabel"].(string)
				if label != "kubernetes.io/hostname" {
					labels[label] = "here"
				}
			}
		}
		node := controlplane.Node{Labels: labels, Taints: taints, Capacity: map[string]string{"cpu": "96", "memory": "1Ti"}}
		for _, each := range taints {
			if taint := each.(map[string]any); taint["key"] == gpu {
				node.Capacity[gpu] = "8"
			}
		}
		made := p.nodes(n, flavor.GetName(), node)
		if node.Capacity[gpu] == "" {
			plain = append(plain, made...)
		} else {
			gpus = append(gpus, made...)
		}
	}
	return gpus, plain
}

// launch makes the training job of a run, and returns it with the label of its pods.
func (p *platform) launch(run string, edit func(job *unstructured.Unstructured)) (*unstructured.Unstructured, string) {
	p.t.Helper()
	job := p.job(run)
	if edit != nil {
		edit(job)
	}
	p.create(job)
	return job, "jobset.sigs.k8s.io/jobset-name=" + job.GetName()
}
