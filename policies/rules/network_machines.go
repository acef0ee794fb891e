package rules

func noPublicAddresses() Rule {
	const public = "networkInterfaces[].associatePublicIpAddress"
	return Rule{
		ID:    "NET-05",
		Title: "Machines have no public addresses",
		Why: "A machine with a public address is scanned from its first minute, and needs no gateway to carry data " +
			"away.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:ec2/instance:Instance",
				Paths: []string{"associatePublicIpAddress", "subnetId", "networkInterfaces", "launchTemplate"},
				Check: instancePrivate,
			}, {
				Type:  "aws:ec2/launchTemplate:LaunchTemplate", // default: what the subnet says, which NET-03 judges
				Paths: []string{public},
				Check: func(c *Check) {
					if c.Get("networkInterfaces").Empty() {
						c.Pass()
					}
					c.False(public, AbsentOK)
				},
			}, {
				Type:  "gcp:compute/instance:Instance", // default: none
				Paths: []string{"networkInterfaces[].accessConfigs", "networkInterfaces[].ipv6AccessConfigs"},
				Check: func(c *Check) {
					c.Empty("networkInterfaces[].accessConfigs")
					c.Empty("networkInterfaces[].ipv6AccessConfigs")
				},
			}, {
				Type:  "gcp:dataproc/cluster:Cluster", // default: depends on the version of the image
				Paths: []string{"clusterConfig.gceClusterConfig.internalIpOnly"},
				Check: isTrue("clusterConfig.gceClusterConfig.internalIpOnly"),
			}, {
				Type:  "gcp:dataflow/job:Job", // default: WORKER_IP_PUBLIC
				Paths: []string{"ipConfiguration"},
				Check: isText("ipConfiguration", "WORKER_IP_PRIVATE"),
			}, {
				Type:  "azure-native:containerservice:AgentPool", // default: false
				Paths: []string{"enableNodePublicIP"},
				Check: notTrue("enableNodePublicIP"),
			},
		},
		Fix: "AWS: associatePublicIpAddress false, in a private subnet. GCP: no accessConfigs, internalIpOnly, " +
			"WORKER_IP_PRIVATE. Azure: enableNodePublicIP false. Reach the internet through a NAT gateway.",
		Remediation: "None: each of these flags replaces the machine.",
		Controls: "CIS-GCP5 4.9; SecHub EC2.9, EC2.25; HIPAA 164.312(a)(1), 164.312(e)(1); PCI3.2.1 1.2, 1.2.1; PCI4 " +
			"1.4.5, 1.2.8; NIST SC-7a, SC-7b; SOC2 CC6.6",
		Peers: "Trivy AWS-0009, GCP-0031; Checkov CKV_AWS_88, CKV_GCP_40, CKV_GCP_103, CKV_AZURE_143",
	}
}

// instancePrivate: without the flag the subnet decides, which NET-03 judges; without a subnet it is one of the default
// VPC, which gives out public addresses.
func instancePrivate(c *Check) {
	if !c.Get("associatePublicIpAddress").IsAbsent() {
		c.False("associatePublicIpAddress")
		return
	}
	placed := c.Given("subnetId").Or(c.Given("networkInterfaces")).Or(c.Given("launchTemplate"))
	c.Say(placed.Not(), "associatePublicIpAddress", "is not set and there is no subnet: it would live in the default VPC")
}

