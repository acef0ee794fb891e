package rules

import (
	"strconv"
	"strings"
)

// oldestMinor is the oldest 1.x that both EKS and AKS still supported without a surcharge on 2026-11-22: on EKS until
// 2026-12-02 (docs.aws.amazon.com/eks, Kubernetes versions: 14 months from the release of a version).
const oldestMinor = 34

func versionsSupported() Rule {
	return Rule{
		ID:    "K8S-09",
		Title: "Clusters run a version that is supported, and move on by themselves",
		Why: "An unsupported version gets no security fixes. On EKS it costs six times as much: 0.60 instead of 0.10 USD " +
			"an " +
			"hour in extended support.",
		Severity: Medium,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "aws:eks/cluster:Cluster", Paths: []string{"version", "upgradePolicy.supportType"},
				// Default: the newest at creation, which then stays, and extended support.
				Check: func(c *Check) {
					if support, _ := c.Get("upgradePolicy.supportType").Text(); support == "STANDARD" {
						c.Pass() // AWS upgrades it when standard support ends
						return
					}
					supported(c, "version")
				},
			}, {
				// Autopilot clusters are always in a channel. EXTENDED keeps old versions, at a surcharge.
				Type: "gcp:container/cluster:Cluster", Paths: []string{"releaseChannel.channel", "enableAutopilot"},
				Check: func(c *Check) {
					channels := []string{"RAPID", "REGULAR", "STABLE"}
					if auto, _ := c.Get("enableAutopilot").Bool(); auto {
						c.OneOf("releaseChannel.channel", channels, AbsentOK)
						return
					}
					c.OneOf("releaseChannel.channel", channels)
				},
			}, {
				Type:  "azure-native:containerservice:ManagedCluster",
				Paths: []string{"kubernetesVersion", "autoUpgradeProfile.upgradeChannel"},
				Check: func(c *Check) {
					switch channel, _ := c.Get("autoUpgradeProfile.upgradeChannel").Text(); channel {
					case "patch", "stable", "rapid":
						c.Pass()
					default:
						supported(c, "kubernetesVersion")
					}
				},
			},
		},
		Fix: "EKS: raise version, or set upgradePolicy.supportType: STANDARD. GKE: releaseChannel.channel: REGULAR. AKS: " +
			"autoUpgradeProfile.upgradeChannel: stable.",
		Remediation: "None: an upgrade replaces nodes, and needs its own time.",
		Controls:    "SecHub EKS.2; PCI4 6.3.3",
		Peers:       "Checkov CKV_AWS_339, CKV_GCP_70, CKV_AZURE_171",
	}
}

func supported(c *Check, path string) {
	c.Expect(path, "1."+strconv.Itoa(oldestMinor)+" or newer", func(v Value) bool {
		text, _ := v.Text()
		if n, isNumber := v.Number(); v.Kind() == Number && isNumber {
			text = strconv.FormatFloat(n, 'f', -1, 64)
		}
		major, rest, _ := strings.Cut(strings.TrimPrefix(text, "v"), ".")
		minor, _, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(minor)
		return major == "1" && err == nil && n >= oldestMinor
	})
}

func nodesHardened() Rule {
	const secure = "nodeConfig.shieldedInstanceConfig.enableSecureBoot"
	const integrity = "nodeConfig.shieldedInstanceConfig.enableIntegrityMonitoring"
	return Rule{
		ID:    "K8S-10",
		Title: "Nodes boot what was signed, are repaired and upgraded by themselves, and are closed to SSH from everywhere",
		Why: "A node that nobody patches is the oldest machine on the network, and one with an open SSH port is tried " +
			"within " +
			"minutes.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "gcp:container/cluster:Cluster", Paths: []string{"enableShieldedNodes"},
				Check: notFalse("enableShieldedNodes"), // default: true
			}, {
				Type:  "gcp:container/nodePool:NodePool",
				Paths: []string{"management.autoUpgrade", "management.autoRepair", secure, integrity},
				Check: func(c *Check) {
					c.True("management.autoUpgrade", AbsentOK) // defaults of the API: true
					c.True("management.autoRepair", AbsentOK)
					c.True(secure)              // default: false
					c.True(integrity, AbsentOK) // default: true
				},
				// The boot flags replace the pool's nodes.
				Remedy: setsUnless(func(v Value) bool { on, ok := v.Bool(); return v.IsAbsent() || ok && on }, true,
					"management.autoUpgrade", "management.autoRepair"),
			}, {
				// A key without security groups opens port 22 to the world.
				Type:  "aws:eks/nodeGroup:NodeGroup",
				Paths: []string{"remoteAccess.ec2SshKey", "remoteAccess.sourceSecurityGroupIds"},
				Check: func(c *Check) {
					if c.Get("remoteAccess.ec2SshKey").IsAbsent() {
						c.Pass()
						return
					}
					c.Set("remoteAccess.sourceSecurityGroupIds")
				},
			},
		},
		Fix: "GKE: leave management.autoUpgrade and autoRepair on, and set shieldedInstanceConfig.enableSecureBoot. EKS: " +
			"leave " +
			"remoteAccess out, or name sourceSecurityGroupIds.",
		Remediation: "Sets autoUpgrade and autoRepair. Secure boot would replace the nodes.",
		Controls:    "CIS-GCP5 4.8",
		Peers:       "Trivy GCP-0055/0058/0063; Checkov CKV_AWS_100, CKV_GCP_10/68/71",
	}
}

