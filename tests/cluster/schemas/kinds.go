package schemas

import (
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/argo"
	"github.com/mlpathway/mlpathway/components/kubernetes/gateway"
	"github.com/mlpathway/mlpathway/components/kubernetes/jobset"
	"github.com/mlpathway/mlpathway/components/kubernetes/karpenter"
	"github.com/mlpathway/mlpathway/components/kubernetes/keda"
	"github.com/mlpathway/mlpathway/components/kubernetes/kueue"
	"github.com/mlpathway/mlpathway/components/kubernetes/monitors"
	"github.com/mlpathway/mlpathway/components/kubernetes/spark"
	"github.com/mlpathway/mlpathway/components/kubernetes/trainer"
)

// spec is the only field of most objects.
type spec[S any] struct {
	Spec S `json:"spec"`
}

// trainJob is a TrainJob with what a run of a pipeline adds to it.
type trainJob struct {
	trainer.Job
	RuntimePatches []runtimePatch `json:"runtimePatches"`
}

type runtimePatch struct {
	Manager             string                 `json:"manager"`
	TrainingRuntimeSpec template[spec[jobsOf]] `json:"trainingRuntimeSpec"`
}

type template[T any] struct {
	Template T `json:"template"`
}

type jobsOf struct {
	ReplicatedJobs []patchedJob `json:"replicatedJobs"`
}

type patchedJob struct {
	Name     string                           `json:"name"`
	Template spec[template[spec[patchedPod]]] `json:"template"`
}

type patchedPod struct {
	Volumes    []api.Volume       `json:"volumes"`
	Containers []patchedContainer `json:"containers"`
}

type patchedContainer struct {
	Name         string            `json:"name"`
	VolumeMounts []api.VolumeMount `json:"volumeMounts"`
}

// kinds are the objects that this project declares, as structs of their fields beside the metadata.
func kinds() map[string]any {
	all := map[string]any{
		"v1 Namespace": struct{}{},
		"v1 ConfigMap": struct {
			Data map[string]string `json:"data"`
		}{},
		"v1 Secret": struct {
			Type       string            `json:"type"`
			StringData map[string]string `json:"stringData"`
		}{},
		"v1 ServiceAccount": struct {
			AutomountServiceAccountToken bool `json:"automountServiceAccountToken"`
		}{},
		"rbac.authorization.k8s.io/v1 Role": struct {
			Rules []api.Rule `json:"rules"`
		}{},
		"rbac.authorization.k8s.io/v1 RoleBinding": struct {
			RoleRef  api.RoleRef   `json:"roleRef"`
			Subjects []api.Subject `json:"subjects"`
		}{},
		"v1 Service": spec[api.Service]{}, "v1 PersistentVolumeClaim": spec[api.Claim]{},
		"v1 ResourceQuota": spec[api.ResourceQuota]{}, "v1 LimitRange": spec[api.LimitRange]{},
		"apps/v1 Deployment": spec[api.Deployment]{}, "batch/v1 CronJob": spec[api.CronJob]{},
		"networking.k8s.io/v1 NetworkPolicy":     spec[api.NetworkPolicy]{},
		"autoscaling/v2 HorizontalPodAutoscaler": spec[api.Autoscaler]{},
		"policy/v1 PodDisruptionBudget":          spec[api.PodDisruptionBudget]{},

		jobset.APIVersion + " " + jobset.Kind:            spec[jobset.Spec]{},
		trainer.APIVersion + " " + trainer.JobKind:       spec[trainJob]{},
		trainer.APIVersion + " " + trainer.RuntimeKind:   spec[trainer.Runtime]{},
		argo.APIVersion + " " + argo.TemplateKind:        spec[argo.Workflow]{},
		argo.APIVersion + " " + argo.CronKind:            spec[argo.Cron]{},
		argo.APIVersion + " " + argo.BindingKind:         spec[argo.Binding]{},
		gateway.APIVersion + " " + gateway.GatewayKind:   spec[gateway.Gateway]{},
		gateway.APIVersion + " " + gateway.RouteKind:     spec[gateway.Route]{},
		keda.APIVersion + " " + keda.Kind:                spec[keda.ScaledObject]{},
		monitors.APIVersion + " " + monitors.ServiceKind: spec[monitors.ServiceMonitor]{},
		monitors.APIVersion + " " + monitors.RuleKind:    spec[monitors.Rules]{},
		spark.APIVersion + " " + spark.Kind:              spec[spark.Application]{},
		"karpenter.sh/v1 NodePool":                       spec[karpenter.NodePool]{},
		"karpenter.k8s.aws/v1 EC2NodeClass":              spec[karpenter.EC2NodeClass]{},
	}
	for kind, fields := range map[string]any{
		"AdmissionCheck": spec[kueue.AdmissionCheck]{}, "ClusterQueue": spec[kueue.ClusterQueue]{},
		"LocalQueue": spec[kueue.LocalQueue]{}, "ResourceFlavor": spec[kueue.ResourceFlavor]{},
		"ProvisioningRequestConfig": spec[kueue.ProvisioningRequestConfig]{}, "Topology": spec[kueue.Topology]{},
		"WorkloadPriorityClass": kueue.PriorityClass{},
	} {
		all["kueue.x-k8s.io/v1beta2 "+kind] = fields
	}
	return all
}
