package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Monitoring is a drift check that starts by the clock and writes a page; the processes' logs are rotated by the
// supervisor, and the endpoint shows its metrics at /metrics. Alerts show on the page: one machine sends no mail.
func (t *Target) Monitoring(
	ctx *pulumi.Context, name string, args *components.MonitoringArgs, opts ...pulumi.ResourceOption,
) (*components.MonitoringOutputs, error) {
	environment := components.ZoneVariables(args.Lake, components.Logs, components.Models, components.Results)
	environment["MLPATHWAY_MODEL"] = pulumi.String(args.Model)
	environment["MLPATHWAY_ALIAS"] = pulumi.String(args.Alias)
	environment["MLPATHWAY_PIPELINE"] = args.DefinitionURI
	_, err := t.run(ctx, name, workload{
		image: args.Image, args: []string{"monitor"}, environment: environment, schedule: args.Schedule,
	}, opts...)
	if err != nil {
		return nil, err
	}
	page := pulumi.Sprintf("%s/monitoring/index.html", components.ZoneURI(args.Lake, components.Results))
	return &components.MonitoringOutputs{DashboardURL: page, AlertIDs: none(), Identity: text(identity)}, nil
}
