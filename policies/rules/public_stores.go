package rules

import "strings"

func storesPrivate() Rule {
	const ip = "settings.ipConfiguration."
	return Rule{
		ID:       "PUB-04",
		Title:    "Databases, warehouses and storage accounts can not be reached from the internet",
		Why:      "What answers to everybody is attacked within minutes, and one leaked password is enough.",
		Severity: Critical,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:   "aws:rds/instance:Instance", // default: false
				Paths:  []string{"publiclyAccessible"},
				Check:  notTrue("publiclyAccessible"),
				Remedy: setsUnless(falseOrAbsent, false, "publiclyAccessible"),
			}, {
				Type:   "aws:redshift/cluster:Cluster", // default in version 6 of the provider: true
				Paths:  []string{"publiclyAccessible"},
				Check:  isFalse("publiclyAccessible"),
				Remedy: sets(false, "publiclyAccessible"),
			}, {
				Type:   "aws:redshiftserverless/workgroup:Workgroup", // default: false
				Paths:  []string{"publiclyAccessible"},
				Check:  notTrue("publiclyAccessible"),
				Remedy: setsUnless(falseOrAbsent, false, "publiclyAccessible"),
			}, {
				Type:  "gcp:sql/databaseInstance:DatabaseInstance", // default: a public address, and no network that may use it
				Paths: []string{ip + "ipv4Enabled", ip + "authorizedNetworks[].value"},
				Check: func(c *Check) {
					c.False(ip + "ipv4Enabled")
					c.NoneOf(ip+"authorizedNetworks[].value", []string{"0.0.0.0/0", "::/0"})
				},
			}, {
				Type: "azure-native:documentdb:DatabaseAccount", Paths: []string{"publicNetworkAccess"}, Unchecked: true,
				Check: isText("publicNetworkAccess", "Disabled", "SecuredByPerimeter"),
			}, {
				Type: "azure-native:synapse:Workspace", Paths: []string{"publicNetworkAccess"}, Unchecked: true,
				Check: isText("publicNetworkAccess", "Disabled"),
			}, {
				Type:  "azure-native:storage:StorageAccount",
				Paths: []string{"publicNetworkAccess", "networkRuleSet.defaultAction"},
				Check: accountPrivate("publicNetworkAccess", "networkRuleSet.defaultAction"),
			},
		},
		Fix: "AWS: publiclyAccessible false. Cloud SQL: ipv4Enabled false and privateNetwork. Azure: publicNetworkAccess " +
			"Disabled, or networkRuleSet.defaultAction Deny for a storage account.",
		Remediation: "Sets publiclyAccessible to false on AWS, which works in place. Not the rules of a network: they may " +
			"cut off who uses the store.",
		Controls: "CIS-AWS6 3.2.3; CIS-GCP5 6.5, 6.7; CIS-AZ5 9.3.2.2, 9.3.2.3; SecHub RDS.2, Redshift.1; HIPAA " +
			"164.312(a)(1), 164.312(e)(1); PCI3.2.1 1.2, 1.2.1; PCI4 1.2.8, 1.3.1; NIST SC-7a, SC-7b; SOC2 CC6.2",
		Peers: "Trivy AWS-0180, GCP-0017, AZU-0012; Checkov CKV_AWS_17/87, CKV_AZURE_101, CKV_AZURE_35",
	}
}

// falseOrAbsent is for flags that are off by default.
func falseOrAbsent(v Value) bool { return v.IsAbsent() || isBool(false)(v) }

// accountPrivate wants a store of Azure to answer no public network at all, or to refuse those that it does not name.
// Both are open by default.
func accountPrivate(access, action string) CheckFunc {
	return func(c *Check) {
		public, rule := c.Get(access), c.Get(action)
		switch {
		case isSame(public, "Disabled") || isSame(public, "SecuredByPerimeter") || isSame(rule, "Deny"):
			c.Pass()
		case public.IsUnknown() || rule.IsUnknown():
			c.Unsure(access, "and %s are not known in full, want Disabled or Deny", action)
		default:
			c.Fail(access, "is %s and %s is %s, want Disabled or Deny", public, action, rule)
		}
	}
}

