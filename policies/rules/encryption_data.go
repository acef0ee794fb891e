package rules

const ownKeyWhy = "A key of one's own can be withdrawn, each use of it is logged, and a copy of the data is worth " +
	"nothing without it."

func databasesEncrypted() Rule {
	return Rule{
		ID:       "ENC-03",
		Title:    "Warehouses and databases are encrypted, outside dev with a key of one's own",
		Why:      ownKeyWhy,
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				// Not given means not encrypted: version 6 of the provider sends false.
				Type:   "aws:redshift/cluster:Cluster",
				Paths:  []string{"encrypted", "kmsKeyId"},
				Check:  allOf(isTrue("encrypted"), ownKey("kmsKeyId")),
				Remedy: sets(true, "encrypted"),
			}, {
				Type: "aws:redshiftserverless/namespace:Namespace", Paths: []string{"kmsKeyId"}, Check: ownKey("kmsKeyId"),
			}, {
				Type:  "aws:rds/instance:Instance", // default: not encrypted
				Paths: []string{"storageEncrypted", "kmsKeyId"},
				Check: allOf(isTrue("storageEncrypted"), ownKey("kmsKeyId")),
			}, {
				Type:  "aws:rds/cluster:Cluster", // default: not encrypted
				Paths: []string{"storageEncrypted", "kmsKeyId"},
				Check: allOf(isTrue("storageEncrypted"), ownKey("kmsKeyId")),
			}, {
				Type:  "aws:dynamodb/table:Table",
				Paths: []string{"serverSideEncryption.enabled", "serverSideEncryption.kmsKeyArn"},
				Check: tableEncrypted,
			}, {
				Type:  "gcp:bigquery/dataset:Dataset",
				Paths: []string{"defaultEncryptionConfiguration.kmsKeyName"},
				Check: ownKey("defaultEncryptionConfiguration.kmsKeyName"),
			}, {
				Type:  "gcp:bigquery/table:Table",
				Paths: []string{"encryptionConfiguration.kmsKeyName"},
				Check: bigqueryTableEncrypted,
			}, {
				Type:  "gcp:sql/databaseInstance:DatabaseInstance",
				Paths: []string{"encryptionKeyName"},
				Check: ownKey("encryptionKeyName"),
			}, {
				Type: "azure-native:documentdb:DatabaseAccount", Paths: []string{"keyVaultKeyUri"}, Unchecked: true,
				Check: ownKey("keyVaultKeyUri"),
			}, {
				Type: "azure-native:synapse:Workspace", Paths: []string{"encryption.cmk.key.keyVaultUrl"}, Unchecked: true,
				Check: ownKey("encryption.cmk.key.keyVaultUrl"),
			},
		},
		Fix: "Turn encryption on and name the key of the data class: kmsKeyId, kmsKeyArn, kmsKeyName or keyVaultKeyUri.",
		Remediation: "Turns on the encryption of Redshift, which works in place. Not that of RDS: the flag replaces the " +
			"database and its data is lost. Which key to use is its owner's choice.",
		Controls: "CIS-AWS6 3.2.1; CIS-GCP5 7.3, 7.2; SecHub RDS.3; HIPAA 164.312(a)(2)(iv), 164.312(e)(2)(ii); PCI3.2.1 " +
			"3.4, 8.2.1; PCI4 3.5.1, 8.3.2; NIST SC-28(1), SC-13a; SOC2 PI1.5, C1.1",
		Peers: "Trivy AWS-0084, AWS-0080, AWS-0025; Checkov CKV_AWS_64/142/282, CKV_AWS_119, CKV_GCP_80/81, " +
			"CKV_AZURE_100/240",
	}
}

// tableEncrypted: a table of DynamoDB is always encrypted; without the flag by a key that belongs to AWS, with the flag
// alone by one that only AWS can withdraw.
func tableEncrypted(c *Check) {
	if !needsOwnKey(c) {
		c.Pass()
		return
	}
	c.True("serverSideEncryption.enabled")
	c.CustomerKey("serverSideEncryption.kmsKeyArn")
}

// bigqueryTableEncrypted: a table without a configuration has that of its dataset, which is judged itself.
func bigqueryTableEncrypted(c *Check) {
	if !needsOwnKey(c) || c.Get("encryptionConfiguration").IsAbsent() {
		c.Pass()
		return
	}
	c.CustomerKey("encryptionConfiguration.kmsKeyName")
}

