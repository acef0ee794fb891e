package rules

import (
	"strconv"
	"strings"
)

func noOpenPorts() Rule {
	rule := func(names ...string) []string {
		return append(names, "access", "direction", "sourceAddressPrefix", "sourceAddressPrefixes",
			"destinationPortRange", "destinationPortRanges")
	}
	var inGroup []string
	for _, name := range rule() {
		inGroup = append(inGroup, "securityRules[]."+name)
	}
	return Rule{
		ID:    "PUB-08",
		Title: "No firewall rule lets everybody in: in prod on any port, elsewhere on those of shells and databases",
		Why: "Every address is scanned all day. Shells, databases and notebooks are found first, and guessed passwords do " +
			"the rest.",
		Severity: Critical,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "aws:ec2/securityGroup:SecurityGroup",
				Paths: []string{
					"ingress[].cidrBlocks", "ingress[].ipv6CidrBlocks", "ingress[].protocol", "ingress[].fromPort",
					"ingress[].toPort",
				},
				Check: securityGroupClosed,
			}, {
				Type:  "aws:ec2/securityGroupRule:SecurityGroupRule",
				Paths: []string{"type", "cidrBlocks", "ipv6CidrBlocks", "protocol", "fromPort", "toPort"},
				Check: securityGroupRuleClosed,
			}, {
				Type:  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
				Paths: []string{"cidrIpv4", "cidrIpv6", "ipProtocol", "fromPort", "toPort"},
				Check: func(c *Check) {
					source := worldwide(c.Get("cidrIpv4")).Or(worldwide(c.Get("cidrIpv6")))
					c.closed("", source, awsPorts(c.Get("ipProtocol"), c.Get("fromPort"), c.Get("toPort")))
				},
			}, {
				Type: "gcp:compute/firewall:Firewall",
				Paths: []string{
					"direction", "disabled", "sourceRanges", "allows[].protocol", "allows[].ports",
				},
				Check: firewallClosed,
			}, {
				Type: "azure-native:network:NetworkSecurityGroup", Paths: inGroup, Check: networkGroupClosed,
			}, {
				Type: "azure-native:network:SecurityRule", Paths: rule(), Check: func(c *Check) { c.azureRule("", c.Get) },
			},
		},
		Fix: "Name the networks or the security groups that may come in. A public service belongs behind a load balancer " +
			"whose rule has a waiver with a reason.",
		Remediation: "None: who should come in is not known.",
		Controls: "CIS-AWS6 6.3, 6.4; CIS-GCP5 3.6; CIS-AZ5 7.2; SecHub EC2.13; HIPAA 164.312(a)(1), 164.312(e)(1); " +
			"PCI3.2.1 1.2, 1.2.1; PCI4 1.2.8, 1.3.1; NIST SC-7a, SC-7c; SOC2 CC6.6, CC7.2",
		Peers: "Trivy AWS-0107, GCP-0027, AZU-0047/0050; Checkov CKV_AWS_24/25/260, CKV_GCP_2/3, CKV_AZURE_9/10; " +
			"compliance-policies ec2.SecurityGroup.disallowPublicInternetIngress, gcp FirewallPolicyRule",
	}
}

// closed says whether a rule lets everybody in where nobody may. Ports without a number are all ports.
func (c *Check) closed(path string, everybody, sensitive Tri) {
	if c.In(Prod) {
		sensitive = Yes
	}
	c.Say(everybody.And(sensitive), path, "lets everybody in")
}

func securityGroupClosed(c *Check) {
	if c.Get("ingress").Empty() { // nobody comes in
		c.Pass()
	}
	for _, rule := range c.Each("ingress[]") {
		source := worldwide(rule.Key("cidrBlocks")).Or(worldwide(rule.Key("ipv6CidrBlocks")))
		c.closed(rule.Path, source, awsPorts(rule.Key("protocol"), rule.Key("fromPort"), rule.Key("toPort")))
	}
}

