package api

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Deployment is the spec of a Deployment, apps/v1. Without Replicas an autoscaler has the say.
type Deployment struct {
	// Replicas is the number of pods.
	Replicas *int `json:"replicas,omitempty"`
	// Selector of the pods.
	Selector Selector `json:"selector"`
	// Strategy of an update.
	Strategy Strategy `json:"strategy"`
	// MinReadySeconds is how long a new pod must be ready before the next one goes.
	MinReadySeconds int `json:"minReadySeconds,omitempty"`
	// ProgressDeadlineSeconds is when an update counts as failed.
	ProgressDeadlineSeconds int `json:"progressDeadlineSeconds,omitempty"`
	// RevisionHistoryLimit is how many old versions are kept.
	RevisionHistoryLimit int `json:"revisionHistoryLimit"`
	// Template of the pods.
	Template PodTemplate `json:"template"`
}

// Strategy of an update.
type Strategy struct {
	// Type is RollingUpdate or Recreate.
	Type string `json:"type"`
	// RollingUpdate says how many pods may be too many or too few.
	RollingUpdate *RollingUpdate `json:"rollingUpdate,omitempty"`
}

// RollingUpdate says how many pods may be too many or too few.
type RollingUpdate struct {
	// MaxSurge is how many pods may be too many.
	MaxSurge int `json:"maxSurge"`
	// MaxUnavailable is how many pods may be too few.
	MaxUnavailable int `json:"maxUnavailable"`
}

// Job is the spec of a Job, batch/v1.
type Job struct {
	// Parallelism is how many pods run at a time.
	Parallelism int `json:"parallelism"`
	// Completions is how many pods must succeed.
	Completions int `json:"completions"`
	// CompletionMode is Indexed where each pod has a number of its own.
	CompletionMode string `json:"completionMode,omitempty"`
	// BackoffLimit is how many pods may fail.
	BackoffLimit int `json:"backoffLimit"`
	// ActiveDeadlineSeconds ends the job.
	ActiveDeadlineSeconds int `json:"activeDeadlineSeconds,omitempty"`
	// TTLSecondsAfterFinished deletes the job.
	TTLSecondsAfterFinished int `json:"ttlSecondsAfterFinished,omitempty"`
	// PodFailurePolicy says which failures count.
	PodFailurePolicy *PodFailurePolicy `json:"podFailurePolicy,omitempty"`
	// Template of the pods.
	Template PodTemplate `json:"template"`
}

// PodFailurePolicy says which failures count; the first rule that fits decides.
type PodFailurePolicy struct {
	// Rules in their order.
	Rules []FailureRule `json:"rules"`
}

// FailureRule is one rule. One of the two conditions is set.
type FailureRule struct {
	// Action is FailJob, Ignore or Count.
	Action string `json:"action"`
	// OnExitCodes looks at the exit code.
	OnExitCodes *OnExitCodes `json:"onExitCodes,omitempty"`
	// OnPodConditions looks at the pod's conditions.
	OnPodConditions []OnPodCondition `json:"onPodConditions,omitempty"`
}

// OnExitCodes looks at the exit code.
type OnExitCodes struct {
	// Operator is In or NotIn.
	Operator string `json:"operator"`
	// Values of the code.
	Values []int `json:"values"`
}

// OnPodCondition looks at a condition of the pod.
type OnPodCondition struct {
	// Type of the condition.
	Type string `json:"type"`
	// Status is True, False or Unknown.
	Status string `json:"status"`
}

// CronJob is the spec of a CronJob, batch/v1.
type CronJob struct {
	// Schedule is a cron expression.
	Schedule string `json:"schedule"`
	// TimeZone of the schedule.
	TimeZone string `json:"timeZone"`
	// ConcurrencyPolicy is Allow, Forbid or Replace.
	ConcurrencyPolicy string `json:"concurrencyPolicy"`
	// StartingDeadlineSeconds is how late a run may begin.
	StartingDeadlineSeconds int `json:"startingDeadlineSeconds"`
	// SuccessfulJobsHistoryLimit and FailedJobsHistoryLimit are how many old runs are kept.
	SuccessfulJobsHistoryLimit int `json:"successfulJobsHistoryLimit"`
	// FailedJobsHistoryLimit is how many failed runs are kept.
	FailedJobsHistoryLimit int `json:"failedJobsHistoryLimit"`
	// JobTemplate makes the jobs.
	JobTemplate JobTemplate `json:"jobTemplate"`
}

