package aws_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
)

const (
	machineType = "aws:sfn/stateMachine:StateMachine"
	groupARN    = "arn:aws:sagemaker:eu-central-1:123456789012:model-package-group/fraud-prod-registry-fraud"
	lakeKey     = "arn:aws:kms:eu-central-1:123456789012:key/0123"
	checkpoints = "s3://fraud-lake-models/checkpoints"
	trainer     = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/fraud-dev/training-image@sha256:" + digest
)

func testLake() pulumi.StringMap {
	lake := pulumi.StringMap{}
	for _, zone := range components.Zones() {
		lake[string(zone)] = pulumi.String("s3://fraud-lake-" + string(zone))
	}
	return lake
}

func testPlace() *components.Placement {
	return &components.Placement{
		Network: pulumi.String("vpc-1"), Subnets: pulumi.ToStringArray([]string{"subnet-1", "subnet-2"}),
		Group: pulumi.String("sg-1"),
	}
}

// pipelineParts is what a test changes of a training and its pipeline.
type pipelineParts struct {
	training *components.TrainingArgs
	pipeline *components.PipelineArgs
}

func pipelinePlan(e components.Environment, change func(*pipelineParts)) plan {
	parts := &pipelineParts{
		&components.TrainingArgs{Image: trainer, Checkpoint: pulumi.String(checkpoints), Network: testPlace()},
		&components.PipelineArgs{
			Image: trainer, Model: "fraud", Definition: "name: fraud\n", Lake: testLake(), Network: testPlace(),
			Table:       pulumi.String("dynamodb://table?partition_key=TrainingJobName"),
			EventSource: pulumi.String("fraud-lake-raw"), Schedule: "0 3 * * *",
		},
	}
	if change != nil {
		change(parts)
	}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		training, err := components.NewTraining(ctx, "training", target, parts.training)
		if err != nil {
			return err
		}
		parts.pipeline.Training = training.Template
		_, err = components.NewPipeline(ctx, "pipeline", target, parts.pipeline)
		return err
	}}
}

func full(p *pipelineParts) {
	p.training.Key, p.pipeline.Key = pulumi.String(lakeKey), pulumi.String(lakeKey)
	p.training.Tuning = &components.Tuning{}
	p.pipeline.Serving, p.pipeline.Group = trainer, pulumi.String(groupARN)
	p.pipeline.Receivers, p.pipeline.Approval, p.pipeline.OnDrift = []string{"fraud@example.com"}, true, true
}

func (r recorded) machine() object {
	r.t.Helper()
	return r.document(machineType, "pipeline", "definition")
}

func TestStateMachinesKeepTheRules(t *testing.T) {
	t.Parallel()
	for _, e := range components.Environments() {
		checkStates(t, pipelinePlan(e, nil).must(t).machine())
		checkStates(t, pipelinePlan(e, full).must(t).machine())
	}
}

// answers are what the services say in a run.
type answers struct {
	others []object // other runs
	record object   // of the run
	fails  string   // name of the state that fails
}

func (a answers) answer(state string, _ object) (any, error) {
	if state == a.fails {
		return nil, errors.New("SageMaker.Broken")
	}
	switch {
	case state == "Look for other runs":
		own := object{"ExecutionArn": executionID, "StartDate": "2026-11-22T12:34:56.789Z"}
		list := []any{own}
		for _, other := range a.others {
			list = append(list, other)
		}
		return object{"Executions": list}, nil
	case slices.Contains([]string{
		"Look at the run after etl", "Look at the run before features", "Look at the run before register",
		"Look at the run after register",
	}, state):
		body, err := json.Marshal(a.record)
		return object{"Body": string(body)}, err
	case state == "Tune train":
		return object{"BestTrainingJob": object{"TunedHyperParameters": object{"maxDepth": "6"}}}, nil
	default:
		return object{}, nil
	}
}

// drive runs the state machine.
func drive(t *testing.T, r recorded, a answers) (*interpreter, string) {
	t.Helper()
	in := &interpreter{t: t, answer: a.answer}
	end := in.start(r.machine())
	return in, end
}

