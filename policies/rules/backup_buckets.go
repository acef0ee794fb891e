package rules

import (
	"regexp"
	"strings"
)

const (
	bucketVersioning = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	cloudTrail       = "aws:cloudtrail/trail:Trail"
)

func versionsKept() Rule {
	return Rule{
		ID:       "BAK-03",
		Title:    "Buckets for data and models keep what is overwritten or deleted for a while",
		Why:      "A job with a wrong path overwrites a month of data in a minute. Without versions nothing brings it back.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: bucketV2, Check: func(c *Check) {
				// What takes logs is only ever added to.
				if isTarget, _ := c.HasSatellite(bucketLogging, "targetBucket"); isTarget {
					return
				}
				for _, s := range c.Satellites(bucketVersioning, "bucket", "has no versioning") {
					s.Is("versioningConfiguration.status", "Enabled")
				}
			}},
			{Type: bucketVersioning, Paths: []string{"bucket", "versioningConfiguration.status"}},
			{Type: bucketLogging, Paths: []string{"targetBucket"}},
			{
				Type: gcsBucket,
				Paths: []string{
					"versioning.enabled", "softDeletePolicy.retentionDurationSeconds", "retentionPolicy.retentionPeriod",
					"logging.logBucket",
				},
				Check: gcsVersioned,
				Remedy: func(c *Check) []Change {
					if !c.Get("retentionPolicy").IsAbsent() {
						return nil
					}
					return sets(true, "versioning.enabled")(c)
				},
			},
			{Type: storageAccount, Paths: []string{"isHnsEnabled", "kind"}, Check: accountVersioned},
			{Type: blobProperties, Paths: []string{
				"accountName", "isVersioningEnabled", "deleteRetentionPolicy.enabled", "containerDeleteRetentionPolicy.enabled",
			}},
		},
		Fix: "AWS: a BucketVersioningV2 with status Enabled. GCP: versioning.enabled. Azure: BlobServiceProperties with " +
			"isVersioningEnabled, deleteRetentionPolicy and containerDeleteRetentionPolicy.",
		Remediation: "Sets versioning on Google Cloud, where no retention policy forbids it. Elsewhere it is a resource of " +
			"its own.",
		Controls: "CIS-AZ5 9.2.1, 9.2.2, 9.2.3; SecHub S3.14; HIPAA 164.312(c)(1), 164.312(c)(2); PCI3.2.1 10.5.3; " +
			"PCI4 10.3.4, 10.3.2; NIST CP-9a, CP-9b; SOC2 CC7.4, A1.1",
		Peers: "Trivy AWS-0090, GCP-0078, AZU-0056; Checkov CKV_AWS_21, CKV_GCP_78, CKV2_AZURE_38",
	}
}

func gcsVersioned(c *Check) {
	if isTarget, _ := c.HasSatellite(gcsBucket, "logging.logBucket"); isTarget {
		return
	}
	// What can not be deleted needs no versions: Google Cloud refuses both together.
	if c.Get("retentionPolicy.retentionPeriod").IsAbsent() {
		c.True("versioning.enabled")
	}
	c.AtLeast("softDeletePolicy.retentionDurationSeconds", 7*24*3600, AbsentOK) // default: seven days
}

// accountVersioned judges a storage account by the settings of its blobs. An account with a hierarchical namespace, as
// a data lake has, can not have versions, only soft deletion; one for files has no blobs.
func accountVersioned(c *Check) {
	if kind, _ := c.Get("kind").Text(); strings.EqualFold(kind, "FileStorage") {
		return
	}
	hierarchical := c.Get("isHnsEnabled") // default: false
	for _, s := range c.Satellites(blobProperties, "accountName", "has no BlobServiceProperties") {
		if on, _ := hierarchical.Bool(); !on && !hierarchical.IsUnknown() {
			s.True("isVersioningEnabled")
		}
		s.True("deleteRetentionPolicy.enabled")
		s.True("containerDeleteRetentionPolicy.enabled")
	}
}

// evidence marks, in the name of a bucket or of its resource, what must be there when somebody asks later.
var evidence = regexp.MustCompile(`(?i)\b(audit|trail|evidence|compliance)`)

func isEvidence(c *Check, property string) bool {
	name, _ := c.Get(property).Text()
	return evidence.MatchString(c.Resource.Name) || evidence.MatchString(name)
}

func evidenceLocked() Rule {
	const sink = "gcp:logging/projectSink:ProjectSink"
	return Rule{
		ID:    "BAK-05",
		Title: "What proves what happened can not be deleted before its time",
		Why: "An intruder deletes the trail first. Records that were kept to explain a model to an auditor are worth " +
			"nothing " +
			"where they could have been changed.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Advisory},
		// Other resources tell which bucket takes an audit trail: a lock on every bucket would be wrong.
		Scope: OnStack,
		Matchers: []Matcher{
			{Type: bucketV2, Paths: []string{"bucket", "objectLockEnabled"}, Check: func(c *Check) {
				// S3 refuses to write its access logs to a bucket with a lock.
				if logs, _ := c.HasSatellite(bucketLogging, "targetBucket"); logs {
					return
				}
				if trail, _ := c.HasSatellite(cloudTrail, "s3BucketName"); trail || isEvidence(c, "bucket") {
					c.True("objectLockEnabled") // default: false
				}
			}},
			{Type: cloudTrail, Paths: []string{"s3BucketName"}},
			{Type: bucketLogging, Paths: []string{"targetBucket"}},
			{
				Type: gcsBucket, Paths: []string{"name", "retentionPolicy.retentionPeriod", "retentionPolicy.isLocked"},
				Check: func(c *Check) {
					if trail, _ := c.HasSatellite(sink, "destination"); trail || isEvidence(c, "name") {
						c.AtLeast("retentionPolicy.retentionPeriod", 1)
						c.True("retentionPolicy.isLocked") // default: false
					}
				},
			},
			{Type: sink, Paths: []string{"destination"}},
			{
				Type: blobContainer, Paths: []string{"containerName", "immutableStorageWithVersioning.enabled"},
				Check: func(c *Check) {
					if isEvidence(c, "containerName") {
						c.True("immutableStorageWithVersioning.enabled") // default: false
					}
				},
			},
		},
		Fix: "AWS: objectLockEnabled on a new bucket. GCP: a retentionPolicy that is locked. Azure: " +
			"immutableStorageWithVersioning.enabled.",
		Remediation: "None: a lock can not be taken back.",
		Controls:    "CIS-GCP5 2.3, 2.4; SecHub S3.15; PCI4 10.3.4, 1.3.2; SOC2 PI1.5, CC7.2",
		Peers:       "Checkov CKV_AWS_143, CKV2_GCP_4",
	}
}
