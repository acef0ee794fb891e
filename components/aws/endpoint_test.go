package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
)

const (
	server       = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/fraud-dev/inference-image@sha256:" + digest
	endpointType = "aws:sagemaker/endpoint:Endpoint"
	configType   = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
	modelType    = "aws:sagemaker/model:Model"
	targetType   = "aws:appautoscaling/target:Target"
	policyType   = "aws:appautoscaling/policy:Policy"
)

func endpointPlan(e components.Environment, change func(*components.EndpointArgs)) plan {
	args := &components.EndpointArgs{
		Image: server, Model: "fraud", Lake: testLake(), Network: testPlace(), Key: pulumi.String(lakeKey),
	}
	if change != nil {
		change(args)
	}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewEndpoint(ctx, "endpoint", target, args)
		return err
	}}
}

// theVariant is the only variant of a configuration.
func (r recorded) theVariant() object {
	variants := r.inputs(configType, "")["productionVariants"].([]any)
	assert.Len(r.t, variants, 1)
	return variants[0].(object)
}

func TestEndpointInDevCostsNothingWhenIdle(t *testing.T) {
	t.Parallel()
	r := endpointPlan(components.Dev, nil).must(t)
	variant := r.theVariant()
	assert.Equal(t, object{"memorySizeInMb": 2048.0, "maxConcurrency": 5.0}, variant["serverlessConfig"])
	for _, field := range []string{"instanceType", "initialInstanceCount", "routingConfigs"} {
		assert.NotContains(t, variant, field)
	}
	config := r.inputs(configType, "")
	assert.NotContains(t, config, "dataCaptureConfig", "a serverless endpoint has none")
	assert.NotContains(t, config, "kmsKeyArn", "a serverless endpoint has no disk")
	assert.NotContains(t, r.inputs(modelType, ""), "vpcConfig", "a serverless endpoint knows no networks")
	assert.NotContains(t, r.inputs(endpointType, ""), "deploymentConfig")
	assert.Empty(t, r.Find(targetType))
	assert.NotContains(t, r.allowed("endpoint"), "ec2:CreateNetworkInterface")
}

func TestTheContainerFollowsTheAlias(t *testing.T) {
	t.Parallel()
	r := endpointPlan(components.Dev, func(a *components.EndpointArgs) { a.CapturePercent = new(25) }).must(t)
	container := r.inputs(modelType, "endpoint-model-production")["primaryContainer"].(object)
	assert.Equal(t, server, container["image"])
	assert.Equal(t, object{
		"MLPATHWAY_MODEL": "fraud", "MLPATHWAY_ALIAS": "production", "MLPATHWAY_CAPTURE_SHARE": "0.25",
		"MLPATHWAY_MODELS": "s3://fraud-lake-models", "MLPATHWAY_LOGS": "s3://fraud-lake-logs",
		"MLPATHWAY_RESULTS": "s3://fraud-lake-results",
	}, container["environment"])
	assert.NotContains(t, container, "modelDataUrl", "a new version must need no new resource")
}

func TestEndpointInProdScalesAndRollsBack(t *testing.T) {
	t.Parallel()
	r := endpointPlan(components.Prod, func(a *components.EndpointArgs) { a.TargetRequestsPerSecond = 50 }).must(t)
	variant := r.theVariant()
	assert.Equal(t, "ml.c5.large", variant["instanceType"])
	assert.InDelta(t, 2, variant["initialInstanceCount"], 0)
	config := r.inputs(configType, "")
	assert.Equal(t, lakeKey, config["kmsKeyArn"])
	capture := config["dataCaptureConfig"].(object)
	assert.Equal(t, "s3://fraud-lake-logs/requests", capture["destinationS3Uri"])
	assert.Equal(t, lakeKey, capture["kmsKeyId"])
	assert.Len(t, r.inputs(modelType, "")["vpcConfig"].(object)["subnets"], 2, "two zones")

	target := r.inputs(targetType, "endpoint-scaling-production")
	assert.Equal(t, "endpoint/fraud-prod-endpoint/variant/production", target["resourceId"])
	assert.Equal(t, []any{2.0, 10.0}, []any{target["minCapacity"], target["maxCapacity"]})
	tracking := r.inputs(policyType, "")["targetTrackingScalingPolicyConfiguration"].(object)
	assert.InDelta(t, 3000, tracking["targetValue"], 0, "requests per minute")

	deployment := r.inputs(endpointType, "")["deploymentConfig"].(object)
	routing := deployment["blueGreenUpdatePolicy"].(object)["trafficRoutingConfiguration"].(object)
	assert.Equal(t, "CANARY", routing["type"])
	alarms := deployment["autoRollbackConfiguration"].(object)["alarms"].([]any)
	assert.Equal(t, []any{object{"alarmName": "fraud-prod-endpoint-production-failures"}}, alarms)
	alarm := r.inputs(alarmType, "endpoint-failures-production")
	assert.Equal(t, "Invocation5XXErrors", alarm["metricName"])
	assert.Equal(t, object{"EndpointName": "fraud-prod-endpoint", "VariantName": "production"}, alarm["dimensions"])
}

