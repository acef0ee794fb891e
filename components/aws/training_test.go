package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
)

// trainingRequest is the request that starts a training job of a plan.
func trainingRequest(t *testing.T, e components.Environment, change func(*components.TrainingArgs)) object {
	t.Helper()
	in, _ := drive(t, pipelinePlan(e, func(p *pipelineParts) { change(p.training) }).must(t), answers{record: promoted})
	return in.calls["train"]
}

func TestTrainingOnSpotCapacity(t *testing.T) {
	t.Parallel()
	request := trainingRequest(t, components.Dev, func(a *components.TrainingArgs) { a.MaxRuntimeMinutes = 90 })
	assert.Equal(t, true, request["EnableManagedSpotTraining"])
	assert.Equal(t, object{"MaxRuntimeInSeconds": 5400.0, "MaxWaitTimeInSeconds": 10800.0}, request["StoppingCondition"])
	assert.Equal(t, object{
		"S3Uri": checkpoints + "/20261122T123456.789Z", "LocalPath": "/opt/ml/checkpoints",
	}, request["CheckpointConfig"])
	assert.Equal(t, object{"SecurityGroupIds": []any{"sg-1"}, "Subnets": []any{"subnet-1", "subnet-2"}},
		request["VpcConfig"])

	request = trainingRequest(t, components.Prod, func(a *components.TrainingArgs) {})
	assert.Equal(t, false, request["EnableManagedSpotTraining"])
	assert.NotContains(t, request["StoppingCondition"], "MaxWaitTimeInSeconds", "SageMaker refuses it without spot")
}

func TestTrainingOverSeveralMachines(t *testing.T) {
	t.Parallel()
	request := trainingRequest(t, components.Prod, func(a *components.TrainingArgs) { a.Nodes = 4 })
	assert.InDelta(t, 4, request["ResourceConfig"].(object)["InstanceCount"], 0)
	assert.Equal(t, true, request["EnableInterContainerTrafficEncryption"])
	assert.Equal(t, "data", request["Environment"].(object)["MLPATHWAY_DISTRIBUTION"])
	single := trainingRequest(t, components.Prod, func(*components.TrainingArgs) {})
	assert.Equal(t, false, single["EnableInterContainerTrafficEncryption"])
	assert.NotContains(t, single["Environment"], "MLPATHWAY_DISTRIBUTION")
}

func TestDisksOfTraining(t *testing.T) {
	t.Parallel()
	key := func(a *components.TrainingArgs) { a.Key = pulumi.String(lakeKey) }
	resources := trainingRequest(t, components.Prod, key)["ResourceConfig"].(object)
	assert.Equal(t, lakeKey, resources["VolumeKmsKeyId"])
	assert.Equal(t, "ml.m5.large", resources["InstanceType"])
	resources = trainingRequest(t, components.Prod, func(a *components.TrainingArgs) {
		key(a)
		a.Machine.Accelerator = components.GPUSmall
	})["ResourceConfig"].(object)
	assert.NotContains(t, resources, "VolumeKmsKeyId", "SageMaker refuses a key for the disks of such a machine")
	assert.Equal(t, "ml.g4dn.xlarge", resources["InstanceType"])
}

func TestSearches(t *testing.T) {
	t.Parallel()
	for strategy, want := range map[components.TuningStrategy]struct {
		name   string
		limits object
		ranges []string
	}{
		components.Bayesian: {"Bayesian", object{"MaxNumberOfTrainingJobs": 12.0, "MaxParallelTrainingJobs": 3.0},
			[]string{"ContinuousParameterRanges", "IntegerParameterRanges"}},
		components.Random: {"Random", object{"MaxNumberOfTrainingJobs": 12.0, "MaxParallelTrainingJobs": 3.0},
			[]string{"ContinuousParameterRanges", "IntegerParameterRanges"}},
		components.Grid: {"Grid", object{"MaxParallelTrainingJobs": 3.0}, []string{"CategoricalParameterRanges"}},
	} {
		in, _ := drive(t, pipelinePlan(components.Dev, func(p *pipelineParts) {
			p.training.Tuning = &components.Tuning{Strategy: strategy, Trials: 12, Parallel: 3}
		}).must(t), answers{record: promoted})
		config := in.calls["Tune train"]["HyperParameterTuningJobConfig"].(object)
		assert.Equal(t, want.name, config["Strategy"])
		assert.Equal(t, want.limits, config["ResourceLimits"])
		assert.ElementsMatch(t, want.ranges, keysOf(config["ParameterRanges"]))
		assert.Equal(t, "Minimize", config["HyperParameterTuningJobObjective"].(object)["Type"])
	}
}

func keysOf(value any) []string {
	var keys []string
	for key := range value.(object) {
		keys = append(keys, key)
	}
	return keys
}

func TestTrainingRoleMayRunAndNoMore(t *testing.T) {
	t.Parallel()
	allowed := pipelinePlan(components.Dev, nil).must(t).allowed("training")
	assert.Contains(t, allowed, "logs:PutLogEvents")
	assert.Contains(t, allowed, "ec2:CreateNetworkInterface")
	for _, action := range []string{
		"s3:GetObject", "s3:PutObject", "sagemaker:CreateTrainingJob", "iam:PassRole", "kms:Decrypt",
	} {
		assert.NotContains(t, allowed, action, "what a job may do with data is granted")
	}
	outside := pipelinePlan(components.Dev,
		func(p *pipelineParts) { p.training.Network = nil }).must(t).allowed("training")
	assert.NotContains(t, outside, "ec2:CreateNetworkInterface")
}

func TestTrainingRefuses(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		sentinel error
		change   func(*components.TrainingArgs)
	}{
		"only Google": {components.ErrChoice, func(a *components.TrainingArgs) { a.Machine.Accelerator = components.TPU }},
		"eu-central-1": {components.ErrChoice,
			func(a *components.TrainingArgs) { a.Machine.Accelerator = components.GPUXLarge }},
		"no machine": {components.ErrRange, func(a *components.TrainingArgs) { a.Machine.CPUs = 150 }},
		"want none, or a cluster": {components.ErrConflict,
			func(a *components.TrainingArgs) { a.Queue = pulumi.String("gpu") }},
		"digest": {components.ErrName, func(a *components.TrainingArgs) { a.Image = "training-image" }},
	} {
		pipelinePlan(components.Dev, func(p *pipelineParts) { test.change(p.training) }).refused(t, test.sentinel, text)
	}
}