func registriesEncrypted() Rule {
	return Rule{
		ID:       "ENC-06",
		Title:    "Container registries are encrypted, outside dev with a key of one's own",
		Why:      "Images hold code and often models. " + ownKeyWhy,
		Severity: Medium,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:ecr/repository:Repository",
				Paths: []string{"encryptionConfigurations[].encryptionType", "encryptionConfigurations[].kmsKey"},
				Check: repositoryEncrypted,
			}, {
				Type:  "gcp:artifactregistry/repository:Repository",
				Paths: []string{"kmsKeyName"},
				Check: ownKey("kmsKeyName"),
			}, {
				Type:  "azure-native:containerregistry:Registry",
				Paths: []string{"encryption.status"},
				Check: inNeedOfOwnKey(isText("encryption.status", "enabled")),
			},
		},
		Fix: "AWS: encryptionConfigurations with encryptionType KMS and the key. GCP: kmsKeyName. Azure: a Premium " +
			"registry with encryption.status enabled and keyVaultProperties.",
		Remediation: "None: it replaces the registry with all images in it.",
		Peers:       "Trivy AWS-0033; Checkov CKV_AWS_136, CKV_GCP_84; compliance-policies ecr",
	}
}

// inNeedOfOwnKey does a check where a key of the customer's own is needed.
func inNeedOfOwnKey(check CheckFunc) CheckFunc {
	return func(c *Check) {
		if needsOwnKey(c) {
			check(c)
		} else {
			c.Pass()
		}
	}
}

// repositoryEncrypted: without a configuration ECR uses the keys of S3.
func repositoryEncrypted(c *Check) {
	if !needsOwnKey(c) {
		c.Pass()
		return
	}
	if c.Get("encryptionConfigurations").Empty() {
		c.Fail("encryptionConfigurations", "is not set, want KMS with a key of one's own")
		return
	}
	c.OneOf("encryptionConfigurations[].encryptionType", []string{"KMS", "KMS_DSSE"})
	c.CustomerKey("encryptionConfigurations[].kmsKey")
}

func messagesEncrypted() Rule {
	return Rule{
		ID:    "ENC-07",
		Title: "Queues, topics, streams and log groups are encrypted, what holds real data with a key of one's own",
		Why: "Messages and logs quote the data that they are about, and stay for days. A topic or a stream is not " +
			"encrypted unless it says so.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "aws:sns/topic:Topic", Paths: []string{"kmsMasterKeyId"}, Check: topicEncrypted,
			}, {
				Type:   "aws:sqs/queue:Queue",
				Paths:  []string{"kmsMasterKeyId", "sqsManagedSseEnabled"},
				Check:  queueEncrypted,
				Remedy: queueRemedy,
			}, {
				Type:  "aws:kinesis/stream:Stream", // default: NONE
				Paths: []string{"encryptionType"},
				Check: isText("encryptionType", "KMS"),
			}, {
				Type: "aws:cloudwatch/logGroup:LogGroup", Paths: []string{"kmsKeyId"}, Check: ownKey("kmsKeyId"),
			}, {
				Type: "gcp:pubsub/topic:Topic", Paths: []string{"kmsKeyName"}, Check: ownKey("kmsKeyName"),
			},
		},
		Fix: "Name a key: kmsMasterKeyId, kmsKeyId or kmsKeyName. A queue may set sqsManagedSseEnabled instead, a stream " +
			"needs encryptionType KMS and kmsKeyId.",
		Remediation: "Turns on the encryption of a queue with the keys of SQS. Not that of a stream: the provider refuses " +
			"encryptionType KMS without a key, and which key is its owner's choice.",
		Controls: "SecHub SNS.1, SQS.1; HIPAA 164.312(a)(2)(iv), 164.308(a)(1)(ii)(B); PCI3.2.1 3.4, 8.2.1; PCI4 3.5.1, " +
			"8.3.2; NIST SC-28(1), SC-28; SOC2 PI1.4, CC7.3",
		Peers: "Trivy AWS-0095/0096/0064/0017; Checkov CKV_AWS_26/27/43/158, CKV_GCP_83",
	}
}

// topicEncrypted: the only free key, alias/aws/sns, shuts out alarms and events, which may not use it. So dev, where
// keys of one's own are off, may do without.
func topicEncrypted(c *Check) {
	switch {
	case needsOwnKey(c):
		c.CustomerKey("kmsMasterKeyId")
	case c.In(Dev):
		c.Pass()
	default:
		c.Set("kmsMasterKeyId")
	}
}

// queueEncrypted: since October 2022 a queue without either has the keys of SQS.
func queueEncrypted(c *Check) {
	if c.Given("kmsMasterKeyId") == Yes {
		c.Pass()
		return
	}
	c.True("sqsManagedSseEnabled", AbsentOK)
}

// queueRemedy leaves a queue with a key alone: SQS refuses both.
func queueRemedy(c *Check) []Change {
	if c.Given("kmsMasterKeyId") != No {
		return nil
	}
	return sets(true, "sqsManagedSseEnabled")(c)
}
