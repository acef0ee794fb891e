package rules

import "strings"

// publicRules are the rules on public access.
func publicRules() []Rule {
	return []Rule{
		bucketsBlocked(), noPublicMembers(), noPublicPrincipals(), storesPrivate(), notebooksPrivate(),
		controlPlanesPrivate(), servicesAuthenticated(), noOpenPorts(),
	}
}

const bucketBlock = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"

func bucketsBlocked() Rule {
	flags := []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"}
	return Rule{
		ID:       "PUB-01",
		Title:    "Every bucket is closed to the public",
		Why:      "One wrong policy or list of rights on a bucket that is not closed publishes all data in it.",
		Severity: Critical,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			// New buckets are closed since April 2023, but only a resource keeps them so.
			{Type: "aws:s3/bucketV2:BucketV2", Check: bucketBlocked(flags)},
			{Type: "aws:s3/bucket:Bucket", Check: bucketBlocked(flags)},
			{Type: bucketBlock, Paths: append([]string{"bucket"}, flags...)},
			{
				Type:  "gcp:storage/bucket:Bucket",
				Paths: []string{"publicAccessPrevention", "uniformBucketLevelAccess"},
				// Not given, the first is what the organisation says, and the second is off.
				Check:  allOf(isText("publicAccessPrevention", "enforced"), isTrue("uniformBucketLevelAccess")),
				Remedy: sets("enforced", "publicAccessPrevention"),
			}, {
				Type:   "azure-native:storage:StorageAccount", // default of the API that version 2 speaks: true
				Paths:  []string{"allowBlobPublicAccess"},
				Check:  isFalse("allowBlobPublicAccess"),
				Remedy: sets(false, "allowBlobPublicAccess"),
			}, {
				Type:   "azure-native:storage:BlobContainer",
				Paths:  []string{"publicAccess"},
				Check:  func(c *Check) { c.Is("publicAccess", "None", AbsentOK) },
				Remedy: setsUnless(func(v Value) bool { return v.IsAbsent() || isOneOf("None")(v) }, "None", "publicAccess"),
			},
		},
		Fix: "AWS: a BucketPublicAccessBlock with all four flags. GCP: publicAccessPrevention enforced and " +
			"uniformBucketLevelAccess. Azure: allowBlobPublicAccess false.",
		Remediation: "Sets the flags of GCP and Azure that close a bucket. On AWS it takes a resource beside the bucket.",
		Controls: "CIS-AWS6 3.1.4; CIS-GCP5 5.1, 5.2; CIS-AZ5 9.3.8; SecHub S3.8; HIPAA 164.312(a)(1), 164.312(e)(1); " +
			"PCI3.2.1 1.2, 1.2.1; PCI4 1.2.5, 1.2.8; NIST SC-7a, SC-7b; SOC2 CC6.1, PI1.4",
		Peers: "Trivy AWS-0086/0087/0091/0093/0094, GCP-0001/0002, AZU-0007; Checkov CKV2_AWS_6, CKV_AWS_53-56, " +
			"CKV_GCP_28/29/114, CKV_AZURE_190; compliance-policies gcp Bucket publicAccessPrevention",
	}
}

func bucketBlocked(flags []string) CheckFunc {
	return func(c *Check) {
		for _, block := range c.Satellites(bucketBlock, "bucket", "has no public access block") {
			isTrue(flags...)(block)
		}
	}
}

func noPublicMembers() Rule {
	member := func(typ, path string) Matcher {
		return Matcher{Type: typ, Paths: []string{path}, Check: func(c *Check) { c.NoneOf(path, everybody) }}
	}
	return Rule{
		ID:       "PUB-02",
		Title:    "Nothing is granted to everybody on the internet or to every account of the platform",
		Why:      "allUsers needs no account at all, and an account for allAuthenticatedUsers is free.",
		Severity: Critical,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{
			member("gcp:storage/bucketIAMMember:BucketIAMMember", "member"),
			member("gcp:storage/bucketIAMBinding:BucketIAMBinding", "members[]"),
			member("gcp:bigquery/datasetIamMember:DatasetIamMember", "member"),
			{
				Type:  "gcp:bigquery/dataset:Dataset", // default: the project's owners, writers and readers
				Paths: []string{"accesses[].specialGroup", "accesses[].iamMember"},
				Check: datasetClosed,
			},
			member("gcp:cloudrunv2/serviceIamMember:ServiceIamMember", "member"),
			member("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", "member"),
			member("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", "member"),
		},
		Fix:         "Grant to a service account, a group or a domain.",
		Remediation: "None: who should have access is not known.",
		Controls: "CIS-AWS6 2.21 (v7); CIS-GCP5 7.1, 1.10, 5.1; SecHub KMS.5; HIPAA 164.312(a)(1), 164.308(a)(4)(i); PCI4 " +
			"1.2.8, 1.3.1; SOC2 CC6.1",
		Peers: "Trivy GCP-0001, GCP-0046; Checkov CKV_GCP_15/100/101/102/112",
	}
}

