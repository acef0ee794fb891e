package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sfn"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/machines"
)

// Batch is a state machine that the clock starts: it runs the image's batch as a job of SageMaker on one machine, and
// then shows the warehouse the new predictions. A batch transform would hand the rows to the server one request at a
// time; the image reads the Parquet of the newest feature set whole, on all processors, and counts what comes out.
func (t *Target) Batch(
	ctx *pulumi.Context, name string, args *components.BatchArgs, opts ...pulumi.ResourceOption,
) (*components.BatchOutputs, error) {
	b := &batch{layer: t.layer(ctx, components.BatchLayer, name, opts), args: args}
	b.machineARN = b.arn("states", "stateMachine:%s", b.physical(80))
	if err := b.make(); err != nil {
		return nil, err
	}
	return &components.BatchOutputs{
		JobID:      b.Known(b.machineARN, b.machine),
		ResultsURI: pulumi.Sprintf("%s/%s", components.ZoneURI(args.Lake, components.Results), batchPrefix),
		Identity:   b.id.ARN,
	}, nil
}

// Where the predictions are below the results zone, and what the newest ones are called.
const (
	batchPrefix = "batch"
	batchLatest = batchPrefix + "/latest.json"
)

// batch is what is made of batch predictions so far.
type batch struct {
	*layer
	args       *components.BatchArgs
	instance   string
	id         *identity
	machine    *sfn.StateMachine
	machineARN string
}

// all is the machine for all workers: they share one.
func (b *batch) all() components.Machine {
	m := b.args.Machine
	m.CPUs *= float64(b.args.Parallelism)
	m.MemoryMiB *= b.args.Parallelism
	return m
}

func (b *batch) make() (err error) {
	if err := pinned(b.args.Image); err != nil {
		return err
	}
	if b.instance, err = pick(b.options.Region, "machine times parallelism", machines.Processing, b.all()); err != nil {
		return err
	}
	b.id, err = b.newRole(role{
		part: "job", does: "Predicts many rows", trust: []Statement{b.trust("sagemaker.amazonaws.com")},
		may: b.runJobs(processingJobs, b.args.Network), keys: b.useDisks(b.args.Key),
	})
	if err != nil {
		return err
	}
	if b.tabled() {
		if err := b.makeTable(); err != nil {
			return err
		}
	}
	results := components.ZoneURI(b.args.Lake, components.Results).ApplyT(bucketOf).(pulumi.StringOutput)
	arn := pulumi.Sprintf("arn:%s:s3:::%s", b.region.partition, results)
	b.machine, err = b.newStateMachine(stateMachineArgs{
		does: "Runs batch predictions and shows them to the warehouse", definition: b.definition(), logs: b.args.Logs,
		may: []Statement{b.runProcessing(b.jobPrefix()), b.hearOfJobs(), handOver(b.id.ARN), {
			Sid: "ReadReport", Actions: []string{"s3:GetObject"},
			Resources: pulumi.StringArray{pulumi.Sprintf("%s/%s", arn, batchLatest)},
		}, {
			Sid: "ShowPredictions", Actions: []string{"s3:PutObject"},
			Resources: pulumi.StringArray{pulumi.Sprintf("%s/%s/*", arn, b.tablePrefix())},
		}},
		keys: b.useKey(b.args.Key, lends, "s3", "sagemaker"),
	})
	if err != nil {
		return err
	}
	return b.newSchedule(schedule{
		cron: b.args.Schedule, does: "Starts batch predictions", target: b.machineARN, action: "states:StartExecution",
		input: pulumi.String(startedBy(bySchedule)), ready: []pulumi.Resource{b.machine}, retries: 2,
	})
}

// tabled reports whether the predictions can be queried.
func (b *batch) tabled() bool { return b.args.Database != nil && len(b.args.Columns) > 0 }

func (b *batch) jobPrefix() string { return b.physical(jobNamePrefix) }

// tablePrefix is where the table looks for the list of the newest files, below the results zone.
func (b *batch) tablePrefix() string { return "tables/" + b.Component }

