package kubernetes

import (
	"maps"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Batch is a CronJob, whose runs wait in the queue. The image predicts all rows on the processors of one pod: the
// workers share a machine, as they share the files.
func (t *Target) Batch(
	ctx *pulumi.Context, name string, args *components.BatchArgs, opts ...pulumi.ResourceOption,
) (*components.BatchOutputs, error) {
	l := t.layer(ctx, components.BatchLayer, name, opts)
	identity, err := l.account()
	if err != nil {
		return nil, err
	}
	environment := components.ZoneVariables(args.Lake, components.Features, components.Models, components.Results)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_MODEL": pulumi.String(args.Model), "MLPATHWAY_ALIAS": pulumi.String(args.Alias),
	})
	arguments := []string{"batch", "--workers", strconv.Itoa(args.Parallelism)}
	if args.RowKey != "" {
		arguments = append(arguments, "--key", args.RowKey)
	}
	machine := args.Machine
	machine.CPUs *= float64(args.Parallelism)
	machine.MemoryMiB *= args.Parallelism
	made, err := l.cronJob(nil, clock{
		schedule: args.Schedule, minutes: args.TimeoutMinutes, retries: 2, priority: batchPriority,
		pods: workload{
			part: "batch", account: name, image: args.Image, args: arguments, machine: machine, environment: environment,
			scratchGiB: 10, restart: "Never",
		},
	})
	if err != nil {
		return nil, err
	}
	return &components.BatchOutputs{
		JobID:      l.Known(name, made),
		ResultsURI: pulumi.Sprintf("%s/batch", components.ZoneURI(args.Lake, components.Results)), Identity: identity,
	}, nil
}

// clock is a job that the clock starts.
type clock struct {
	schedule         string
	minutes, retries int
	priority         string
	pods             workload
}

// cronJob makes a job that the clock starts, never twice at a time. A pod that is taken away with its node does not
// count as a failure.
func (l *layer) cronJob(parts []string, c clock) (pulumi.Resource, error) {
	if l.waits() {
		if err := l.need(charts.Kueue); err != nil {
			return nil, err
		}
	}
	labels := l.podLabels(c.pods.part)
	maps.Copy(labels, l.queueLabels(c.priority))
	return l.named("batch/v1", "CronJob", parts, object.Metadata{Name: l.Part(parts...)}, spec(api.CronJob{
		Schedule: c.schedule, TimeZone: "Etc/UTC", ConcurrencyPolicy: "Forbid", StartingDeadlineSeconds: 600,
		SuccessfulJobsHistoryLimit: 3, FailedJobsHistoryLimit: 3,
		JobTemplate: api.JobTemplate{Metadata: api.PodMetadata{Labels: labels}, Spec: l.oneJob(c)},
	}))
}

// oneJob is one run.
func (l *layer) oneJob(c clock) api.Job {
	return api.Job{
		Parallelism: 1, Completions: 1, BackoffLimit: c.retries, ActiveDeadlineSeconds: c.minutes * 60,
		TTLSecondsAfterFinished: keepFinished, Template: l.pod(c.pods),
		PodFailurePolicy: &api.PodFailurePolicy{Rules: []api.FailureRule{{
			Action: "FailJob", OnExitCodes: &api.OnExitCodes{Operator: "In", Values: []int{misuseExit}},
		}, {
			Action: "Ignore", OnPodConditions: []api.OnPodCondition{{Type: "DisruptionTarget", Status: "True"}},
		}}},
	}
}
