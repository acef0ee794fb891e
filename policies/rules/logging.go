package rules

import (
	"slices"
	"strings"
)

// loggingRules are the rules on logs and on the audit trail.
func loggingRules() []Rule {
	return []Rule{
		auditTrail(), bucketsLogged(), controlPlanesLogged(), logsKept(), dataServicesLogged(), threatsDetected(),
		requestsCaptured(),
	}
}

const (
	bucketLogging   = "aws:s3/bucketLoggingV2:BucketLoggingV2"
	trailType       = "aws:cloudtrail/trail:Trail"
	auditConfigType = "gcp:projects/iAMAuditConfig:IAMAuditConfig"
	diagnosticType  = "azure-native:insights:DiagnosticSetting"
)

func auditTrail() Rule {
	return Rule{
		ID:       "LOG-01",
		Title:    "The audit trail covers all regions, can be checked, is encrypted and goes where nobody can change it",
		Why:      "Whoever breaks in deletes his traces first. Without a trail nobody can tell what was read.",
		Severity: High,
		Levels:   Levels{Off, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{
				Type:  trailType,
				Paths: []string{"isMultiRegionTrail", "enableLogFileValidation", "kmsKeyId", "s3BucketName"},
				Check: trailSafe,
			},
			{Type: "aws:s3/bucketV2:BucketV2", Paths: []string{"objectLockEnabled"}},
			{
				Type:  auditConfigType,
				Paths: []string{"service", "auditLogConfigs[].logType"},
				Check: accessAudited,
			}, {
				Type:  "gcp:logging/projectSink:ProjectSink",
				Paths: []string{"destination", "filter"},
				Check: auditSink,
			}, {
				Type: diagnosticType,
				Paths: []string{
					"logs[].category", "logs[].categoryGroup", "logs[].enabled", "workspaceId", "storageAccountId",
					"eventHubAuthorizationRuleId",
				},
				Check: diagnosticsKept,
			},
		},
		Stack: func(c *Check) {
			// One trail is enough for an account: that of another stack can not be seen from here.
			for _, want := range []struct{ cloud, typ string }{
				{string(AWS), trailType}, {string(GCP), auditConfigType}, {string(Azure), diagnosticType},
			} {
				if c.Graph.Has(Cloud(want.cloud)) && !c.Graph.HasType(want.typ) {
					c.Unsure("", "has no %s: whether another stack has one for the whole account can not be told", want.typ)
				}
			}
		},
		Fix: "AWS: a trail with isMultiRegionTrail, enableLogFileValidation, kmsKeyId, and a bucket with object lock. " +
			"GCP: an IAMAuditConfig for DATA_READ and DATA_WRITE. Azure: a DiagnosticSetting with the category group audit.",
		Remediation: "None: a trail has costs, and its bucket can not be locked later.",
		Controls: "CIS-AWS6 4.1, 4.2, 4.5; CIS-AZ5 6.1.1.1, 6.1.1.8, 6.1.1.9; SecHub CloudTrail.1, CloudTrail.4, " +
			"CloudTrail.2; HIPAA 164.312(b), 164.312(a)(2)(iv); PCI3.2.1 2.2, 3.4; PCI4 10.2.1.1, 10.2.1.2; NIST AU-9(3), " +
			"CM-6a; SOC2 CC2.1, CC7.2",
		Peers: "Trivy AWS-0014/0015/0016; Checkov CKV_AWS_35/36/67, CKV2_GCP_5",
	}
}

// trailSafe: by default a trail covers one region, is not validated, and has the keys of S3. In prod its bucket must be
// locked; a bucket of another stack can not be seen.
func trailSafe(c *Check) {
	c.True("isMultiRegionTrail")
	c.True("enableLogFileValidation")
	c.CustomerKey("kmsKeyId")
	if c.Given("s3BucketName") == No {
		c.Fail("s3BucketName", "is not set, want a bucket")
	}
	for _, bucket := range c.Refers("s3BucketName", "aws:s3/bucketV2:BucketV2") {
		if c.In(Prod) {
			c.On(bucket).True("objectLockEnabled")
		}
	}
}

// accessAudited: who changed what is always recorded; who read and wrote data is not.
func accessAudited(c *Check) {
	c.Set("service")
	types := No
	for _, want := range []string{"DATA_READ", "DATA_WRITE"} {
		found := No
		for _, item := range c.Each("auditLogConfigs[].logType") {
			switch {
			case isSame(item.Value, want):
				found = Yes
			case item.IsUnknown():
				found = found.Or(Maybe)
			}
		}
		types = types.Or(found.Not())
	}
	c.Say(types, "auditLogConfigs", "lack DATA_READ or DATA_WRITE")
}

// auditSink is about sinks that carry audit logs: those without a filter, and those that ask for them.
func auditSink(c *Check) {
	if filter, known := c.Get("filter").Text(); known && filter != "" && !strings.Contains(filter, "cloudaudit") {
		return
	}
	c.Say(c.Given("destination").Not(), "destination", "is not set, want a bucket, a data set or a topic")
}

// diagnosticsKept wants one log that is on, and a place where it goes.
func diagnosticsKept(c *Check) {
	on := No
	for _, log := range c.Each("logs[]") {
		switch enabled := log.Key("enabled"); {
		case isBool(false)(enabled):
		case log.IsUnknown() || enabled.IsUnknown():
			on = on.Or(Maybe)
		case !log.Key("category").Empty() || !log.Key("categoryGroup").Empty():
			on = Yes
		}
	}
	c.Say(on.Not(), "logs", "has no category that is on")
	kept := c.Given("workspaceId").Or(c.Given("storageAccountId")).Or(c.Given("eventHubAuthorizationRuleId"))
	c.Say(kept.Not(), "workspaceId", "is not set, and neither is a storage account or an event hub")
}