// JobTemplate makes jobs.
type JobTemplate struct {
	// Metadata of the jobs.
	Metadata PodMetadata `json:"metadata"`
	// Spec of the jobs.
	Spec Job `json:"spec"`
}

// Service is the spec of a Service, v1.
type Service struct {
	// Type of the service.
	Type string `json:"type"`
	// Selector of the pods.
	Selector map[string]string `json:"selector"`
	// Ports of the service.
	Ports []ServicePort `json:"ports"`
}

// ServicePort is a port of a service.
type ServicePort struct {
	// Name of the port.
	Name string `json:"name"`
	// Port of the service.
	Port int `json:"port"`
	// TargetPort is the name of a port of the pods.
	TargetPort string `json:"targetPort"`
}

// PodDisruptionBudget is the spec of a PodDisruptionBudget, policy/v1.
type PodDisruptionBudget struct {
	// MaxUnavailable is how many pods a drain may take at a time.
	MaxUnavailable int `json:"maxUnavailable"`
	// Selector of the pods.
	Selector Selector `json:"selector"`
	// UnhealthyPodEvictionPolicy lets a drain take pods that are not ready.
	UnhealthyPodEvictionPolicy string `json:"unhealthyPodEvictionPolicy"`
}

// Autoscaler is the spec of a HorizontalPodAutoscaler, autoscaling/v2.
type Autoscaler struct {
	// ScaleTargetRef is what is scaled.
	ScaleTargetRef ScaleTarget `json:"scaleTargetRef"`
	// MinReplicas and MaxReplicas bound the number of pods.
	MinReplicas int `json:"minReplicas"`
	// MaxReplicas is the upper bound.
	MaxReplicas int `json:"maxReplicas"`
	// Metrics to follow; the largest answer counts.
	Metrics []Metric `json:"metrics"`
	// Behavior says how fast.
	Behavior Behavior `json:"behavior"`
}

// ScaleTarget is what is scaled.
type ScaleTarget struct {
	// APIVersion, Kind and Name of the object.
	APIVersion string `json:"apiVersion"`
	// Kind of the object.
	Kind string `json:"kind"`
	// Name of the object.
	Name string `json:"name"`
}

// Metric to follow. One of the sources is set.
type Metric struct {
	// Type is Pods or Resource.
	Type string `json:"type"`
	// Pods is a metric of the pods themselves.
	Pods *PodsMetric `json:"pods,omitempty"`
	// Resource is their CPU or memory.
	Resource *ResourceMetric `json:"resource,omitempty"`
}

// PodsMetric is a metric of the pods themselves.
type PodsMetric struct {
	// Metric is its name.
	Metric NameRef `json:"metric"`
	// Target is the value to hold.
	Target MetricTarget `json:"target"`
}

// ResourceMetric is the CPU or the memory of the pods.
type ResourceMetric struct {
	// Name is cpu or memory.
	Name string `json:"name"`
	// Target is the value to hold.
	Target MetricTarget `json:"target"`
}

// MetricTarget is the value to hold.
type MetricTarget struct {
	// Type is AverageValue or Utilization.
	Type string `json:"type"`
	// AverageValue over the pods.
	AverageValue string `json:"averageValue,omitempty"`
	// AverageUtilization in percent of the request.
	AverageUtilization int `json:"averageUtilization,omitempty"`
}

// Behavior says how fast pods come and go.
type Behavior struct {
	// ScaleUp says how fast they come.
	ScaleUp ScalingRules `json:"scaleUp"`
	// ScaleDown says how fast they go.
	ScaleDown ScalingRules `json:"scaleDown"`
}

// ScalingRules say how fast.
type ScalingRules struct {
	// StabilizationWindowSeconds is how far back the autoscaler looks.
	StabilizationWindowSeconds int `json:"stabilizationWindowSeconds"`
	// Policies bound the pace.
	Policies []ScalingPolicy `json:"policies,omitempty"`
}

// ScalingPolicy bounds the pace.
type ScalingPolicy struct {
	// Type is Pods or Percent.
	Type string `json:"type"`
	// Value in this period.
	Value int `json:"value"`
	// PeriodSeconds of the pace.
	PeriodSeconds int `json:"periodSeconds"`
}