var promoted = object{
	"status": "registered", "version": "20261122T123456.789Z-abcdef12", "dataVersion": "d1",
	"decision": object{"promoted": true, "reason": "better"},
}

func TestARunFromDataToARegisteredModel(t *testing.T) {
	t.Parallel()
	in, end := drive(t, pipelinePlan(components.Dev, nil).must(t), answers{record: promoted})
	assert.Equal(t, "Succeed", end)
	assert.Equal(t, []string{
		"Begin", "Wait for more data", "Look for other runs", "Is it this run's turn?", "Set the deadline",
		"etl", "Look at the run after etl", "Is there anything new?", "features", "train", "evaluate", "register", "Done",
	}, in.trace)
	assert.Equal(t, "runs/20261122T123456.789Z.json", in.calls["Look at the run after etl"]["Key"])
	environment := in.calls["features"]["Environment"].(object)
	assert.Equal(t, object{
		"MLPATHWAY_RUN": "20261122T123456.789Z", "MLPATHWAY_MODEL": "fraud",
		"MLPATHWAY_PIPELINE": "s3://fraud-lake-models/pipeline.yaml",
		"MLPATHWAY_METADATA": "dynamodb://table?partition_key=TrainingJobName",
		"MLPATHWAY_RAW":      "s3://fraud-lake-raw", "MLPATHWAY_CURATED": "s3://fraud-lake-curated",
		"MLPATHWAY_FEATURES": "s3://fraud-lake-features", "MLPATHWAY_MODELS": "s3://fraud-lake-models",
		"MLPATHWAY_RESULTS": "s3://fraud-lake-results", "MLPATHWAY_LOGS": "s3://fraud-lake-logs",
	}, environment)
	assert.Equal(t, object{"ImageUri": trainer, "ContainerArguments": []any{"features"}},
		in.calls["features"]["AppSpecification"])
}

func TestEveryStepOfAFullRun(t *testing.T) {
	t.Parallel()
	in, end := drive(t, pipelinePlan(components.Prod, full).must(t), answers{record: promoted})
	assert.Equal(t, "Succeed", end)
	assert.Subset(t, in.trace, []string{"Tune train", "Wait for approval", "Mirror the version"})
	assert.Equal(t, object{"maxDepth": "6"}, in.calls["train"]["HyperParameters"])
	assert.Equal(t, checkpoints+"/20261122T123456.789Z", in.calls["train"]["CheckpointConfig"].(object)["S3Uri"])
	assert.NotContains(t, in.calls["train"]["Environment"], "MLPATHWAY_TRIAL")
	trial := in.calls["Tune train"]["TrainingJobDefinition"].(object)
	assert.Equal(t, "true", trial["Environment"].(object)["MLPATHWAY_TRIAL"])
	assert.NotContains(t, trial, "CheckpointConfig", "trials side by side would share checkpoints")
	assert.Contains(t, in.calls["Wait for approval"]["Message"], "token-1")
	mirrored := in.calls["Mirror the version"]
	assert.Equal(t, groupARN, mirrored["ModelPackageGroupName"])
	assert.Equal(t, "Approved", mirrored["ModelApprovalStatus"])
	container := mirrored["InferenceSpecification"].(object)["Containers"].([]any)[0].(object)
	assert.Equal(t, "s3://fraud-lake-models/fraud/versions/20261122T123456.789Z-abcdef12/",
		container["ModelDataSource"].(object)["S3DataSource"].(object)["S3Uri"])
}

func TestRequestsKeepTheModelOfTheAPI(t *testing.T) {
	t.Parallel()
	model := sageMakerAPI(t)
	for _, p := range []plan{
		pipelinePlan(components.Dev, nil), pipelinePlan(components.Prod, full),
		pipelinePlan(components.Stage, func(p *pipelineParts) {
			full(p)
			p.training.Nodes, p.training.Tuning = 4, &components.Tuning{Strategy: components.Grid, Trials: 30, Parallel: 2}
			p.training.Machine.Accelerator = components.GPUMedium
		}),
	} {
		in, _ := drive(t, p.must(t), answers{record: promoted})
		for _, step := range []string{"etl", "features", "evaluate", "register"} {
			model.check(t, "CreateProcessingJob", in.calls[step])
		}
		model.check(t, "CreateTrainingJob", in.calls["train"])
		if search, ok := in.calls["Tune train"]; ok {
			model.check(t, "CreateHyperParameterTuningJob", search)
			model.check(t, "CreateModelPackage", in.calls["Mirror the version"])
		}
	}
}

