package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
)

const functionType = "aws:lambda/function:Function"

func processingPlan(change func(*components.ProcessingArgs)) plan {
	args := &components.ProcessingArgs{
		Image: values.Training, Command: []string{"etl"}, EventSource: pulumi.String("fraud-raw"), Concurrency: 3,
		Lake:  pulumi.StringMap{"raw": pulumi.String("s3://fraud-raw"), "curated": pulumi.String("s3://fraud-curated")},
		Reads: []components.Zone{components.Raw}, Writes: []components.Zone{components.Curated},
		DefinitionURI: pulumi.String("s3://models/pipeline.yaml"), Network: values.Place(),
		Environment: pulumi.StringMap{"EXTRA": pulumi.String("1")},
	}
	if change != nil {
		change(args)
	}
	return plan{build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewProcessing(ctx, "ingest", target, args)
		return err
	}}
}

func TestFunctionRunsTheImage(t *testing.T) {
	t.Parallel()
	f := processingPlan(nil).must(t).inputs(functionType, "ingest")
	assert.Equal(t, "Image", f["packageType"])
	assert.Equal(t, values.Training, f["imageUri"])
	assert.Equal(t, map[string]any{"commands": []any{"etl"}}, f["imageConfig"])
	assert.Equal(t, map[string]any{"variables": map[string]any{
		"MLPATHWAY_RAW": "s3://fraud-raw", "MLPATHWAY_CURATED": "s3://fraud-curated",
		"MLPATHWAY_PIPELINE": "s3://models/pipeline.yaml", "EXTRA": "1",
	}}, f["environment"])
	assert.EqualValues(t, 3, f["reservedConcurrentExecutions"])
	assert.Equal(t, []any{"sg-0123456789abcdef0"}, f["vpcConfig"].(map[string]any)["securityGroupIds"])
	assert.Equal(t, "/aws/lambda/fraud-dev-ingest", f["loggingConfig"].(map[string]any)["logGroup"])
}

func TestEventsWaitInAQueue(t *testing.T) {
	t.Parallel()
	r := processingPlan(nil).must(t)
	pattern := r.document("aws:cloudwatch/eventRule:EventRule", "", "eventPattern")
	assert.Equal(t, map[string]any{"bucket": map[string]any{"name": []any{"fraud-raw"}}}, pattern["detail"])
	events := r.inputs("aws:sqs/queue:Queue", "ingest-events")
	assert.JSONEq(t, `{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:123456789012:fraud-dev-ingest-dead-letters",
		"maxReceiveCount":5}`, events["redrivePolicy"].(string))
	assert.EqualValues(t, 5400, events["visibilityTimeoutSeconds"], "six times the function's limit")
	assert.Equal(t, true, events["sqsManagedSseEnabled"])
	list := r.document("aws:sqs/queuePolicy:QueuePolicy", "ingest-events", "policy")["Statement"].([]any)
	take := list[1].(map[string]any)
	assert.Equal(t, []any{"sqs:SendMessage"}, take["Action"])
	assert.Equal(t, map[string]any{"ArnEquals": map[string]any{
		"aws:SourceArn": []any{"arn:aws:events:eu-central-1:123456789012:rule/fraud-dev-ingest-new-data"},
	}}, take["Condition"])
	assert.Empty(t, r.Find("aws:scheduler/schedule:Schedule"))
	assert.EqualValues(t, 3, r.inputs("aws:lambda/eventSourceMapping:EventSourceMapping",
		"")["scalingConfig"].(map[string]any)["maximumConcurrency"])
}

func TestClockStartsTheFunction(t *testing.T) {
	t.Parallel()
	r := processingPlan(func(a *components.ProcessingArgs) { a.EventSource, a.Schedule = nil, "0 6 * * 1" }).must(t)
	s := r.inputs("aws:scheduler/schedule:Schedule", "")
	assert.Equal(t, "cron(0 6 ? * MON *)", s["scheduleExpression"])
	target := s["target"].(map[string]any)
	assert.Equal(t, "arn:aws:lambda:eu-central-1:123456789012:function:fraud-dev-ingest", target["arn"])
	assert.Contains(t, target["deadLetterConfig"].(map[string]any)["arn"], "dead-letters")
	assert.Empty(t, r.Find("aws:cloudwatch/eventRule:EventRule"))
	allowed := r.allowed("ingest-schedule")
	assert.Equal(t, []string{"arn:aws:lambda:eu-central-1:123456789012:function:fraud-dev-ingest"},
		allowed["lambda:InvokeFunction"])
	assert.Len(t, allowed, 2)
}

func TestFunctionMayDoLittle(t *testing.T) {
	t.Parallel()
	r := processingPlan(nil).must(t)
	for action, on := range r.allowed("ingest") {
		switch action {
		case "logs:CreateLogStream", "logs:PutLogEvents":
			assert.Equal(t, []string{"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/fraud-dev-ingest:*"}, on)
		case "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage":
			assert.Equal(t, []string{"arn:aws:sqs:eu-central-1:123456789012:fraud-dev-ingest-events"}, on)
		default:
			assert.Contains(t, action, "ec2:", "joining the network is all that is left")
		}
	}
}

func TestProcessingRefuses(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*components.ProcessingArgs){
		"at most 10240": func(a *components.ProcessingArgs) { a.MemoryMiB = 20480 },
		"at most 900":   func(a *components.ProcessingArgs) { a.TimeoutSeconds = 901 },
	} {
		processingPlan(change).refused(t, components.ErrRange, text)
	}
	processingPlan(func(a *components.ProcessingArgs) { a.Image = "training-image:latest" }).
		refused(t, components.ErrName, "@sha256:")
}
