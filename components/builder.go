package components

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Builder is what the layers of a target make their resources with: it knows their names and their options.
type Builder struct {
	Context *pulumi.Context
	Layer   Layer
	// Component is the name of the component.
	Component string
	// Given are the options that the contract hands to the layer, Options those of a resource of the target.
	Given, Options []pulumi.ResourceOption
}

// NewBuilder makes the builder of a component. added are options of the target's resources, such as its provider.
func NewBuilder(ctx *pulumi.Context, layer Layer, component string, given []pulumi.ResourceOption,
	added ...pulumi.ResourceOption,
) Builder {
	return Builder{Context: ctx, Layer: layer, Component: component, Given: given, Options: slices.Concat(given, added)}
}

// With gives the options of a resource, and what is added.
func (b *Builder) With(added ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return slices.Concat(b.Options, added)
}

// After gives the options of a resource that others must be there for first. Those that are nil are left out.
func (b *Builder) After(on ...pulumi.Resource) []pulumi.ResourceOption {
	there := slices.DeleteFunc(slices.Clone(on), func(r pulumi.Resource) bool { return r == nil })
	return b.With(pulumi.DependsOn(there))
}

// Part is the logical name of a resource: the component's name, and what it is for.
func (b *Builder) Part(parts ...string) string {
	return strings.Join(append([]string{b.Component}, parts...), "-")
}

// Known is an output whose text is known before its resources are there, so that previews and policies see it; whatever
// uses it still waits for them.
func (b *Builder) Known(text string, of ...pulumi.Resource) pulumi.StringOutput {
	return Known(b.Context, text, of...)
}

// Known is Builder.Known without a builder.
func Known(ctx *pulumi.Context, text string, of ...pulumi.Resource) pulumi.StringOutput {
	output := pulumi.OutputWithDependencies(ctx.Context(), pulumi.String(text).ToStringOutput(), of...)
	return output.(pulumi.StringOutput)
}
