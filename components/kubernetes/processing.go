package kubernetes

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Processing is a CronJob. A cluster hears nothing of a store, so that a job cannot start for single objects: what
// works on new data is a step of the pipeline, which a watcher starts.
func (t *Target) Processing(
	ctx *pulumi.Context, name string, args *components.ProcessingArgs, opts ...pulumi.ResourceOption,
) (*components.ProcessingOutputs, error) {
	l := t.layer(ctx, components.ProcessingLayer, name, opts)
	if args.Schedule == "" {
		return nil, fmt.Errorf("schedule: found nothing, want a schedule: a store tells a cluster nothing of new objects; "+
			"what works on them is a step of the pipeline: %w", components.ErrUnsupported)
	}
	identity, err := l.account()
	if err != nil {
		return nil, err
	}
	zones := slices.Compact(slices.Sorted(slices.Values(slices.Concat(args.Reads, args.Writes))))
	environment := pulumi.StringMap{}
	if len(zones) > 0 {
		environment = components.ZoneVariables(args.Lake, zones...)
	}
	w := workload{
		part: "job", account: name, image: args.Image, args: args.Command, environment: environment,
		machine:    components.Machine{CPUs: max(0.25, float64(args.MemoryMiB)/4096), MemoryMiB: args.MemoryMiB},
		scratchGiB: 5, restart: "Never",
	}
	if args.DefinitionURI != nil {
		maps.Copy(environment, pulumi.StringMap{"MLPATHWAY_PIPELINE": args.DefinitionURI})
		w.files = []mount{{uri: args.DefinitionURI}}
	}
	if args.Environment != nil {
		w.secret = l.Part("environment")
		_, err := l.named("v1", "Secret", []string{"environment"}, object.Metadata{Name: w.secret}, map[string]any{
			"type": "Opaque", "stringData": args.Environment,
		})
		if err != nil {
			return nil, err
		}
	}
	made, err := l.cronJob(nil, clock{
		schedule: args.Schedule, minutes: (args.TimeoutSeconds + 59) / 60, retries: *args.Retries,
		priority: batchPriority, pods: w,
	})
	if err != nil {
		return nil, fmt.Errorf("the job: %w", err)
	}
	return &components.ProcessingOutputs{
		JobID: l.Known(name, made), QueueID: text(""), DeadLetters: text(""), Identity: identity,
	}, nil
}