func insideNetwork() Rule {
	const endpoint = "config.privateEnvironmentConfig.enablePrivateEndpoint"
	return Rule{
		ID:       "NET-06",
		Title:    "Functions, models, warehouses and workflow servers live inside the network",
		Why:      "What lives outside reaches every address of the internet, and is reached by way of it.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:lambda/function:Function", // default: outside
				Paths: []string{"vpcConfig.subnetIds"},
				Check: func(c *Check) {
					c.Say(c.Given("vpcConfig.subnetIds").Not(), "vpcConfig.subnetIds", "is not set, want private subnets")
				},
			}, {
				Type:  "aws:sagemaker/model:Model", // default: neither
				Paths: []string{"enableNetworkIsolation", "vpcConfig.subnets"},
				Check: modelInside,
			}, {
				Type:   "aws:redshift/cluster:Cluster", // default: not through the VPC
				Paths:  []string{"enhancedVpcRouting", "clusterSubnetGroupName"},
				Check:  clusterInside,
				Remedy: sets(true, "enhancedVpcRouting"),
			}, {
				Type:   "aws:redshiftserverless/workgroup:Workgroup", // default: not through the VPC
				Paths:  []string{"enhancedVpcRouting"},
				Check:  isTrue("enhancedVpcRouting"),
				Remedy: sets(true, "enhancedVpcRouting"),
			}, {
				Type:  "aws:mwaa/environment:Environment", // default: PRIVATE_ONLY
				Paths: []string{"webserverAccessMode"},
				Check: func(c *Check) { c.Is("webserverAccessMode", "PRIVATE_ONLY", AbsentOK) },
			}, {
				Type:  "gcp:composer/environment:Environment",
				Paths: []string{endpoint, "config.enablePrivateEnvironment"},
				Check: func(c *Check) {
					if isBool(true)(c.Get("config.enablePrivateEnvironment")) { // Composer 3
						c.Pass()
						return
					}
					c.True(endpoint)
				},
			}, {
				Type:  "gcp:vertex/aiEndpoint:AiEndpoint", // default: public
				Paths: []string{"network"},
				Check: func(c *Check) { c.Say(c.Given("network").Not(), "network", "is not set, want the name of a network") },
			}, {
				Type: "gcp:vertex/aiIndexEndpoint:AiIndexEndpoint",
				Paths: []string{
					"network", "publicEndpointEnabled", "privateServiceConnectConfig.enablePrivateServiceConnect",
				},
				Check: indexInside,
			},
		},
		Fix: "AWS: vpcConfig with private subnets; enableNetworkIsolation for a model that needs no network; " +
			"enhancedVpcRouting. GCP: network or Private Service Connect, enablePrivateEndpoint.",
		Remediation: "Turns enhancedVpcRouting on, which works in place where the network has endpoints for what is loaded.",
		Controls: "SecHub Lambda.3, SageMaker.5; HIPAA 164.312(a)(1), 164.312(e)(1); PCI3.2.1 1.2, 1.2.1; PCI4 1.2.8, " +
			"1.3.1; NIST SC-7a, SC-7b",
		Peers: "Checkov CKV_AWS_117, CKV_AWS_370, CKV_AWS_321, CKV2_AWS_66, CKV2_GCP_33/34",
	}
}

// modelInside accepts a model in the VPC and one that has no network at all: a container that only computes needs none,
// and a serverless endpoint allows no VPC.
func modelInside(c *Check) {
	if isBool(true)(c.Get("enableNetworkIsolation")) {
		c.Pass()
		return
	}
	wrong := c.Given("vpcConfig.subnets").Not()
	if c.Get("enableNetworkIsolation").IsUnknown() {
		wrong = wrong.And(Maybe)
	}
	c.Say(wrong, "vpcConfig.subnets", "is not set and enableNetworkIsolation is not true")
}

func clusterInside(c *Check) {
	c.True("enhancedVpcRouting")
	c.Say(c.Given("clusterSubnetGroupName").Not(), "clusterSubnetGroupName", "is not set, want that of a VPC of its own")
}

func indexInside(c *Check) {
	c.False("publicEndpointEnabled", AbsentOK)
	if isBool(true)(c.Get("privateServiceConnectConfig.enablePrivateServiceConnect")) {
		c.Pass()
		return
	}
	c.Say(c.Given("network").Not(), "network", "is not set, want the name of a network or Private Service Connect")
}

func networkPolicyOn() Rule {
	return Rule{
		ID:    "NET-07",
		Title: "The network policies of a Kubernetes cluster are enforced, and none of them admits everybody",
		Why: "Without an engine the API takes network policies and nothing follows them: every pod reaches every " +
			"other one.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		// Each is judged alone, so that a finding comes before it is made.
		Scope: OnResource,
		Matchers: []Matcher{
			{
				Type:  "gcp:container/cluster:Cluster", // default: off, save in Autopilot
				Paths: []string{"networkPolicy.enabled", "datapathProvider", "enableAutopilot"},
				Check: gkePolicies,
			}, {
				Type:  "azure-native:containerservice:ManagedCluster", // default: none
				Paths: []string{"networkProfile.networkPolicy"},
				Check: isText("networkProfile.networkPolicy", "azure", "calico", "cilium"),
			}, {
				Type:  "kubernetes:networking.k8s.io/v1:NetworkPolicy",
				Paths: []string{"spec.podSelector", "spec.ingress"},
				Check: policyNarrow,
			},
		},
		Fix: "GKE: datapathProvider ADVANCED_DATAPATH. AKS: networkProfile.networkPolicy cilium. Kubernetes: name in each " +
			"rule of ingress who may come in.",
		Remediation: "None: it makes the nodes anew, and what nobody allowed stops to work.",
		Controls:    "PCI4 6.3.3",
		Peers: "Trivy GCP-0056, AZU-0043, KSV-0038; Checkov CKV_GCP_12, CKV_AZURE_7; compliance-policies AKS " +
			"network policy",
	}
}

