// Package object declares Kubernetes objects from plain Go structs. Of the SDK it links the provider and no API
// package: an object is registered by its token, as the SDK itself registers a custom resource.
package object

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Metadata names an object.
type Metadata struct {
	// Name of the object.
	Name string `json:"name"`
	// Namespace of the object; "" for one of the whole cluster.
	Namespace string `json:"namespace,omitempty"`
	// Labels of the object.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the object.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// LabelValue narrows the value of a tag to what a label may hold.
func LabelValue(tag string) string {
	return strings.ReplaceAll(components.TagValue(tag), "@", "_at_")
}

// Object is an object of the cluster.
type Object struct {
	pulumi.CustomResourceState
}

// New declares an object. fields are those beside apiVersion, kind and metadata: a struct with json tags or a
// pulumi.Map for each, whose values may be inputs.
func New(
	ctx *pulumi.Context, name, apiVersion, kind string, metadata Metadata, fields map[string]any,
	opts ...pulumi.ResourceOption,
) (*Object, error) {
	inputs := pulumi.Map{
		"apiVersion": pulumi.String(apiVersion), "kind": pulumi.String(kind), "metadata": Input(metadata),
	}
	for field, value := range fields {
		inputs[field] = Input(value)
	}
	var made Object
	err := ctx.RegisterResource(token(apiVersion, kind), name, inputs, &made, opts...)
	return &made, err
}

// token is the type of an object; the SDK calls the oldest group core.
func token(apiVersion, kind string) string {
	if !strings.Contains(apiVersion, "/") {
		apiVersion = "core/" + apiVersion
	}
	return fmt.Sprintf("kubernetes:%s:%s", apiVersion, kind)
}

// Input turns a value into an input: structs by their json tags, without what is left empty and may be; inputs as they
// are.
func Input(value any) pulumi.Input {
	if input, ok := value.(pulumi.Input); ok {
		return input
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return Input(v.Elem().Interface())
	case reflect.Struct:
		return fromStruct(v)
	case reflect.Slice:
		list := pulumi.Array{}
		for i := range v.Len() {
			list = append(list, Input(v.Index(i).Interface()))
		}
		return list
	case reflect.Map:
		values := pulumi.Map{}
		for _, key := range v.MapKeys() {
			values[key.String()] = Input(v.MapIndex(key).Interface())
		}
		return values
	case reflect.String:
		return pulumi.String(v.String())
	case reflect.Bool:
		return pulumi.Bool(v.Bool())
	case reflect.Int:
		return pulumi.Int(int(v.Int()))
	case reflect.Float64:
		return pulumi.Float64(v.Float())
	default:
		return nil
	}
}

func fromStruct(v reflect.Value) pulumi.Map {
	values := pulumi.Map{}
	for _, field := range reflect.VisibleFields(v.Type()) {
		value := v.FieldByIndex(field.Index)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || options == "omitempty" && value.IsZero() {
			continue // the fields of an embedded struct come besides
		}
		if input := Input(value.Interface()); input != nil {
			values[name] = input
		}
	}
	return values
}

// Release is a release of a Helm chart.
type Release struct {
	// Chart is the name of the chart, or its address in an OCI registry.
	Chart string `json:"chart"`
	// Version of the chart, exact.
	Version string `json:"version"`
	// Repository of the chart; nothing for one from an OCI registry.
	Repository *Repository `json:"repositoryOpts,omitempty"`
	// Name of the release.
	Name string `json:"name"`
	// Namespace of the release, which is made where it is not there.
	Namespace string `json:"namespace"`
	// CreateNamespace makes the namespace.
	CreateNamespace bool `json:"createNamespace,omitempty"`
	// Atomic takes a release back that failed.
	Atomic bool `json:"atomic"`
	// Timeout of the release, in seconds.
	Timeout int `json:"timeout"`
	// Values of the chart.
	Values pulumi.Map `json:"values,omitempty"`
}

// Repository is where a chart lies.
type Repository struct {
	// Repo is its address.
	Repo string `json:"repo"`
}

// NewRelease declares a release of a Helm chart.
func NewRelease(ctx *pulumi.Context, name string, r Release, opts ...pulumi.ResourceOption) (*Object, error) {
	var made Object
	err := ctx.RegisterResource("kubernetes:helm.sh/v3:Release", name, Input(r).(pulumi.Map), &made, opts...)
	return &made, err
}
