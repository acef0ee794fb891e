package rules

import "strings"

// backupRules are the rules on backup, retention and protection against deletion.
func backupRules() []Rule {
	return []Rule{
		deletionRefused(), recoveryPossible(), versionsKept(), planned(), evidenceLocked(), servedTwice(),
	}
}

const (
	bucketV2        = "aws:s3/bucketV2:BucketV2"
	gcsBucket       = "gcp:storage/bucket:Bucket"
	storageAccount  = "azure-native:storage:StorageAccount"
	blobContainer   = "azure-native:storage:BlobContainer"
	blobProperties  = "azure-native:storage:BlobServiceProperties"
	rdsInstance     = "aws:rds/instance:Instance"
	rdsCluster      = "aws:rds/cluster:Cluster"
	dynamoTable     = "aws:dynamodb/table:Table"
	redshiftCluster = "aws:redshift/cluster:Cluster"
	cloudSQL        = "gcp:sql/databaseInstance:DatabaseInstance"
	cosmosAccount   = "azure-native:documentdb:DatabaseAccount"
)

// inProd lets a remedy work in prod only: elsewhere what it sets would stop a destroy.
func inProd(remedy func(*Check) []Change) func(*Check) []Change {
	return func(c *Check) []Change {
		if !c.In(Prod) {
			return nil
		}
		return remedy(c)
	}
}

func deletionRefused() Rule {
	protected := func(typ, path string, check CheckFunc, want any) Matcher {
		return Matcher{Type: typ, Paths: []string{path}, Check: check, Remedy: inProd(setsUnless(func(v Value) bool {
			return equal(v, Of(want)) || v.IsAbsent() && (want == false || CloudOf(typ) == GCP)
		}, want, path))}
	}
	database := func(typ string) Matcher {
		return Matcher{
			Type: typ, Paths: []string{"deletionProtection", "skipFinalSnapshot"},
			Check:  allOf(isTrue("deletionProtection"), notTrue("skipFinalSnapshot")), // defaults: false, false
			Remedy: inProd(sets(true, "deletionProtection")),
		}
	}
	return Rule{
		ID:    "BAK-01",
		Title: "What holds data can not be deleted by mistake",
		Why: "One wrong destroy, or a changed name that means a replacement, and the data is gone with every copy of " +
			"it.",
		Severity: High,
		// Off in dev: protection would stop a destroy there, and a dev stack must be easy to throw away.
		Levels: Levels{Off, Advisory, Mandatory},
		Matchers: []Matcher{
			database(rdsInstance), database(rdsCluster),
			protected(dynamoTable, "deletionProtectionEnabled", isTrue("deletionProtectionEnabled"), true), // default: false
			protected(redshiftCluster, "skipFinalSnapshot", notTrue("skipFinalSnapshot"), false),           // default: false
			protected(bucketV2, "forceDestroy", notTrue("forceDestroy"), false),                            // default: false
			protected(ecrRepository, "forceDelete", notTrue("forceDelete"), false),                         // default: false
			protected("aws:lb/loadBalancer:LoadBalancer", "enableDeletionProtection",
				isTrue("enableDeletionProtection"), true), // default: false
			// Google Cloud protects by default.
			protected(cloudSQL, "deletionProtection", notFalse("deletionProtection"), true),
			protected("gcp:container/cluster:Cluster", "deletionProtection", notFalse("deletionProtection"), true),
			protected("gcp:bigquery/table:Table", "deletionProtection", notFalse("deletionProtection"), true),
			protected(gcsBucket, "forceDestroy", notTrue("forceDestroy"), false), // default: false
		},
		Fix: "Set deletionProtection (DynamoDB: deletionProtectionEnabled, load balancers: enableDeletionProtection) to " +
			"true, " +
			"and leave forceDestroy, forceDelete and skipFinalSnapshot out.",
		Remediation: "Sets the flags in prod. A destroy needs them taken back first, which is their purpose.",
		Controls: "SecHub RDS.8, RDS.7, DynamoDB.6, DynamoDB.7; HIPAA 164.308(a)(7)(i), 164.308(a)(7)(ii)(C); " +
			"NIST SC-5(2), CA-7(4)(c); SOC2 C1.1",
		Peers: "Trivy AWS-0177; Checkov CKV_AWS_150, CKV_GCP_121",
	}
}

// backupDays is how far back a backup must reach.
func backupDays(c *Check) float64 {
	if c.In(Prod) {
		return 14
	}
	return 7
}

