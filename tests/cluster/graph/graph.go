// Package graph takes the Kubernetes objects out of what a stack declares, as the provider would send them to a server.
package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/internal/plan/planner"
	"github.com/mlpathway/mlpathway/stacks"
)

// project is the name of the Pulumi project.
const project = "mlpathway"

// Object is an object that a stack declares.
type Object struct {
	*unstructured.Unstructured
	// URN of its resource.
	URN string
	// Unknown are the fields that only a provider could fill in; the object has a text there.
	Unknown []string
}

// Stacks lists the stacks of the project at root that build on a cluster.
func Stacks(root string) ([]string, error) {
	names, err := planner.Stacks(root)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		values, err := planner.Values(root, name)
		if err != nil {
			return nil, err
		}
		if values[project+":target"] == "kubernetes" {
			found = append(found, name)
		}
	}
	return found, nil
}

// Of records a stack and returns its objects. change overrides values of its file, such as mlpathway:environment.
func Of(root, stack string, change map[string]string) ([]Object, error) {
	values, err := planner.Values(root, stack)
	if err != nil {
		return nil, err
	}
	for key, value := range change {
		values[key] = value
	}
	planned, err := stacks.Plan(project, stack, root, values)
	if err != nil {
		return nil, err
	}
	return Objects(planned.Recorder.Resources())
}

// Objects are the objects among resources.
func Objects(resources []recording.Resource) ([]Object, error) {
	var objects []Object
	for _, r := range resources {
		if !r.Custom || !strings.HasPrefix(r.Type, "kubernetes:") || strings.HasPrefix(r.Type, "kubernetes:helm.sh/") {
			continue
		}
		o := Object{URN: r.URN}
		fields, ok := o.plain("", resource.NewProperty(r.Inputs)).(map[string]any)
		if !ok || fields["apiVersion"] == nil || fields["kind"] == nil {
			return nil, fmt.Errorf("%s is no object: it has no apiVersion or kind", r.URN)
		}
		o.Unstructured = &unstructured.Unstructured{Object: fields}
		slices.Sort(o.Unknown)
		objects = append(objects, o)
	}
	return objects, nil
}

// plain is a property as JSON has it.
func (o *Object) plain(path string, v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return o.plain(path, v.SecretValue().Element)
	case v.IsComputed(), v.IsOutput() && !v.OutputValue().Known:
		o.Unknown = append(o.Unknown, strings.TrimPrefix(path, "."))
		return "unknown"
	case v.IsOutput():
		return o.plain(path, v.OutputValue().Element)
	case v.IsObject():
		fields := map[string]any{}
		for key, value := range v.ObjectValue() {
			if field := o.plain(path+"."+string(key), value); field != nil && !strings.HasPrefix(string(key), "__") {
				fields[string(key)] = field
			}
		}
		return fields
	case v.IsArray():
		list := []any{}
		for i, item := range v.ArrayValue() {
			list = append(list, o.plain(fmt.Sprintf("%s[%d]", path, i), item))
		}
		return list
	case v.IsNumber() && v.NumberValue() == math.Trunc(v.NumberValue()):
		return int64(v.NumberValue())
	default:
		return v.Mappable()
	}
}

// Kind are the objects of a kind.
func Kind(objects []Object, kind string) []Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o Object) bool { return o.GetKind() != kind })
}