// isSame reports whether a value is a text, whatever its case.
func isSame(v Value, text string) bool {
	t, ok := v.Text()
	return ok && strings.EqualFold(text, t)
}

func notebooksPrivate() Rule {
	return Rule{
		ID:       "PUB-05",
		Title:    "Notebooks and ML workspaces have no direct way to or from the internet",
		Why:      "A notebook runs whatever its user installs, next to the data: with a way out it can carry the data away.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:sagemaker/notebookInstance:NotebookInstance", // default: Enabled
				Paths: []string{"directInternetAccess", "subnetId"},
				Check: notebookPrivate,
			}, {
				Type:  "aws:sagemaker/domain:Domain", // default: PublicInternetOnly
				Paths: []string{"appNetworkAccessType"},
				Check: isText("appNetworkAccessType", "VpcOnly"),
			}, {
				Type:  "gcp:workbench/instance:Instance", // default: a public address
				Paths: []string{"gceSetup.disablePublicIp"},
				Check: isTrue("gceSetup.disablePublicIp"),
			}, {
				Type:  "gcp:notebooks/instance:Instance", // default: a public address
				Paths: []string{"noPublicIp"},
				Check: isTrue("noPublicIp"),
			}, {
				Type:  "azure-native:machinelearningservices:Workspace",
				Paths: []string{"publicNetworkAccess", "managedNetwork.isolationMode"}, Unchecked: true,
				Check: allOf(isText("publicNetworkAccess", "Disabled"),
					isText("managedNetwork.isolationMode", "AllowOnlyApprovedOutbound")),
			}, {
				Type:  "azure-native:machinelearningservices:Compute",
				Paths: []string{"properties.computeType", "properties.properties.enableNodePublicIp"}, Unchecked: true,
				Check: mlComputePrivate,
			}, {
				Type:  "azure-native:cognitiveservices:Account",
				Paths: []string{"properties.publicNetworkAccess"}, Unchecked: true,
				Check: isText("properties.publicNetworkAccess", "Disabled"),
			},
		},
		Fix: "AWS: directInternetAccess Disabled in a private subnet, appNetworkAccessType VpcOnly. GCP: disablePublicIp, " +
			"noPublicIp. Azure: publicNetworkAccess Disabled, managedNetwork.isolationMode AllowOnlyApprovedOutbound, " +
			"enableNodePublicIp false.",
		Remediation: "None: it replaces the notebook with what is on it, or cuts it off from what it needs.",
		Controls: "SecHub SageMaker.1, SageMaker.2; HIPAA 164.312(a)(1), 164.312(e)(1); PCI3.2.1 1.2, 1.2.1; PCI4 1.2.8, " +
			"1.3.1; NIST SC-7a, SC-7b",
		Peers: "Checkov CKV_AWS_122, CKV_AWS_306, CKV_GCP_89, CKV2_GCP_28, CKV2_AZURE_49, CKV_AZURE_144, CKV_AZURE_134; " +
			"cdk-nag SM1/SM3",
	}
}

func notebookPrivate(c *Check) {
	c.Is("directInternetAccess", "Disabled")
	c.Say(c.Given("subnetId").Not(), "subnetId", "is not set, want a private subnet")
}

// mlComputePrivate is about machines that Azure ML makes itself; they have public addresses by default.
func mlComputePrivate(c *Check) {
	kind := c.Get("properties.computeType")
	if _, known := kind.Text(); known && !isSame(kind, "AmlCompute") && !isSame(kind, "ComputeInstance") {
		c.Pass()
		return
	}
	c.False("properties.properties.enableNodePublicIp")
}
