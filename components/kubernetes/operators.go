package kubernetes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// operator is something that a cluster may have besides what every cluster has.
type operator string

// The operators.
const (
	jobSets         operator = "jobset"
	trainerOperator operator = "trainer"
	queues          operator = "kueue"
	autoNodes       operator = "karpenter"
	workflows       operator = "argo-workflows"
	scaler          operator = "keda"
	gatewayAPI      operator = "gateway-api"
	prometheus      operator = "prometheus"
	adapter         operator = "prometheus-adapter"
	gpuExporter     operator = "dcgm-exporter"
)

// chart is the chart of an operator, in the version that this project's objects were tried with.
type chart struct {
	chart, version, repository, namespace string
	// guide says how to install what the stack does not install itself; "" where it does.
	guide string
}

// catalogue lists the operators. The versions of jobset, kueue and trainer stand in the charts of the modules that the
// tests build; keda and gateway-api have the version of the definitions that the tests hold objects against, and so has
// Prometheus's operator in its chart; argo-workflows 0.47.4 brings v3.7.10. Sources: the releases of kedacore/charts,
// argoproj/argo-helm, prometheus-community/helm-charts and NVIDIA/dcgm-exporter, read on 2026-11-25.
var catalogue = map[operator]chart{
	jobSets: {chart: "oci://registry.k8s.io/jobset/charts/jobset", version: "0.12.0", namespace: "jobset-system"},
	queues:  {chart: "oci://registry.k8s.io/kueue/charts/kueue", version: "0.19.0", namespace: "kueue-system"},
	trainerOperator: {
		chart: "oci://ghcr.io/kubeflow/charts/kubeflow-trainer", version: "2.3.0", namespace: "kubeflow-system",
	},
	scaler: {
		chart: "keda", version: "2.20.1", repository: "https://kedacore.github.io/charts", namespace: "keda",
	},
	workflows: {
		chart: "argo-workflows", version: "0.47.4", repository: "https://argoproj.github.io/argo-helm", namespace: "argo",
	},
	prometheus: {
		chart: "kube-prometheus-stack", version: "88.0.0", repository: "https://prometheus-community.github.io/helm-charts",
		namespace: "monitoring",
	},
	adapter: {
		chart: "prometheus-adapter", version: "5.2.0", repository: "https://prometheus-community.github.io/helm-charts",
		namespace: "monitoring",
	},
	gpuExporter: {
		chart: "dcgm-exporter", version: "4.0.4", repository: "https://nvidia.github.io/dcgm-exporter/helm-charts",
		namespace: "nvidia",
	},
	autoNodes: {
		chart: "oci://public.ecr.aws/karpenter/karpenter", version: "1.6.3", namespace: "kube-system",
		guide: "it needs a role and a queue of the account, which the target aws makes",
	},
	gatewayAPI: {
		chart: "the definitions of gateway-api", version: "1.4.0", namespace: "gateway-system",
		guide: "which gateway answers is for the cluster's owner to choose: gateway-api.sigs.k8s.io/implementations",
	},
}

func operatorNames() string {
	var names []string
	for name := range catalogue {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// has reports whether the cluster has an operator by what the stack file says.
func (t *Target) has(o operator) bool { return slices.Contains(t.settings.Operators, string(o)) }

// need makes sure that the operators of a layer are there: the stack file names them, or installs them. Everything is
// rehearsed before the first resource is made, and so a missing one is found before anything is.
func (l *layer) need(wanted ...operator) error {
	var missing []string
	for _, o := range wanted {
		c := catalogue[o]
		switch {
		case l.has(o):
		case l.settings.InstallOperators && c.guide == "":
			if err := l.install(o, c); err != nil {
				return err
			}
		default:
			how := fmt.Sprintf("%s: chart %s, version %s", o, c.chart, c.version)
			if c.repository != "" {
				how += " of " + c.repository
			}
			if c.guide != "" {
				how += " (" + c.guide + ")"
			}
			missing = append(missing, how)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("kubernetes.operators: the layer needs %s; install it and list it there, or set "+
		"kubernetes.installOperators: %w", strings.Join(missing, "; "), components.ErrRequired)
}

// install puts the chart of an operator into the cluster, once.
func (l *layer) install(o operator, c chart) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.charts[string(o)]; ok {
		return nil
	}
	release := object.Release{
		Name: string(o), Chart: c.chart, Version: c.version, Namespace: c.namespace, CreateNamespace: true, Atomic: true,
		Timeout: 600, Values: maps.Clone(chartValues[o]),
	}
	if c.repository != "" {
		release.Repository = &object.Repository{Repo: c.repository}
	}
	var on []pulumi.Resource
	for _, first := range []operator{jobSets} { // others look for its kinds when they start
		if made, ok := l.charts[string(first)]; ok && first != o {
			on = append(on, made)
		}
	}
	made, err := object.NewRelease(l.ctx, l.part("chart", string(o)), release, l.after(on...)...)
	l.charts[string(o)] = made
	return err
}

// chartValues are what charts are told.
var chartValues = map[operator]pulumi.Map{
	// The stack's own JobSet is the one that is used.
	trainerOperator: {"jobset": pulumi.Map{"install": pulumi.Bool(false)}},
	// The objects of the stacks are found without a label of the chart's.
	prometheus: {"prometheus": pulumi.Map{"prometheusSpec": pulumi.Map{
		"serviceMonitorSelectorNilUsesHelmValues": pulumi.Bool(false), "ruleSelectorNilUsesHelmValues": pulumi.Bool(false),
	}}},
	// Workflows run in the namespaces of the stacks; the server takes the tokens of the cluster.
	workflows: {"server": pulumi.Map{"authModes": pulumi.ToStringArray([]string{"client"})}},
}

// operated gives the options of an object that needs operators: their charts first, where the stack installs them.
func (l *layer) operated(by ...operator) []pulumi.ResourceOption {
	l.mu.Lock()
	defer l.mu.Unlock()
	var on []pulumi.Resource
	for _, o := range by {
		if made, ok := l.charts[string(o)]; ok {
			on = append(on, made)
		}
	}
	if len(on) == 0 {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.DependsOn(on)}
}
