package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Batch is a process that starts by the clock.
func (t *Target) Batch(
	ctx *pulumi.Context, name string, args *components.BatchArgs, opts ...pulumi.ResourceOption,
) (*components.BatchOutputs, error) {
	environment := components.ZoneVariables(args.Lake, components.Features, components.Models, components.Results)
	environment["MLPATHWAY_MODEL"] = pulumi.String(args.Model)
	environment["MLPATHWAY_ALIAS"] = pulumi.String(args.Alias)
	_, err := t.run(ctx, name, workload{
		image: args.Image, args: []string{"batch"}, environment: environment, schedule: args.Schedule,
	}, opts...)
	if err != nil {
		return nil, err
	}
	return &components.BatchOutputs{
		JobID: text(name), ResultsURI: pulumi.Sprintf("%s/batch", components.ZoneURI(args.Lake, components.Results)),
		Identity: text(identity),
	}, nil
}