func securityGroupRuleClosed(c *Check) {
	if isSame(c.Get("type"), "egress") {
		c.Pass()
		return
	}
	source := worldwide(c.Get("cidrBlocks")).Or(worldwide(c.Get("ipv6CidrBlocks")))
	c.closed("", source, awsPorts(c.Get("protocol"), c.Get("fromPort"), c.Get("toPort")))
}

func firewallClosed(c *Check) {
	if isSame(c.Get("direction"), "EGRESS") || isBool(true)(c.Get("disabled")) || c.Get("allows").Empty() {
		return // it lets nobody in
	}
	source := worldwide(c.Get("sourceRanges"))
	for _, allow := range c.Each("allows[]") {
		ports := allow.Key("ports")
		sensitive := portRanges(ports)
		switch protocol, known := allow.Key("protocol").Text(); {
		case known && !isOneOf("tcp", "udp", "all", "6", "17", "sctp")(StringValue(strings.ToLower(protocol))):
			sensitive = No // has no ports
		case ports.Empty():
			sensitive = Yes
		}
		c.closed(allow.Path, source, sensitive)
	}
}

func networkGroupClosed(c *Check) {
	if c.Get("securityRules").Empty() { // nobody comes in from outside
		c.Pass()
	}
	for _, rule := range c.Each("securityRules[]") {
		c.azureRule(rule.Path, rule.Key)
	}
}

func (c *Check) azureRule(path string, get func(string) Value) {
	if isSame(get("access"), "Deny") || isSame(get("direction"), "Outbound") {
		c.Pass()
		return
	}
	source := worldwide(get("sourceAddressPrefix")).Or(worldwide(get("sourceAddressPrefixes")))
	if get("access").IsUnknown() || get("direction").IsUnknown() {
		source = source.And(Maybe)
	}
	c.closed(path, source, portRanges(get("destinationPortRange")).Or(portRanges(get("destinationPortRanges"))))
}

// sensitivePorts are those of shells, remote desktops, databases, notebooks and control planes.
var sensitivePorts = []int{
	22, 23, 445, 1433, 1521, 2049, 2375, 2376, 2379, 3306, 3389, 5432, 5439, 5601, 5900, 6379, 6443, 7077, 8265, 8786,
	8787, 8888, 9042, 9092, 9200, 9300, 10250, 11211, 27017,
}

// awsPorts tells whether a rule of a security group is about a sensitive port.
func awsPorts(protocol, from, to Value) Tri {
	if text, ok := protocol.Text(); ok && (text == "-1" || strings.EqualFold(text, "all")) {
		return Yes
	} else if ok && strings.HasPrefix(strings.ToLower(text), "icmp") {
		return No // its numbers are no ports
	}
	low, known := from.Number()
	high, alsoKnown := to.Number()
	switch {
	case known && low < 0: // all of them
		return Yes
	case known && alsoKnown:
		return hasSensitive(int(low), int(high))
	case from.IsUnknown() || to.IsUnknown() || protocol.IsUnknown():
		return Maybe
	default:
		return Yes
	}
}

// portRanges tells whether a text such as 22 or 8000-9000, or a list of them, has a sensitive port. What can not be
// read may have one.
func portRanges(v Value) Tri {
	if items, ok := v.List(); ok {
		found := No
		for _, item := range items {
			found = found.Or(portRanges(item))
		}
		return found
	}
	if n, ok := v.Number(); ok {
		return hasSensitive(int(n), int(n))
	}
	text, ok := v.Text()
	if !ok {
		return map[bool]Tri{true: No, false: Maybe}[v.IsAbsent()]
	}
	if text == "*" {
		return Yes
	}
	low, high, _ := strings.Cut(text, "-")
	from, err := strconv.Atoi(strings.TrimSpace(low))
	to, alsoErr := strconv.Atoi(strings.TrimSpace(high))
	if err != nil || alsoErr != nil {
		return Maybe
	}
	return hasSensitive(from, to)
}

// hasSensitive tells whether a sensitive port lies within a range.
func hasSensitive(from, to int) Tri {
	for _, port := range sensitivePorts {
		if from <= port && port <= to {
			return Yes
		}
	}
	return No
}
