package kubernetes

import (
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/monitors"
)

// Monitoring lets Prometheus look at the endpoint, alarms by its rules, and makes a dashboard for Grafana. A drift
// check starts by the clock. On a cluster without Prometheus it alone remains, with its page in the lake.
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
	outputs := &components.MonitoringOutputs{
		DashboardURL: pulumi.Sprintf("%s/monitoring/index.html", components.ZoneURI(args.Lake, components.Results)),
		AlertIDs:     none(), Identity: identity,
	}
	if !t.has(charts.Prometheus) {
		return outputs, nil
	}
	if outputs.AlertIDs, err = m.alarm(); err != nil {
		return nil, err
	}
	if err := m.look(); err != nil {
		return nil, err
	}
	board, err := m.dashboard()
	if grafana := strings.TrimSuffix(t.settings.Grafana, "/"); grafana != "" && err == nil {
		outputs.DashboardURL = m.Known(grafana+"/d/"+m.boardID(), board)
	}
	return outputs, err
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
			part: "drift", account: m.Component, image: m.args.Image, args: []string{"monitor"}, environment: environment,
			machine: components.Machine{CPUs: 0.5, MemoryMiB: 1024}, files: []mount{{uri: m.args.DefinitionURI}},
			restart: "Never",
		},
	})
	return err
}

// look lets Prometheus look at the services of the endpoint.
func (m *monitoring) look() error {
	_, err := m.object(monitors.APIVersion, monitors.ServiceKind, nil, spec(monitors.ServiceMonitor{
		Selector:  api.Selector{MatchLabels: map[string]string{"layer": strings.ToLower(string(components.EndpointLayer))}},
		Endpoints: []monitors.Endpoint{{Port: httpPort, Path: "/metrics", Interval: "15s"}},
	}), m.operated(charts.Prometheus)...)
	return err
}

// alarm makes the rules and gives them by their signals.
func (m *monitoring) alarm() (pulumi.StringMapOutput, error) {
	rules := m.rules()
	made, err := m.object(monitors.APIVersion, monitors.RuleKind, nil, spec(monitors.Rules{
		Groups: []monitors.Group{{Name: m.namespace, Rules: rules}},
	}), m.operated(charts.Prometheus)...)
	if err != nil {
		return none(), err
	}
	ids := pulumi.StringMap{}
	for _, alert := range m.args.Alerts {
		ids[string(alert.Signal)] = m.Known(alarmName(alert.Signal), made)
	}
	return ids.ToStringMapOutput(), nil
}
