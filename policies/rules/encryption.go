package rules

import "slices"

// encryptionRules are the rules on encryption at rest.
func encryptionRules() []Rule {
	return []Rule{
		bucketsEncrypted(), volumesEncrypted(), databasesEncrypted(), notebooksEncrypted(), modelsEncrypted(),
		registriesEncrypted(), messagesEncrypted(), jobsEncrypted(), clusterSecretsEncrypted(),
	}
}

// needsCustomerKey reports whether the platform's own keys are not enough: real data that is confidential.
func needsCustomerKey(c *Check) bool { return c.In(Prod) && c.Stack.DataClass == Confidential }

// keyForConfidential wants a key of the customer's own at each path where the data needs it.
func keyForConfidential(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, path := range paths {
			if needsCustomerKey(c) {
				c.CustomerKey(path)
			} else {
				c.Pass()
			}
		}
	}
}

// needsOwnKey reports whether rules that ask for a key of the customer's own do so here: not in dev, where the data is
// not the real one and each key costs a dollar a month, and not for data that says of itself that it is not
// confidential. A stack that says nothing has confidential data.
func needsOwnKey(c *Check) bool {
	return !c.In(Dev) && !slices.Contains([]string{"public", "internal"}, c.Stack.DataClass)
}

// ownKey wants a key of the customer's own at each path where it is needed. It is for types that the platform encrypts
// with its own keys otherwise.
func ownKey(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, path := range paths {
			if needsOwnKey(c) {
				c.CustomerKey(path)
			} else {
				c.Pass()
			}
		}
	}
}

const bucketEncryption = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"

func bucketsEncrypted() Rule {
	const byDefault = ".applyServerSideEncryptionByDefault"
	return Rule{
		ID:    "ENC-01",
		Title: "Every bucket says how it is encrypted; confidential data in prod with a key of one's own",
		Why: "An explicit choice survives a change of the provider's default. A key of one's own can be withdrawn, and " +
			"each use of it is logged.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{
				Type: "aws:s3/bucketV2:BucketV2",
				Paths: []string{
					"serverSideEncryptionConfigurations[].rules[].applyServerSideEncryptionByDefaults[].sseAlgorithm",
					"serverSideEncryptionConfigurations[].rules[].applyServerSideEncryptionByDefaults[].kmsMasterKeyId",
				},
				Check: bucketEncrypted("serverSideEncryptionConfigurations[].rules[].applyServerSideEncryptionByDefaults[]"),
			}, {
				Type: "aws:s3/bucket:Bucket",
				Paths: []string{
					"serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault.sseAlgorithm",
					"serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault.kmsMasterKeyId",
				},
				Check: bucketEncrypted("serverSideEncryptionConfiguration.rule" + byDefault),
			}, {
				Type: bucketEncryption,
				Paths: []string{
					"bucket", "rules[]" + byDefault + ".sseAlgorithm", "rules[]" + byDefault + ".kmsMasterKeyId",
				},
			}, {
				Type: bucketLogging, Paths: []string{"targetBucket"},
			}, {
				Type:  "gcp:storage/bucket:Bucket",
				Paths: []string{"encryption.defaultKmsKeyName"},
				Check: keyForConfidential("encryption.defaultKmsKeyName"),
			}, {
				Type:  "azure-native:storage:StorageAccount",
				Paths: []string{"encryption.keySource", "encryption.requireInfrastructureEncryption"},
				Check: accountEncrypted,
			},
		},
		Fix: "AWS: add a BucketServerSideEncryptionConfigurationV2 with aws:kms and the key of the bucket's data class. " +
			"GCP: set encryption.defaultKmsKeyName. Azure: set encryption.keySource to Microsoft.Keyvault.",
		Remediation: "None: it takes a resource beside the bucket, or a key that only its owner can choose.",
		Controls: "CIS-AZ5 9.3.1.1, 2.1.8; SecHub S3.17; HIPAA 164.312(a)(2)(iv), 164.312(e)(2)(ii); PCI3.2.1 3.4, 8.2.1; " +
			"PCI4 3.5.1, 8.3.2; NIST SC-28(1), SC-13a; SOC2 PI1.4, CC6.7",
		Peers: "Trivy AWS-0088, AWS-0132, GCP-0066; Checkov CKV_AWS_19, CKV_AWS_145, CKV2_AZURE_1; compliance-policies s3 " +
			"(the old Bucket only)",
	}
}

