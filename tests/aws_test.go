package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/aws/awstest"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/stacks"
)

// awsStacks are the example stacks of the target aws.
var awsStacks = []string{"fraud-dev", "fraud-stage", "fraud-prod"}

// recordAWS records the program of a stack file with what AWS would return.
func recordAWS(t *testing.T, stack string) *recording.Recorder {
	t.Helper()
	return recordAWSValues(t, stack, stackValues(t, stack))
}

// recordAWSValues records the program with the values of a stack file.
func recordAWSValues(t *testing.T, stack string, values map[string]string) *recording.Recorder {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	r, err := recording.Record(func(ctx *pulumi.Context) error {
		return stacks.Build(ctx, root, values)
	}, recording.Options{Project: "mlpathway", Stack: stack, Invent: awstest.Invent})
	require.NoError(t, err)
	return r
}

// TestAWSStacks: the example stacks give the graphs that are on record.
func TestAWSStacks(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	for _, stack := range awsStacks {
		graph, err := recordAWS(t, stack).Graph()
		require.NoError(t, err)
		componenttest.CompareGolden(t, filepath.Join("testdata", "graph-"+stack+".json"),
			strings.ReplaceAll(string(graph), root, "/project"))
	}
}

// TestAWSRolesAreDocumented: the table of roles is made from the statements that are deployed.
func TestAWSRolesAreDocumented(t *testing.T) {
	t.Parallel()
	checkBlock(t, "../docs/aws.md", "roles", rolesTable(t, recordAWS(t, "fraud-prod")))
}

// statement is a statement of a deployed policy.
type statement struct {
	Sid, Effect      string
	Action, Resource []string
}

// roleStatements are the statements of the policies of each role, by the role's logical name.
func roleStatements(t *testing.T, r *recording.Recorder) map[string][]statement {
	t.Helper()
	roles, managed := map[string]string{}, map[string]string{}
	all := map[string][]statement{}
	for _, role := range r.Find("aws:iam/role:Role") {
		roles[role.Inputs["name"].StringValue()] = role.Name
		all[role.Name] = nil
	}
	for _, policy := range r.Find("aws:iam/policy:Policy") {
		managed[policy.Name] = policy.Inputs["policy"].StringValue()
	}
	add := func(role, text string) {
		var document struct{ Statement []statement }
		require.NoError(t, json.Unmarshal([]byte(text), &document))
		require.Contains(t, roles, role, "a policy of a role that is not there")
		all[roles[role]] = append(all[roles[role]], document.Statement...)
	}
	for _, policy := range r.Find("aws:iam/rolePolicy:RolePolicy") {
		add(policy.Inputs["role"].StringValue(), policy.Inputs["policy"].StringValue())
	}
	for _, attached := range r.Find("aws:iam/rolePolicyAttachment:RolePolicyAttachment") {
		if text, ok := managed[attached.Name]; ok {
			add(attached.Inputs["role"].StringValue(), text)
		}
	}
	return all
}

var capital = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// words turns the CamelCase of a Sid into words.
func words(sid string) string {
	return strings.ToLower(capital.ReplaceAllString(sid, "$1 $2"))
}

// rolesTable lists every role with what it may do and why.
func rolesTable(t *testing.T, r *recording.Recorder) string {
	t.Helper()
	does := map[string]string{}
	for _, role := range r.Find("aws:iam/role:Role") {
		does[role.Name] = role.Inputs["description"].StringValue()
	}
	var b strings.Builder
	b.WriteString("| role | for | why | may |\n|---|---|---|---|\n")
	roles := roleStatements(t, r)
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		for _, s := range roles[role] {
			verb := ""
			if s.Effect == "Deny" {
				verb = "never "
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s`%s` |\n", role, does[role], words(s.Sid), verb,
				strings.Join(s.Action, "`, `"))
		}
	}
	return b.String()
}

// need is a call that a workload makes, or must not be able to make.
type need struct{ role, action, resource string }

