package aws

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// This is the only file of the package that links ec2, the largest package of the SDK.

// network is what is made of a network so far.
type network struct {
	*layer
	args      *components.NetworkArgs
	plan      subnetPlan
	zones     []string
	vpc       *ec2.Vpc
	private   []*ec2.Subnet
	tables    pulumi.StringArray // route tables of the private subnets
	group     *ec2.SecurityGroup // of the workloads
	gateways  []*ec2.VpcEndpoint
	endpoints pulumi.StringMap
}

// Network is a VPC whose private subnets reach S3 and DynamoDB without a way out, or a VPC that is there already.
func (t *Target) Network(
	ctx *pulumi.Context, name string, args *components.NetworkArgs, opts ...pulumi.ResourceOption,
) (*components.NetworkOutputs, error) {
	l := t.layer(ctx, components.NetworkLayer, name, opts)
	services, err := privateServices(args)
	if err != nil {
		return nil, err
	}
	if args.ExistingID != "" {
		return l.existing(args)
	}
	n := &network{layer: l, args: args, endpoints: pulumi.StringMap{}}
	if n.plan, err = planSubnets(args.CIDR, args.Zones); err != nil {
		return nil, err
	}
	if n.zones, err = t.region.zoneIDs(args.Zones); err != nil {
		return nil, err
	}
	for _, step := range []func() error{n.makeVPC, n.makeSubnets, n.makeGateways, n.makeGroup, n.makeFlowLogs} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := n.makeEndpoints(services); err != nil {
		return nil, err
	}
	subnets := pulumi.StringArray{}
	for _, subnet := range n.private {
		subnets = append(subnets, subnet.ID().ToStringOutput())
	}
	return &components.NetworkOutputs{
		NetworkID: n.vpc.ID().ToStringOutput(), PrivateSubnetIDs: subnets.ToStringArrayOutput(),
		WorkloadGroupID: n.group.ID().ToStringOutput(), EndpointIDs: n.endpoints.ToStringMapOutput(), Addresses: none(),
	}, nil
}

// existing makes nothing but the firewall rules of the workloads in a VPC of somebody else.
func (l *layer) existing(args *components.NetworkArgs) (*components.NetworkOutputs, error) {
	group, err := l.newGroup("workloads", "Workloads of the platform", pulumi.String(args.ExistingID))
	if err != nil {
		return nil, err
	}
	if err := l.allowOut(group, "anywhere", "Services over TLS", anywhere); err != nil {
		return nil, err
	}
	return &components.NetworkOutputs{
		NetworkID: text(args.ExistingID), PrivateSubnetIDs: pulumi.ToStringArray(args.ExistingSubnets).ToStringArrayOutput(),
		WorkloadGroupID: group.ID().ToStringOutput(), EndpointIDs: none(), Addresses: none(),
	}, nil
}

func (n *network) makeVPC() (err error) {
	n.vpc, err = ec2.NewVpc(n.Context, n.Component, &ec2.VpcArgs{
		CidrBlock: pulumi.String(n.args.CIDR), EnableDnsSupport: pulumi.Bool(true), EnableDnsHostnames: pulumi.Bool(true),
		Tags: n.tags(noData, "vpc"),
	}, n.With()...)
	if err != nil {
		return err
	}
	// The group that resources without one get: nothing comes in, nothing goes out.
	_, err = ec2.NewDefaultSecurityGroup(n.Context, n.Part("default"), &ec2.DefaultSecurityGroupArgs{
		VpcId: n.vpc.ID(), Ingress: ec2.DefaultSecurityGroupIngressArray{}, Egress: ec2.DefaultSecurityGroupEgressArray{},
		Tags: n.tags(noData, "closed"),
	}, n.With()...)
	return err
}

