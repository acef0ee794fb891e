package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
)

func networkPlan(e components.Environment, args components.NetworkArgs) plan {
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewNetwork(ctx, "network", target, &args)
		return err
	}}
}

func TestNetworkOfDevHasNoWayOutAndCostsNothing(t *testing.T) {
	t.Parallel()
	r := networkPlan(components.Dev, components.NetworkArgs{Layers: components.Layers()}).must(t)
	for _, absent := range []string{
		"aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip", "aws:ec2/internetGateway:InternetGateway", "aws:ec2/route:Route",
		"aws:ec2/flowLog:FlowLog", "aws:cloudwatch/logGroup:LogGroup",
	} {
		assert.Empty(t, r.Find(absent), absent)
	}
	subnets := r.Find("aws:ec2/subnet:Subnet")
	assert.Len(t, subnets, 2)
	for _, subnet := range subnets {
		assert.False(t, subnet.Inputs["mapPublicIpOnLaunch"].BoolValue())
	}
	assert.Equal(t, "euc1-az1", r.inputs("aws:ec2/subnet:Subnet", "network-private-1")["availabilityZoneId"])
	endpoints := r.Find("aws:ec2/vpcEndpoint:VpcEndpoint")
	assert.Len(t, endpoints, 2, "S3 and DynamoDB, which cost nothing")
	for _, endpoint := range endpoints {
		assert.Equal(t, "Gateway", endpoint.Inputs["vpcEndpointType"].StringValue())
	}
	closed := r.inputs("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "")
	assert.Equal(t, []any{}, closed["ingress"])
	assert.Equal(t, []any{}, closed["egress"])
}

func TestNetworkOfStageAndProdHasAWayOut(t *testing.T) {
	t.Parallel()
	for e, gateways := range map[components.Environment]int{components.Stage: 1, components.Prod: 3} {
		r := networkPlan(e, components.NetworkArgs{}).must(t)
		assert.Len(t, r.Find("aws:ec2/natGateway:NatGateway"), gateways, e)
		assert.Len(t, r.Find("aws:ec2/eip:Eip"), gateways, e)
		zones := components.PresetFor(e).Zones
		assert.Len(t, r.Find("aws:ec2/route:Route"), zones+gateways,
			"each private subnet out, each public one to the internet")
		assert.Len(t, r.Find("aws:ec2/flowLog:FlowLog"), 1)
		assert.Equal(t, "0.0.0.0/0", r.inputs("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
			"network-workloads-anywhere")["cidrIpv4"])
		assert.Empty(t, r.Find("aws:ec2/securityGroup:SecurityGroup")[0].Inputs["ingress"])
	}
}

// TestNobodyComesIn: no rule lets anything from outside the network in.
func TestNobodyComesIn(t *testing.T) {
	t.Parallel()
	r := networkPlan(components.Prod, components.NetworkArgs{Layers: components.Layers()}).must(t)
	rules := r.Find("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
	assert.Len(t, rules, 2)
	for _, rule := range rules {
		if cidr, ok := rule.Inputs["cidrIpv4"]; ok {
			assert.Equal(t, "10.20.0.0/16", cidr.StringValue())
		} else {
			assert.Equal(t, rule.Inputs["securityGroupId"], rule.Inputs["referencedSecurityGroupId"])
		}
	}
}

func TestPrivateServicesFollowTheLayers(t *testing.T) {
	t.Parallel()
	names := func(args components.NetworkArgs) []string {
		var all []string
		for _, endpoint := range networkPlan(components.Dev, args).must(t).Find("aws:ec2/vpcEndpoint:VpcEndpoint") {
			if endpoint.Inputs["vpcEndpointType"].StringValue() == "Interface" {
				all = append(all, endpoint.Inputs["serviceName"].StringValue())
			}
		}
		return all
	}
	assert.Empty(t, names(components.NetworkArgs{Layers: components.Layers()}))
	assert.Equal(t, []string{"com.amazonaws.eu-central-1.kms"},
		names(components.NetworkArgs{PrivateEndpoints: []string{"kms"}}))
	assert.Equal(t, []string{"com.amazonaws.eu-central-1.logs", "com.amazonaws.eu-central-1.monitoring"},
		names(components.NetworkArgs{PrivateServices: new(true), Layers: []components.Layer{components.MonitoringLayer}}))
	assert.Contains(t, names(components.NetworkArgs{
		PrivateServices: new(true), Layers: []components.Layer{components.WorkbenchLayer},
	}), "aws.sagemaker.eu-central-1.studio")
}

func TestGatewaysServeOwnPrincipalsOnly(t *testing.T) {
	t.Parallel()
	r := networkPlan(components.Dev, components.NetworkArgs{}).must(t)
	for name, statements := range map[string]int{"network-s3": 2, "network-dynamodb": 1} {
		list := r.document("aws:ec2/vpcEndpoint:VpcEndpoint", name, "policy")["Statement"].([]any)
		assert.Len(t, list, statements)
		own := list[0].(map[string]any)
		assert.Equal(t, map[string]any{"StringEquals": map[string]any{"aws:PrincipalAccount": []any{"123456789012"}}},
			own["Condition"])
		assert.NotContains(t, own["Action"], "s3:*")
	}
}

func TestExistingNetworkIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	r := networkPlan(components.Prod, components.NetworkArgs{
		ExistingID: "vpc-1", ExistingSubnets: []string{"subnet-1", "subnet-2"},
	}).must(t)
	for _, absent := range []string{
		"aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/natGateway:NatGateway", "aws:ec2/vpcEndpoint:VpcEndpoint",
		"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
	} {
		assert.Empty(t, r.Find(absent), absent)
	}
	assert.Equal(t, "vpc-1", r.inputs("aws:ec2/securityGroup:SecurityGroup", "network-workloads")["vpcId"])
}

func TestNetworkRefuses(t *testing.T) {
	t.Parallel()
	networkPlan(components.Dev, components.NetworkArgs{PrivateEndpoints: []string{"sagemaker"}}).
		refused(t, components.ErrChoice, "sagemaker.api")
	narrow := networkPlan(components.Prod, components.NetworkArgs{})
	narrow.options = aws.Options{Region: "us-west-1"}
	_, err := narrow.run(t)
	assert.ErrorContains(t, err, "at most 2, the zones of the region")
}
