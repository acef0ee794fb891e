package rules

import (
	"regexp"
	"slices"
	"strings"
)

const (
	bucketLifecycle   = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	managementPolicy  = "azure-native:storage:ManagementPolicy"
	bigqueryTable     = "gcp:bigquery/table:Table"
	bigqueryDataset   = "gcp:bigquery/dataset:Dataset"
	monthMilliseconds = 30 * 24 * 3600 * 1000
)

func bucketsTidy() Rule {
	return Rule{
		ID:    "COST-07",
		Title: "Every bucket forgets: broken uploads, old versions, and what has become cold",
		Why: "Parts of uploads that broke off, and versions of deleted objects, are paid for and in no listing. They only " +
			"ever " +
			"grow.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: bucketV2, Check: bucketForgets},
			{Type: bucketLifecycle, Paths: []string{
				"bucket", "rules[].status", "rules[].abortIncompleteMultipartUpload.daysAfterInitiation",
				"rules[].noncurrentVersionExpiration.noncurrentDays",
			}},
			{Type: bucketVersioning, Paths: []string{"bucket", "versioningConfiguration.status"}},
			{
				Type: gcsBucket,
				Paths: []string{
					"lifecycleRules[].action.type", "lifecycleRules[].condition.daysSinceNoncurrentTime",
					"lifecycleRules[].condition.numNewerVersions", "lifecycleRules[].condition.noncurrentTimeBefore",
					"versioning.enabled",
				},
				Check: gcsForgets, Remedy: gcsAborts,
			},
			{Type: storageAccount, Check: func(c *Check) {
				for _, policy := range c.Satellites(managementPolicy, "accountName", "has no ManagementPolicy") {
					policy.Set("policy.rules")
				}
			}},
			{Type: managementPolicy, Paths: []string{"accountName", "policy.rules"}},
		},
		Fix: "AWS: a BucketLifecycleConfigurationV2 with abortIncompleteMultipartUpload and noncurrentVersionExpiration. " +
			"GCP: " +
			"lifecycleRules of the same kind. Azure: a ManagementPolicy.",
		Remediation: "Adds the rule that ends broken uploads after seven days on Google Cloud. What data may go is for its " +
			"owner to say.",
		Controls: "SecHub S3.13; PCI4 10.5.1, 3.2.1",
		Peers:    "Checkov CKV2_AWS_61, CKV_AWS_300; Security Hub S3.13",
	}
}

func bucketForgets(c *Check) {
	versioned := false
	c.reads(bucketVersioning, "bucket")
	for _, r := range c.Graph.Links(c.Resource, bucketVersioning, "bucket").Found {
		versioned = versioned || is(c.On(r).Get("versioningConfiguration.status"), "Enabled") != No
	}
	for _, lifecycle := range c.Satellites(bucketLifecycle, "bucket", "has no lifecycle configuration") {
		lifecycle.someRule("abortIncompleteMultipartUpload.daysAfterInitiation", "ends broken uploads")
		if versioned {
			lifecycle.someRule("noncurrentVersionExpiration.noncurrentDays", "deletes old versions")
		}
	}
}

// someRule wants one rule that is on and has something.
func (c *Check) someRule(path, does string) {
	found := triOf(c.Get("rules").IsUnknown()).And(Maybe)
	for _, rule := range c.Each("rules[]") {
		has := triOf(!rule.at(path).IsAbsent()).Or(triOf(rule.IsUnknown()).And(Maybe))
		found = found.Or(has.And(is(rule.at("status").Value, "Enabled").Or(triOf(rule.IsUnknown()).And(Maybe))))
	}
	c.Say(found.Not(), "rules", "has none that is on and %s (%s)", does, path)
	if found == Yes {
		c.Pass()
	}
}

func gcsForgets(c *Check) {
	aborts, forgets := No, No
	for _, rule := range c.Each("lifecycleRules[]") {
		action := rule.at("action.type")
		aborts = aborts.Or(is(action.Value, "AbortIncompleteMultipartUpload"))
		old := triOf(rule.IsUnknown()).And(Maybe)
		for _, condition := range []string{"daysSinceNoncurrentTime", "numNewerVersions", "noncurrentTimeBefore"} {
			old = old.Or(triOf(!rule.at("condition." + condition).IsAbsent()))
		}
		forgets = forgets.Or(is(action.Value, "Delete").And(old))
	}
	c.owe(Yes, aborts, "lifecycleRules", "a rule with the action AbortIncompleteMultipartUpload")
	c.owe(is(c.Get("versioning.enabled"), true), forgets, "lifecycleRules", "a rule that deletes old versions")
}

