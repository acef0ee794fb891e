package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Processing is a Lambda function. New objects reach it through a queue, which keeps what it could not handle; the
// clock starts it directly.
func (t *Target) Processing(
	ctx *pulumi.Context, name string, args *components.ProcessingArgs, opts ...pulumi.ResourceOption,
) (*components.ProcessingOutputs, error) {
	l := t.layer(ctx, components.ProcessingLayer, name, opts)
	f := l.processingFunction(args)
	if err := f.check(); err != nil {
		return nil, err
	}
	letters, err := l.newQueue(queue{part: "dead-letters", key: args.Key, keepDays: 14})
	if err != nil {
		return nil, err
	}
	queueARN := ""
	if args.EventSource != nil {
		queueARN = l.arn("sqs", "%s", l.physical(80, "events"))
		f.may = append(f.may, Statement{
			Sid: "TakeEvents", Resources: here(queueARN),
			Actions: []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
				"sqs:ReceiveMessage"},
		})
		f.keyServices = []string{"sqs"}
	}
	made, err := l.newFunction(f)
	if err != nil {
		return nil, err
	}
	outputs := &components.ProcessingOutputs{
		JobID: l.Known(made.arn, made.Function), QueueID: text(""), DeadLetters: l.Known(letters.arn, letters.ready...),
		Identity: made.id.ARN,
	}
	if args.EventSource != nil {
		if outputs.QueueID, err = l.onNewObjects(args, made, letters); err != nil {
			return nil, err
		}
	}
	if args.Schedule != "" {
		err = l.newSchedule(schedule{
			cron: args.Schedule, does: "Starts " + made.name, target: made.arn, ready: []pulumi.Resource{made.Function},
			action: "lambda:InvokeFunction", letters: letters, retries: *args.Retries,
		})
	}
	return outputs, err
}

func (l *layer) processingFunction(args *components.ProcessingArgs) *function {
	environment := pulumi.StringMap{}
	if args.Lake != nil {
		environment = components.ZoneVariables(args.Lake, slices.Concat(args.Reads, args.Writes)...)
	}
	if args.DefinitionURI != nil {
		environment["MLPATHWAY_PIPELINE"] = args.DefinitionURI
	}
	if given, ok := args.Environment.(pulumi.StringMap); ok {
		maps.Copy(environment, given)
	}
	return &function{
		does: "Processes data: " + l.Component, image: args.Image, command: args.Command, environment: environment,
		memoryMiB: args.MemoryMiB, timeout: args.TimeoutSeconds, concurrency: args.Concurrency, place: args.Network,
		logs: args.Logs, key: args.Key,
	}
}

// leastTries is how often an event is handed out before it counts as failed: one that came while all instances of the
// function were busy counts as a try. Source: docs.aws.amazon.com/lambda, Using Lambda with Amazon SQS.
const leastTries = 5

