package local

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Network gives every listener a port of its own on loopback, free when it is first asked for and kept from then on.
func (t *Target) Network(
	ctx *pulumi.Context, name string, args *components.NetworkArgs, opts ...pulumi.ResourceOption,
) (*components.NetworkOutputs, error) {
	addresses := pulumi.StringMap{}
	for _, listener := range slices.Sorted(maps.Keys(args.Listeners)) {
		p, err := newPort(ctx, name+"-"+listener, listener, args.Listeners[listener], opts...)
		if err != nil {
			return nil, err
		}
		addresses[listener] = pulumi.Sprintf("127.0.0.1:%d", p.Port)
	}
	return &components.NetworkOutputs{
		NetworkID:        pulumi.String("loopback").ToStringOutput(),
		PrivateSubnetIDs: pulumi.StringArray{}.ToStringArrayOutput(),
		WorkloadGroupID:  text(""),
		EndpointIDs:      none(),
		Addresses:        addresses.ToStringMapOutput(),
	}, nil
}

// none is an output without entries.
func none() pulumi.StringMapOutput { return pulumi.StringMap{}.ToStringMapOutput() }

// text is an output with a fixed text.
func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }
