package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// has reports whether the cluster has an operator by what the stack file says.
func (t *Target) has(operator string) bool { return slices.Contains(t.settings.Operators, operator) }

// there reports whether the cluster has an operator, or gets it from the stack.
func (t *Target) there(operator string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.charts[operator] != nil || t.has(operator)
}

// need makes sure that the operators of a layer are there: the stack file names them, or installs them. Everything is
// rehearsed before the first resource is made, and so a missing one is found before anything is.
func (l *layer) need(wanted ...string) error {
	var missing []string
	for _, operator := range wanted {
		chart := charts.Of(operator)
		switch {
		case l.has(operator):
		case l.settings.InstallOperators && chart.Guide == "":
			if err := l.install(operator, chart); err != nil {
				return err
			}
		default:
			missing = append(missing, fmt.Sprintf("%s: %s", operator, chart))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("kubernetes.operators: the layer needs %s; install it and list it there, or set "+
		"kubernetes.installOperators: true: %w", strings.Join(missing, "; "), components.ErrRequired)
}

// install puts the chart of an operator into the cluster, once.
func (l *layer) install(operator string, chart charts.Chart) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.charts[operator]; ok {
		return nil
	}
	release := chart.Release(operator)
	release.Values = l.values(operator)
	var on []pulumi.Resource
	for _, first := range []string{charts.JobSet} { // others look for its kinds when they start
		if made, ok := l.charts[first]; ok && first != operator {
			on = append(on, made)
		}
	}
	made, err := object.NewRelease(l.Context, l.Part("chart", operator), release, l.After(on...)...)
	l.charts[operator] = made
	return err
}

// values are what a chart is told. It must not ask for kinds that the cluster has not.
func (l *layer) values(operator string) pulumi.Map {
	looked := pulumi.Bool(l.has(charts.Prometheus)) // whether anybody looks at its metrics
	watch := pulumi.Map{"enabled": looked}
	switch operator {
	case charts.Kueue:
		return pulumi.Map{"enablePrometheus": looked}
	case charts.Trainer: // the stack's own JobSet is the one that is used
		return pulumi.Map{"jobset": pulumi.Map{"install": pulumi.Bool(false)}}
	case charts.Prometheus: // the objects of the stacks are found without a label of the chart's
		return pulumi.Map{"prometheus": pulumi.Map{"prometheusSpec": pulumi.Map{
			"serviceMonitorSelectorNilUsesHelmValues": pulumi.Bool(false), "ruleSelectorNilUsesHelmValues": pulumi.Bool(false),
		}}}
	case charts.SparkOperator: // applications run in the namespaces of the stacks, under accounts of their own
		return pulumi.Map{"spark": pulumi.Map{
			"jobNamespaces": pulumi.ToStringArray([]string{""}), "serviceAccount": pulumi.Map{"create": pulumi.Bool(false)},
			"rbac": pulumi.Map{"create": pulumi.Bool(false)},
		}}
	case charts.ArgoWorkflows: // workflows run in the namespaces of the stacks; the server takes the cluster's tokens
		return pulumi.Map{
			"server":     pulumi.Map{"authModes": pulumi.ToStringArray([]string{"client"})},
			"controller": pulumi.Map{"metricsConfig": watch, "serviceMonitor": watch},
		}
	case charts.DCGMExporter: // it runs where the accelerators are
		return pulumi.Map{"serviceMonitor": watch, "tolerations": pulumi.Array{pulumi.Map{
			"key": pulumi.String(gpuResource), "operator": pulumi.String("Exists"), "effect": pulumi.String("NoSchedule"),
		}}}
	default:
		return nil
	}
}

// operated gives the options of an object that needs operators: their charts first, where the stack installs them.
func (l *layer) operated(by ...string) []pulumi.ResourceOption {
	l.mu.Lock()
	defer l.mu.Unlock()
	var on []pulumi.Resource
	for _, operator := range by {
		if made, ok := l.charts[operator]; ok {
			on = append(on, made)
		}
	}
	if len(on) == 0 {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.DependsOn(on)}
}