// makeSubnets makes the private subnets with a route table each, and the public ones where there is a way out.
func (n *network) makeSubnets() error {
	out, err := n.wayOut()
	if err != nil {
		return err
	}
	for i, prefix := range n.plan.private {
		zone := fmt.Sprint(i + 1)
		subnet, table, err := n.newSubnet("private-"+zone, prefix, n.zones[i])
		if err != nil {
			return err
		}
		n.private = append(n.private, subnet)
		n.tables = append(n.tables, table.ID())
		if len(out) == 0 {
			continue
		}
		gateway := out[min(i, len(out)-1)]
		if err := n.newRoute("private-"+zone, table, &ec2.RouteArgs{NatGatewayId: gateway.ID()}); err != nil {
			return err
		}
	}
	return nil
}

// wayOut makes the NAT gateways, each in a public subnet of its own; none where there is no way out.
func (n *network) wayOut() ([]*ec2.NatGateway, error) {
	count := map[components.NAT]int{components.NATOne: 1, components.NATPerZone: len(n.zones)}[n.args.NAT]
	if count == 0 {
		return nil, nil
	}
	internet, err := ec2.NewInternetGateway(n.Context, n.Part("internet"), &ec2.InternetGatewayArgs{
		VpcId: n.vpc.ID(), Tags: n.tags(noData, "internet"),
	}, n.With()...)
	if err != nil {
		return nil, err
	}
	var gateways []*ec2.NatGateway
	for i := range count {
		gateway, err := n.newNAT(fmt.Sprint(i+1), n.plan.public[i], n.zones[i], internet)
		if err != nil {
			return nil, err
		}
		gateways = append(gateways, gateway)
	}
	return gateways, nil
}

func (n *network) newNAT(
	zone string, prefix netip.Prefix, zoneID string, internet *ec2.InternetGateway,
) (*ec2.NatGateway, error) {
	subnet, table, err := n.newSubnet("public-"+zone, prefix, zoneID)
	if err != nil {
		return nil, err
	}
	if err := n.newRoute("public-"+zone, table, &ec2.RouteArgs{GatewayId: internet.ID()}); err != nil {
		return nil, err
	}
	address, err := ec2.NewEip(n.Context, n.Part("nat", zone), &ec2.EipArgs{
		Domain: pulumi.String("vpc"), Tags: n.tags(noData, "nat", zone),
	}, n.After(internet)...)
	if err != nil {
		return nil, err
	}
	return ec2.NewNatGateway(n.Context, n.Part("nat", zone), &ec2.NatGatewayArgs{
		SubnetId: subnet.ID(), AllocationId: address.ID(), Tags: n.tags(noData, "nat", zone),
	}, n.After(internet)...)
}

// newSubnet makes a subnet with a route table of its own. Nothing in it gets a public address by itself.
func (n *network) newSubnet(part string, prefix netip.Prefix, zoneID string) (*ec2.Subnet, *ec2.RouteTable, error) {
	subnet, err := ec2.NewSubnet(n.Context, n.Part(part), &ec2.SubnetArgs{
		VpcId: n.vpc.ID(), CidrBlock: pulumi.String(prefix.String()), AvailabilityZoneId: pulumi.String(zoneID),
		MapPublicIpOnLaunch: pulumi.Bool(false), Tags: n.tags(noData, part),
	}, n.With()...)
	if err != nil {
		return nil, nil, err
	}
	table, err := ec2.NewRouteTable(n.Context, n.Part(part), &ec2.RouteTableArgs{
		VpcId: n.vpc.ID(), Tags: n.tags(noData, part),
	}, n.With()...)
	if err != nil {
		return nil, nil, err
	}
	_, err = ec2.NewRouteTableAssociation(n.Context, n.Part(part), &ec2.RouteTableAssociationArgs{
		SubnetId: subnet.ID(), RouteTableId: table.ID(),
	}, n.With()...)
	return subnet, table, err
}