// everybody are the members that mean all people.
var everybody = []string{"allUsers", "allAuthenticatedUsers", "iamMember:allUsers"}

func datasetClosed(c *Check) {
	if c.Get("accesses").IsAbsent() {
		c.Pass()
	}
	c.NoneOf("accesses[].specialGroup", everybody, AbsentOK)
	c.NoneOf("accesses[].iamMember", everybody, AbsentOK)
}

func noPublicPrincipals() Rule {
	document := func(typ string) Matcher {
		return Matcher{Type: typ, Paths: []string{"policy"}, Check: noPublicPrincipal}
	}
	return Rule{
		ID: "PUB-03",
		Title: "No policy of a bucket, key, queue, topic, repository, secret or function allows everybody without a " +
			"condition on who calls",
		Why:      "The principal * means every account of AWS and, for most services, people without any.",
		Severity: Critical,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{
			document(bucketPolicy),
			document("aws:kms/key:Key"),
			document("aws:sqs/queuePolicy:QueuePolicy"),
			document("aws:sns/topicPolicy:TopicPolicy"),
			document("aws:ecr/repositoryPolicy:RepositoryPolicy"),
			document("aws:secretsmanager/secretPolicy:SecretPolicy"),
			{
				Type: "aws:lambda/permission:Permission",
				Paths: []string{
					"principal", "principalOrgId", "sourceArn", "sourceAccount", "functionUrlAuthType", "eventSourceToken",
				},
				Check: permissionNarrowed,
			},
		},
		Fix: "Name the accounts, roles or services. Where it must be *, add a condition on aws:PrincipalOrgID, " +
			"aws:SourceAccount or aws:SourceArn; a permission of a function takes sourceArn and sourceAccount.",
		Remediation: "None: who should have access is not known.",
		Controls: "CIS-AWS6 2.21 (v7); CIS-GCP5 1.10; SecHub Lambda.1, KMS.5, S3.3; HIPAA 164.312(a)(1), 164.312(e)(1); " +
			"PCI3.2.1 1.2, 1.2.1; PCI4 1.2.8, 1.3.1",
		Peers: "Trivy AWS-0032, AWS-0067, AWS-0097; Checkov CKV_AWS_32/33/70/168/169/301/387; CIS AWS 7.0 2.21",
	}
}

// noPublicPrincipal passes where there is no policy: the defaults admit the own account only.
func noPublicPrincipal(c *Check) {
	if c.Get("policy").IsAbsent() {
		c.Pass()
	}
	c.Statements("policy", func(s *Statement) (Tri, string) {
		return s.Allows.And(s.AnyPrincipal()).And(s.Narrowed().Not()), "allows everybody without a condition on who calls"
	})
}

// permissionNarrowed wants a source for everybody and for services, which act for whoever asks them to. An account or a
// role is narrow enough by itself.
func permissionNarrowed(c *Check) {
	principal := c.Get("principal")
	text, known := principal.Text()
	if known && !onlyStars(text) && !strings.HasSuffix(text, ".amazonaws.com") && !strings.HasSuffix(text, ".amazon.com") {
		c.Pass()
		return
	}
	narrowed := No
	for _, path := range []string{"sourceArn", "sourceAccount", "principalOrgId", "eventSourceToken"} {
		given := c.Given(path)
		if source, ok := c.Get(path).Text(); ok && onlyStars(source) {
			given = No
		}
		narrowed = narrowed.Or(given)
	}
	// The signature of a caller is checked before the function sees the request.
	if auth, _ := c.Get("functionUrlAuthType").Text(); auth == "AWS_IAM" {
		narrowed = Yes
	}
	wrong := narrowed.Not()
	if !known && !principal.IsAbsent() {
		wrong = wrong.And(Maybe)
	}
	c.Say(wrong, "principal", "is %s and has neither sourceArn nor sourceAccount", principal)
}