// bucketEncrypted accepts a bucket that says it itself, at the path inline, or in a resource of its own.
func bucketEncrypted(inline string) CheckFunc {
	return func(c *Check) {
		takesLogs, _ := c.HasSatellite(bucketLogging, "targetBucket")
		if c.Get(inline + ".sseAlgorithm").IsAbsent() {
			const where = "rules[].applyServerSideEncryptionByDefault"
			for _, satellite := range c.Satellites(bucketEncryption, "bucket", "has no server-side encryption configuration") {
				encryptedBy(satellite, where, takesLogs)
			}
			return
		}
		encryptedBy(c, inline, takesLogs)
	}
}

// encryptedBy looks at one configuration. S3 delivers access logs to no bucket with a key of one's own: such a one is
// as wanted with the keys of S3.
func encryptedBy(c *Check, where string, keyless bool) {
	if !needsCustomerKey(c) || keyless {
		c.Set(where + ".sseAlgorithm")
		return
	}
	if c.OneOf(where+".sseAlgorithm", []string{"aws:kms", "aws:kms:dsse"}) {
		c.CustomerKey(where + ".kmsMasterKeyId")
	}
}

func accountEncrypted(c *Check) {
	if !needsCustomerKey(c) {
		c.Pass()
		return
	}
	c.Is("encryption.keySource", "Microsoft.Keyvault")
	c.True("encryption.requireInfrastructureEncryption")
}

func volumesEncrypted() Rule {
	return Rule{
		ID:    "ENC-02",
		Title: "Volumes and file systems are encrypted; confidential data in prod with a key of one's own",
		Why: "A snapshot or a disk that leaves the account is readable by whoever gets it. Encryption costs nothing and " +
			"can not be added to a volume that exists.",
		Severity: High,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:ebs/volume:Volume",
				Paths: []string{"encrypted", "kmsKeyId"},
				Check: allOf(isTrue("encrypted"), keyForConfidential("kmsKeyId")),
			}, {
				Type:  "aws:ec2/instance:Instance",
				Paths: []string{"rootBlockDevice.encrypted", "ebsBlockDevices[].encrypted"},
				Check: isTrue("rootBlockDevice.encrypted", "ebsBlockDevices[].encrypted"),
			}, {
				Type:  "aws:ec2/launchTemplate:LaunchTemplate",
				Paths: []string{"blockDeviceMappings[].ebs.encrypted"},
				Check: templateEncrypted,
			}, {
				Type:  "aws:efs/fileSystem:FileSystem",
				Paths: []string{"encrypted", "kmsKeyId"},
				Check: allOf(isTrue("encrypted"), keyForConfidential("kmsKeyId")),
			}, {
				Type:  "aws:fsx/lustreFileSystem:LustreFileSystem",
				Paths: []string{"kmsKeyId"},
				Check: keyForConfidential("kmsKeyId"),
			}, {
				Type:  "gcp:compute/disk:Disk",
				Paths: []string{"diskEncryptionKey.kmsKeySelfLink"},
				Check: keyForConfidential("diskEncryptionKey.kmsKeySelfLink"),
			}, {
				Type:  "azure-native:containerservice:AgentPool",
				Paths: []string{"enableEncryptionAtHost"},
				Check: isTrue("enableEncryptionAtHost"),
			}, {
				Type:  "azure-native:containerservice:ManagedCluster",
				Paths: []string{"agentPoolProfiles[].enableEncryptionAtHost"},
				Check: isTrue("agentPoolProfiles[].enableEncryptionAtHost"),
			},
		},
		Fix: "Set encrypted (Azure: enableEncryptionAtHost) to true and name a key. An existing volume is replaced: move " +
			"its data by a snapshot.",
		Remediation: "None: an existing volume would be replaced.",
		Controls: "CIS-AWS6 6.1.1, 6.1.1 (v7); SecHub EC2.3, EC2.7; HIPAA 164.312(a)(2)(iv), 164.312(e)(2)(ii); PCI3.2.1 " +
			"3.4, 8.2.1; PCI4 3.5.1, 8.3.2; NIST SC-28(1), SC-13a; SOC2 PI1.5, CC6.7",
		Peers: "Trivy AWS-0026/0027/0131, AWS-0037, GCP-0034; Checkov CKV_AWS_42, CKV_AWS_190, CKV_AZURE_227",
	}
}

// templateEncrypted wants every volume of a launch template encrypted, and at least the root volume named: without it
// the image decides.
func templateEncrypted(c *Check) {
	if c.Get("blockDeviceMappings").Empty() {
		c.Fail("blockDeviceMappings", "is not set, want the root volume with ebs.encrypted")
	}
	c.True("blockDeviceMappings[].ebs.encrypted")
}
