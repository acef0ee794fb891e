package aws_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

// golden reads the graph of the whole platform, which the conformance suite keeps equal to what the code makes.
func golden(t *testing.T, e components.Environment) []goldenResource {
	t.Helper()
	data, err := os.ReadFile("testdata/graph-" + string(e) + ".json")
	require.NoError(t, err)
	var all []goldenResource
	require.NoError(t, json.Unmarshal(data, &all))
	require.NotEmpty(t, all)
	return all
}

type goldenResource struct {
	URN, Type, Name string
	Inputs          map[string]any
}

// statementsOf are the statements of all policies in the inputs of a resource.
func (r goldenResource) statementsOf(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, key := range []string{"policy", "assumeRolePolicy"} {
		text, ok := r.Inputs[key].(string)
		if !ok || !strings.Contains(text, `"Statement"`) {
			continue
		}
		for _, s := range decode(t, text)["Statement"].([]any) {
			all = append(all, s.(map[string]any))
		}
	}
	return all
}

// anywhere are the actions that know no resource, or that a service asks for without one.
var anywhere = regexp.MustCompile(`^(ecr:GetAuthorizationToken|ec2:Describe.+|` +
	`ec2:(Assign|Unassign)PrivateIpAddresses|` +
	`ec2:(Create|Delete)NetworkInterface|cloudtrail:DescribeTrails|kms:(CreateKey|ListAliases)|` +
	`redshift-data:DescribeStatement|states:ValidateStateMachineDefinition|` +
	`application-autoscaling:Describe.+|cloudwatch:PutMetricData|logs:Describe.+|` +
	`logs:.+(LogDelivery|LogDeliveries|ResourcePolic).*|` +
	`sagemaker:(ListTags|Search|ListTrainingJobs.*)|xray:.+|pricing:GetProducts|iam:CreateServiceLinkedRole)$`)

// identityTypes are the types whose policies say what somebody may do; the others say who may come in.
var identityTypes = []string{"aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy"}

// TestLeastPrivilege: no action is a pattern, no resource is everything unless the action knows none, and Sids, from
// which the documents are made, say something and stand once.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	sid := regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`)
	for _, e := range components.Environments() {
		for _, r := range golden(t, e) {
			sids := map[string]bool{}
			for _, s := range r.statementsOf(t) {
				assert.Regexp(t, sid, s["Sid"], r.URN)
				assert.False(t, sids[s["Sid"].(string)], "%s: %s stands twice", r.URN, s["Sid"])
				sids[s["Sid"].(string)] = true
				if s["Effect"] == "Deny" {
					continue
				}
				for _, action := range texts(s["Action"]) {
					assert.NotContains(t, action, "*", "%s: %s", r.URN, s["Sid"])
					if slices.Contains(identityTypes, r.Type) && slices.Contains(texts(s["Resource"]), "*") {
						assert.Regexp(t, anywhere, action, "%s: %s on everything", r.URN, s["Sid"])
					}
				}
			}
		}
	}
}

// TestTrustIsNarrow: nobody but services on behalf of this account, people of this account and one repository.
func TestTrustIsNarrow(t *testing.T) {
	t.Parallel()
	for _, e := range components.Environments() {
		for _, r := range golden(t, e) {
			if r.Type != "aws:iam/role:Role" {
				continue
			}
			for _, s := range r.statementsOf(t) {
				principal, condition := s["Principal"].(map[string]any), s["Condition"]
				assert.NotContains(t, texts(principal["AWS"]), "*", r.URN)
				if slices.Contains(texts(principal["Service"]), "ec2.amazonaws.com") {
					continue // tells nobody on whose behalf it asks
				}
				assert.NotEmpty(t, condition, "%s trusts %v without a condition", r.URN, principal)
			}
		}
	}
}

// TestPoliciesFit: IAM takes 6144 characters in a policy, and 10240 in all policies of a role's own.
func TestPoliciesFit(t *testing.T) {
	t.Parallel()
	for _, e := range components.Environments() {
		own := map[string]int{}
		for _, r := range golden(t, e) {
			text, _ := r.Inputs["policy"].(string)
			switch r.Type {
			case "aws:iam/policy:Policy":
				assert.LessOrEqual(t, len(text), 6144, r.URN)
			case "aws:iam/rolePolicy:RolePolicy":
				own[r.Inputs["role"].(string)] += len(text)
			}
		}
		for role, size := range own {
			assert.LessOrEqual(t, size, 10240, role)
		}
	}
}

