package rules

import (
	"slices"
	"strings"
)

const (
	awsEndpoint     = "aws:ec2/vpcEndpoint:VpcEndpoint"
	privateEndpoint = "azure-native:network:PrivateEndpoint"
	serviceID       = "privateLinkServiceConnections[].privateLinkServiceId"
)

func servicesPrivate() Rule {
	private := func(c *Check) {
		if len(c.Satellites(privateEndpoint, serviceID, "has no private endpoint")) > 0 {
			c.Pass()
		}
	}
	matchers := []Matcher{
		{Type: vpcType, Check: vpcEndpoints},
		{
			Type:  awsEndpoint,
			Paths: []string{"vpcId", "serviceName", "vpcEndpointType", "policy"},
			Check: gatewayPolicy,
		}, {
			Type:   subnetwork, // default: false
			Paths:  []string{"privateIpGoogleAccess", "purpose"},
			Check:  googlePrivate,
			Remedy: googlePrivateRemedy,
		},
		{Type: "azure-native:storage:StorageAccount", Check: private},
		{Type: "azure-native:keyvault:Vault", Check: private},
		{Type: "azure-native:containerregistry:Registry", Check: private},
		{Type: "azure-native:machinelearningservices:Workspace", Unchecked: true, Check: private},
		{Type: privateEndpoint, Paths: []string{serviceID}},
	}
	for _, service := range privateServices {
		for _, typ := range service.users {
			if !slices.ContainsFunc(matchers, func(m Matcher) bool { return m.Type == typ }) {
				matchers = append(matchers, Matcher{Type: typ})
			}
		}
	}
	return Rule{
		ID:    "NET-02",
		Title: "Object store, registry, ML services and vaults are reached without the internet",
		Why: "Traffic that leaves the network can be read and redirected, needs a way out for everything else too, " +
			"and costs by the gigabyte.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: matchers,
		Fix: "AWS: a gateway endpoint for S3 with a policy, interface endpoints for the others. GCP: " +
			"privateIpGoogleAccess. Azure: a PrivateEndpoint for each store, vault, registry and workspace.",
		Remediation: "Turns on private access to Google's services, which costs nothing. Elsewhere it takes " +
			"resources of its own.",
		Controls: "CIS-AZ5 9.3.2.1, 8.3.7, 8.3.8; SecHub EC2.10; HIPAA 164.312(a)(1), 164.308(a)(4)(ii)(A); PCI4 1.2.8, " +
			"1.3.1; SOC2 CC3.3",
		Peers: "Checkov CKV_GCP_74, CKV2_AZURE_32/33",
	}
}

// privateServices are the endpoints that a VPC needs, each where something that lives in a VPC uses the service. One of
// the names is enough.
var privateServices = []struct {
	what  string
	names []string
	users []string
}{
	{"S3", []string{"s3"}, nil},
	{"the registry's API", []string{"ecr.api"}, pullers},
	{"the registry's images", []string{"ecr.dkr"}, pullers},
	{
		"SageMaker", []string{"sagemaker.api", "sagemaker.runtime"},
		[]string{"aws:sagemaker/notebookInstance:NotebookInstance", "aws:sagemaker/domain:Domain"},
	},
}

// pullers are types whose machines pull images from inside the VPC. SageMaker and Lambda pull theirs outside of it.
var pullers = []string{"aws:eks/cluster:Cluster", "aws:batch/computeEnvironment:ComputeEnvironment"}

// vpcEndpoints wants an endpoint of the VPC for each service that is used from it.
func vpcEndpoints(c *Check) {
	endpoints := c.Graph.Links(c.Resource, awsEndpoint, "vpcId")
	c.readOf(awsEndpoint, "vpcId")
	for _, service := range privateServices {
		if len(service.users) > 0 && !c.Graph.HasType(service.users...) {
			continue
		}
		has := No
		if len(endpoints.Unclear) > 0 {
			has = Maybe
		}
		for _, endpoint := range endpoints.Found {
			has = has.Or(offers(c.On(endpoint).Get("serviceName"), service.names))
		}
		c.Say(has.Not(), "", "has no endpoint for %s (%s)", service.what, strings.Join(service.names, " or "))
	}
}

// offers tells whether the name of an endpoint's service, such as com.amazonaws.eu-central-1.s3, is one of several.
func offers(name Value, services []string) Tri {
	text, known := name.Text()
	if !known {
		return Maybe
	}
	for _, service := range services {
		if strings.HasSuffix(text, "."+service) {
			return Yes
		}
	}
	return No
}

// gatewayPolicy wants a policy on the way to S3: without one it leads to the buckets of everybody, for whoever is in
// the network.
func gatewayPolicy(c *Check) {
	kind := c.Get("vpcEndpointType") // default: Gateway
	gateway := offers(c.Get("serviceName"), []string{"s3"})
	switch {
	case kind.IsUnknown():
		gateway = gateway.And(Maybe)
	case isSame(kind, "Interface"):
		gateway = No
	}
	if gateway == No {
		c.Pass()
		return
	}
	if c.Get("policy").IsAbsent() {
		c.Say(gateway, "policy", "is not set, want one that names the principals or the buckets")
	}
	c.Statements("policy", func(s *Statement) (Tri, string) {
		open := gateway.And(s.Allows).And(s.AnyPrincipal()).And(s.AnyResource())
		return open.And(s.Narrowed().Not()).And(s.narrowsResource().Not()), "lets everybody through to every bucket"
	})
}

func googlePrivate(c *Check) {
	if !holdsMachines(c) {
		c.Pass()
		return
	}
	c.True("privateIpGoogleAccess")
}

func googlePrivateRemedy(c *Check) []Change {
	if !holdsMachines(c) {
		return nil
	}
	return sets(true, "privateIpGoogleAccess")(c)
}