// gcsAborts adds the rule that ends broken uploads.
func gcsAborts(c *Check) []Change {
	old := c.Get("lifecycleRules")
	for _, rule := range c.Each("lifecycleRules[]") {
		if is(rule.at("action.type").Value, "AbortIncompleteMultipartUpload") != No {
			return nil
		}
	}
	list, _ := old.List()
	rule := Of(map[string]any{
		"action": map[string]any{"type": "AbortIncompleteMultipartUpload"}, "condition": map[string]any{"age": 7},
	})
	return []Change{{Path: "lifecycleRules", Old: old, New: ListValue(append(slices.Clone(list), rule))}}
}

// oldMachines are generations that cost more than the next for the same work.
var oldMachines = regexp.MustCompile(
	`^(db\.|ml\.|cache\.)?(m[1-4]|c[1-4]|r[34]|t[12]|i2|d2|x1|p2|g[23]s?|dc[12]|ds2)\.`)

// minimumDays is how long a storage class is paid for at least (aws.amazon.com/s3/pricing).
var minimumDays = map[string]float64{
	"STANDARD_IA": 30, "ONEZONE_IA": 30, "GLACIER_IR": 90, "GLACIER": 90, "DEEP_ARCHIVE": 180,
}

func generationsNew() Rule {
	current := func(typ, path string) Matcher {
		return Matcher{Type: typ, Paths: []string{strings.TrimSuffix(path, "[]")}, Check: func(c *Check) {
			c.Expect(path, "a generation of today", func(v Value) bool {
				text, ok := v.Text()
				return ok && !oldMachines.MatchString(text)
			}, AbsentOK)
		}}
	}
	return Rule{
		ID:       "COST-12",
		Title:    "No old generation of machines or disks, no tariff that does not fit",
		Why:      "The new generation costs less for the same work: a gp3 volume a fifth less than gp2.",
		Severity: Low,
		Levels:   Levels{Advisory, Advisory, Advisory},
		Matchers: []Matcher{
			{
				Type: "aws:ebs/volume:Volume", Paths: []string{"type"}, // default: gp2
				Check: func(c *Check) {
					c.Expect("type", "gp3, io2, st1 or sc1", func(v Value) bool {
						text, ok := v.Text()
						return ok && text != "gp2" && text != "io1" && text != "standard"
					})
				},
				Remedy: setsUnless(func(v Value) bool { return !v.IsAbsent() && is(v, "gp2") == No }, "gp3", "type"),
			}, {
				Type: dynamoTable, Paths: []string{"billingMode", "readCapacity"}, // default: PROVISIONED
				Check: func(c *Check) {
					if c.In(Dev) {
						c.Is("billingMode", "PAY_PER_REQUEST")
						return
					}
					// Capacity that is paid for in advance must be there to be used.
					if is(c.Get("billingMode"), "PROVISIONED") == Yes {
						c.AtLeast("readCapacity", 1)
					}
				},
			},
			current(redshiftCluster, "nodeType"), current(ec2Instance, "instanceType"), current(eksNodeGroup, "instanceTypes[]"),
			{
				// Other than the common advice: an on-demand stream costs 0.04 USD an hour, a shard 0.015. In dev one shard is
				// enough.
				Type: "aws:kinesis/stream:Stream", Paths: []string{"streamModeDetails.streamMode"}, // default: PROVISIONED
				Check: func(c *Check) {
					if c.In(Dev) {
						c.NoneOf("streamModeDetails.streamMode", []string{"ON_DEMAND"}, AbsentOK)
					}
				},
			}, {
				Type:  bucketLifecycle,
				Paths: []string{"rules[].transitions[].storageClass", "rules[].transitions[].days", "rules[].expiration.days"},
				Check: classesFit,
			},
		},
		Fix: "Take gp3, the newest generation of the same machine, on-demand capacity for DynamoDB in dev, and " +
			"keep objects in a cold class for its minimum time.",
		Remediation: "Turns gp2 into gp3, which is done while the volume is in use.",
		Peers:       "infracost FinOps policies (closed list)",
	}
}