func TestNothingNewEndsARun(t *testing.T) {
	t.Parallel()
	in, end := drive(t, pipelinePlan(components.Dev, nil).must(t), answers{record: object{"status": "unchanged"}})
	assert.Equal(t, "Succeed", end)
	assert.NotContains(t, in.trace, "features")
}

func TestARefusedModelAsksNobody(t *testing.T) {
	t.Parallel()
	record := object{"status": "running", "decision": object{"promoted": false}, "version": "v", "dataVersion": "d"}
	in, end := drive(t, pipelinePlan(components.Prod, full).must(t), answers{record: record})
	assert.Equal(t, "Succeed", end)
	assert.NotContains(t, in.trace, "Wait for approval")
	assert.Equal(t, "Rejected", in.calls["Mirror the version"]["ModelApprovalStatus"])
}

func TestRunsFollowEachOther(t *testing.T) {
	t.Parallel()
	r := pipelinePlan(components.Dev, nil).must(t)
	in, end := drive(t, r, answers{others: []object{{"ExecutionArn": "later", "StartDate": "2026-11-22T12:35:00.000Z"}}})
	assert.Equal(t, "Succeed", end)
	assert.Equal(t, "A later run takes over", in.trace[len(in.trace)-1])

	looks := 0
	in = &interpreter{t: t}
	in.answer = func(state string, arguments object) (any, error) {
		a := answers{record: promoted}
		if state == "Look for other runs" {
			if looks++; looks < 3 {
				a.others = []object{{"ExecutionArn": "earlier", "StartDate": "2026-11-22T12:00:00.000Z"}}
			}
		}
		return a.answer(state, arguments)
	}
	assert.Equal(t, "Succeed", in.start(r.machine()))
	assert.Equal(t, 3, looks, "a run waits until the one before it has ended")
	assert.Contains(t, in.trace, "register")
}

func TestEveryFailureEndsTheRunAndIsTold(t *testing.T) {
	t.Parallel()
	machine := pipelinePlan(components.Prod, full).must(t)
	tasks := 0
	for name, s := range machine.machine()["States"].(object) {
		if s.(object)["Type"] != "Task" || name == "Report the failure" {
			continue
		}
		tasks++
		in, end := drive(t, machine, answers{record: promoted, fails: name})
		assert.Equal(t, "Fail", end, name)
		assert.Equal(t, "SageMaker.Broken", in.vars["error"], name)
		assert.Contains(t, in.calls["Report the failure"]["Message"], "SageMaker.Broken", name)
	}
	assert.Equal(t, 12, tasks)
	in, end := drive(t, pipelinePlan(components.Dev, nil).must(t), answers{fails: "etl"})
	assert.Equal(t, "Fail", end)
	assert.Equal(t, "Failed", in.trace[len(in.trace)-1])
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	r := pipelinePlan(components.Dev, func(p *pipelineParts) { p.pipeline.OnDrift = true }).must(t)
	const rule, target = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
	assert.Equal(t, object{
		"source": []any{"aws.s3"}, "detail-type": []any{"Object Created"},
		"detail": object{"bucket": object{"name": []any{"fraud-lake-raw"}}},
	}, r.document(rule, "pipeline-on-data", "eventPattern"))
	assert.Equal(t, object{
		"source": []any{"aws.cloudwatch"}, "detail-type": []any{"CloudWatch Alarm State Change"},
		"detail": object{
			"alarmName": []any{object{"wildcard": "fraud-dev-*drift"}}, "state": object{"value": []any{"ALARM"}},
		},
	}, r.document(rule, "pipeline-on-drift", "eventPattern"))
	const machineARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:fraud-dev-pipeline"
	assert.Equal(t, machineARN, r.inputs(target, "pipeline-on-data")["arn"])
	assert.Equal(t, map[string][]string{"states:StartExecution": {machineARN}}, r.allowed("pipeline-events"))
	assert.Equal(t, "cron(0 3 * * ? *)", r.inputs("aws:scheduler/schedule:Schedule", "")["scheduleExpression"])
	assert.Empty(t, pipelinePlan(components.Dev, func(p *pipelineParts) {
		p.pipeline.EventSource, p.pipeline.Schedule = nil, ""
	}).must(t).Find(rule))
}

