package rules

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// podKind is a kind that makes pods, and where it keeps them. All rules on pods find them here.
type podKind struct {
	typ string
	// pod is the path of the pods' specifications.
	pod string
	// containers are the paths of the containers inside one.
	containers []string
	// outer is the path of what holds for a pod that says nothing itself; "" where there is no such place.
	outer string
	// foreign kinds are custom resources: there is no SDK to look them up in.
	foreign bool
}

// podKinds are the kinds that make pods. What stands in a Helm release, or in a custom resource that is not here, is
// not inspected, and the report says so.
func podKinds() []podKind {
	const template = "spec.template.spec"
	inPod := []string{"containers[]", "initContainers[]"}
	inStep := []string{"container", "script", "containerSet.containers[]", "initContainers[]", "sidecars[]"}
	kinds := []podKind{{typ: "kubernetes:core/v1:Pod", pod: "spec", containers: inPod}}
	for _, typ := range []string{
		"apps/v1:Deployment", "apps/v1:StatefulSet", "apps/v1:DaemonSet", "apps/v1:ReplicaSet", "batch/v1:Job",
	} {
		kinds = append(kinds, podKind{typ: "kubernetes:" + typ, pod: template, containers: inPod})
	}
	kinds = append(kinds, podKind{
		typ: "kubernetes:batch/v1:CronJob", pod: "spec.jobTemplate." + template, containers: inPod,
	})
	const jobs = "replicatedJobs[].template." + template
	for typ, pod := range map[string]string{
		jobSet: "spec." + jobs,
		"kubernetes:trainer.kubeflow.org/v1alpha1:TrainingRuntime":        "spec.template.spec." + jobs,
		"kubernetes:trainer.kubeflow.org/v1alpha1:ClusterTrainingRuntime": "spec.template.spec." + jobs,
	} {
		kinds = append(kinds, podKind{typ: typ, pod: pod, containers: inPod, foreign: true})
	}
	for name, outer := range map[string]string{
		"Workflow": "spec", "WorkflowTemplate": "spec", "ClusterWorkflowTemplate": "spec",
		"CronWorkflow": "spec.workflowSpec",
	} {
		kinds = append(kinds, podKind{
			typ: "kubernetes:argoproj.io/v1alpha1:" + name, pod: outer + ".templates[]", containers: inStep, outer: outer,
			foreign: true,
		})
	}
	slices.SortFunc(kinds, func(a, b podKind) int { return strings.Compare(a.typ, b.typ) })
	return kinds
}

const (
	jobSet = "kubernetes:jobset.x-k8s.io/v1alpha2:JobSet"
	// trainJob has no pod of its own: it names a runtime, and says of the training container what is different.
	trainJob = "kubernetes:trainer.kubeflow.org/v1alpha1:TrainJob"
	// patchedPod is where a TrainJob changes the pods of its runtime.
	patchedPod = "spec.runtimePatches[].trainingRuntimeSpec.template.spec." +
		"replicatedJobs[].template.spec.template.spec"
)

// patchMatcher is a matcher for the pods that a TrainJob changes. What it leaves alone is judged where the runtime is:
// the check must accept what is not given.
func patchMatcher(check func(*Check, pod), ofPod, ofContainer []string) Matcher {
	kind := podKind{typ: trainJob, pod: patchedPod, containers: []string{"containers[]", "initContainers[]"}}
	return Matcher{
		Type: trainJob, Unchecked: true, Paths: kind.paths(ofPod, ofContainer), Check: func(c *Check) {
			for _, p := range kind.pods(c) {
				check(c, p)
			}
		},
	}
}

// pod is what makes one pod.
type pod struct {
	Item
	outer      Item
	containers []Item
}

// podMatchers are matchers for every kind that makes pods. The check is called for each pod; the paths are what it
// reads of the pod and of each container.
func podMatchers(check func(*Check, pod), ofPod, ofContainer []string) []Matcher {
	var all []Matcher
	for _, kind := range podKinds() {
		m := Matcher{Type: kind.typ, Unchecked: kind.foreign, Check: func(c *Check) {
			for _, p := range kind.pods(c) {
				check(c, p)
			}
		}}
		m.Paths = kind.paths(ofPod, ofContainer)
		all = append(all, m)
	}
	return all
}