const lakeOfProd = "arn:aws:s3:::fraud-prod-lake-%s-"

// TestAWSNeeds simulates what the workloads call: each call is allowed by the policies of its role, and none of the
// forbidden ones is.
func TestAWSNeeds(t *testing.T) {
	t.Parallel()
	roles := roleStatements(t, recordAWS(t, "fraud-prod"))
	zone := func(role, action, zone string) need { return need{role, action, fmt.Sprintf(lakeOfProd, zone)} }
	for _, n := range []need{
		zone("pipeline-steps", "s3:GetObject", "raw"), zone("pipeline-steps", "s3:PutObject", "curated"),
		zone("pipeline-steps", "s3:PutObject", "features"), zone("pipeline-steps", "s3:PutObject", "models"),
		zone("pipeline-steps", "s3:ListBucket", "raw"), {"pipeline-steps", "dynamodb:PutItem", ":table/"},
		zone("training", "s3:GetObject", "features"), zone("training", "s3:PutObject", "models"),
		zone("endpoint", "s3:GetObject", "models"), zone("endpoint", "s3:PutObject", "logs"),
		zone("monitoring-drift", "s3:GetObject", "logs"), zone("monitoring-drift", "s3:GetObject", "models"),
		zone("monitoring-drift", "s3:PutObject", "results"),
		zone("features-spark", "s3:GetObject", "curated"), zone("features-spark", "s3:PutObject", "features"),
		zone("warehouse-load", "s3:GetObject", "curated"), zone("batch-job", "s3:GetObject", "models"),
		zone("batch-job", "s3:GetObject", "features"), zone("batch-job", "s3:PutObject", "results"),
		{"pipeline-steps", "dynamodb:BatchGetItem", ":table/"}, {"pipeline-steps", "dynamodb:DeleteItem", ":table/"},
		{"pipeline-steps", "dynamodb:PutItem", ":table/fraud-prod-features-online"},
		{"pipeline-steps", "redshift-data:BatchExecuteStatement", ":workgroup/"},
		{"pipeline-steps", "redshift-serverless:GetCredentials", ":workgroup/"},
		{"pipeline-steps", "redshift-data:DescribeStatement", ""},
		{"pipeline-steps", "sagemaker:PutRecord", ":feature-group/fraud-prod-features-"},
		{"delivery-deploy", "iam:CreateServiceLinkedRole", ":role/aws-service-role/"},
		{"delivery-deploy", "secretsmanager:GetSecretValue", ":secret:redshift!"},
	} {
		assert.True(t, allowed(roles[n.role], n), "%s needs %s on %s", n.role, n.action, n.resource)
	}
	for _, n := range []need{
		zone("training", "s3:GetObject", "raw"), zone("training", "s3:PutObject", "raw"),
		zone("batch-job", "s3:PutObject", "models"),
		zone("endpoint", "s3:PutObject", "models"), zone("endpoint", "s3:GetObject", "raw"),
		zone("endpoint", "s3:DeleteObject", "models"), zone("monitoring-drift", "s3:PutObject", "models"),
		zone("features-spark", "s3:GetObject", "models"), zone("warehouse-load", "s3:PutObject", "curated"),
		zone("pipeline-steps", "s3:PutObject", "raw"), zone("pipeline-steps", "s3:DeleteObject", "raw"),
		{"pipeline-steps", "iam:CreateRole", ""}, {"training", "iam:PassRole", ""}, {"endpoint", "iam:PassRole", ""},
		{"training", "dynamodb:PutItem", ""}, {"endpoint", "dynamodb:GetItem", ""},
		{"monitoring-drift", "sagemaker:CreateTrainingJob", ""}, {"endpoint", "kms:ScheduleKeyDeletion", ""},
		{"delivery-preview", "iam:CreateRole", ""}, {"delivery-preview", "s3:PutObject", ""},
		{"delivery-preview", "s3:GetObject", ""}, {"delivery-preview", "secretsmanager:GetSecretValue", ""},
	} {
		_, ok := roles[n.role]
		require.True(t, ok, "there is no role %s", n.role)
		assert.False(t, allowed(roles[n.role], n), "%s must not have %s on %s", n.role, n.action, n.resource)
	}
}