func TestStateMachineMayDoNothingElse(t *testing.T) {
	t.Parallel()
	allowed := pipelinePlan(components.Dev, nil).must(t).allowed("pipeline-runs")
	jobs := "arn:aws:sagemaker:eu-central-1:123456789012:"
	assert.Equal(t, []string{jobs + "processing-job/fraud-dev-pipeline-*"}, allowed["sagemaker:CreateProcessingJob"])
	assert.Contains(t, allowed["sagemaker:CreateTrainingJob"], jobs+"training-job/fraud-dev-pipeline-*")
	roles := allowed["iam:PassRole"]
	require.Len(t, roles, 2)
	assert.Regexp(t, `:role/fraud-dev-pipeline-steps-`, roles[0])
	assert.Regexp(t, `:role/fraud-dev-training-`, roles[1])
	assert.Equal(t, []string{"arn:aws:s3:::fraud-lake-logs/runs/*"}, allowed["s3:GetObject"])
	for _, action := range []string{"s3:PutObject", "sns:Publish", "sagemaker:CreateModelPackage",
		"sagemaker:CreateEndpoint"} {
		assert.NotContains(t, allowed, action)
	}
	everything := pipelinePlan(components.Prod, full).must(t).allowed("pipeline-runs")
	assert.Subset(t, everything, map[string][]string{
		"sns:Publish": {"arn:aws:sns:eu-central-1:123456789012:fraud-prod-pipeline-news"},
	})
	assert.Contains(t, everything, "sagemaker:CreateModelPackage")
}

func TestRunsAreLoggedWithoutTheirData(t *testing.T) {
	t.Parallel()
	r := pipelinePlan(components.Prod, func(p *pipelineParts) { p.pipeline.Logs.RetentionDays = 400 }).must(t)
	assert.Equal(t, object{
		"level": "ALL", "includeExecutionData": false,
		"logDestination": "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/vendedlogs/states/fraud-prod-pipeline:*",
	}, r.inputs(machineType, "")["loggingConfiguration"])
	assert.InDelta(t, 400, r.inputs("aws:cloudwatch/logGroup:LogGroup", "pipeline-runs-logs")["retentionInDays"], 0)
}

func TestPipelineRefuses(t *testing.T) {
	t.Parallel()
	pipelinePlan(components.Dev, func(p *pipelineParts) { p.pipeline.Approval = true }).
		refusedAfter(t, components.ErrConflict, "receivers")
	pipelinePlan(components.Dev, func(p *pipelineParts) { p.pipeline.Image = "training-image:latest" }).
		refusedAfter(t, components.ErrName, "digest")
}