// makeTable makes a table of the newest predictions.
func (b *batch) makeTable() error {
	return b.newLinkTable(linkTable{
		part: "predictions", name: b.tableName(), does: "The newest predictions of " + b.args.Model,
		database: b.args.Database, columns: b.args.Columns,
		location: pulumi.Sprintf("%s/%s/", components.ZoneURI(b.args.Lake, components.Results), b.tablePrefix()),
	})
}

// tableName is one word: SQL knows no hyphens.
func (b *batch) tableName() string {
	return strings.ReplaceAll(b.args.Model+"_"+b.Component+"_predictions", "-", "_")
}

// definition resolves what the state machine is made of and writes it.
func (b *batch) definition() pulumi.StringOutput {
	environment := components.ZoneVariables(b.args.Lake, components.Features, components.Models, components.Results)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_MODEL": pulumi.String(b.args.Model), "MLPATHWAY_ALIAS": pulumi.String(b.args.Alias),
	})
	return pulumi.All(environment.ToStringMapOutput(), placed(b.args.Network), orEmpty(b.args.Key), b.id.ARN).ApplyT(
		func(all []any) (string, error) {
			return b.states(all[0].(map[string]string), processingJob{
				image: b.args.Image, machine: b.instance, key: diskKey(b.args.Machine, all[2].(string)),
				arguments:   b.arguments(),
				environment: all[0].(map[string]string), vpc: all[1].(*vpcConfig), role: all[3].(string),
				minutes: b.args.TimeoutMinutes, tags: b.jobTags(),
			})
		}).(pulumi.StringOutput)
}

// arguments are those of the image.
func (b *batch) arguments() []string {
	arguments := []string{"batch", "--workers", strconv.Itoa(b.args.Parallelism)}
	if b.args.RowKey != "" {
		arguments = append(arguments, "--key", b.args.RowKey)
	}
	return arguments
}

// states writes the state machine.
func (b *batch) states(environment map[string]string, job processingJob) (string, error) {
	const (
		begin, predict, look, show, done, failed = "Begin", "Predict", "Look at the report", "Show the predictions",
			"Done", "Failed"
	)
	job.name = expression("'%s-' & $stamp & '-' & $string($states.context.State.RetryCount)", b.jobPrefix())
	bucket := bucketOf(environment["MLPATHWAY_RESULTS"])
	task := func(resource, next string, arguments map[string]any) state {
		return state{
			Type: taskState, Resource: fmt.Sprintf("arn:%s:states:::%s", b.region.partition, resource), Next: next,
			Arguments: arguments, Retry: asked(), Catch: []catcher{{
				ErrorEquals: []string{"States.ALL"}, Next: failed,
				Assign: map[string]any{"failure": expression("$states.errorOutput")},
			}},
		}
	}
	run := task("sagemaker:createProcessingJob.sync", done, job.request())
	run.Retry = again(2)
	states := map[string]state{
		begin: {Type: passState, Next: predict, Assign: map[string]any{"stamp": stampOf()}},
		done:  {Type: succeedState},
		failed: {
			Type: failState, Error: expression("$failure.Error"), Cause: expression("$failure.Cause"),
		},
	}
	if b.tabled() {
		run.Next = look
		read := task("aws-sdk:s3:getObject", show, map[string]any{"Bucket": bucket, "Key": batchLatest})
		read.Assign = map[string]any{"report": expression("$parse($states.result.Body)")}
		states[look] = read
		states[show] = task("aws-sdk:s3:putObject", done, map[string]any{
			"Bucket": bucket, "Key": b.tablePrefix() + "/files", "ContentType": "text/plain",
			"Body": expression(`$join([$report.parts.('s3://%s/' & $)], '\n')`, bucket),
		})
	}
	states[predict] = run
	data, err := json.Marshal(stateMachine{
		Comment: "Predicts with " + b.args.Model, QueryLanguage: "JSONata", StartAt: begin, States: states,
		TimeoutSeconds: 3*b.args.TimeoutMinutes*60 + 3600, // two more tries, and waiting for machines
	})
	return string(data), err
}

// stampOf makes a part of names out of the time at which a run began.
func stampOf() string {
	return expression("$replace($replace($replace($states.context.Execution.StartTime, '-', ''), ':', ''), '.', '')")
}