func gkePolicies(c *Check) {
	if isBool(true)(c.Get("enableAutopilot")) || isSame(c.Get("datapathProvider"), "ADVANCED_DATAPATH") {
		c.Pass()
		return
	}
	if c.Get("datapathProvider").IsUnknown() {
		c.Unsure("datapathProvider", "is not known yet, want ADVANCED_DATAPATH")
		return
	}
	c.True("networkPolicy.enabled")
}

// policyNarrow: an empty rule admits everybody on every port, which is what there is without a policy.
func policyNarrow(c *Check) {
	c.Expect("spec.podSelector", "a selector, {} for all pods", func(v Value) bool { return v.Kind() == Map })
	if ingress := c.Get("spec.ingress"); ingress.IsUnknown() {
		c.Unsure("spec.ingress", "is not known yet, want no rule that admits everybody")
		return
	}
	for _, rule := range c.Each("spec.ingress[]") {
		switch {
		case rule.IsUnknown():
			c.Unsure(rule.Path, "is not known yet, want no rule that admits everybody")
		case rule.Kind() == Map && !rule.Empty():
			c.Pass()
		default:
			c.Fail(rule.Path, "is %s, which admits everybody on every port", rule.Value)
		}
	}
}

func metadataProtected() Rule {
	const version = "instanceMetadataServiceConfiguration.minimumInstanceMetadataServiceVersion"
	return Rule{
		ID:       "NET-08",
		Title:    "Machines answer questions for their credentials only to those who have a token (IMDSv2)",
		Why:      "With version 1 a program that fetches an address for somebody gives away the credentials of the machine.",
		Severity: High,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:   "aws:ec2/instance:Instance", // default of the provider: optional
				Paths:  []string{"metadataOptions.httpTokens", "metadataOptions.httpEndpoint"},
				Check:  metadataTokens,
				Remedy: tokensRequired,
			}, {
				Type: "aws:ec2/launchTemplate:LaunchTemplate",
				Paths: []string{
					"metadataOptions.httpTokens", "metadataOptions.httpEndpoint", "metadataOptions.httpPutResponseHopLimit",
				},
				Check: func(c *Check) {
					metadataTokens(c)
					// A second hop is for containers on the nodes of a cluster; the default is 1.
					c.AtMost("metadataOptions.httpPutResponseHopLimit", 2, AbsentOK)
				},
				Remedy: tokensRequired,
			}, {
				Type:   "aws:sagemaker/notebookInstance:NotebookInstance", // default: 1
				Paths:  []string{version},
				Check:  func(c *Check) { c.AtLeast(version, 2) },
				Remedy: sets("2", version),
			},
		},
		Fix:         "Set metadataOptions.httpTokens to required, for a notebook " + version + " to 2.",
		Remediation: "Demands tokens. Programs with an SDK from before 2020 can not ask for one.",
		Controls: "CIS-AWS6 6.7; SecHub EC2.8; HIPAA 164.312(a)(1), 164.308(a)(4)(ii)(A); PCI4 8.2.8; NIST AC-4(28), " +
			"AC-2(6); SOC2 CC7.2",
		Peers: "Trivy AWS-0028, AWS-0130; Checkov CKV_AWS_79, CKV_AWS_341, CKV_AWS_371",
	}
}

// metadataTokens: a machine that does not answer at all gives nothing away.
func metadataTokens(c *Check) {
	if isSame(c.Get("metadataOptions.httpEndpoint"), "disabled") {
		c.Pass()
		return
	}
	c.Is("metadataOptions.httpTokens", "required")
}

func tokensRequired(c *Check) []Change {
	if isSame(c.Get("metadataOptions.httpEndpoint"), "disabled") {
		return nil
	}
	return sets("required", "metadataOptions.httpTokens")(c)
}