// callsOfWorkloads are the actions that the code of each workload calls, or that a service calls as it.
var callsOfWorkloads = map[string][]string{
	"pipeline-steps": join(readsLake, writesLake, readsTable, writesTable, pullsImages, runsAsJob, usesDisks, []string{
		"redshift-data:BatchExecuteStatement", "redshift-data:DescribeStatement", "redshift-serverless:GetCredentials",
		"sagemaker:PutRecord",
	}),
	"training": join(readsLake, writesLake, readsTable, pullsImages, runsAsJob, usesDisks),
	"endpoint": join(readsLake, writesLake, pullsImages, usesDisks, joinsNetwork, []string{
		"cloudwatch:PutMetricData", "logs:CreateLogStream", "logs:PutLogEvents",
	}),
	"batch-job":        join(readsLake, writesLake, runsAsJob, usesDisks),
	"monitoring-drift": join(readsLake, writesLake, []string{"logs:CreateLogStream", "logs:PutLogEvents"}),
	"features-spark": join(readsLake, writesLake, []string{
		"logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents",
	}),
	"features-store": {
		"glue:GetTable", "glue:UpdateTable", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "s3:GetBucketAcl",
		"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl",
	},
	// COPY reads the lake; external schemas read and keep tables of the catalogue.
	"warehouse-load": join(readsLake, []string{
		"glue:BatchCreatePartition", "glue:CreateTable", "glue:DeleteTable", "glue:GetDatabase", "glue:GetPartition",
		"glue:GetPartitions", "glue:GetTable", "glue:GetTables", "glue:UpdateTable",
	}),
}

var (
	readsLake = []string{
		"kms:Decrypt", "kms:DescribeKey", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket",
	}
	writesLake = []string{
		"kms:GenerateDataKey", "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject",
	}
	readsTable  = []string{"dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query"}
	writesTable = []string{"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
	pullsImages = []string{
		"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer",
	}
	joinsNetwork = []string{
		"ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
		"ec2:DeleteNetworkInterfacePermission", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces",
		"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
	}
	runsAsJob = join(joinsNetwork, []string{
		"cloudwatch:PutMetricData", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams",
		"logs:PutLogEvents",
	})
	usesDisks = []string{"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"}
)

// join joins lists of actions.
func join(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// TestAWSWorkloadsHaveWhatTheyCall: a right that is taken away from a workload, and one that is added, are both seen.
func TestAWSWorkloadsHaveWhatTheyCall(t *testing.T) {
	t.Parallel()
	roles := roleStatements(t, recordAWS(t, "fraud-prod"))
	for role, calls := range callsOfWorkloads {
		var has []string
		for _, s := range roles[role] {
			if s.Effect == "Allow" {
				has = append(has, s.Action...)
			}
		}
		has = slices.DeleteFunc(join(has), func(action string) bool { // Lambda itself connects the function to the network
			return role == "monitoring-drift" && strings.HasPrefix(action, "ec2:")
		})
		assert.Equal(t, calls, has, role)
	}
}

// allowed reports whether a statement allows an action on a resource whose ARN begins with, or holds, a text.
func allowed(statements []statement, n need) bool {
	matches := func(s statement) bool {
		return slices.Contains(s.Action, n.action) && slices.ContainsFunc(s.Resource, func(arn string) bool {
			return arn == "*" || strings.Contains(arn, n.resource)
		})
	}
	denied := slices.ContainsFunc(statements, func(s statement) bool { return s.Effect == "Deny" && matches(s) })
	return !denied && slices.ContainsFunc(statements, func(s statement) bool { return s.Effect == "Allow" && matches(s) })
}
