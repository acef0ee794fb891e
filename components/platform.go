package components

import (
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// PlatformToken is the type token of a platform.
const PlatformToken = "mlpathway:platform:Platform"

// Platform is the root of a stack: the layers are its children.
type Platform struct {
	pulumi.ResourceState
	target Target
	name   string
}

// NewPlatform registers the root of a stack. The layers that are built with pulumi.Parent(platform) become its
// children; Finish ends it. Errors: those of Scope.Validate.
func NewPlatform(ctx *pulumi.Context, name string, target Target, opts ...pulumi.ResourceOption) (*Platform, error) {
	scope := target.Scope()
	if err := scope.Validate(); err != nil {
		return nil, err
	}
	p := &Platform{target: target, name: name}
	inputs := pulumi.Map{
		"target": pulumi.String(target.Name()), "team": pulumi.String(scope.Team),
		"environment": pulumi.String(string(scope.Environment)),
	}
	if err := ctx.RegisterComponentResourceV2(PlatformToken, name, inputs, p, opts...); err != nil {
		return nil, fmt.Errorf("creating Platform %q: %w", name, err)
	}
	if err := target.Begin(ctx, name, pulumi.Parent(p)); err != nil {
		return nil, fmt.Errorf("creating Platform %q on %s: %w", name, target.Name(), err)
	}
	return p, nil
}

// Finish is called after the last layer. It lets the target start what needs the whole, registers the outputs, and
// returns them together with those that the target adds.
func (p *Platform) Finish(ctx *pulumi.Context, outputs pulumi.Map) (pulumi.Map, error) {
	added, err := p.target.Finish(ctx, p.name, pulumi.Parent(p))
	if err != nil {
		return nil, fmt.Errorf("finishing Platform %q on %s: %w", p.name, p.target.Name(), err)
	}
	all := maps.Clone(outputs)
	maps.Copy(all, added)
	return all, ctx.RegisterResourceOutputs(p, all)
}
