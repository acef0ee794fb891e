package rules

import (
	"net/netip"
	"strings"
)

func controlPlanesPrivate() Rule {
	return Rule{
		ID:       "PUB-06",
		Title:    "The control plane of a Kubernetes cluster is private, or open to a list of networks only",
		Why:      "Whoever reaches it can try stolen tokens and known holes at leisure, and then rules the cluster.",
		Severity: Critical,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "aws:eks/cluster:Cluster",
				Paths: []string{
					"vpcConfig.endpointPublicAccess", "vpcConfig.publicAccessCidrs", "vpcConfig.endpointPrivateAccess",
				},
				Check: eksPrivate,
			}, {
				Type: "gcp:container/cluster:Cluster",
				Paths: []string{
					"privateClusterConfig.enablePrivateEndpoint", "privateClusterConfig.enablePrivateNodes",
					"masterAuthorizedNetworksConfig.cidrBlocks[].cidrBlock",
				},
				Check: gkePrivate,
			}, {
				Type: "azure-native:containerservice:ManagedCluster",
				Paths: []string{
					"apiServerAccessProfile.enablePrivateCluster", "apiServerAccessProfile.authorizedIPRanges",
					"publicNetworkAccess",
				},
				Check: aksPrivate,
			},
		},
		Fix: "EKS: endpointPrivateAccess true, endpointPublicAccess false or publicAccessCidrs. GKE: enablePrivateNodes, " +
			"enablePrivateEndpoint or masterAuthorizedNetworksConfig. AKS: apiServerAccessProfile with enablePrivateCluster " +
			"or authorizedIPRanges.",
		Remediation: "None: it can lock out whoever deploys.",
		Controls:    "SecHub EKS.1; HIPAA 164.312(a)(1), 164.312(e)(1); PCI4 1.2.8, 1.3.1; SOC2 CC6.1",
		Peers: "Trivy AWS-0040, AWS-0041, GCP-0053, GCP-0059, GCP-0061, AZU-0041; Checkov CKV_AWS_38/39, " +
			"CKV_GCP_18/20/25, CKV_AZURE_6/115; compliance-policies eks.disallowApiEndpointPublicAccess",
	}
}

// eksPrivate: by default the endpoint is public for 0.0.0.0/0, and nodes reach it over the internet too.
func eksPrivate(c *Check) {
	c.True("vpcConfig.endpointPrivateAccess")
	if isBool(false)(c.Get("vpcConfig.endpointPublicAccess")) {
		c.Pass()
		return
	}
	c.allowList("vpcConfig.publicAccessCidrs", No)
}

// gkePrivate: by default nodes have public addresses, and the endpoint answers to everybody.
func gkePrivate(c *Check) {
	c.True("privateClusterConfig.enablePrivateNodes")
	if isBool(true)(c.Get("privateClusterConfig.enablePrivateEndpoint")) {
		c.Pass()
		return
	}
	// An empty list admits nobody from outside.
	closed := c.Given("masterAuthorizedNetworksConfig")
	if v := c.Get("masterAuthorizedNetworksConfig"); v.Kind() == Map {
		closed = Yes
	}
	c.allowList("masterAuthorizedNetworksConfig.cidrBlocks[].cidrBlock", closed)
}

func aksPrivate(c *Check) {
	private := c.Get("apiServerAccessProfile.enablePrivateCluster")
	if isBool(true)(private) || isSame(c.Get("publicNetworkAccess"), "Disabled") {
		c.Pass()
		return
	}
	c.allowList("apiServerAccessProfile.authorizedIPRanges", No)
}

// allowList wants a list of networks of which none is the whole world. empty says whether an empty list is closed.
func (c *Check) allowList(path string, empty Tri) {
	open, entries := No, 0
	for _, item := range c.Each(path) {
		if !item.Empty() {
			entries++
			open = open.Or(worldwide(item.Value))
		}
	}
	if entries == 0 {
		c.Say(empty.Not(), path, "is not set, want the networks that may come in")
		return
	}
	c.Say(open, path, "lets everybody in")
}