func TestOneMachineIsNotDivided(t *testing.T) {
	t.Parallel()
	r := endpointPlan(components.Stage, nil).must(t)
	routing := r.inputs(endpointType, "")["deploymentConfig"].(object)["blueGreenUpdatePolicy"].(object)
	assert.Equal(t, "ALL_AT_ONCE", routing["trafficRoutingConfiguration"].(object)["type"])
}

func TestEndpointWithAnAcceleratorScalesToZeroWithItsQueue(t *testing.T) {
	t.Parallel()
	r := endpointPlan(components.Dev, func(a *components.EndpointArgs) {
		a.Machine.Accelerator = components.GPUSmall
	}).must(t)
	assert.Equal(t, "ml.g4dn.xlarge", r.theVariant()["instanceType"])
	config := r.inputs(configType, "")
	assert.Equal(t, "s3://fraud-lake-results/async/answers",
		config["asyncInferenceConfig"].(object)["outputConfig"].(object)["s3OutputPath"])
	assert.NotContains(t, config, "kmsKeyArn", "SageMaker refuses a key for the disks of such a machine")
	assert.InDelta(t, 0, r.inputs(targetType, "")["minCapacity"], 0)
	backlog := r.inputs(policyType, "endpoint-scaling-production")["targetTrackingScalingPolicyConfiguration"].(object)
	assert.Equal(t, "ApproximateBacklogSizePerInstance", backlog["customizedMetricSpecification"].(object)["metricName"])
	assert.Equal(t, "StepScaling", r.inputs(policyType, "endpoint-wake-production")["policyType"])
	assert.Equal(t, "HasBacklogWithoutCapacity", r.inputs(alarmType, "endpoint-wake-production")["metricName"])
	assert.Contains(t, r.allowed("endpoint")["s3:PutObject"], "arn:aws:s3:::fraud-lake-results/async/*")
}

func TestTrafficIsSplit(t *testing.T) {
	t.Parallel()
	r := endpointPlan(components.Prod, func(a *components.EndpointArgs) {
		a.Traffic = map[string]int{"production": 90, "canary": 10, "idle": 0}
	}).must(t)
	shares := map[any]any{}
	for _, v := range r.inputs(configType, "")["productionVariants"].([]any) {
		shares[v.(object)["variantName"]] = v.(object)["initialVariantWeight"]
	}
	assert.Equal(t, map[any]any{"production": 0.9, "canary": 0.1}, shares)
	assert.Len(t, r.Find(targetType), 2)
}

func TestEndpointRefuses(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		sentinel error
		change   func(*components.EndpointArgs)
	}{
		"auth":   {components.ErrConflict, func(a *components.EndpointArgs) { a.Auth = components.AuthNone }},
		"digest": {components.ErrName, func(a *components.EndpointArgs) { a.Image = "inference-image" }},
		"one variant": {components.ErrConflict, func(a *components.EndpointArgs) {
			a.Traffic = map[string]int{"production": 90, "canary": 10}
		}},
		"at least 1": {components.ErrConflict, func(a *components.EndpointArgs) { a.ScaleToZero = new(false) }},
		"only Google": {components.ErrChoice, func(a *components.EndpointArgs) {
			a.Machine.Accelerator = components.TPU
		}},
	} {
		endpointPlan(components.Dev, test.change).refused(t, test.sentinel, text)
	}
}

// replacing are the inputs whose change replaces a resource, by type: those that the provider's schema marks so.
var replacing = map[string][]resource.PropertyKey{
	endpointType:                             {"name"},
	repositoryType:                           {"name", "encryptionConfigurations"},
	tableType:                                {"name", "hashKey", "rangeKey"},
	groupType:                                {"modelPackageGroupName"},
	machineType:                              {"name", "type"},
	"aws:cloudwatch/logGroup:LogGroup":       {"name"},
	"aws:iam/role:Role":                      {"name"},
	"aws:s3/bucketObjectv2:BucketObjectv2":   {"bucket", "key"},
	"aws:scheduler/schedule:Schedule":        {"name"},
	"aws:appautoscaling/target:Target":       {"resourceId", "scalableDimension", "serviceNamespace"},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {"name"},
}

