// Package recording runs a Pulumi program against a recorder in place of an engine: nothing is made, nothing is looked
// up, no plugin and no account is needed. What the program would register can then be checked.
package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Options say how a program is recorded.
type Options struct {
	// Project and Stack are the names that the program runs under.
	Project, Stack string
	// Invent makes up what providers return. Nil for nothing but the inputs.
	Invent Invent
	// DryRun is a preview: nothing that a provider computes is known.
	DryRun bool
}

// Resource is a resource that a program registered.
type Resource struct {
	// URN of the resource.
	URN string `json:"urn"`
	// Type token of the resource.
	Type string `json:"type"`
	// Name is its logical name.
	Name string `json:"name"`
	// Parent is the URN of its parent.
	Parent string `json:"parent,omitempty"`
	// Custom tells resources of a provider from components.
	Custom bool `json:"custom,omitempty"`
	// Protect tells whether the engine refuses to delete it.
	Protect bool `json:"protect,omitempty"`
	// Retain tells whether it stays behind when the stack is destroyed.
	Retain bool `json:"retain,omitempty"`
	// DeleteBeforeReplace tells whether it is deleted before its successor is made.
	DeleteBeforeReplace bool `json:"deleteBeforeReplace,omitempty"`
	// Dependencies are the URNs of the resources that must be there first, sorted.
	Dependencies []string `json:"dependencies,omitempty"`
	// PropertyDependencies are the URNs of the resources that each input is made of, sorted.
	PropertyDependencies map[string][]string `json:"-"`
	// Provider is the reference of the provider that makes it, as URN::id; empty for the default one.
	Provider string `json:"-"`
	// Inputs as the engine would see them, with their secrets, and in a preview with what is unknown.
	Inputs resource.PropertyMap `json:"-"`
}

// Invent makes up what a provider would return for a resource: its id and its outputs besides the inputs. It must be
// a pure function, and its values must look real: a test that passes on empty texts proves nothing.
type Invent func(r Resource) (id string, outputs resource.PropertyMap)

// Recorder records what a program registers instead of making it.
type Recorder struct {
	options Options

	mu        sync.Mutex
	resources []Resource
	outputs   int
	exported  resource.PropertyMap
}

// Record runs a program and returns what it registered, as far as it came.
func Record(program pulumi.RunFunc, o Options) (*Recorder, error) {
	r := &Recorder{options: o}
	address, stop, err := r.serve()
	if err != nil {
		return r, err
	}
	defer stop()
	return r, unlisted(pulumi.RunErr(program, func(info *pulumi.RunInfo) {
		info.Project, info.Stack, info.DryRun = o.Project, o.Stack, o.DryRun
		info.MonitorAddr, info.EngineAddr = address, address
	}))
}

// unlisted takes the errors out of the list in which the SDK gathers them, whose text has a heading and bullets.
func unlisted(err error) error {
	var list interface{ WrappedErrors() []error }
	if errors.As(err, &list) {
		return errors.Join(list.WrappedErrors()...)
	}
	return err
}

// read takes a resource from the request that registers it.
func (r *Recorder) read(in *pulumirpc.RegisterResourceRequest) (Resource, error) {
	inputs, err := plugin.UnmarshalProperties(in.GetObject(), marshal)
	if err != nil {
		return Resource{}, fmt.Errorf("reading the inputs of %s %q: %w", in.GetType(), in.GetName(), err)
	}
	made := Resource{
		URN: r.urn(in), Type: in.GetType(), Name: in.GetName(), Custom: in.GetCustom(), Inputs: inputs,
		Provider: in.GetProvider(), Parent: in.GetParent(), Protect: in.GetProtect(), Retain: in.GetRetainOnDelete(),
		Dependencies:        slices.Sorted(slices.Values(in.GetDependencies())),
		DeleteBeforeReplace: in.GetDeleteBeforeReplace(),
	}
	for key, from := range in.GetPropertyDependencies() {
		if len(from.GetUrns()) == 0 {
			continue
		}
		if made.PropertyDependencies == nil {
			made.PropertyDependencies = map[string][]string{}
		}
		made.PropertyDependencies[key] = slices.Sorted(slices.Values(from.GetUrns()))
	}
	return made, nil
}

func (r *Recorder) urn(in *pulumirpc.RegisterResourceRequest) string {
	var parentType tokens.Type
	if urn := resource.URN(in.GetParent()); urn != "" && urn.QualifiedType() != resource.RootStackType {
		parentType = urn.QualifiedType()
	}
	return string(resource.NewURN(tokens.QName(r.options.Stack), tokens.PackageName(r.options.Project), parentType,
		tokens.Type(in.GetType()), in.GetName()))
}

// invent gives the id and the outputs of a resource that has been made, as far as they are known.
func (r *Recorder) invent(made Resource) (id string, outputs resource.PropertyMap) {
	outputs = made.Inputs.Copy()
	if !made.Custom || r.options.DryRun || r.options.Invent == nil {
		return "", outputs
	}
	id, invented := r.options.Invent(made)
	for key, value := range invented {
		outputs[key] = value
	}
	return id, outputs
}

// StackOutputs returns what the program exported, with its secrets, and in a preview with what is unknown.
func (r *Recorder) StackOutputs() resource.PropertyMap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.exported
}

// Outputs counts the resources, the stack among them, that registered their outputs.
func (r *Recorder) Outputs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outputs
}

// Resources returns what was registered, sorted by URN.
func (r *Recorder) Resources() []Resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	sorted := slices.Clone(r.resources)
	slices.SortStableFunc(sorted, func(a, b Resource) int { return strings.Compare(a.URN, b.URN) })
	return sorted
}

// Find returns the resources of a type.
func (r *Recorder) Find(token string) []Resource {
	var found []Resource
	for _, res := range r.Resources() {
		if res.Type == token {
			found = append(found, res)
		}
	}
	return found
}

// Graph writes the registered resources as stable, indented JSON. Secrets show as "[secret]" and unknown values as
// "[unknown]".
func (r *Recorder) Graph() ([]byte, error) {
	type node struct {
		Resource
		Inputs any `json:"inputs,omitempty"`
	}
	var nodes []node
	for _, res := range r.Resources() {
		nodes = append(nodes, node{Resource: res, Inputs: plain(resource.NewObjectProperty(res.Inputs))})
	}
	data, err := json.MarshalIndent(nodes, "", "  ")
	return append(data, '\n'), err
}

// plain turns a property into a value for JSON.
func plain(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return "[secret]"
	case v.IsComputed() || v.IsOutput():
		return "[unknown]"
	case v.IsObject():
		object := map[string]any{}
		for key, value := range v.ObjectValue() {
			object[string(key)] = plain(value)
		}
		return object
	case v.IsArray():
		list := make([]any, 0, len(v.ArrayValue()))
		for _, item := range v.ArrayValue() {
			list = append(list, plain(item))
		}
		return list
	default:
		return v.Mappable()
	}
}