func recoveryPossible() Rule {
	days := func(typ, path, replica string) Matcher {
		m := Matcher{Type: typ, Paths: []string{path}, Check: func(c *Check) {
			if replica == "" || c.Get(replica).IsAbsent() { // a replica is backed up at its source
				c.AtLeast(path, backupDays(c))
			}
		}, Remedy: func(c *Check) []Change {
			return setsUnless(atLeast(backupDays(c)), backupDays(c), path)(c)
		}}
		if replica != "" {
			m.Paths = append(m.Paths, replica)
		}
		return m
	}
	const sql = "settings.backupConfiguration."
	return Rule{
		ID:    "BAK-02",
		Title: "Databases can go back to any point of the last days: 7, in prod 14",
		Why: "A bad deployment or a stolen key changes rows, and replicas copy the change. Only history brings them " +
			"back.",
		Severity: High,
		Levels:   Levels{Off, Advisory, Mandatory},
		Matchers: []Matcher{
			{
				Type: dynamoTable, Paths: []string{"pointInTimeRecovery.enabled"}, // default: off
				Check: isTrue("pointInTimeRecovery.enabled"), Remedy: sets(true, "pointInTimeRecovery.enabled"),
			},
			days(rdsInstance, "backupRetentionPeriod", "replicateSourceDb"),          // default: 0, no backups
			days(rdsCluster, "backupRetentionPeriod", "replicationSourceIdentifier"), // default: 1
			days(redshiftCluster, "automatedSnapshotRetentionPeriod", ""),            // default: 1
			{
				Type: cloudSQL,
				Paths: []string{
					sql + "enabled", sql + "pointInTimeRecoveryEnabled", sql + "binaryLogEnabled", "databaseVersion",
					"masterInstanceName",
				},
				Check: func(c *Check) {
					if !c.Get("masterInstanceName").IsAbsent() {
						return
					}
					c.True(sql + "enabled") // default: false
					// MySQL calls it binary log.
					if version, _ := c.Get("databaseVersion").Text(); strings.HasPrefix(version, "MYSQL") {
						c.True(sql + "binaryLogEnabled")
						return
					}
					c.True(sql + "pointInTimeRecoveryEnabled")
				},
				Remedy: sets(true, sql+"enabled"),
			}, {
				// Default: two copies, eight hours apart.
				Type: cosmosAccount, Paths: []string{"backupPolicy.type"}, Unchecked: true,
				Check: isText("backupPolicy.type", "Continuous"),
			},
		},
		Fix: "DynamoDB: pointInTimeRecovery.enabled. RDS and Redshift: backupRetentionPeriod, " +
			"automatedSnapshotRetentionPeriod " +
			"of 14. Cloud SQL: backups with point-in-time recovery. Cosmos DB: backupPolicy.type Continuous.",
		Remediation: "Sets the flags and the number of days. Storage of the backups costs money.",
		Controls: "CIS-GCP5 6.8; SecHub DynamoDB.2, RDS.11, Redshift.3; HIPAA 164.312(a)(2)(ii), 164.308(a)(7)(i); " +
			"PCI4 10.3.3, 10.5.1; NIST CP-9a, CP-9b; SOC2 CC7.4, A1.1",
		Peers: "Trivy AWS-0024, AWS-0077, GCP-0024; Checkov CKV_AWS_28/133/343",
	}
}

func planned() Rule {
	const (
		plan      = "aws:backup/plan:Plan"
		selection = "aws:backup/selection:Selection"
	)
	matchers := []Matcher{
		{
			Type: plan, Paths: []string{"rules[].schedule", "rules[].lifecycle.deleteAfter"},
			Check: isSet("rules[].schedule", "rules[].lifecycle.deleteAfter"),
		},
		{Type: selection, Paths: []string{"resources", "selectionTags[].key", "selectionTags[].value"}},
	}
	for _, typ := range []string{rdsInstance, rdsCluster, dynamoTable, "aws:efs/fileSystem:FileSystem"} {
		matchers = append(matchers, Matcher{Type: typ, Paths: []string{"tags"}, Check: func(c *Check) {
			c.reads(selection, "resources")
			c.reads(selection, "selectionTags")
			chosen := selectedForBackup(c, selection)
			if chosen == Yes {
				c.Pass()
			}
			c.Say(chosen.Not(), "", "is in no selection of a backup plan")
		}})
	}
	return Rule{
		ID:    "BAK-04",
		Title: "A backup plan covers every data store",
		Why: "A store's own backups go with the store, and with the account that can delete both. A plan keeps copies " +
			"apart from it.",
		Severity: Medium,
		Levels:   Levels{Off, Off, Advisory},
		Scope:    OnStack,
		Matchers: matchers,
		Fix: "Add a backup.Plan with a schedule and lifecycle.deleteAfter, and a backup.Selection that names the store, or " +
			"a tag " +
			"that it has.",
		Remediation: "None: it takes resources of their own, and its storage costs money.",
		Controls: "SecHub DynamoDB.4; HIPAA 164.308(a)(7)(i), 164.308(a)(7)(ii)(A); PCI4 10.3.3; NIST CP-9a, CP-9b; " +
			"SOC2 PI1.5",
		Peers: "cdk-nag; Security Hub DynamoDB.4",
	}
}

