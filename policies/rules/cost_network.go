package rules

import (
	"slices"
	"strings"
)

const (
	natGateway  = "aws:ec2/natGateway:NatGateway"
	vpcEndpoint = "aws:ec2/vpcEndpoint:VpcEndpoint"
	subnet      = "aws:ec2/subnet:Subnet"
)

func gatewaysFew() Rule {
	const (
		routerNat = "gcp:compute/routerNat:RouterNat"
		azureNat  = "azure-native:network:NatGateway"
	)
	return Rule{
		ID:    "COST-08",
		Title: "One NAT gateway in dev, one for each zone elsewhere, and a free way to S3 beside it",
		Why: "A NAT gateway costs by the hour and again for each gigabyte. Traffic to S3 and DynamoDB goes by a gateway " +
			"endpoint " +
			"for nothing.",
		Severity: Medium,
		Levels:   Levels{Mandatory, Advisory, Advisory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: natGateway, Paths: []string{"subnetId", "connectivityType"}, Check: natFew},
			{Type: subnet, Paths: []string{"availabilityZone", "availabilityZoneId"}},
			{Type: vpcEndpoint, Paths: []string{"serviceName", "vpcEndpointType"}},
			// Cloud NAT is regional: a second one on a router is a choice of its own.
			{Type: routerNat, Paths: []string{"router"}, Check: func(c *Check) { oneInDev(c, routerNat, "router") }},
			{Type: azureNat, Paths: []string{"zones"}, Check: func(c *Check) { oneInDev(c, azureNat, "zones") }},
		},
		Fix: "In dev let all private subnets use one gateway. Add a VpcEndpoint of type Gateway for " +
			"com.amazonaws.<region>.s3, " +
			"and for dynamodb where a table is.",
		Remediation: "None: a network is not changed by a policy.",
		Peers:       "none (infracost shows the price only: $0.045/h + $0.045/GB)",
	}
}

// place is where a resource stands among those of its type, which are sorted.
func (g *Graph) place(r *Resource) int {
	places := memo(g, "places "+r.Type, func() map[*Resource]int {
		all := map[*Resource]int{}
		for i, r := range g.OfType(r.Type) {
			all[r] = i
		}
		return all
	})
	return places[r]
}

// oneInDev wants one of a type in dev, and elsewhere no two in the same place.
func oneInDev(c *Check, typ, where string) {
	at := c.Get(where)
	switch {
	case c.In(Dev) && c.Graph.place(c.Resource) > 0:
		c.Fail("", "is one more than the one that dev needs")
	case at.HasUnknown() && !c.TakesFrom(where):
		c.Unsure(where, "is not known yet, want each %s in another", typ)
	default:
		c.Pass()
	}
}

func natFew(c *Check) {
	if is(c.Get("connectivityType"), "private") == Yes { // for networks that overlap; default: public
		return
	}
	first := c.Graph.place(c.Resource) == 0
	zones := c.Graph.natZones(c)
	c.read("subnetId")
	zone := zones.of[c.Resource]
	name, placed := zone.Text()
	switch {
	case c.In(Dev) && !first:
		c.Fail("", "is one more than the one that dev needs")
	case !first && !placed:
		c.Unsure("subnetId", "is in a zone that is not known yet, want one gateway for each")
	case placed && zones.first[name] != c.Resource:
		c.Fail("subnetId", "is in %s, where there is a gateway already", zone)
	default:
		c.Pass()
	}
	if first {
		c.freeWay("s3")
		if c.Graph.HasType(dynamoTable) {
			c.freeWay("dynamodb")
		}
	}
}

// natZones are the zones of the NAT gateways and the first gateway in each.
type natZones struct {
	of    map[*Resource]Value
	first map[string]*Resource
}

func (g *Graph) natZones(c *Check) *natZones {
	c.reads(subnet, "availabilityZone")
	c.reads(subnet, "availabilityZoneId")
	return memo(g, "zones", func() *natZones {
		z := &natZones{of: map[*Resource]Value{}, first: map[string]*Resource{}}
		for _, r := range g.OfType(natGateway) {
			for _, in := range g.Refers(r, "subnetId", subnet) {
				z.of[r] = in.Properties.Get("availabilityZone")
				if _, known := z.of[r].Text(); !known {
					z.of[r] = in.Properties.Get("availabilityZoneId")
				}
			}
			if zone, ok := z.of[r].Text(); ok && z.first[zone] == nil {
				z.first[zone] = r
			}
		}
		return z
	})
}

// freeWay wants a gateway endpoint for a service.
func (c *Check) freeWay(service string) {
	c.reads(vpcEndpoint, "serviceName")
	c.reads(vpcEndpoint, "vpcEndpointType")
	found := memo(c.Graph, "gateway endpoint "+service, func() Tri {
		found := No
		for _, r := range c.Graph.OfType(vpcEndpoint) {
			name, kind := r.Properties.Get("serviceName"), r.Properties.Get("vpcEndpointType")
			text, _ := name.Text()
			fits := triOf(strings.HasSuffix(text, "."+service)).Or(triOf(name.IsUnknown()).And(Maybe))
			found = found.Or(fits.And(is(kind, "Gateway").Or(absent(kind)))) // default: Gateway
		}
		return found
	})
	c.owe(Yes, found, "", "a VpcEndpoint of type Gateway for "+service)
}

