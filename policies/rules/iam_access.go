package rules

import "strings"

func noDefaultIdentities() Rule {
	const node, spark = "nodeConfig.serviceAccount", "clusterConfig.gceClusterConfig.serviceAccount"
	return Rule{
		ID:    "IAM-06",
		Title: "Machines have service accounts of their own, and nobody is root in a notebook",
		Why: "The default account of Compute Engine may edit the whole project unless somebody took that away; root in a " +
			"notebook can undo its protection.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "gcp:compute/instance:Instance",
				Paths: []string{"serviceAccount.email", "serviceAccount.scopes"},
				Check: instanceIdentity,
			}, {
				Type: "gcp:container/nodePool:NodePool", Paths: []string{node},
				Check: func(c *Check) { c.ownServiceAccount(node) },
			}, {
				Type: "gcp:dataproc/cluster:Cluster", Paths: []string{spark},
				Check: func(c *Check) { c.ownServiceAccount(spark) },
			}, {
				Type:   "aws:sagemaker/notebookInstance:NotebookInstance", // default: Enabled
				Paths:  []string{"rootAccess"},
				Check:  isText("rootAccess", "Disabled"),
				Remedy: sets("Disabled", "rootAccess"),
			},
		},
		Fix: "GCP: make a service account with the roles that the machine needs and name it. AWS: rootAccess " +
			"Disabled.",
		Remediation: "Turns root off in notebooks. It can not make service accounts.",
		Controls:    "CIS-GCP5 4.1, 4.2; SecHub SageMaker.3; PCI4 7.2.1, 7.2.5",
		Peers:       "Trivy GCP-0044, GCP-0050; Checkov CKV_GCP_30/31, CKV2_GCP_1, CKV_AWS_307",
	}
}

// ownServiceAccount wants an account that is not the default one, which is taken where none is named.
func (c *Check) ownServiceAccount(path string) {
	if c.Get(path).IsUnknown() && c.TakesFrom(path, "gcp:serviceaccount/account:Account") {
		c.Pass()
		return
	}
	c.Expect(path, "a service account of its own", func(v Value) bool {
		email, ok := v.Text()
		return ok && email != "" && email != "default" && !strings.HasSuffix(email, "-compute@developer.gserviceaccount.com")
	})
}

// instanceIdentity: a machine without the block has no account at all. With scopes and no email it has the default one.
func instanceIdentity(c *Check) {
	account := c.Get("serviceAccount")
	if account.IsAbsent() {
		c.Pass()
		return
	}
	if c.Get("serviceAccount.email").IsAbsent() && !account.IsUnknown() {
		c.Fail("serviceAccount.email", "is not set, so the scopes %s are those of the default account",
			c.Get("serviceAccount.scopes"))
		return
	}
	c.ownServiceAccount("serviceAccount.email")
}

func noSharedKeys() Rule {
	const certificate = "masterAuth.clientCertificateConfig.issueClientCertificate"
	return Rule{
		ID:    "IAM-07",
		Title: "Shared keys and local accounts are off: whoever comes has an identity",
		Why: "A shared key opens everything, names nobody in the log, and can not be taken from one of those who " +
			"know it.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:   "azure-native:storage:StorageAccount", // default: true
				Paths:  []string{"allowSharedKeyAccess"},
				Check:  isFalse("allowSharedKeyAccess"),
				Remedy: sets(false, "allowSharedKeyAccess"),
			}, {
				Type:  "azure-native:containerservice:ManagedCluster",
				Paths: []string{"disableLocalAccounts", "enableRBAC", "aadProfile.enableAzureRBAC"},
				// Local accounts are on and roles of Azure off by default; roles of Kubernetes are on.
				Check: allOf(isTrue("disableLocalAccounts", "aadProfile.enableAzureRBAC"), notFalse("enableRBAC")),
			}, {
				Type:   "azure-native:containerregistry:Registry", // default: false
				Paths:  []string{"adminUserEnabled"},
				Check:  notTrue("adminUserEnabled"),
				Remedy: setsUnless(falseOrAbsent, false, "adminUserEnabled"),
			}, {
				Type: "azure-native:cognitiveservices:Account", Paths: []string{"properties.disableLocalAuth"}, Unchecked: true,
				Check:  isTrue("properties.disableLocalAuth"),
				Remedy: sets(true, "properties.disableLocalAuth"),
			}, {
				Type: "azure-native:documentdb:DatabaseAccount", Paths: []string{"disableLocalAuth"}, Unchecked: true,
				Check:  isTrue("disableLocalAuth"),
				Remedy: sets(true, "disableLocalAuth"),
			}, {
				Type:   "gcp:container/cluster:Cluster", // default of both: false
				Paths:  []string{"enableLegacyAbac", certificate},
				Check:  notTrue("enableLegacyAbac", certificate),
				Remedy: setsUnless(falseOrAbsent, false, "enableLegacyAbac"),
			},
		},
		Fix: "Turn the keys off (allowSharedKeyAccess, adminUserEnabled false; disableLocalAuth, disableLocalAccounts " +
			"true) and give roles to identities.",
		Remediation: "Sets the flags that turn shared keys off. Not the local accounts of a cluster, without which nobody " +
			"may be left who can get in.",
		Controls: "CIS-AZ5 9.3.1.3; HIPAA 164.312(a)(2)(i), 164.308(a)(4)(ii)(B); PCI4 10.3.2, 10.6.3",
		Peers:    "Trivy AZU-0042, GCP-0062, GCP-0064; Checkov CKV2_AZURE_40, CKV_AZURE_5/137/141/236, CKV_GCP_7/13",
	}
}
