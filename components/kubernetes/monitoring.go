package kubernetes

import (
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Monitoring is a drift check by the clock.
func (t *Target) Monitoring(
	ctx *pulumi.Context, name string, args *components.MonitoringArgs, opts ...pulumi.ResourceOption,
) (*components.MonitoringOutputs, error) {
	m := &monitoring{layer: t.layer(ctx, components.MonitoringLayer, name, opts), args: args}
	identity, err := m.account()
	if err != nil {
		return nil, err
	}
	if err := m.driftCheck(); err != nil {
		return nil, err
	}
	page := pulumi.Sprintf("%s/monitoring/index.html", components.ZoneURI(args.Lake, components.Results))
	return &components.MonitoringOutputs{DashboardURL: page, AlertIDs: none(), Identity: identity}, nil
}

// monitoring is what is made of monitoring so far.
type monitoring struct {
	*layer
	args *components.MonitoringArgs
}

// driftCheck compares what was asked with what was trained on.
func (m *monitoring) driftCheck() error {
	environment := components.ZoneVariables(m.args.Lake, components.Logs, components.Models, components.Results)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_MODEL": pulumi.String(m.args.Model), "MLPATHWAY_ALIAS": pulumi.String(m.args.Alias),
		"MLPATHWAY_PIPELINE": m.args.DefinitionURI,
	})
	_, err := m.cronJob([]string{"drift"}, clock{
		schedule: m.args.Schedule, minutes: 30, retries: 1, priority: batchPriority, pods: workload{
			part: "drift", account: m.name, image: m.args.Image, args: []string{"monitor"}, environment: environment,
			machine: components.Machine{CPUs: 0.5, MemoryMiB: 1024}, files: []mount{{uri: m.args.DefinitionURI}},
			restart: "Never",
		},
	})
	return err
}