// untaggable are the types that carry no tags.
var untaggable = regexp.MustCompile(`^(aws:s3/bucket(PublicAccess|Ownership|Versioning|Lifecycle|Policy|Notification|` +
	`Logging|ServerSide|ObjectLock).*|aws:iam/(rolePolicy|rolePolicyAttachment):.*|aws:kms/alias:.*|` +
	`aws:ec2/(route|routeTableAssociation):.*|aws:sns/topic(Policy|Subscription):.*|aws:sqs/queuePolicy:.*|` +
	`aws:cloudwatch/(eventTarget|dashboard|logMetricFilter):.*|aws:lambda/(permission|functionEventInvokeConfig):.*|` +
	`aws:scheduler/schedule:.*|aws:redshiftserverless/usageLimit:.*|aws:redshiftdata/statement:.*|` +
	`aws:guardduty/detectorFeature:.*|aws:secretsmanager/secretVersion:.*|aws:ecr/(lifecycle|repository)Policy:.*|` +
	`aws:appautoscaling/(policy|target):.*|aws:costexplorer/costAllocationTag:.*|aws:eks/accessPolicyAssociation:.*|` +
	`aws:glue/catalogTable:.*|aws:glue/partition.*|random:.*|pulumi:.*|mlpathway:.*|kubernetes:.*)$`)

// TestEverythingIsTagged: what can carry tags says whose it is, what it belongs to and how bad it would be if strangers
// read it.
func TestEverythingIsTagged(t *testing.T) {
	t.Parallel()
	for _, e := range components.Environments() {
		for _, r := range golden(t, e) {
			if untaggable.MatchString(r.Type) {
				continue
			}
			tags, _ := r.Inputs["tags"].(map[string]any)
			for key, want := range map[string]string{
				"team": "fraud", "environment": string(e), "owner": "fraud@example.com", "cost-center": "cc-1234",
				"managed-by": "mlpathway", "platform": "fraud-" + string(e), "project": "mlpathway",
			} {
				assert.Equal(t, want, tags[key], "%s: %s", r.URN, key)
			}
			assert.Contains(t, []any{"none", "internal", "confidential", "restricted"}, tags["data-class"], r.URN)
		}
	}
}

// TestDeployerCanMakeEverything: for every type of the platform, the role that deploys it may create it.
func TestDeployerCanMakeEverything(t *testing.T) {
	t.Parallel()
	may := map[string]bool{}
	resources := golden(t, components.Prod)
	for _, r := range resources {
		if !strings.HasPrefix(r.Name, "delivery-deploy-") {
			continue
		}
		for _, s := range r.statementsOf(t) {
			for _, action := range texts(s["Action"]) {
				may[action] = true
			}
		}
	}
	for _, e := range components.Environments() {
		for _, r := range golden(t, e) {
			service, kind, ok := strings.Cut(strings.TrimPrefix(r.Type, "aws:"), "/")
			if !ok || !strings.HasPrefix(r.Type, "aws:") {
				continue
			}
			action, known := creates[service+"/"+kind[:strings.Index(kind, ":")]]
			if assert.True(t, known, "creates has no row for %s", r.Type) {
				assert.True(t, may[action], "%s takes %s", r.Type, action)
			}
		}
	}
}

