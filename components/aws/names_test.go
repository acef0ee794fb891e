package aws_test

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/mlpathway/mlpathway/components/recording"
)

// nameRules are the platform's limits on physical names.
var nameRules = map[string]struct {
	input string
	rule  *regexp.Regexp
}{
	"aws:s3/bucketV2:BucketV2":                   {"bucket", regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)},
	"aws:iam/role:Role":                          {"name", regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)},
	"aws:iam/rolePolicy:RolePolicy":              {"name", regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)},
	"aws:lambda/function:Function":               {"name", regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)},
	"aws:sqs/queue:Queue":                        {"name", regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`)},
	"aws:sns/topic:Topic":                        {"name", regexp.MustCompile(`^[a-zA-Z0-9_-]{1,256}$`)},
	"aws:cloudwatch/logGroup:LogGroup":           {"name", regexp.MustCompile(`^[a-zA-Z0-9_/.#-]{1,512}$`)},
	"aws:kms/alias:Alias":                        {"name", regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)},
	"aws:dynamodb/table:Table":                   {"name", regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)},
	"aws:redshiftserverless/namespace:Namespace": {"namespaceName", regexp.MustCompile(`^[a-z0-9-]{3,64}$`)},
	"aws:redshiftserverless/workgroup:Workgroup": {"workgroupName", regexp.MustCompile(`^[a-z0-9-]{3,64}$`)},
	"aws:athena/workgroup:Workgroup":             {"name", regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}$`)},
	"aws:emrserverless/application:Application":  {"name", regexp.MustCompile(`^[A-Za-z0-9._/#-]{1,64}$`)},
	"aws:sagemaker/featureGroup:FeatureGroup": {"featureGroupName",
		regexp.MustCompile(`^[a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63}$`)},
	"aws:scheduler/schedule:Schedule":    {"name", regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`)},
	"aws:budgets/budget:Budget":          {"name", regexp.MustCompile(`^[^:\\]{1,100}$`)},
	"aws:cloudwatch/eventRule:EventRule": {"name", regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)},
	"aws:ecr/repository:Repository":      {"name", regexp.MustCompile(`^[a-z0-9]+([._/-][a-z0-9]+)*$`)},
	"aws:sagemaker/modelPackageGroup:ModelPackageGroup": {
		"modelPackageGroupName", regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$`),
	},
	"aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": {
		"trackingServerName", regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}$`),
	},
	"aws:sagemaker/endpoint:Endpoint":        {"name", regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$`)},
	"aws:sfn/stateMachine:StateMachine":      {"name", regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`)},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {"name", regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)},
	"aws:appautoscaling/policy:Policy":       {"name", regexp.MustCompile(`^[a-zA-Z0-9_-]{1,256}$`)},
	"aws:eks/cluster:Cluster":                {"name", regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)},
	"aws:glue/catalogTable:CatalogTable":     {"name", regexp.MustCompile(`^[a-z0-9_]{1,255}$`)},
}

// checkName judges the physical name of a resource.
func checkName(r recording.Resource) error {
	rule, ok := nameRules[r.Type]
	if !ok {
		return nil
	}
	value, ok := r.Inputs[resource.PropertyKey(rule.input)]
	if !ok || !value.IsString() {
		return fmt.Errorf("%s has no %s that is known before it is made", r.Name, rule.input)
	}
	if !rule.rule.MatchString(value.StringValue()) {
		return fmt.Errorf("%s: the %s %q does not match %s", r.Name, rule.input, value.StringValue(), rule.rule)
	}
	return nil
}
