// Package charts names the charts of the operators in exact versions: one table for all targets that install them.
package charts

import (
	"maps"
	"slices"

	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Chart is the chart of an operator, in the version that this project's objects were tried with.
type Chart struct {
	// Name of the chart, or its address in an OCI registry.
	Name string
	// Version of the chart, exact.
	Version string
	// Repository that holds it; "" for one from an OCI registry.
	Repository string
	// Namespace that it is installed into.
	Namespace string
	// Guide says how to install what a stack does not install itself; "" where it does.
	Guide string
	// Serves are the kinds that the API server serves once the operator is there, by group and version. An empty list
	// stands for the group alone. Nothing where an operator brings no kinds.
	Serves map[string][]string
}

// The operators, by the names that stack files use.
const (
	JobSet            = "jobset"
	Trainer           = "trainer"
	Kueue             = "kueue"
	Karpenter         = "karpenter"
	ArgoWorkflows     = "argo-workflows"
	KEDA              = "keda"
	GatewayAPI        = "gateway-api"
	Prometheus        = "prometheus"
	PrometheusAdapter = "prometheus-adapter"
	DCGMExporter      = "dcgm-exporter"
	SparkOperator     = "spark-operator"
)

const prometheusCharts = "https://prometheus-community.github.io/helm-charts"

// all is the table. The charts of jobset, kueue, trainer and spark-operator lie in the modules of these versions, whose
// definitions and programs the tests use. The others were looked up on 2026-11-26 in the releases of argoproj/argo-helm
// (argo-workflows-0.47.4 brings Argo v3.7.10), kedacore/keda (v2.20.1; its chart has the same number),
// prometheus-community/helm-charts (kube-prometheus-stack-88.0.0, prometheus-adapter-5.2.0), NVIDIA/dcgm-exporter
// (4.1.1-4.0.4; the chart has the exporter's number, and from 4.9.0 on the metrics have other names),
// aws/karpenter-provider-aws (v1.11.1) and kubernetes-sigs/gateway-api (v1.4.0).
var all = map[string]Chart{
	JobSet: {
		Name: "oci://registry.k8s.io/jobset/charts/jobset", Version: "0.12.0", Namespace: "jobset-system",
		Serves: map[string][]string{"jobset.x-k8s.io/v1alpha2": {"JobSet"}},
	},
	Kueue: {
		Name: "oci://registry.k8s.io/kueue/charts/kueue", Version: "0.19.0", Namespace: "kueue-system",
		Serves: map[string][]string{"kueue.x-k8s.io/v1beta2": {
			"AdmissionCheck", "ClusterQueue", "LocalQueue", "ProvisioningRequestConfig", "ResourceFlavor", "Topology",
			"WorkloadPriorityClass",
		}},
	},
	Trainer: {
		Name: "oci://ghcr.io/kubeflow/charts/kubeflow-trainer", Version: "2.3.0", Namespace: "kubeflow-system",
		Serves: map[string][]string{"trainer.kubeflow.org/v1alpha1": {"TrainJob", "TrainingRuntime"}},
	},
	SparkOperator: {
		Name: "spark-operator", Version: "2.5.1", Repository: "https://kubeflow.github.io/spark-operator",
		Namespace: "spark-operator", Serves: map[string][]string{"sparkoperator.k8s.io/v1beta2": {"SparkApplication"}},
	},
	KEDA: {
		Name: "keda", Version: "2.20.1", Repository: "https://kedacore.github.io/charts", Namespace: "keda",
		Serves: map[string][]string{"keda.sh/v1alpha1": {"ScaledObject"}},
	},
	ArgoWorkflows: {
		Name: "argo-workflows", Version: "0.47.4", Repository: "https://argoproj.github.io/argo-helm", Namespace: "argo",
		Serves: map[string][]string{
			"argoproj.io/v1alpha1": {"CronWorkflow", "WorkflowEventBinding", "WorkflowTemplate"},
		},
	},
	Prometheus: {
		Name: "kube-prometheus-stack", Version: "88.0.0", Repository: prometheusCharts, Namespace: "monitoring",
		Serves: map[string][]string{"monitoring.coreos.com/v1": {"PrometheusRule", "ServiceMonitor"}},
	},
	PrometheusAdapter: {
		Name: "prometheus-adapter", Version: "5.2.0", Repository: prometheusCharts, Namespace: "monitoring",
		Serves: map[string][]string{"custom.metrics.k8s.io/v1beta1": nil},
	},
	DCGMExporter: {
		Name: "dcgm-exporter", Version: "4.0.4", Repository: "https://nvidia.github.io/dcgm-exporter/helm-charts",
		Namespace: "nvidia",
	},
	Karpenter: {
		Name: "oci://public.ecr.aws/karpenter/karpenter", Version: "1.11.1", Namespace: "kube-system",
		Guide:  "it needs a role and a queue of the account, which the target aws makes",
		Serves: map[string][]string{"karpenter.sh/v1": {"NodePool"}},
	},
	GatewayAPI: {
		Name: "the definitions of gateway-api", Version: "1.4.0", Namespace: "gateway-system",
		Guide:  "which gateway answers is for the cluster's owner to choose: gateway-api.sigs.k8s.io/implementations",
		Serves: map[string][]string{"gateway.networking.k8s.io/v1": {"Gateway", "HTTPRoute"}},
	},
}

// Of gives the chart of an operator of the table.
func Of(operator string) Chart { return all[operator] }

// Names lists the operators, sorted.
func Names() []string { return slices.Sorted(maps.Keys(all)) }

// Release is the release of a chart under a name: whole or not at all, with ten minutes to become ready.
func (c Chart) Release(name string) object.Release {
	release := object.Release{
		Name: name, Chart: c.Name, Version: c.Version, Namespace: c.Namespace, CreateNamespace: true, Atomic: true,
		Timeout: 600,
	}
	if c.Repository != "" {
		release.Repository = &object.Repository{Repo: c.Repository}
	}
	return release
}

// String says which chart it is, in which version, and where it lies.
func (c Chart) String() string {
	text := "chart " + c.Name + ", version " + c.Version
	if c.Repository != "" {
		text += " of " + c.Repository
	}
	if c.Guide != "" {
		text += " (" + c.Guide + ")"
	}
	return text
}