// TestStepsMayLoadTheWarehouse: what the loads call, on the warehouse of the stack and on no other.
func TestStepsMayLoadTheWarehouse(t *testing.T) {
	t.Parallel()
	with := func(e components.Environment, uri string) recorded {
		return pipelinePlan(e, func(p *pipelineParts) { p.pipeline.Warehouse = pulumi.String(uri) }).must(t)
	}
	r := with(components.Dev, "athena://fraud-dev-warehouse/fraud_dev_warehouse_analytics?region=eu-central-1")
	allowed := r.allowed("pipeline-steps")
	assert.Equal(t, []string{"arn:aws:s3:::fraud-lake-curated/tables/*"}, allowed["s3:PutObject"])

	r = with(components.Prod, "redshift-data://fraud-prod-warehouse/analytics?iam_role=default&region=eu-central-1")
	assert.NotContains(t, r.allowed("pipeline-steps"), "s3:PutObject")
	for _, s := range r.document("aws:iam/rolePolicy:RolePolicy", "pipeline-steps-warehouse",
		"policy")["Statement"].([]any) {
		condition := object{"aws:ResourceTag/platform": []any{"fraud-prod"}}
		if s.(object)["Sid"] == "FollowLoads" {
			condition = object{"redshift-data:statement-owner-iam-userid": []any{"${aws:userid}"}}
		}
		assert.Equal(t, object{"StringEquals": condition}, s.(object)["Condition"])
	}
	assert.Contains(t, r.allowed("pipeline-steps"), "redshift-data:BatchExecuteStatement")
	assert.Equal(t, "loader", r.inputs("aws:iam/role:Role", "pipeline-steps")["tags"].(object)["RedshiftDbRoles"])
	none := pipelinePlan(components.Prod, nil).must(t)
	assert.NotContains(t, none.inputs("aws:iam/role:Role", "pipeline-steps")["tags"], "RedshiftDbRoles")

	_, err := pipelinePlan(components.Dev, func(p *pipelineParts) {
		p.pipeline.Warehouse = pulumi.String("duckdb:///w.duckdb")
	}).run(t)
	require.ErrorContains(t, err, "want the ConnectionURI output of a Warehouse on AWS")
}

func TestStepsMayFillOnlineFeatures(t *testing.T) {
	t.Parallel()
	r := pipelinePlan(components.Dev, func(p *pipelineParts) {
		p.pipeline.Online = pulumi.String("dynamodb://fraud-dev-features-online?partition_key=key&region=eu-central-1")
	}).must(t)
	assert.Equal(t, []string{"arn:aws:dynamodb:eu-central-1:123456789012:table/fraud-dev-features-online"},
		r.allowed("pipeline-steps")["dynamodb:PutItem"])
}

// TestStepsMayFillTheFeatureGroup: the step features knows the group, and may put records into it and into no other.
func TestStepsMayFillTheFeatureGroup(t *testing.T) {
	t.Parallel()
	const group = "arn:aws:sagemaker:eu-central-1:123456789012:feature-group/fraud-prod-features-fraud"
	r := pipelinePlan(components.Prod, func(p *pipelineParts) {
		p.pipeline.FeatureGroup, p.pipeline.StoreKey = pulumi.String(group), pulumi.String("arn:key-of-tables")
	}).must(t)
	in, _ := drive(t, r, answers{record: promoted})
	assert.Equal(t, "sagemaker-featurestore://fraud-prod-features-fraud?region=eu-central-1",
		in.calls["features"]["Environment"].(object)["MLPATHWAY_GROUP"])
	statements := r.document("aws:iam/rolePolicy:RolePolicy", "pipeline-steps-group", "policy")["Statement"].([]any)
	require.Len(t, statements, 2)
	assert.Equal(t, []any{[]any{"sagemaker:PutRecord"}, []any{group}},
		[]any{statements[0].(object)["Action"], statements[0].(object)["Resource"]})
	assert.Equal(t, []any{[]any{"kms:Decrypt", "kms:DescribeKey"}, []any{"arn:key-of-tables"}},
		[]any{statements[1].(object)["Action"], statements[1].(object)["Resource"]})
	none := pipelinePlan(components.Prod, nil).must(t)
	assert.NotContains(t, none.allowed("pipeline-steps"), "sagemaker:PutRecord")
	in, _ = drive(t, none, answers{record: promoted})
	assert.NotContains(t, in.calls["features"]["Environment"], "MLPATHWAY_GROUP")
}

const sparkRole = "arn:aws:iam::123456789012:role/fraud-dev-features-spark"