// NetworkPolicy is the spec of a NetworkPolicy, networking.k8s.io/v1.
type NetworkPolicy struct {
	// PodSelector says for whom.
	PodSelector Selector `json:"podSelector"`
	// PolicyTypes are Ingress and Egress.
	PolicyTypes []string `json:"policyTypes"`
	// Ingress is who may come in.
	Ingress []Ingress `json:"ingress,omitempty"`
	// Egress is where they may go.
	Egress []Egress `json:"egress,omitempty"`
}

// Ingress is who may come in.
type Ingress struct {
	// From whom.
	From []Peer `json:"from"`
	// Ports; all where there are none.
	Ports []PolicyPort `json:"ports,omitempty"`
}

// Egress is where pods may go.
type Egress struct {
	// To whom.
	To []Peer `json:"to"`
	// Ports; all where there are none.
	Ports []PolicyPort `json:"ports,omitempty"`
}

// Peer is the other end of a connection.
type Peer struct {
	// NamespaceSelector selects namespaces; the pod's own where it is not given.
	NamespaceSelector *Selector `json:"namespaceSelector,omitempty"`
	// PodSelector selects pods.
	PodSelector *Selector `json:"podSelector,omitempty"`
	// IPBlock is a range of addresses.
	IPBlock *IPBlock `json:"ipBlock,omitempty"`
}

// IPBlock is a range of addresses.
type IPBlock struct {
	// CIDR of the range.
	CIDR string `json:"cidr"`
}

// PolicyPort is a port.
type PolicyPort struct {
	// Protocol is TCP, UDP or SCTP.
	Protocol string `json:"protocol"`
	// Port is its number.
	Port int `json:"port"`
}

// ResourceQuota is the spec of a ResourceQuota, v1.
type ResourceQuota struct {
	// Hard are the bounds.
	Hard map[string]string `json:"hard"`
}

// LimitRange is the spec of a LimitRange, v1.
type LimitRange struct {
	// Limits of the kinds.
	Limits []Limit `json:"limits"`
}

// Limit is what holds for one kind.
type Limit struct {
	// Type is Container, Pod or PersistentVolumeClaim.
	Type string `json:"type"`
	// DefaultRequest is for containers that ask for nothing.
	DefaultRequest map[string]string `json:"defaultRequest,omitempty"`
	// Default is the limit of containers that name none.
	Default map[string]string `json:"default,omitempty"`
	// Max is the largest limit.
	Max map[string]string `json:"max,omitempty"`
}

// Claim is the spec of a PersistentVolumeClaim, v1.
type Claim struct {
	// AccessModes of the disk.
	AccessModes []string `json:"accessModes"`
	// StorageClassName is the kind of disk; the cluster's default where it is empty.
	StorageClassName string `json:"storageClassName,omitempty"`
	// Resources hold its size.
	Resources ClaimResources `json:"resources"`
}

// ClaimResources hold the size of a disk.
type ClaimResources struct {
	// Requests hold the size under storage.
	Requests map[string]string `json:"requests"`
}

// Rule is what a Role allows, rbac.authorization.k8s.io/v1.
type Rule struct {
	// APIGroups of the resources.
	APIGroups []string `json:"apiGroups"`
	// Resources that it is about.
	Resources []string `json:"resources"`
	// ResourceNames restrict it to objects of these names.
	ResourceNames []string `json:"resourceNames,omitempty"`
	// Verbs that are allowed.
	Verbs []string `json:"verbs"`
}

// RoleRef names a role.
type RoleRef struct {
	// APIGroup is rbac.authorization.k8s.io.
	APIGroup string `json:"apiGroup"`
	// Kind is Role or ClusterRole.
	Kind string `json:"kind"`
	// Name of the role.
	Name string `json:"name"`
}

// Subject gets a role.
type Subject struct {
	// Kind is ServiceAccount, User or Group.
	Kind string `json:"kind"`
	// Name of the subject.
	Name string `json:"name"`
	// Namespace of a ServiceAccount.
	Namespace string `json:"namespace,omitempty"`
}

// Data are the keys of a ConfigMap or a Secret.
type Data map[string]pulumi.StringInput