// newRoute sends what is for nobody in the VPC to a gateway.
func (n *network) newRoute(part string, table *ec2.RouteTable, to *ec2.RouteArgs) error {
	to.RouteTableId, to.DestinationCidrBlock = table.ID(), pulumi.String("0.0.0.0/0")
	_, err := ec2.NewRoute(n.Context, n.Part(part, "out"), to, n.With()...)
	return err
}

// makeGateways makes the endpoints of S3 and DynamoDB, which cost nothing.
func (n *network) makeGateways() error {
	for _, service := range []string{"s3", "dynamodb"} {
		made, err := ec2.NewVpcEndpoint(n.Context, n.Part(service), &ec2.VpcEndpointArgs{
			VpcId: n.vpc.ID(), ServiceName: pulumi.String(n.serviceName(service)),
			VpcEndpointType: pulumi.String("Gateway"), RouteTableIds: n.tables,
			Policy: document(n.gatewayPolicy(service)...), Tags: n.tags(noData, service),
		}, n.With()...)
		if err != nil {
			return err
		}
		n.gateways = append(n.gateways, made)
		n.endpoints[service] = made.ID().ToStringOutput()
	}
	return nil
}

// makeGroup makes the firewall rules of the workloads: they talk to each other and to what the network offers.
func (n *network) makeGroup() (err error) {
	if n.group, err = n.newGroup("workloads", "Workloads of the platform", n.vpc.ID().ToStringOutput()); err != nil {
		return err
	}
	for i, service := range []string{"s3", "dynamodb"} {
		_, err := vpc.NewSecurityGroupEgressRule(n.Context, n.Part("workloads", service), &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId: n.group.ID(), PrefixListId: n.gateways[i].PrefixListId, IpProtocol: pulumi.String("tcp"),
			FromPort: pulumi.Int(443), ToPort: pulumi.Int(443),
			Description: pulumi.String("The gateway of " + service), Tags: n.tags(noData),
		}, n.With()...)
		if err != nil {
			return err
		}
	}
	part, why, to := "endpoints", "Private endpoints over TLS", n.args.CIDR
	if n.args.NAT != components.NATNone {
		part, why, to = "anywhere", "Services over TLS", anywhere
	}
	return n.allowOut(n.group, part, why, to)
}

const anywhere = "0.0.0.0/0"

// newGroup makes a security group whose members may talk to each other and to nobody else.
func (l *layer) newGroup(part, what string, in pulumi.StringInput) (*ec2.SecurityGroup, error) {
	group, err := ec2.NewSecurityGroup(l.Context, l.Part(part), &ec2.SecurityGroupArgs{
		Name: pulumi.String(l.physical(255, part)), Description: pulumi.String(what), VpcId: in.ToStringOutput(),
		Tags: l.tags(noData, part),
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	_, err = vpc.NewSecurityGroupIngressRule(l.Context, l.Part(part, "from-each-other"), &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: group.ID(), ReferencedSecurityGroupId: group.ID(), IpProtocol: pulumi.String("tcp"),
		FromPort: pulumi.Int(0), ToPort: pulumi.Int(65535),
		Description: pulumi.String("Members of the group"), Tags: l.tags(noData),
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	_, err = vpc.NewSecurityGroupEgressRule(l.Context, l.Part(part, "to-each-other"), &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: group.ID(), ReferencedSecurityGroupId: group.ID(), IpProtocol: pulumi.String("tcp"),
		FromPort: pulumi.Int(0), ToPort: pulumi.Int(65535),
		Description: pulumi.String("Members of the group"), Tags: l.tags(noData),
	}, l.With()...)
	return group, err
}

// allowOut lets the members of a group open TLS connections to a range.
func (l *layer) allowOut(group *ec2.SecurityGroup, part, why, to string) error {
	_, err := vpc.NewSecurityGroupEgressRule(l.Context, l.Part("workloads", part), &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: group.ID(), CidrIpv4: pulumi.String(to), IpProtocol: pulumi.String("tcp"),
		FromPort: pulumi.Int(443), ToPort: pulumi.Int(443), Description: pulumi.String(why), Tags: l.tags(noData),
	}, l.With()...)
	return err
}

// allowIn lets the members of a group open TLS connections to the members of another one.
func (l *layer) allowIn(logical, why string, to, from pulumi.StringInput) error {
	_, err := vpc.NewSecurityGroupIngressRule(l.Context, logical, &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: to.ToStringOutput(), ReferencedSecurityGroupId: from.ToStringOutput(),
		IpProtocol: pulumi.String("tcp"), FromPort: pulumi.Int(443), ToPort: pulumi.Int(443),
		Description: pulumi.String(why), Tags: l.tags(noData),
	}, l.With()...)
	return err
}