func bucketsLogged() Rule {
	return Rule{
		ID:       "LOG-02",
		Title:    "Every bucket records who reads and writes it, save those that hold such records",
		Why:      "Whether a leaked key was used, and for what, stands nowhere else.",
		Severity: Low,
		Levels:   Levels{Off, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: "aws:s3/bucketV2:BucketV2", Check: bucketLogged("")},
			{Type: "aws:s3/bucket:Bucket", Paths: []string{"loggings[].targetBucket"}, Check: bucketLogged("loggings")},
			{Type: bucketLogging, Paths: []string{"bucket", "targetBucket"}},
			{
				Type: "gcp:storage/bucket:Bucket", Paths: []string{"logging.logBucket"}, Check: storageLogged,
			},
		},
		Fix:         "AWS: a BucketLoggingV2 with a bucket for logs. GCP: logging.logBucket.",
		Remediation: "None: it takes a bucket for the logs.",
		Controls: "SecHub S3.9; HIPAA 164.312(b), 164.308(a)(3)(ii)(A); PCI3.2.1 2.2, 10.1; PCI4 10.2.1.1, 10.2.1.2; NIST " +
			"AU-2b, AU-12a; SOC2 CC7.2, CC7.3",
		Peers: "Trivy AWS-0089; Checkov CKV_AWS_18, CKV_GCP_62/63",
	}
}

func bucketLogged(inline string) CheckFunc {
	return func(c *Check) {
		if takesLogs, _ := c.HasSatellite(bucketLogging, "targetBucket"); takesLogs {
			c.Pass() // a bucket that logs itself never comes to rest
			return
		}
		if inline != "" && !c.Get(inline).Empty() {
			c.Set(inline + "[].targetBucket")
			return
		}
		for _, logging := range c.Satellites(bucketLogging, "bucket", "does not record who reads and writes it") {
			logging.Say(logging.Given("targetBucket").Not(), "targetBucket", "is not set, want a bucket for logs")
		}
	}
}

func storageLogged(c *Check) {
	if takesLogs, _ := c.HasSatellite("gcp:storage/bucket:Bucket", "logging.logBucket"); takesLogs {
		c.Pass()
		return
	}
	c.Say(c.Given("logging.logBucket").Not(), "logging.logBucket", "is not set, want a bucket for logs")
}

func controlPlanesLogged() Rule {
	return Rule{
		ID:       "LOG-03",
		Title:    "Kubernetes control planes keep their logs",
		Why:      "Who called the API with which identity is what one asks first after a break-in.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:eks/cluster:Cluster", // default: none
				Paths: []string{"enabledClusterLogTypes"},
				Check: func(c *Check) { c.Includes("enabledClusterLogTypes", controlLogs...) },
				Remedy: func(c *Check) []Change {
					return addTexts(c, "enabledClusterLogTypes", controlLogs)
				},
			}, {
				Type:  "gcp:container/cluster:Cluster",
				Paths: []string{"loggingService", "loggingConfig.enableComponents"},
				Check: gkeLogged,
			}, {
				Type: "azure-native:containerservice:ManagedCluster", Paths: []string{"addonProfiles"}, Check: aksLogged,
			},
		},
		Fix: "EKS: enabledClusterLogTypes with api, audit and authenticator. GKE: leave logging on. AKS: the addon " +
			"omsagent.",
		Remediation: "Adds the log types that an EKS cluster lacks. They cost half a dollar for each gigabyte.",
		Controls:    "SecHub EKS.8; HIPAA 164.312(b), 164.308(a)(7)(i); PCI4 10.2.1.1, 10.2.1.2",
		Peers:       "Trivy AWS-0038, GCP-0060, AZU-0040; Checkov CKV_AWS_37, CKV_GCP_1, CKV_AZURE_4",
	}
}

// controlLogs are the logs that tell who did what. Those of scheduler and controllers answer other questions.
var controlLogs = []string{"api", "audit", "authenticator"}

// addTexts proposes a list with the texts that it lacks. A list of which something is not known is left alone.
func addTexts(c *Check, path string, texts []string) []Change {
	old := c.Get(path)
	items, isList := old.List()
	if old.HasUnknown() || !isList && !old.IsAbsent() {
		return nil
	}
	added := slices.Clone(items)
	for _, text := range texts {
		if !slices.ContainsFunc(items, func(v Value) bool { return isSame(v, text) }) {
			added = append(added, StringValue(text))
		}
	}
	if len(added) == len(items) {
		return nil
	}
	return []Change{{Path: path, Old: old, New: ListValue(added)}}
}

// gkeLogged: logs of system and workloads are on by default, and those of the audit can not be turned off.
func gkeLogged(c *Check) {
	c.NoneOf("loggingService", []string{"none"}, AbsentOK)
	if c.Get("loggingConfig").IsAbsent() {
		c.Pass()
		return
	}
	c.Includes("loggingConfig.enableComponents", "SYSTEM_COMPONENTS")
}

// aksLogged looks for the agent under both spellings of its name.
func aksLogged(c *Check) {
	addons := c.Get("addonProfiles")
	if addons.IsUnknown() {
		c.Unsure("addonProfiles", "is not known yet, want omsagent")
		return
	}
	for _, name := range addons.Keys() {
		if strings.EqualFold(name, "omsagent") {
			c.expect(Item{Value: addons.Key(name).Key("enabled"), Path: "addonProfiles." + name + ".enabled"}, "true",
				isBool(true), nil)
			return
		}
	}
	c.Fail("addonProfiles", "has no omsagent")
}
