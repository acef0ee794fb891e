package local

import (
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Processing is a process that starts by the clock, or when a watcher sees that the objects of a zone have changed.
// The machine's own memory and processors are its limits.
func (t *Target) Processing(
	ctx *pulumi.Context, name string, args *components.ProcessingArgs, opts ...pulumi.ResourceOption,
) (*components.ProcessingOutputs, error) {
	environment := pulumi.StringMap{}
	if given, ok := args.Environment.(pulumi.StringMap); ok {
		environment = maps.Clone(given)
	}
	job, err := t.run(ctx, name, workload{
		image: args.Image, args: args.Command, environment: environment, schedule: args.Schedule,
		trigger: args.Schedule == "",
	}, opts...)
	if err != nil {
		return nil, err
	}
	if args.EventSource != nil {
		_, err := t.run(ctx, name+"-watch", workload{
			image: trainingImage, args: []string{"watch", "--state", t.path("supervisor", name+".seen")},
			environment: pulumi.StringMap{"MLPATHWAY_RAW": args.EventSource, "MLPATHWAY_NOTIFY": job.StartURL},
		}, opts...)
		if err != nil {
			return nil, err
		}
	}
	return &components.ProcessingOutputs{
		JobID: text(name), QueueID: text(""), DeadLetters: text(""), Identity: text(identity),
	}, nil
}