func nothingLoose() Rule {
	const (
		address    = "aws:ec2/eip:Eip"
		volume     = "aws:ebs/volume:Volume"
		attachment = "aws:ec2/volumeAttachment:VolumeAttachment"
		balancer   = "aws:lb/loadBalancer:LoadBalancer"
		listener   = "aws:lb/listener:Listener"
		publicIP   = "azure-native:network:PublicIPAddress"
	)
	byAddress := []struct{ typ, property string }{
		{natGateway, "allocationId"}, {"aws:ec2/eipAssociation:EipAssociation", "allocationId"},
		{balancer, "subnetMappings[].allocationId"},
	}
	byPublicIP := []struct{ typ, property string }{
		{"azure-native:network:NatGateway", "publicIpAddresses[].id"},
		{"azure-native:network:LoadBalancer", "frontendIPConfigurations[].publicIPAddress.id"},
		{"azure-native:network:NetworkInterface", "ipConfigurations[].publicIPAddress.id"},
		{"azure-native:network:ApplicationGateway", "frontendIPConfigurations[].publicIPAddress.id"},
		{"azure-native:network:VirtualNetworkGateway", "ipConfigurations[].publicIPAddress.id"},
		{"azure-native:network:AzureFirewall", "ipConfigurations[].publicIPAddress.id"},
		{"azure-native:network:BastionHost", "ipConfigurations[].publicIPAddress.id"},
	}
	used := func(c *Check, by []struct{ typ, property string }) Tri {
		found := No
		for _, other := range by {
			has, certain := c.HasSatellite(other.typ, other.property)
			found = found.Or(triOf(has)).Or(triOf(!certain).And(Maybe))
		}
		return found
	}
	matchers := []Matcher{
		{Type: address, Paths: []string{"instance", "networkInterface"}, Check: func(c *Check) {
			c.owe(Yes, c.Given("instance").Or(c.Given("networkInterface")).Or(used(c, byAddress)), "",
				"an instance, a network interface, a NAT gateway or a load balancer that uses it")
		}},
		{Type: volume, Check: func(c *Check) {
			if c.Satellites(attachment, "volumeId", "is attached to no instance") != nil {
				c.Pass()
			}
		}},
		{Type: attachment, Paths: []string{"volumeId"}},
		{Type: balancer, Paths: []string{"subnetMappings[].allocationId"}, Check: func(c *Check) {
			if c.Satellites(listener, "loadBalancerArn", "has no listener") != nil {
				c.Pass()
			}
		}},
		{Type: listener, Paths: []string{"loadBalancerArn"}},
		{Type: publicIP, Paths: []string{"sku.name"}, Check: func(c *Check) {
			// The SKU Basic is retired; nothing new can use such an address.
			c.NoneOf("sku.name", []string{"Basic"}, AbsentOK)
			c.owe(Yes, used(c, byPublicIP), "", "a gateway, a load balancer or a network interface that uses it")
		}},
	}
	for _, other := range slices.Concat(byAddress, byPublicIP) {
		if other.typ != balancer {
			matchers = append(matchers, Matcher{Type: other.typ, Paths: []string{other.property}})
		}
	}
	return Rule{
		ID:          "COST-16",
		Title:       "Nothing is paid for that nothing uses: addresses, volumes, load balancers",
		Why:         "What is attached to nothing is on no diagram and in nobody's mind, but on every bill.",
		Severity:    Low,
		Levels:      Levels{Advisory, Advisory, Advisory},
		Scope:       OnStack,
		Matchers:    matchers,
		Fix:         "Delete it, or attach it to what it was made for.",
		Remediation: "None: a policy deletes nothing.",
		Peers:       "Checkov CKV2_AWS_19",
	}
}

func transferShort() Rule {
	// Types of Google Cloud that read data in one region.
	regional := []string{
		gkeNodePool, gceInstance, "gcp:dataproc/cluster:Cluster", cloudRun, "gcp:cloudrunv2/job:Job",
		"gcp:vertex/aiEndpoint:AiEndpoint", "gcp:workbench/instance:Instance",
	}
	matchers := []Matcher{
		{Type: gcsBucket, Paths: []string{"location"}, Check: func(c *Check) {
			place := c.Get("location")
			text, known := place.Text()
			switch {
			case !c.Graph.HasType(regional...):
			case place.IsUnknown():
				c.Unsure("location", "is not known yet, want the region of the machines that read it")
			case known && !strings.Contains(text, "-"):
				c.Fail("location", "is %s, want the region of the machines that read it: reads between regions are paid for", place)
			default:
				c.Pass()
			}
		}},
		{Type: vpcEndpoint, Paths: []string{"subnetIds", "vpcEndpointType"}, Check: func(c *Check) {
			// Each zone of an interface endpoint costs by the hour. Elsewhere that pays for a zone that may fail.
			if !c.In(Dev) || is(c.Get("vpcEndpointType"), "Interface") != Yes {
				return
			}
			zones := c.Get("subnetIds")
			c.expect(Item{Value: zones, Path: "subnetIds"}, "one subnet in dev", func(v Value) bool {
				return v.Kind() == List && v.Len() <= 1
			}, []Option{AbsentOK})
		}},
	}
	for _, typ := range regional {
		matchers = append(matchers, Matcher{Type: typ})
	}
	return Rule{
		ID:          "COST-17",
		Title:       "Data and machines are in the same place, and dev pays for one zone",
		Why:         "Each gigabyte that crosses regions is paid for, and so is each hour of an endpoint in each zone.",
		Severity:    Low,
		Levels:      Levels{Advisory, Advisory, Advisory},
		Scope:       OnStack,
		Matchers:    matchers,
		Fix:         "Put the bucket into the region of the cluster. In dev give interface endpoints one subnet.",
		Remediation: "None: a bucket can not be moved, and a network is not changed by a policy.",
		Peers:       "none",
	}
}
