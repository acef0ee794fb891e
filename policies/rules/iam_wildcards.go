package rules

import "strings"

func noWildcards() Rule {
	return Rule{
		ID:    "IAM-02",
		Title: "No policy allows all of a service, or an action on everything that could name what it is for",
		Why: "s3:* holds deleting and opening buckets; an action on * reaches the data of every other team in the " +
			"account.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{Type: "aws:iam/policy:Policy", Paths: []string{"policy"}, Check: noWildcard},
			{Type: "aws:iam/rolePolicy:RolePolicy", Paths: []string{"policy"}, Check: noWildcard},
		},
		Fix: "List the actions, and the resources or a condition such as aws:ResourceTag. Actions that know no resource, " +
			"such as ecr:GetAuthorizationToken, belong into a statement of their own.",
		Remediation: "None: what the workload needs is not known.",
		Controls: "HIPAA 164.312(a)(1), 164.308(a)(4)(i); PCI3.2.1 7.1.2, 7.1.3; PCI4 3.5.1.1, 3.5.1.3; NIST AC-6(2), " +
			"AC-6(10)",
		Peers: "Trivy AWS-0345 (s3:*), AWS-0057; Checkov CKV2_AWS_40, CKV2_AWS_68",
	}
}

// noWildcard leaves statements that allow everything to IAM-01.
func noWildcard(c *Check) {
	c.Statements("policy", func(s *Statement) (Tri, string) {
		allows := s.Allows.And(s.fullPower().Not())
		_, service := s.WholeService()
		if wrong := allows.And(service); wrong == Yes {
			return wrong, "allows all of a service"
		}
		_, action := s.Actions.Any(namesResource)
		wide := allows.And(s.everyResource()).And(action).And(s.narrowsResource().Not())
		return wide.Or(allows.And(service)), "allows an action on everything that could name what it is for"
	})
}

// everyResource tells whether a resource of the statement is everything, or everything of a service: arn:aws:s3:::*.
func (s *Statement) everyResource() Tri {
	_, whole := s.Resources.Any(func(arn string) bool {
		parts := strings.SplitN(arn, ":", 6)
		return len(parts) == 6 && strings.Trim(parts[5], "*/") == ""
	})
	return whole.Or(s.AnyResource())
}

// narrowing are the condition keys that say which resource is meant, apart from tags.
var narrowing = []string{
	"aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "s3:ResourceAccount", "kms:ViaService",
	"iam:PassedToService", "cloudwatch:namespace", "ecs:cluster", "ec2:Vpc", "ec2:Subnet", "aws:CalledViaLast",
	"iam:AWSServiceName", "dynamodb:LeadingKeys", "events:ManagedBy", "elasticfilesystem:AccessPointArn",
}

// narrowsResource tells whether a condition says which resource is meant.
func (s *Statement) narrowsResource() Tri {
	precise := func(value string) bool { return !onlyStars(value) && value != "" }
	narrowed := No
	for _, key := range narrowing {
		narrowed = narrowed.Or(s.Conditions.Requires(key, precise))
	}
	for _, condition := range s.Conditions.list {
		if strings.Contains(condition.Key, "resourcetag/") || strings.Contains(condition.Key, "requesttag/") ||
			strings.HasPrefix(condition.Key, "kms:encryptioncontext") {
			narrowed = narrowed.Or(s.Conditions.Requires(condition.Key, precise))
		}
	}
	return narrowed
}

// resourceless are the actions that know no resource, or that only tell what there is. IAM wants * for them. Those for
// network interfaces and log delivery are what functions, jobs and state machines in a VPC need.
var resourceless = []string{
	"*:Describe*", "*:List*", "ecr:GetAuthorizationToken", "sts:GetCallerIdentity", "sts:GetServiceBearerToken",
	"cloudwatch:PutMetricData", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "xray:Put*",
	"xray:GetSampling*", "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery",
	"logs:DeleteLogDelivery", "logs:PutResourcePolicy", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
	"ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterfacePermission", "ec2:AssignPrivateIpAddresses",
	"ec2:UnassignPrivateIpAddresses", "redshift-data:GetStatementResult", "redshift-data:CancelStatement",
	"pricing:GetProducts", "tag:GetResources", "kms:GenerateRandom", "ce:Get*", "cloudtrail:LookupEvents",
	"sagemaker:Search", "states:ValidateStateMachineDefinition", "ssmmessages:*Channel", "guardduty:Get*Coverage*",
}

// namesResource reports whether an action could name what it is for. A term with a wildcard could where one of its
// actions could: s3:List* holds s3:ListBucket, which shows the names of all objects.
func namesResource(term string) bool {
	for _, exception := range []string{"s3:ListBucket", "s3:ListBucketVersions"} {
		if glob(term, exception) {
			return true
		}
	}
	for _, pattern := range resourceless {
		if glob(pattern, term) {
			return false
		}
	}
	return true
}