// internalAnnotations keep a load balancer of each cloud off the internet.
var internalAnnotations = map[string][]string{
	"service.beta.kubernetes.io/aws-load-balancer-scheme":     {"internal"},
	"service.beta.kubernetes.io/aws-load-balancer-internal":   {"true", "0.0.0.0/0"},
	"networking.gke.io/load-balancer-type":                    {"Internal"},
	"cloud.google.com/load-balancer-type":                     {"Internal"},
	"service.beta.kubernetes.io/azure-load-balancer-internal": {"true"},
}

// certificateAnnotations give an Ingress its certificate on AWS and Google Cloud, where it has none in spec.tls.
var certificateAnnotations = []string{
	"alb.ingress.kubernetes.io/certificate-arn", "networking.gke.io/managed-certificates",
	"ingress.gcp.kubernetes.io/pre-shared-cert",
}

func entriesInternal() Rule {
	return Rule{
		ID:    "K8S-11",
		Title: "Load balancers are internal, and what lets requests in speaks TLS",
		Why: "A Service of type LoadBalancer gets an address on the internet, without TLS, login or a firewall before " +
			"it.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "kubernetes:core/v1:Service", Paths: []string{"spec.type", "metadata.annotations"}, Check: internalService,
			}, {
				Type:  "kubernetes:networking.k8s.io/v1:Ingress",
				Paths: []string{"spec.tls", "metadata.annotations"}, Check: ingressTLS,
			}, {
				Type:      "kubernetes:gateway.networking.k8s.io/v1:Gateway",
				Unchecked: true, Paths: []string{"spec.listeners[].protocol"},
				Check: func(c *Check) { c.OneOf("spec.listeners[].protocol", []string{"HTTPS", "TLS"}) },
			},
		},
		Fix: "Annotate the Service as internal (for AWS service.beta.kubernetes.io/aws-load-balancer-scheme: internal), or " +
			"use " +
			"type ClusterIP behind an Ingress with spec.tls or a Gateway whose listeners are HTTPS.",
		Remediation: "None: whether it must be reached from outside is for its owner to say.",
		Peers:       "compliance-policies kubernetes Service LoadBalancer; Trivy KSV-0108, KCV-0093",
	}
}

func internalService(c *Check) {
	switch kind := c.Get("spec.type"); kind.Kind() {
	case Unknown:
		c.Unsure("spec.type", "is not known yet, want no LoadBalancer unless it is internal")
		return
	default:
		if text, _ := kind.Text(); text != "LoadBalancer" {
			c.Pass() // default: ClusterIP
			return
		}
	}
	annotations := c.Get("metadata.annotations")
	unknown := annotations.IsUnknown()
	for key, values := range internalAnnotations {
		value := annotations.Key(key)
		unknown = unknown || value.IsUnknown()
		text, _ := value.Text()
		for _, want := range values {
			if text == want {
				c.Pass()
				return
			}
		}
	}
	if unknown {
		c.Unsure("metadata.annotations", "is not known yet, want one that makes the load balancer internal")
		return
	}
	c.Fail("spec.type", "is LoadBalancer, want an annotation that makes it internal")
}

func ingressTLS(c *Check) {
	annotations, tls := c.Get("metadata.annotations"), c.Get("spec.tls")
	for _, key := range certificateAnnotations {
		if !annotations.Key(key).IsAbsent() && !annotations.IsUnknown() {
			c.Pass()
			return
		}
	}
	if tls.Empty() && annotations.IsUnknown() {
		c.Unsure("metadata.annotations", "is not known yet, want a certificate there or in spec.tls")
		return
	}
	c.Set("spec.tls")
}
