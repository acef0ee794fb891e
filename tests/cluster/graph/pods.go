package graph

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// Manifests are the objects that others carry as text and that somebody makes later: the job that a person or a step of
// a pipeline starts. The name of the run stands where a pipeline would put its own.
func (o *Object) Manifests(run string) ([]*unstructured.Unstructured, error) {
	var texts []string
	switch o.GetKind() {
	case "ConfigMap":
		if text, ok, _ := unstructured.NestedString(o.Object, "data", "job"); ok {
			texts = append(texts, text)
		}
	case "WorkflowTemplate":
		for _, template := range maps(o.Object, "spec", "templates") {
			if text, ok, _ := unstructured.NestedString(template, "resource", "manifest"); ok {
				texts = append(texts, text)
			}
		}
	}
	var made []*unstructured.Unstructured
	for _, text := range texts {
		objects, err := controlplane.Decode([]byte(named(text, run)))
		if err != nil {
			return nil, fmt.Errorf("the manifest in %s: %w", o.URN, err)
		}
		made = append(made, objects...)
	}
	return made, nil
}

// named fills in what Argo would.
func named(text, run string) string {
	return strings.NewReplacer("{{workflow.name}}", run, "{{workflow.creationTimestamp.Y}}", "2026",
		"{{workflow.creationTimestamp.m}}", "01", "{{workflow.creationTimestamp.d}}", "02",
		"{{workflow.creationTimestamp.H}}", "03", "{{workflow.creationTimestamp.M}}", "04",
		"{{workflow.creationTimestamp.S}}", "05").Replace(text)
}

// Pods are the pods that would be made of an object, one of each kind, by the names of their containers or steps.
func Pods(object *unstructured.Unstructured) map[string]*unstructured.Unstructured {
	templates := map[string]map[string]any{}
	at := func(fields ...string) {
		if template, ok, _ := unstructured.NestedMap(object.Object, fields...); ok {
			templates[object.GetName()] = template
		}
	}
	switch object.GetKind() {
	case "Deployment", "DaemonSet", "Job":
		at("spec", "template")
	case "CronJob":
		at("spec", "jobTemplate", "spec", "template")
	case "JobSet":
		for _, job := range maps(object.Object, "spec", "replicatedJobs") {
			templates[text(job, "name")], _, _ = unstructured.NestedMap(job, "template", "spec", "template")
		}
	case "TrainingRuntime":
		for _, job := range maps(object.Object, "spec", "template", "spec", "replicatedJobs") {
			templates[text(job, "name")], _, _ = unstructured.NestedMap(job, "template", "spec", "template")
		}
	case "SparkApplication":
		for _, part := range []string{"driver", "executor"} {
			templates[part], _, _ = unstructured.NestedMap(object.Object, "spec", part, "template")
		}
	case "WorkflowTemplate":
		filled := filledIn(object)
		for _, step := range maps(filled.Object, "spec", "templates") {
			if template := stepPod(filled, step); template != nil {
				templates[text(step, "name")] = template
			}
		}
	}
	pods := map[string]*unstructured.Unstructured{}
	for name, template := range templates {
		pod := &unstructured.Unstructured{Object: template}
		pod.SetAPIVersion("v1")
		pod.SetKind("Pod")
		pod.SetNamespace(object.GetNamespace())
		pod.SetName(strings.ToLower(object.GetKind()) + "-" + object.GetName() + "-" + name)
		pods[name] = pod
	}
	return pods
}

// filledIn is a workflow as Argo would fill it in for a run.
func filledIn(workflow *unstructured.Unstructured) *unstructured.Unstructured {
	data, err := json.Marshal(workflow.Object)
	if err != nil {
		return workflow // it came as JSON
	}
	filled, err := controlplane.Decode([]byte(named(string(data), "run")))
	if err != nil {
		return workflow
	}
	return filled[0]
}

// stepPod is the pod that Argo makes of a step, without Argo's own containers.
func stepPod(workflow *unstructured.Unstructured, step map[string]any) map[string]any {
	container, ok, _ := unstructured.NestedMap(step, "container")
	if !ok {
		return nil
	}
	container["name"] = "main"
	spec := map[string]any{"restartPolicy": "Never", "containers": []any{container}}
	for _, field := range []string{
		"serviceAccountName", "automountServiceAccountToken", "securityContext", "volumes", "imagePullSecrets",
	} {
		if value, ok, _ := unstructured.NestedFieldCopy(workflow.Object, "spec", field); ok {
			spec[field] = value
		}
	}
	metadata, _, _ := unstructured.NestedMap(workflow.Object, "spec", "podMetadata")
	return map[string]any{"metadata": metadata, "spec": spec}
}

func maps(object map[string]any, fields ...string) []map[string]any {
	found, _, _ := unstructured.NestedSlice(object, fields...)
	all := make([]map[string]any, 0, len(found))
	for _, each := range found {
		if item, ok := each.(map[string]any); ok {
			all = append(all, item)
		}
	}
	return all
}

func text(object map[string]any, fields ...string) string {
	found, _, _ := unstructured.NestedString(object, fields...)
	return found
}