// TestFeaturesOnSpark: the engine runs the query over the run's rows, and the step takes what it left.
func TestFeaturesOnSpark(t *testing.T) {
	t.Parallel()
	r := pipelinePlan(components.Dev, func(p *pipelineParts) {
		p.pipeline.Engine, p.pipeline.EngineIdentity = pulumi.String("00f1"), pulumi.String(sparkRole)
	}).must(t)
	checkStates(t, r.machine())
	in, end := drive(t, r, answers{record: promoted})
	assert.Equal(t, "Succeed", end)
	at := slices.Index(in.trace, "Spark features")
	require.Positive(t, at)
	assert.Equal(t, "features", in.trace[at+1])
	call := in.calls["Spark features"]
	assert.Equal(t, []any{"00f1", sparkRole}, []any{call["ApplicationId"], call["ExecutionRoleArn"]})
	assert.Equal(t, object{"SparkSubmit": object{
		"EntryPoint": "s3://fraud-lake-features/engine/features.py",
		"EntryPointArguments": []any{
			"s3://fraud-lake-curated/d1/part-00000.parquet", "s3://fraud-lake-features/engine/20261122T123456.789Z",
			"s3://fraud-lake-features/engine/fraud.sql",
		},
	}}, call["JobDriver"])
	assert.Equal(t, "fraud", call["Tags"].(object)["team"])
	assert.Equal(t, "s3://fraud-lake-features/engine/20261122T123456.789Z",
		in.calls["features"]["Environment"].(object)["MLPATHWAY_RESULT"])
	assert.NotContains(t, in.calls["evaluate"]["Environment"], "MLPATHWAY_RESULT")
	allowed := r.allowed("pipeline-runs")
	assert.Contains(t, allowed["emr-serverless:StartJobRun"],
		"arn:aws:emr-serverless:eu-central-1:123456789012:/applications/00f1")
	assert.Contains(t, allowed["iam:PassRole"], sparkRole)

	in, end = drive(t, r, answers{record: promoted, fails: "Spark features"})
	assert.Equal(t, "Fail", end)
	assert.NotContains(t, in.trace, "features")
	assert.NotContains(t, pipelinePlan(components.Dev, nil).must(t).allowed("pipeline-runs"), "emr-serverless:StartJobRun")
	pipelinePlan(components.Dev, func(p *pipelineParts) { p.pipeline.Engine = pulumi.String("00f1") }).
		refusedAfter(t, components.ErrRequired, "engineIdentity")
}

// TestAirflowIsAnOption: its clock starts the pipeline, and that of EventBridge does not.
func TestAirflowIsAnOption(t *testing.T) {
	t.Parallel()
	const environment = "aws:mwaa/environment:Environment"
	p := pipelinePlan(components.Prod, full)
	assert.Empty(t, p.must(t).Find(environment))
	p.options = aws.Options{Airflow: true}
	r := p.must(t)
	made := r.inputs(environment, "")
	assert.Equal(t, []any{"PRIVATE_ONLY", "dags", lakeKey},
		[]any{made["webserverAccessMode"], made["dagS3Path"], made["kmsKey"]})
	assert.Equal(t, object{"securityGroupIds": []any{"sg-1"}, "subnetIds": []any{"subnet-1", "subnet-2"}},
		made["networkConfiguration"])
	assert.Empty(t, r.Find("aws:scheduler/schedule:Schedule"))
	dag := r.inputs("aws:s3/bucketObjectv2:BucketObjectv2", "pipeline-airflow-dag")
	assert.Equal(t, "dags/pipeline.py", dag["key"])
	for _, text := range []string{
		`dag_id="fraud-prod-pipeline"`, `schedule="0 3 * * *"`,
		`state_machine_arn="arn:aws:states:eu-central-1:123456789012:stateMachine:fraud-prod-pipeline"`,
	} {
		assert.Contains(t, dag["content"], text)
	}
	assert.Equal(t, "Enabled", r.inputs("aws:s3/bucketVersioningV2:BucketVersioningV2",
		"pipeline-airflow-versioning")["versioningConfiguration"].(object)["status"],
		"MWAA refuses a bucket without versions")
	allowed := r.allowed("pipeline-airflow")
	assert.Equal(t, []string{"arn:aws:states:eu-central-1:123456789012:stateMachine:fraud-prod-pipeline"},
		allowed["states:StartExecution"])
	for action := range allowed {
		assert.NotContains(t, action, "*")
	}
	p = pipelinePlan(components.Dev, func(p *pipelineParts) { p.pipeline.Network = nil })
	p.options = aws.Options{Airflow: true}
	p.refusedAfter(t, components.ErrRequired, "for Airflow")
}