// makeEndpoints makes the interface endpoints, which cost by the hour and zone.
func (n *network) makeEndpoints(services []string) error {
	if len(services) == 0 {
		return nil
	}
	group, err := ec2.NewSecurityGroup(n.Context, n.Part("endpoints"), &ec2.SecurityGroupArgs{
		Name: pulumi.String(n.physical(255, "endpoints")), Description: pulumi.String("Private endpoints"),
		VpcId: n.vpc.ID(), Tags: n.tags(noData, "endpoints"),
	}, n.With()...)
	if err != nil {
		return err
	}
	_, err = vpc.NewSecurityGroupIngressRule(n.Context, n.Part("endpoints", "in"), &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: group.ID(), CidrIpv4: pulumi.String(n.args.CIDR), IpProtocol: pulumi.String("tcp"),
		FromPort: pulumi.Int(443), ToPort: pulumi.Int(443), Description: pulumi.String("The network"), Tags: n.tags(noData),
	}, n.With()...)
	if err != nil {
		return err
	}
	subnets := pulumi.StringArray{}
	for _, subnet := range n.private {
		subnets = append(subnets, subnet.ID())
	}
	for _, service := range services {
		logical := strings.ReplaceAll(service, ".", "-")
		made, err := ec2.NewVpcEndpoint(n.Context, n.Part(logical), &ec2.VpcEndpointArgs{
			VpcId: n.vpc.ID(), ServiceName: pulumi.String(n.serviceName(service)),
			VpcEndpointType: pulumi.String("Interface"), PrivateDnsEnabled: pulumi.Bool(true), SubnetIds: subnets,
			SecurityGroupIds: pulumi.StringArray{group.ID()}, Tags: n.tags(noData, logical),
		}, n.With()...)
		if err != nil {
			return err
		}
		n.endpoints[service] = made.ID().ToStringOutput()
	}
	return nil
}

// makeFlowLogs records accepted and refused connections.
func (n *network) makeFlowLogs() error {
	if !*n.args.FlowLogs {
		return nil
	}
	logs, err := n.newLogGroup("flow-logs", "/mlpathway/"+n.physical(100, "flow-logs"), n.args.Logs)
	if err != nil {
		return err
	}
	id, err := n.newRole(role{
		part: "flow-logs", does: "Records the connections of the network", trust: []Statement{
			n.trust("vpc-flow-logs.amazonaws.com"),
		},
		may: []Statement{{
			Sid: "WriteLogs", Resources: here(logs.arn, logs.arn+":*"), Actions: []string{
				"logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents",
			},
		}},
	})
	if err != nil {
		return err
	}
	_, err = ec2.NewFlowLog(n.Context, n.Part("flow-logs"), &ec2.FlowLogArgs{
		VpcId: n.vpc.ID(), TrafficType: pulumi.String("ALL"), LogDestinationType: pulumi.String("cloud-watch-logs"),
		LogDestination: n.Known(logs.arn, logs.resource), IamRoleArn: id.ARN, MaxAggregationInterval: pulumi.Int(600),
		Tags: n.tags(internal, "flow-logs"),
	}, n.With()...)
	return err
}
