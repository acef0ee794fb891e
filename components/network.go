package components

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// NAT is the way out of the private subnets of a network.
type NAT string

// The ways out.
const (
	NATNone    NAT = "none"     // no way out: private endpoints only; costs nothing
	NATOne     NAT = "one"      // one gateway for all zones
	NATPerZone NAT = "per-zone" // one gateway in each zone, so that a lost zone cuts nobody off
)

// NetworkArgs describe a private network.
type NetworkArgs struct {
	// CIDR is the IPv4 range of the network, a prefix between /16 and /24. Default 10.20.0.0/16.
	CIDR string `pulumi:"cidr"`
	// Zones is the number of availability zones, 1 to 3. Default 2 in dev and stage, 3 in prod.
	Zones int `pulumi:"zones"`
	// NAT is the way out. Default none in dev, one in stage, per-zone in prod.
	NAT NAT `pulumi:"nat"`
	// Avoid lists ranges of other networks that this one will be connected to; none may overlap CIDR. Default none.
	Avoid []string `pulumi:"avoid"`
	// ExistingID uses a network that is there already instead of making one; ExistingSubnets must be given as well.
	// Default none.
	ExistingID string `pulumi:"existingId"`
	// ExistingSubnets are the private subnets of that network, one per zone.
	ExistingSubnets []string `pulumi:"existingSubnets"`
	// PrivateServices reaches the platform services that the Layers need over private endpoints, which cost by the hour.
	// Default only in prod.
	PrivateServices *bool `pulumi:"privateServices"`
	// Layers are the layers whose workloads run in the network. Default none.
	Layers []Layer `pulumi:"layers" yaml:"-"`
	// PrivateEndpoints names platform services that must be reachable without a way out, by the target's own names.
	// Default none besides those that cost nothing.
	PrivateEndpoints []string `pulumi:"privateEndpoints"`
	// FlowLogs records accepted and refused connections. Default off in dev.
	FlowLogs *bool `pulumi:"flowLogs"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Listeners are the services that listen on a machine of one's own, each with the port that it would like; 0 is
	// any free one. Targets whose platform gives the addresses ignore it.
	Listeners map[string]int `pulumi:"listeners"`
}

func (a *NetworkArgs) setDefaults(s Scope) {
	preset := PresetFor(s.Environment)
	setDefault(&a.CIDR, "10.20.0.0/16")
	setDefault(&a.Zones, preset.Zones)
	setDefault(&a.NAT, preset.NAT)
	setDefaultPtr(&a.FlowLogs, preset.FlowLogs)
	setDefaultPtr(&a.PrivateServices, s.Environment == Prod)
	a.Logs = a.Logs.withDefaults(s)
}

func (a *NetworkArgs) validate(c *checker) {
	c.cidr("cidr", a.CIDR, 24)
	for i, other := range a.Avoid {
		c.apart(fmt.Sprintf("avoid[%d]", i), other, a.CIDR)
	}
	if (a.ExistingID == "") != (len(a.ExistingSubnets) == 0) {
		c.fail(ErrConflict, "existingId", a.ExistingID, "existingId and existingSubnets together, or neither")
	}
	a.Logs.validate(c)
	inRange(c, "zones", a.Zones, 1, 3)
	oneOf(c, "nat", a.NAT, NATNone, NATOne, NATPerZone)
	for i, endpoint := range a.PrivateEndpoints {
		c.required(fmt.Sprintf("privateEndpoints[%d]", i), endpoint != "", "the name of a service")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Listeners)) {
		c.named("listeners", name)
		if port := a.Listeners[name]; port != 0 {
			inRange(c, "listeners."+name, port, 1024, 65535)
		}
	}
}

// NetworkOutputs are what the other layers need of a network.
type NetworkOutputs struct {
	// NetworkID identifies the network on the platform.
	NetworkID pulumi.StringOutput `pulumi:"networkId"`
	// PrivateSubnetIDs are the subnets for workloads, one per zone; empty where the platform has none.
	PrivateSubnetIDs pulumi.StringArrayOutput `pulumi:"privateSubnetIds"`
	// WorkloadGroupID identifies the firewall rules for workloads: no way in, and out only to what the network offers;
	// "" where the platform has none.
	WorkloadGroupID pulumi.StringOutput `pulumi:"workloadGroupId,optional"`
	// EndpointIDs are the private endpoints by service; empty where there are none.
	EndpointIDs pulumi.StringMapOutput `pulumi:"endpointIds"`
	// Addresses are host:port of the listeners; empty where the platform gives the addresses.
	Addresses pulumi.StringMapOutput `pulumi:"addresses"`
}

// Network is a private network.
type Network struct {
	pulumi.ResourceState
	NetworkOutputs
	zones int
}

// Placement says where in a network a workload runs.
type Placement struct {
	// Network is the NetworkID output of a Network.
	Network pulumi.StringInput `pulumi:"network"`
	// Subnets are its private subnets.
	Subnets pulumi.StringArrayInput `pulumi:"subnets"`
	// Group is its WorkloadGroupID.
	Group pulumi.StringInput `pulumi:"group"`
	// Zones is the number of zones that the subnets lie in, where it is known before they are made; 0 where it is not.
	Zones int
}

// Placement is where in the network workloads run.
func (n *Network) Placement() *Placement {
	return &Placement{
		Network: n.NetworkID, Subnets: n.PrivateSubnetIDs, Group: n.WorkloadGroupID, Zones: n.zones,
	}
}

// NewNetwork declares a private network. Errors: ErrCIDR, ErrRange, ErrChoice, ErrName, ErrUnsupported.
func NewNetwork(
	ctx *pulumi.Context, name string, target Target, args *NetworkArgs, opts ...pulumi.ResourceOption,
) (*Network, error) {
	n := &Network{}
	c := construction{ctx, NetworkLayer, name, target, n, opts}
	translate := func(
		ctx *pulumi.Context, name string, args *NetworkArgs, opts ...pulumi.ResourceOption,
	) (*NetworkOutputs, error) {
		n.zones = args.Zones
		if args.ExistingID != "" {
			n.zones = len(args.ExistingSubnets)
		}
		return target.Network(ctx, name, args, opts...)
	}
	if err := construct(c, args, translate, &n.NetworkOutputs); err != nil {
		return nil, err
	}
	return n, nil
}