// backups are what the selections of all backup plans choose.
type backups struct {
	everything Tri
	tags       map[chosenTag]Value
	names      map[string]bool
	prefixes   map[string]bool
	urns       map[string]bool
}

// chosenTag tells the tags of selections apart: many plans choose by the same one.
type chosenTag struct {
	key, value         string
	keyKind, valueKind Kind
}

func (g *Graph) backups(selection string) *backups {
	return memo(g, "backups", func() *backups {
		b := &backups{
			tags: map[chosenTag]Value{}, names: map[string]bool{}, prefixes: map[string]bool{}, urns: map[string]bool{},
		}
		for _, r := range g.OfType(selection) {
			for _, urn := range r.PropertyDependencies["resources"] {
				b.urns[urn] = true
			}
			for _, item := range r.Properties.Each("resources[]") {
				text, known := item.Text()
				switch {
				case !known && len(r.PropertyDependencies["resources"]) == 0:
					b.everything = b.everything.Or(Maybe)
				case text == "*":
					b.everything = Yes
				case strings.Contains(text, "*"):
					b.prefixes[text] = true
				default:
					b.names[text] = true
				}
			}
			tags, _ := r.Properties.Get("selectionTags").List()
			for _, tag := range tags {
				b.tags[tagOf(tag)] = tag
			}
		}
		return b
	})
}

func tagOf(tag Value) chosenTag {
	key, value := tag.Key("key"), tag.Key("value")
	id := chosenTag{value: value.String(), keyKind: key.Kind(), valueKind: value.Kind()}
	id.key, _ = key.Text()
	if text, ok := value.Text(); ok {
		id.value = text
	}
	return id
}

func selectedForBackup(c *Check, selection string) Tri {
	chosen := c.Graph.backups(selection)
	found := chosen.everything.Or(triOf(chosen.urns[c.Resource.URN]))
	for _, name := range identities(c.Resource) {
		found = found.Or(triOf(chosen.names[name]))
	}
	service, _, _ := strings.Cut(strings.TrimPrefix(c.Resource.Type, "aws:"), "/")
	if service == "efs" {
		service = "elasticfilesystem"
	}
	for pattern := range chosen.prefixes {
		found = found.Or(triOf(strings.HasPrefix(pattern, "arn:aws:"+service+":*") && strings.HasSuffix(pattern, "*")))
	}
	tags := c.Get("tags")
	for _, tag := range chosen.tags {
		key, known := tag.Key("key").Text()
		switch has := tags.Key(key); {
		case !known || tags.IsUnknown() || has.IsUnknown() || tag.Key("value").IsUnknown():
			found = found.Or(Maybe)
		default:
			found = found.Or(triOf(equal(has, tag.Key("value"))))
		}
	}
	return found
}

func servedTwice() Rule {
	return Rule{
		ID:       "BAK-06",
		Title:    "What serves in prod runs twice, and its database in two zones",
		Why:      "One instance is down with its zone, and during each of its own updates.",
		Severity: Medium,
		// Only in prod: elsewhere a second instance would fight COST-05, scale to zero.
		Levels: Levels{Off, Off, Advisory},
		Matchers: []Matcher{
			{
				Type: sagemakerEndpoint,
				Paths: []string{
					"productionVariants[].initialInstanceCount", "productionVariants[].serverlessConfig", "asyncInferenceConfig",
				},
				Check: func(c *Check) {
					if !c.Get("asyncInferenceConfig").IsAbsent() { // its queue waits for a new instance
						return
					}
					for _, variant := range c.Each("productionVariants[]") {
						if variant.at("serverlessConfig").IsAbsent() {
							c.expect(variant.at("initialInstanceCount"), "at least 2", atLeast(2), nil)
						}
					}
				},
			},
			{Type: rdsInstance, Paths: []string{"multiAz"}, Check: isTrue("multiAz")}, // default: false
			{
				Type: cloudSQL, Paths: []string{"settings.availabilityType"}, // default: ZONAL
				Check: isText("settings.availabilityType", "REGIONAL"),
			},
		},
		Fix:         "Set initialInstanceCount to 2 or more; for databases multiAz or availabilityType: REGIONAL.",
		Remediation: "None: it doubles the cost.",
		Controls: "CIS-AWS6 3.2.4; SecHub SageMaker.4, RDS.5; HIPAA 164.308(a)(7)(i), 164.308(a)(7)(ii)(C); " +
			"NIST CP-10, SC-5(2)",
		Peers: "compliance-policies rds.Cluster.disallowSingleAvailabilityZone",
	}
}

const sagemakerEndpoint = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"

// atLeast accepts numbers that are not below a bound.
func atLeast(bound float64) func(Value) bool {
	return func(v Value) bool { n, ok := v.Number(); return ok && n >= bound }
}