// creates names the action that makes a resource of a type.
var creates = map[string]string{
	"appautoscaling/policy": "application-autoscaling:PutScalingPolicy",
	"mwaa/environment":      "airflow:CreateEnvironment",
	"appautoscaling/target": "application-autoscaling:RegisterScalableTarget",
	"athena/workgroup":      "athena:CreateWorkGroup", "budgets/budget": "budgets:ModifyBudget",
	"cloudtrail/trail":     "cloudtrail:CreateTrail",
	"cloudwatch/dashboard": "cloudwatch:PutDashboard", "cloudwatch/eventRule": "events:PutRule",
	"cloudwatch/eventTarget": "events:PutTargets", "cloudwatch/logGroup": "logs:CreateLogGroup",
	"cloudwatch/logMetricFilter": "logs:PutMetricFilter", "cloudwatch/metricAlarm": "cloudwatch:PutMetricAlarm",
	"costexplorer/anomalyMonitor":      "ce:CreateAnomalyMonitor",
	"costexplorer/anomalySubscription": "ce:CreateAnomalySubscription",
	"dynamodb/table":                   "dynamodb:CreateTable",
	"ec2/defaultSecurityGroup":         "ec2:RevokeSecurityGroupIngress",
	"ec2/eip":                          "ec2:AllocateAddress", "ec2/flowLog": "ec2:CreateFlowLogs",
	"ec2/internetGateway": "ec2:CreateInternetGateway", "ec2/launchTemplate": "ec2:CreateLaunchTemplate",
	"ec2/natGateway": "ec2:CreateNatGateway", "ec2/route": "ec2:CreateRoute", "ec2/routeTable": "ec2:CreateRouteTable",
	"ec2/routeTableAssociation": "ec2:AssociateRouteTable", "ec2/securityGroup": "ec2:CreateSecurityGroup",
	"ec2/subnet": "ec2:CreateSubnet", "ec2/vpc": "ec2:CreateVpc", "ec2/vpcEndpoint": "ec2:CreateVpcEndpoint",
	"ecr/lifecyclePolicy": "ecr:PutLifecyclePolicy", "ecr/repository": "ecr:CreateRepository",
	"ecr/repositoryPolicy": "ecr:SetRepositoryPolicy", "eks/accessEntry": "eks:CreateAccessEntry",
	"eks/accessPolicyAssociation": "eks:AssociateAccessPolicy", "eks/addon": "eks:CreateAddon",
	"eks/cluster": "eks:CreateCluster", "eks/nodeGroup": "eks:CreateNodegroup",
	"eks/podIdentityAssociation": "eks:CreatePodIdentityAssociation",
	"emrserverless/application":  "emr-serverless:CreateApplication",
	"glue/catalogDatabase":       "glue:CreateDatabase", "glue/catalogTable": "glue:CreateTable",
	"guardduty/detector": "guardduty:CreateDetector", "guardduty/detectorFeature": "guardduty:UpdateDetector",
	"iam/instanceProfile":       "iam:CreateInstanceProfile",
	"iam/openIdConnectProvider": "iam:CreateOpenIDConnectProvider", "iam/policy": "iam:CreatePolicy",
	"iam/role": "iam:CreateRole", "iam/rolePolicy": "iam:PutRolePolicy",
	"iam/rolePolicyAttachment": "iam:AttachRolePolicy", "kms/alias": "kms:CreateAlias", "kms/key": "kms:CreateKey",
	"lambda/eventSourceMapping": "lambda:CreateEventSourceMapping", "lambda/function": "lambda:CreateFunction",
	"lambda/functionEventInvokeConfig":  "lambda:PutFunctionEventInvokeConfig",
	"lambda/permission":                 "lambda:AddPermission",
	"redshiftdata/statement":            "redshift-data:ExecuteStatement",
	"redshiftserverless/namespace":      "redshift-serverless:CreateNamespace",
	"redshiftserverless/usageLimit":     "redshift-serverless:CreateUsageLimit",
	"redshiftserverless/workgroup":      "redshift-serverless:CreateWorkgroup",
	"s3/bucketLifecycleConfigurationV2": "s3:PutLifecycleConfiguration", "s3/bucketLoggingV2": "s3:PutBucketLogging",
	"s3/bucketNotification": "s3:PutBucketNotification", "s3/bucketObjectv2": "s3:PutObject",
	"s3/bucketObjectLockConfigurationV2": "s3:PutBucketObjectLockConfiguration",
	"s3/bucketOwnershipControls":         "s3:PutBucketOwnershipControls", "s3/bucketPolicy": "s3:PutBucketPolicy",
	"s3/bucketPublicAccessBlock":                   "s3:PutBucketPublicAccessBlock",
	"s3/bucketServerSideEncryptionConfigurationV2": "s3:PutEncryptionConfiguration",
	"s3/bucketV2": "s3:CreateBucket", "s3/bucketVersioningV2": "s3:PutBucketVersioning",
	"sagemaker/domain": "sagemaker:CreateDomain", "sagemaker/endpoint": "sagemaker:CreateEndpoint",
	"sagemaker/endpointConfiguration": "sagemaker:CreateEndpointConfig",
	"sagemaker/featureGroup":          "sagemaker:CreateFeatureGroup",
	"sagemaker/mlflowTrackingServer":  "sagemaker:CreateMlflowTrackingServer", "sagemaker/model": "sagemaker:CreateModel",
	"sagemaker/modelPackageGroup": "sagemaker:CreateModelPackageGroup",
	"sagemaker/userProfile":       "sagemaker:CreateUserProfile", "scheduler/schedule": "scheduler:CreateSchedule",
	"secretsmanager/secret":        "secretsmanager:CreateSecret",
	"secretsmanager/secretVersion": "secretsmanager:PutSecretValue",
	"sfn/stateMachine":             "states:CreateStateMachine", "sns/topic": "sns:CreateTopic",
	"sns/topicPolicy": "sns:SetTopicAttributes", "sns/topicSubscription": "sns:Subscribe", "sqs/queue": "sqs:CreateQueue",
	"sqs/queuePolicy": "sqs:SetQueueAttributes", "ssm/parameter": "ssm:PutParameter",
	"vpc/securityGroupEgressRule":  "ec2:AuthorizeSecurityGroupEgress",
	"vpc/securityGroupIngressRule": "ec2:AuthorizeSecurityGroupIngress",
}
