package rules

func jobsEncrypted() Rule {
	const results = "configuration.resultConfiguration.encryptionConfiguration."
	return Rule{
		ID:       "ENC-08",
		Title:    "Spark, ETL and query jobs encrypt what they write, outside dev with a key of one's own",
		Why:      "What a job spills to disk and what it leaves as results is a copy of the data that it reads.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		// Each of them is judged alone, so that a finding comes before it is made. A security configuration of the same
		// stack is judged itself.
		Scope: OnResource,
		Matchers: []Matcher{
			{
				Type: "aws:emr/cluster:Cluster", Paths: []string{"securityConfiguration"}, Check: namesConfiguration,
			}, {
				Type:  "aws:emr/securityConfiguration:SecurityConfiguration",
				Paths: []string{"configuration"},
				Check: emrConfiguration("EncryptionConfiguration.EnableAtRestEncryption"),
			}, {
				Type: "aws:glue/job:Job", Paths: []string{"securityConfiguration"}, Check: namesConfiguration,
			}, {
				Type:  "aws:athena/workgroup:Workgroup",
				Paths: []string{results + "encryptionOption", results + "kmsKeyArn"},
				Check: resultsEncrypted(results),
			}, {
				Type:  "gcp:dataproc/cluster:Cluster",
				Paths: []string{"clusterConfig.encryptionConfig.kmsKeyName"},
				Check: ownKey("clusterConfig.encryptionConfig.kmsKeyName"),
			}, {
				Type:  "gcp:composer/environment:Environment",
				Paths: []string{"config.encryptionConfig.kmsKeyName"},
				Check: ownKey("config.encryptionConfig.kmsKeyName"),
			},
		},
		Fix: "EMR and Glue: name a security configuration that encrypts at rest. Athena: " + results + "encryptionOption " +
			"and kmsKeyArn. GCP: encryptionConfig.kmsKeyName.",
		Remediation: "None: it takes another resource, or a key that only its owner can choose.",
		Controls:    "CIS-GCP5 8.1; SecHub Athena.1; PCI4 10.3.2, 10.3.4; SOC2 C1.1, PI1.5",
		Peers:       "Trivy AWS-0137/0138/0139, AWS-0006; Checkov CKV2_AWS_55, CKV_AWS_171/349/350, CKV_AWS_195, CKV_GCP_91",
	}
}

// namesConfiguration wants the name of a security configuration; one that a resource of the stack will have is as good.
func namesConfiguration(c *Check) {
	if c.TakesFrom("securityConfiguration") {
		c.Pass()
		return
	}
	c.Set("securityConfiguration")
}

// emrConfiguration wants a flag of the JSON document of a security configuration of EMR.
func emrConfiguration(flag string) CheckFunc {
	return func(c *Check) {
		document := c.Get("configuration")
		if document.IsUnknown() {
			c.Unsure("configuration", "is not known yet, want %s", flag)
			return
		}
		if text, ok := document.Text(); ok {
			parsed, err := ParseJSON(text)
			if err != nil {
				c.Fail("configuration", "is not JSON")
				return
			}
			document = parsed
		}
		switch on := document.Get(flag); {
		case on.IsUnknown():
			c.Unsure("configuration", "has an unknown %s, want true", flag)
		case isBool(true)(on):
			c.Pass()
		default:
			c.Fail("configuration", "has no %s that is true", flag)
		}
	}
}

// resultsEncrypted: without a configuration each client decides how results are encrypted.
func resultsEncrypted(at string) CheckFunc {
	return func(c *Check) {
		if !needsOwnKey(c) {
			c.Set(at + "encryptionOption")
			return
		}
		if c.OneOf(at+"encryptionOption", []string{"SSE_KMS", "CSE_KMS"}) {
			c.CustomerKey(at + "kmsKeyArn")
		}
	}
}

func clusterSecretsEncrypted() Rule {
	const kms = "securityProfile.azureKeyVaultKms.enabled"
	return Rule{
		ID:    "ENC-09",
		Title: "The secrets of a Kubernetes cluster are encrypted with a key of one's own",
		Why: "Otherwise whoever gets a copy of the control plane's disk, or the platform itself, reads the secrets of all " +
			"workloads.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:eks/cluster:Cluster",
				Paths: []string{"encryptionConfig.resources", "encryptionConfig.provider.keyArn"},
				Check: eksSecretsEncrypted,
			}, {
				Type:  "gcp:container/cluster:Cluster", // default: DECRYPTED
				Paths: []string{"databaseEncryption.state"},
				Check: isText("databaseEncryption.state", "ENCRYPTED"),
			}, {
				Type:  "azure-native:containerservice:ManagedCluster", // default: off
				Paths: []string{kms},
				Check: isTrue(kms),
			},
		},
		Fix: "EKS: encryptionConfig with resources [secrets] and provider.keyArn. GKE: databaseEncryption with state " +
			"ENCRYPTED and keyName. AKS: securityProfile.azureKeyVaultKms.",
		Remediation: "None: it takes a key, and on EKS it can not be taken back.",
		Controls:    "SecHub EKS.3; HIPAA 164.312(a)(2)(iv), 164.308(a)(4)(ii)(A); PCI4 3.5.1, 8.3.2",
		Peers:       "Trivy AWS-0039; Checkov CKV_AWS_58; compliance-policies eks.enableClusterEncryptionConfig",
	}
}

// eksSecretsEncrypted: from version 1.28 on EKS encrypts all objects with a key of AWS, which is enough for dev.
func eksSecretsEncrypted(c *Check) {
	if c.In(Dev) && c.Get("encryptionConfig").IsAbsent() {
		c.Pass()
		return
	}
	c.Includes("encryptionConfig.resources", "secrets")
	c.CustomerKey("encryptionConfig.provider.keyArn")
}