// onNewObjects starts the function for objects in the bucket of the event source. Objects that arrive together make
// one run.
func (l *layer) onNewObjects(
	args *components.ProcessingArgs, f *madeFunction, letters *madeQueue,
) (pulumi.StringOutput, error) {
	ruleName := l.physical(64, "new-data")
	events, err := l.newQueue(queue{
		part: "events", key: args.Key, keepDays: 4, letters: letters, tries: max(leastTries, *args.Retries+1),
		// Six times the function's own limit, as Lambda's documentation asks for.
		invisible: min(6*args.TimeoutSeconds, 43200),
		policy: []Statement{{
			Sid: "TakeEvents", Principals: &Principals{Service: []string{"events.amazonaws.com"}},
			Actions: []string{"sqs:SendMessage"}, Resources: here(l.arn("sqs", "%s", l.physical(80, "events"))),
			Conditions: Conditions{"ArnEquals": {"aws:SourceArn": {l.arn("events", "rule/%s", ruleName)}}},
		}},
	})
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	rule, err := cloudwatch.NewEventRule(l.Context, l.Part("new-data"), &cloudwatch.EventRuleArgs{
		Name: pulumi.String(ruleName), Description: pulumi.String("New objects for " + f.name),
		EventPattern: args.EventSource.ToStringOutput().ApplyT(newObjects).(pulumi.StringOutput), Tags: l.tags(noData),
	}, l.With()...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	_, err = cloudwatch.NewEventTarget(l.Context, l.Part("new-data"), &cloudwatch.EventTargetArgs{
		Rule: rule.Name, TargetId: pulumi.String("queue"), Arn: l.Known(events.arn, events.ready...),
	}, l.With()...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	_, err = lambda.NewEventSourceMapping(l.Context, l.Part("events"), &lambda.EventSourceMappingArgs{
		EventSourceArn: l.Known(events.arn, events.ready...), FunctionName: f.Arn, BatchSize: pulumi.Int(100),
		MaximumBatchingWindowInSeconds: pulumi.Int(60),
		ScalingConfig: &lambda.EventSourceMappingScalingConfigArgs{
			MaximumConcurrency: pulumi.Int(max(2, args.Concurrency)), // the least that Lambda takes
		},
		Tags: l.tags(noData),
	}, l.After(f.id.ready...)...)
	return l.Known(events.name, events.ready...), err
}

// newObjects is the event pattern of objects that are made in a bucket.
func newObjects(bucket string) (string, error) {
	pattern, err := json.Marshal(map[string]any{
		"source": []string{"aws.s3"}, "detail-type": []string{"Object Created"},
		"detail": map[string]any{"bucket": map[string]any{"name": []string{bucket}}},
	})
	return string(pattern), err
}

// queue describes a queue.
type queue struct {
	part      string
	key       pulumi.StringInput // nil for the keys of SQS itself
	keepDays  int
	invisible int        // seconds that a message is hidden while somebody works on it
	letters   *madeQueue // where messages go that failed too often; nil for a queue of such messages
	tries     int
	policy    []Statement
}

// madeQueue is a queue that was made.
type madeQueue struct {
	name, arn string // known before it is there
	ready     []pulumi.Resource
}

// newQueue makes a queue that takes messages over TLS only.
func (l *layer) newQueue(q queue) (*madeQueue, error) {
	m := &madeQueue{name: l.physical(80, q.part)}
	m.arn = l.arn("sqs", "%s", m.name)
	args := &sqs.QueueArgs{
		Name: pulumi.String(m.name), MessageRetentionSeconds: pulumi.Int(q.keepDays * 24 * 3600),
		ReceiveWaitTimeSeconds: pulumi.Int(20), KmsMasterKeyId: orNil(q.key), Tags: l.tags(confidential),
	}
	if q.key == nil {
		args.SqsManagedSseEnabled = pulumi.Bool(true)
	}
	if q.invisible > 0 {
		args.VisibilityTimeoutSeconds = pulumi.Int(q.invisible)
	}
	var options []pulumi.ResourceOption
	if q.letters != nil {
		args.RedrivePolicy = pulumi.String(fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`,
			q.letters.arn, q.tries))
		options = append(options, pulumi.DependsOn(q.letters.ready))
	}
	made, err := sqs.NewQueue(l.Context, l.Part(q.part), args, l.With(options...)...)
	if err != nil {
		return nil, err
	}
	statements := append([]Statement{{
		Sid: "RefusePlainHTTP", Effect: Deny, Principals: &Principals{AWS: []string{"*"}}, Resources: here(m.arn),
		Actions: []string{"sqs:*"}, Conditions: Conditions{"Bool": {"aws:SecureTransport": {"false"}}},
	}}, q.policy...)
	policy, err := sqs.NewQueuePolicy(l.Context, l.Part(q.part), &sqs.QueuePolicyArgs{
		QueueUrl: made.ID(), Policy: document(statements...),
	}, l.With()...)
	m.ready = []pulumi.Resource{made, policy}
	return m, err
}