// paths are those of properties of pods and of containers, wherever the kind keeps them.
func (k *podKind) paths(ofPod, ofContainer []string) []string {
	var all []string
	for _, path := range ofPod {
		all = append(all, k.pod+"."+path)
		if k.outer != "" {
			all = append(all, k.outer+"."+path)
		}
	}
	for _, container := range k.containers {
		for _, path := range ofContainer {
			all = append(all, k.pod+"."+container+"."+path)
		}
	}
	return all
}

// pods finds the pods of the resource. What is unknown or no pod is said.
func (k *podKind) pods(c *Check) []pod {
	c.read(k.pod)
	if k.outer != "" {
		c.read(k.outer)
	}
	return k.podsIn(c, Item{Value: c.Resource.Properties})
}

func (k *podKind) podsIn(c *Check, root Item) []pod {
	var pods []pod
	var outer Item
	if k.outer != "" {
		outer = root.at(k.outer)
	}
	for _, item := range root.within(k.pod) {
		if item.Kind() != Map {
			c.expect(item, "what makes a pod", never, nil)
			continue
		}
		p := pod{Item: item, outer: outer, containers: k.containersOf(c, item)}
		// A step of a workflow that only calls others makes no pod.
		if k.outer == "" || len(p.containers) > 0 {
			pods = append(pods, p)
		}
		if manifest := item.at("resource.manifest"); k.outer != "" && !manifest.IsAbsent() {
			pods = append(pods, manifestPods(c, manifest)...)
		}
	}
	return pods
}

func (k *podKind) containersOf(c *Check, pod Item) []Item {
	var found []Item
	for _, path := range k.containers {
		for _, container := range pod.within(path) {
			switch container.Kind() {
			case Absent:
			case Map:
				found = append(found, container)
			default:
				c.expect(container, "a container", never, nil)
			}
		}
	}
	return found
}

// manifestPods finds the pods of a resource that a step of a workflow makes from a text.
func manifestPods(c *Check, manifest Item) []pod {
	text, known := manifest.Text()
	var plain map[string]any
	if err := yaml.Unmarshal([]byte(text), &plain); !known || err != nil || plain == nil {
		c.Unsure(manifest.Path, "can not be read before it runs, want pods that keep to the same rules")
		return nil
	}
	root := Of(plain)
	if manifest.Secret() {
		root = root.AsSecret()
	}
	api, _ := root.Get("apiVersion").Text()
	kind, _ := root.Get("kind").Text()
	if !strings.Contains(api, "/") {
		api = "core/" + api
	}
	typ := "kubernetes:" + api + ":" + kind
	for _, k := range podKinds() {
		if k.typ == typ && k.outer == "" {
			return k.podsIn(c, Item{Value: root, Path: manifest.Path})
		}
	}
	if !podless(typ, root) {
		c.Unsure(manifest.Path, "makes a %s, into which no rule looks, want pods that keep to the same rules", kind)
	}
	return nil
}

// podless reports whether an object that a step makes has no pods of its own: those of the core, but for two old kinds,
// and a TrainJob that leaves the pods of its runtime as they are.
func podless(typ string, object Value) bool {
	if typ == trainJob {
		return object.Get("spec.runtimePatches").Empty()
	}
	return strings.HasPrefix(typ, "kubernetes:core/") && !strings.HasSuffix(typ, ":ReplicationController") &&
		!strings.HasSuffix(typ, ":PodTemplate")
}

// within gives what a path leads to from an item.
func (i Item) within(path string) []Item {
	items := i.Each(path)
	for n := range items {
		items[n].Path = joinPaths(i.Path, items[n].Path)
	}
	return items
}

// at gives the one value that a path without lists leads to from an item.
func (i Item) at(path string) Item {
	return Item{Value: i.Get(path), Path: joinPaths(i.Path, path)}
}

func joinPaths(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}

// own gives what a container says, else what its pod says, else what holds for all pods.
func (p *pod) own(container Item, path string) Item {
	item := container.at(path)
	if pods := p.set(path); item.IsAbsent() && !pods.IsAbsent() {
		return pods
	}
	return item
}

// set gives what the pod says, else what holds for all pods.
func (p *pod) set(path string) Item {
	if item := p.at(path); !item.IsAbsent() || p.outer.at(path).IsAbsent() {
		return item
	}
	return p.outer.at(path)
}