// classesFit wants objects to stay in a cold class for as long as they are paid for there.
func classesFit(c *Check) {
	for _, rule := range c.Each("rules[]") {
		end, ends := rule.at("expiration.days").Number()
		for _, transition := range rule.within("transitions[]") {
			class, _ := transition.at("storageClass").Text()
			from, known := transition.at("days").Number()
			switch least, cold := minimumDays[class]; {
			case transition.at("storageClass").IsUnknown(), cold && transition.at("days").IsUnknown(),
				cold && rule.at("expiration.days").IsUnknown():
				c.Unsure(transition.Path, "is not known yet, want objects to stay in a cold class for its minimum time")
			case cold && known && ends && end-from < least:
				c.Fail(transition.Path, "moves objects to %s for %v days until they expire, want at least %v: they are paid for "+
					"so long",
					class, end-from, least)
			default:
				c.Pass()
			}
		}
	}
}

func queriesBounded() Rule {
	const config = "configuration."
	return Rule{
		ID:    "COST-13",
		Title: "A query can not read without a bound",
		Why: "Warehouses that are paid by what a query reads make one careless SELECT * cost what a month of reports " +
			"does.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				// A table without partitions can not be asked for a filter. What a dataset forgets in dev is for COST-14.
				Type:  bigqueryTable,
				Paths: []string{"requirePartitionFilter", "timePartitioning.type", "rangePartitioning.field"},
				Check: func(c *Check) {
					if !c.Get("timePartitioning").IsAbsent() || !c.Get("rangePartitioning").IsAbsent() {
						c.True("requirePartitionFilter") // default: false
					}
				},
			}, {
				Type:  "aws:athena/workgroup:Workgroup",
				Paths: []string{config + "bytesScannedCutoffPerQuery", config + "enforceWorkgroupConfiguration"},
				Check: func(c *Check) {
					c.AtLeast(config+"bytesScannedCutoffPerQuery", 10485760) // default: none; the least that Athena takes
					c.True(config+"enforceWorkgroupConfiguration", AbsentOK) // default: true
				},
			}, {
				Type: "aws:redshiftserverless/usageLimit:UsageLimit", Paths: []string{"amount", "breachAction", "period"},
				Check: func(c *Check) {
					c.AtLeast("amount", 1)
					// Default: log, which nobody reads. In prod a metric with an alarm is enough; elsewhere the queries stop.
					c.OneOf("breachAction", []string{"deactivate", "emit-metric"})
					c.OneOf("period", []string{"daily", "weekly", "monthly"}, AbsentOK) // default: monthly
				},
			},
		},
		Fix: "BigQuery: requirePartitionFilter. Athena: bytesScannedCutoffPerQuery. Redshift Serverless: a UsageLimit with " +
			"breachAction deactivate or emit-metric.",
		Remediation: "None: a bound may end a query that is needed.",
		Peers:       "Checkov CKV_AWS_82; compliance-policies athena",
	}
}

func devExpires() Rule {
	return Rule{
		ID:    "COST-14",
		Title: "Data in dev goes by itself",
		Why: "Nobody cleans up after an experiment. What is left is paid for each month, and is copied data that " +
			"nobody watches.",
		Severity: Low,
		Levels:   Levels{Advisory, Off, Off},
		Matchers: []Matcher{
			{
				Type: bigqueryDataset, Paths: []string{"defaultTableExpirationMs"}, // default: never
				Check: isSet("defaultTableExpirationMs"), Remedy: setsAbsent(monthMilliseconds, "defaultTableExpirationMs"),
			},
			{Type: dynamoTable, Paths: []string{"ttl.enabled"}, Check: isTrue("ttl.enabled")}, // default: false
		},
		Fix: "BigQuery: defaultTableExpirationMs of 30 days. DynamoDB: ttl with an attribute that holds the end.",
		Remediation: "Sets the expiry of new tables in a dataset to 30 days. A DynamoDB table needs an attribute that the " +
			"program fills.",
		Peers: "none",
	}
}
