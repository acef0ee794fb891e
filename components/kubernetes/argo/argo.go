// Package argo declares workflows of Argo Workflows v3.7.4.
package argo

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/api"
)

// APIVersion and kinds.
const (
	Group        = "argoproj.io"
	APIVersion   = Group + "/v1alpha1"
	TemplateKind = "WorkflowTemplate"
	CronKind     = "CronWorkflow"
	BindingKind  = "WorkflowEventBinding"
)

// Workflow is the spec of a workflow.
type Workflow struct {
	// WorkflowTemplateRef takes everything else from a template.
	WorkflowTemplateRef *api.NameRef `json:"workflowTemplateRef,omitempty"`
	// Entrypoint is the first template.
	Entrypoint string `json:"entrypoint,omitempty"`
	// ServiceAccountName is whom the pods run as.
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// AutomountServiceAccountToken gives every container the account's token.
	AutomountServiceAccountToken *bool `json:"automountServiceAccountToken,omitempty"`
	// Executor is whom Argo's own container in each pod runs as.
	Executor *Executor `json:"executor,omitempty"`
	// SecurityContext of all pods.
	SecurityContext *api.PodSecurityContext `json:"securityContext,omitempty"`
	// PodMetadata are labels of all pods.
	PodMetadata *api.PodMetadata `json:"podMetadata,omitempty"`
	// ImagePullSecrets open private registries.
	ImagePullSecrets []api.NameRef `json:"imagePullSecrets,omitempty"`
	// Volumes that templates mount.
	Volumes []api.Volume `json:"volumes,omitempty"`
	// ActiveDeadlineSeconds ends a run.
	ActiveDeadlineSeconds int `json:"activeDeadlineSeconds,omitempty"`
	// Synchronization keeps runs apart.
	Synchronization *Synchronization `json:"synchronization,omitempty"`
	// TTLStrategy deletes finished runs.
	TTLStrategy *TTL `json:"ttlStrategy,omitempty"`
	// PodGC deletes finished pods.
	PodGC *PodGC `json:"podGC,omitempty"`
	// Arguments of a run.
	Arguments *Arguments `json:"arguments,omitempty"`
	// Templates of the workflow.
	Templates []Template `json:"templates,omitempty"`
}

// Executor is whom Argo's own container runs as.
type Executor struct {
	// ServiceAccountName of it.
	ServiceAccountName string `json:"serviceAccountName"`
}

// Synchronization keeps runs apart.
type Synchronization struct {
	// Mutexes of which a run holds each alone.
	Mutexes []api.NameRef `json:"mutexes"`
}

// TTL deletes finished runs.
type TTL struct {
	// SecondsAfterCompletion of a run.
	SecondsAfterCompletion int `json:"secondsAfterCompletion"`
}

// PodGC deletes finished pods.
type PodGC struct {
	// Strategy is OnPodSuccess, OnWorkflowSuccess and so on.
	Strategy string `json:"strategy"`
}

// Arguments of a run or a step.
type Arguments struct {
	// Parameters by name.
	Parameters []Parameter `json:"parameters"`
}

// Parameter is a value with a name.
type Parameter struct {
	// Name of the parameter.
	Name string `json:"name"`
	// Value of the parameter.
	Value string `json:"value"`
}

// Template is a step, or what calls steps.
type Template struct {
	// Name of the template.
	Name string `json:"name"`
	// Steps to call: each list at the same time, one list after the other.
	Steps [][]Step `json:"steps,omitempty"`
	// Container to run.
	Container *api.Container `json:"container,omitempty"`
	// Resource to make, and to wait for.
	Resource *Resource `json:"resource,omitempty"`
	// Suspend waits for a person.
	Suspend *Suspend `json:"suspend,omitempty"`
	// PodSpecPatch is merged into the pod, as JSON.
	PodSpecPatch string `json:"podSpecPatch,omitempty"`
	// Metadata of the pod.
	Metadata *api.PodMetadata `json:"metadata,omitempty"`
	// NodeSelector restricts where the pod runs.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations let the pod onto tainted nodes.
	Tolerations []api.Toleration `json:"tolerations,omitempty"`
	// RetryStrategy of the step.
	RetryStrategy *Retry `json:"retryStrategy,omitempty"`
	// ActiveDeadlineSeconds ends the step.
	ActiveDeadlineSeconds int `json:"activeDeadlineSeconds,omitempty"`
}

// Step calls a template.
type Step struct {
	// Name of the step.
	Name string `json:"name"`
	// Template to call.
	Template string `json:"template"`
}

// Resource is an object to make and to wait for.
type Resource struct {
	// Action is create.
	Action string `json:"action"`
	// Manifest of the object.
	Manifest pulumi.StringInput `json:"manifest"`
	// SuccessCondition and FailureCondition are expressions over the object.
	SuccessCondition string `json:"successCondition"`
	// FailureCondition ends the wait with a failure.
	FailureCondition string `json:"failureCondition"`
	// SetOwnerReference deletes the object with the run.
	SetOwnerReference bool `json:"setOwnerReference"`
}

// Suspend waits for a person.
type Suspend struct{}

// Retry of a step.
type Retry struct {
	// Limit is how often.
	Limit string `json:"limit"`
	// RetryPolicy is OnFailure, OnError, OnTransientError or Always.
	RetryPolicy string `json:"retryPolicy"`
	// Backoff is how long to wait.
	Backoff Backoff `json:"backoff"`
	// Expression says which failures are tried again.
	Expression string `json:"expression,omitempty"`
}

// Backoff is how long to wait.
type Backoff struct {
	// Duration of the first wait.
	Duration string `json:"duration"`
	// Factor of the next one.
	Factor string `json:"factor"`
}

// Cron is the spec of a CronWorkflow.
type Cron struct {
	// Schedules are cron expressions.
	Schedules []string `json:"schedules"`
	// Timezone of the schedules.
	Timezone string `json:"timezone"`
	// ConcurrencyPolicy is Allow, Forbid or Replace.
	ConcurrencyPolicy string `json:"concurrencyPolicy"`
	// StartingDeadlineSeconds is how late a run may begin.
	StartingDeadlineSeconds int `json:"startingDeadlineSeconds"`
	// SuccessfulJobsHistoryLimit and FailedJobsHistoryLimit are how many runs are kept.
	SuccessfulJobsHistoryLimit int `json:"successfulJobsHistoryLimit"`
	// FailedJobsHistoryLimit is how many failed runs are kept.
	FailedJobsHistoryLimit int `json:"failedJobsHistoryLimit"`
	// WorkflowSpec of the runs.
	WorkflowSpec Workflow `json:"workflowSpec"`
}

// Binding is the spec of a WorkflowEventBinding: an event starts a run.
type Binding struct {
	// Event to hear of.
	Event Event `json:"event"`
	// Submit is what it starts.
	Submit Submit `json:"submit"`
}

// Event selects events.
type Event struct {
	// Selector is an expression over the event.
	Selector string `json:"selector"`
}

// Submit is what an event starts.
type Submit struct {
	// WorkflowTemplateRef names the template.
	WorkflowTemplateRef api.NameRef `json:"workflowTemplateRef"`
}
