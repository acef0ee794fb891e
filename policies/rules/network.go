package rules

// networkRules are the rules on networks.
func networkRules() []Rule {
	return []Rule{
		flowsLogged(), servicesPrivate(), noDefaultNetworks(), defaultGroupClosed(), noPublicAddresses(), insideNetwork(),
		networkPolicyOn(), metadataProtected(),
	}
}

const (
	vpcType         = "aws:ec2/vpc:Vpc"
	awsSubnet       = "aws:ec2/subnet:Subnet"
	awsFlowLog      = "aws:ec2/flowLog:FlowLog"
	azureFlowLog    = "azure-native:network:FlowLog"
	subnetwork      = "gcp:compute/subnetwork:Subnetwork"
	defaultGroup    = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
	azureVirtualNet = "azure-native:network:VirtualNetwork"
)

func flowsLogged() Rule {
	return Rule{
		ID:       "NET-01",
		Title:    "Every network records who talked to whom",
		Why:      "After a break-in the flow log is often the only trace of where the data went.",
		Severity: Medium,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: vpcType, Check: vpcLogged},
			{Type: awsSubnet, Paths: []string{"vpcId"}},
			{Type: awsFlowLog, Paths: []string{"vpcId", "subnetId"}},
			{
				Type:   subnetwork, // default: none
				Paths:  []string{"logConfig", "purpose"},
				Check:  subnetworkLogged,
				Remedy: subnetworkRemedy,
			},
			{Type: azureVirtualNet, Check: func(c *Check) {
				c.Satellites(azureFlowLog, "targetResourceId", "has no flow log")
			}},
			{
				Type:  azureFlowLog,
				Paths: []string{"targetResourceId", "enabled", "retentionPolicy.enabled", "retentionPolicy.days"},
				Check: azureFlowsKept,
			},
		},
		Fix: "AWS: a FlowLog for the VPC. GCP: logConfig on the subnetwork. Azure: a FlowLog for the virtual " +
			"network.",
		Remediation: "Turns flow logs on for subnetworks of GCP, with half of the flows every ten minutes. " +
			"Elsewhere it takes a resource of its own.",
		Controls: "CIS-AWS6 4.7; CIS-GCP5 3.10; CIS-AZ5 7.5, 7.8; SecHub EC2.6; HIPAA 164.312(b), 164.312(c)(2); PCI3.2.1 " +
			"2.2, 10.1; PCI4 10.2.1.1, 10.2.1.2; NIST AC-4(26), AU-2b; SOC2 CC7.2, CC7.3",
		Peers: "Trivy AWS-0178, GCP-0029; Checkov CKV2_AWS_11, CKV_GCP_26, CKV_AZURE_12",
	}
}

// vpcLogged wants a flow log for the VPC, or one for each of its subnets.
func vpcLogged(c *Check) {
	subnets := c.Graph.Links(c.Resource, awsSubnet, "vpcId").Found
	bare := len(subnets) == 0
	for _, subnet := range subnets {
		logged, _ := c.On(subnet).HasSatellite(awsFlowLog, "subnetId")
		bare = bare || !logged
	}
	c.readOf(awsSubnet, "vpcId")
	if !bare {
		c.Pass()
		return
	}
	if len(c.Satellites(awsFlowLog, "vpcId", "has no flow log")) > 0 {
		c.Pass()
	}
}

// readOf tells that a property of another type was looked at, though none of it was there.
func (c *Check) readOf(typ, path string) {
	if c.result.trace != nil {
		c.result.trace(typ, path)
	}
}

// withoutLogs are the purposes of subnetworks that hold no machines and know no flow logs.
var withoutLogs = []string{
	"REGIONAL_MANAGED_PROXY", "GLOBAL_MANAGED_PROXY", "INTERNAL_HTTPS_LOAD_BALANCER", "PRIVATE_SERVICE_CONNECT",
}

// holdsMachines reports whether a subnetwork is an ordinary one.
func holdsMachines(c *Check) bool {
	purpose := c.Get("purpose")
	return purpose.Kind() != String || !isOneOf(withoutLogs...)(purpose)
}

func subnetworkLogged(c *Check) {
	if !holdsMachines(c) {
		c.Pass()
		return
	}
	c.Expect("logConfig", "a configuration of flow logs", func(v Value) bool { return v.Kind() == Map })
}