// checkUpdate: an update from one plan to the next replaces nothing but what may be replaced.
func checkUpdate(t *testing.T, before, after plan) {
	t.Helper()
	next := map[string]resource.PropertyMap{}
	for _, made := range after.must(t).Resources() {
		next[made.URN] = made.Inputs
	}
	compared := 0
	for _, made := range before.must(t).Resources() {
		keys, ok := replacing[made.Type]
		if !ok {
			continue
		}
		compared++
		inputs, there := next[made.URN]
		if !assert.True(t, there, "%s would be deleted", made.URN) {
			continue
		}
		for _, key := range keys {
			assert.Equal(t, made.Inputs[key], inputs[key], "%s would be replaced for its %s", made.URN, key)
		}
	}
	assert.NotZero(t, compared)
}

func TestUpdatesReplaceNothingThatHoldsData(t *testing.T) {
	t.Parallel()
	const newer = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/fraud-prod/inference-image@sha256:" +
		"0000000000000000000000000000000000000000000000000000000000000000"
	for _, change := range []func(*components.EndpointArgs){
		func(a *components.EndpointArgs) { a.Image = newer },
		func(a *components.EndpointArgs) { a.Machine.CPUs = 8 },
		func(a *components.EndpointArgs) { a.MinReplicas, a.MaxReplicas = new(3), 20 },
		func(a *components.EndpointArgs) { a.TargetRequestsPerSecond = 7 },
		func(a *components.EndpointArgs) { a.CapturePercent = new(0) },
		func(a *components.EndpointArgs) { a.Logs.RetentionDays = 731 },
	} {
		checkUpdate(t, endpointPlan(components.Prod, nil), endpointPlan(components.Prod, change))
	}
	for _, change := range []func(*pipelineParts){
		func(p *pipelineParts) { p.pipeline.Image = newer },
		func(p *pipelineParts) { p.pipeline.Schedule = "5 4 * * *" },
		func(p *pipelineParts) { p.pipeline.Definition = "name: fraud\nversion: 2\n" },
		func(p *pipelineParts) { p.training.Machine.Accelerator = components.GPUSmall },
		func(p *pipelineParts) { p.training.Nodes = 3 },
		func(p *pipelineParts) { p.pipeline.Logs.RetentionDays = 731 },
		full,
	} {
		checkUpdate(t, pipelinePlan(components.Prod, nil), pipelinePlan(components.Prod, change))
	}
	checkUpdate(t, registryPlan(components.Prod, nil),
		registryPlan(components.Prod, func(a *components.RegistryArgs) { a.KeepVersions, a.Scan = 7, new(false) }))
}

// Models and configurations can only be replaced. Nothing fixes their names and nothing asks to delete them first, so
// that the engine makes the next one, moves the endpoint to it, and deletes the old one last.
func TestASuccessorIsThereFirst(t *testing.T) {
	t.Parallel()
	r := endpointPlan(components.Prod, nil).must(t)
	config, model := r.inputs(configType, ""), r.inputs(modelType, "")
	assert.NotContains(t, config, "name")
	assert.Equal(t, "fraud-prod-endpoint-", config["namePrefix"])
	assert.NotContains(t, model, "name")
	endpoint := r.one(endpointType, "")
	assert.Contains(t, endpoint.Dependencies, r.one(configType, "").URN, "the engine moves the endpoint before it deletes")
	// The next plan: a configuration that can only be replaced, and the same endpoint, which moves to it.
	next := endpointPlan(components.Prod, func(a *components.EndpointArgs) { a.Machine.CPUs = 8 }).must(t)
	assert.NotEqual(t, config["productionVariants"], next.inputs(configType, "")["productionVariants"])
	assert.Equal(t, r.inputs(endpointType, "")["name"], next.inputs(endpointType, "")["name"])
	for _, plan := range []recorded{r, next} {
		for _, token := range []string{configType, modelType, endpointType} {
			for _, made := range plan.Find(token) {
				assert.False(t, made.DeleteBeforeReplace, "%s goes before its successor", made.URN)
			}
		}
	}
}