// worldwide tells whether a network, or one of a list of networks, is so large that it means everybody.
func worldwide(v Value) Tri {
	if items, ok := v.List(); ok {
		found := No
		for _, item := range items {
			found = found.Or(worldwide(item))
		}
		return found
	}
	text, ok := v.Text()
	switch {
	case v.IsAbsent():
		return No
	case !ok:
		return Maybe
	case isWorld(text):
		return Yes
	default:
		return No
	}
}

// isWorld reports whether a network means everybody: by its name, or because it is larger than any private one. Two
// halves of the world are the world.
func isWorld(network string) bool {
	switch strings.ToLower(network) {
	case "*", "any", "internet":
		return true
	}
	prefix, err := netip.ParsePrefix(network)
	return err == nil && prefix.Bits() < 7 // fc00::/7 is the largest private network
}

func servicesAuthenticated() Rule {
	return Rule{
		ID:       "PUB-07",
		Title:    "Functions and services do not answer callers that nobody checks",
		Why:      "A model behind an open address can be copied question by question, and each question costs money.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:lambda/functionUrl:FunctionUrl",
				Paths: []string{"authorizationType"},
				Check: isText("authorizationType", "AWS_IAM"),
			}, {
				Type:  "aws:apigatewayv2/route:Route",
				Paths: []string{"routeKey", "authorizationType"},
				Check: routeAuthenticated,
			}, {
				Type:  "gcp:cloudrunv2/service:Service", // default: INGRESS_TRAFFIC_ALL
				Paths: []string{"ingress"},
				Check: isText("ingress", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"),
			}, {
				Type:  "gcp:cloudfunctionsv2/function:Function", // default: ALLOW_ALL
				Paths: []string{"serviceConfig.ingressSettings"},
				Check: isText("serviceConfig.ingressSettings", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"),
			}, {
				Type: "azure-native:app:ContainerApp",
				Paths: []string{
					"configuration.ingress.external", "configuration.ingress.clientCertificateMode",
					"configuration.ingress.ipSecurityRestrictions",
				},
				Check: appAuthenticated,
			}, {
				Type:  "azure-native:web:WebApp",
				Paths: []string{"publicNetworkAccess", "clientCertEnabled"},
				Check: webAppAuthenticated,
			},
		},
		Fix: "AWS: authorizationType AWS_IAM, JWT or CUSTOM. GCP: internal ingress, or a load balancer in front. Azure: " +
			"no external ingress, or client certificates.",
		Remediation: "None: callers would have to sign their requests first.",
		Controls:    "HIPAA 164.312(a)(1), 164.308(a)(1)(ii)(B); PCI4 1.2.8, 1.3.1; NIST SC-7.2, SC-7.3; SOC2 CC6.1",
		Peers:       "Checkov CKV_AWS_258, CKV_AWS_309, CKV_GCP_107, CKV_GCP_124, CKV2_GCP_10, CKV_AZURE_221",
	}
}

// routeAuthenticated leaves out the questions that a browser asks before a request: they carry no credentials.
func routeAuthenticated(c *Check) {
	if key, _ := c.Get("routeKey").Text(); strings.HasPrefix(key, "OPTIONS ") {
		c.Pass()
		return
	}
	c.OneOf("authorizationType", []string{"AWS_IAM", "JWT", "CUSTOM"}) // default: NONE
}

// appAuthenticated: an app without ingress, or with one that is not external, is reached from its environment only. An
// external one must ask for certificates or name the networks that may call.
func appAuthenticated(c *Check) {
	const ingress = "configuration.ingress."
	external := c.Get(ingress + "external")
	if external.IsAbsent() || isBool(false)(external) || isSame(c.Get(ingress+"clientCertificateMode"), "require") {
		c.Pass()
		return
	}
	wrong := c.Given(ingress + "ipSecurityRestrictions").Not()
	if external.IsUnknown() {
		wrong = wrong.And(Maybe)
	}
	c.Say(wrong, ingress+"external", "is %s and neither certificates nor networks are asked for", external)
}

// webAppAuthenticated: by default everybody may come, without a certificate.
func webAppAuthenticated(c *Check) {
	if isSame(c.Get("publicNetworkAccess"), "Disabled") {
		c.Pass()
		return
	}
	if c.Get("publicNetworkAccess").IsUnknown() {
		c.Unsure("publicNetworkAccess", "is not known yet, want Disabled")
		return
	}
	c.True("clientCertEnabled")
}