func subnetworkRemedy(c *Check) []Change {
	if !holdsMachines(c) {
		return nil
	}
	return setsAbsent(map[string]any{
		"aggregationInterval": "INTERVAL_10_MIN", "flowSampling": 0.5, "metadata": "INCLUDE_ALL_METADATA",
	}, "logConfig")(c)
}

// azureFlowsKept: without a policy of retention, or with 0 days, flow logs are kept for ever.
func azureFlowsKept(c *Check) {
	c.True("enabled")
	if c.Given("targetResourceId") == No {
		c.Fail("targetResourceId", "is not set, want the network that is recorded")
	}
	if !c.In(Prod) || isBool(false)(c.Get("retentionPolicy.enabled")) {
		return
	}
	c.Expect("retentionPolicy.days", "at least 90, or 0 for ever", func(v Value) bool {
		days, ok := v.Number()
		return ok && (days == 0 || days >= 90)
	}, AbsentOK)
}

func noDefaultNetworks() Rule {
	return Rule{
		ID:    "NET-03",
		Title: "Nothing lives in a default network, and no subnet gives out public addresses or lacks rules",
		Why: "A default network is open and the same in every region; what starts there is on the internet before " +
			"anybody looks.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: awsSubnet, Paths: []string{"mapPublicIpOnLaunch"}, Check: notTrue("mapPublicIpOnLaunch"), // default: false
			},
			{Type: "aws:ec2/defaultVpc:DefaultVpc", Check: forbidden("uses the default VPC, want one of its own")},
			{
				Type: "gcp:compute/network:Network", Paths: []string{"autoCreateSubnetworks"}, // default: true
				Check: isFalse("autoCreateSubnetworks"),
			}, {
				Type:  "azure-native:network:Subnet",
				Paths: []string{"subnetName", "name", "networkSecurityGroup.id"},
				Check: subnetRuled,
			},
		},
		Fix: "AWS: a VPC of its own with mapPublicIpOnLaunch false. GCP: autoCreateSubnetworks false. Azure: a network " +
			"security group for each subnet.",
		Remediation: "None: what should be reachable is not known.",
		Controls: "CIS-GCP5 3.1; CIS-AZ5 7.11; SecHub EC2.15; HIPAA 164.312(a)(1), 164.312(e)(1); PCI3.2.1 1.2, 1.2.1; " +
			"PCI4 1.4.2; NIST SC-7a, SC-7b; SOC2 CC6.6",
		Peers: "Trivy AWS-0164, AWS-0101; Checkov CKV_AWS_130/148, CKV2_AZURE_31",
	}
}

// withoutRules are the names of the subnets in which Azure allows no rules.
var withoutRules = []string{
	"GatewaySubnet", "AzureFirewallSubnet", "AzureFirewallManagementSubnet", "RouteServerSubnet",
}

func subnetRuled(c *Check) {
	for _, path := range []string{"subnetName", "name"} {
		if isOneOf(withoutRules...)(c.Get(path)) {
			c.Pass()
			return
		}
	}
	c.Say(c.Given("networkSecurityGroup.id").Not(), "networkSecurityGroup", "is not set, want a network security group")
}

func defaultGroupClosed() Rule {
	return Rule{
		ID:    "NET-04",
		Title: "The default security group of a VPC lets nothing in or out",
		Why: "What is started without a security group gets the default one, and its members may all talk to each " +
			"other.",
		Severity: Medium,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: vpcType, Check: func(c *Check) {
				const missing = "has no DefaultSecurityGroup, so that its default group lets its members talk"
				if len(c.Satellites(defaultGroup, "vpcId", missing)) > 0 {
					c.Pass()
				}
			}},
			{
				Type:  defaultGroup, // no rules given: all that are there are removed
				Paths: []string{"vpcId", "ingress", "egress"},
				Check: func(c *Check) {
					c.Empty("ingress")
					c.Empty("egress")
				},
			},
		},
		Fix:         "Declare a DefaultSecurityGroup for the VPC with neither ingress nor egress.",
		Remediation: "None: what uses the group by mistake would be cut off.",
		Controls:    "CIS-AWS6 6.5; SecHub EC2.2; HIPAA 164.312(e)(1); PCI3.2.1 1.2, 1.2.1; NIST SC-7a, SC-7c",
		Peers:       "Trivy AWS-0173; Checkov CKV2_AWS_12",
	}
}
