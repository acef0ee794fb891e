// Package jobset declares groups of jobs that belong together, as of JobSet v0.12.0.
package jobset

import "github.com/mlpathway/mlpathway/components/kubernetes/api"

// APIVersion and Kind of a JobSet.
const (
	APIVersion = "jobset.x-k8s.io/v1alpha2"
	Kind       = "JobSet"
)

// Spec is the spec of a JobSet.
type Spec struct {
	// ReplicatedJobs are the jobs.
	ReplicatedJobs []ReplicatedJob `json:"replicatedJobs"`
	// Network gives the pods names.
	Network Network `json:"network"`
	// SuccessPolicy says when the whole has succeeded.
	SuccessPolicy SuccessPolicy `json:"successPolicy"`
	// FailurePolicy says how often the whole starts again.
	FailurePolicy FailurePolicy `json:"failurePolicy"`
	// TTLSecondsAfterFinished deletes the whole.
	TTLSecondsAfterFinished int `json:"ttlSecondsAfterFinished"`
}

// ReplicatedJob is a job, several times.
type ReplicatedJob struct {
	// Name of the job.
	Name string `json:"name"`
	// Replicas of the job.
	Replicas int `json:"replicas"`
	// Template of the job.
	Template api.JobTemplate `json:"template"`
}

// Network gives the pods names.
type Network struct {
	// EnableDNSHostnames names each pod <set>-<job>-<replica>-<index>.<subdomain>.
	EnableDNSHostnames bool `json:"enableDNSHostnames"`
	// PublishNotReadyAddresses lets pods find each other before they are ready.
	PublishNotReadyAddresses bool `json:"publishNotReadyAddresses"`
}

// SuccessPolicy says when the whole has succeeded.
type SuccessPolicy struct {
	// Operator is All or Any.
	Operator string `json:"operator"`
}

// FailurePolicy says how often the whole starts again.
type FailurePolicy struct {
	// MaxRestarts of the whole.
	MaxRestarts int `json:"maxRestarts"`
	// RestartStrategy is Recreate or BlockingRecreate.
	RestartStrategy string `json:"restartStrategy,omitempty"`
	// Rules for some failures; the first that fits decides.
	Rules []FailureRule `json:"rules,omitempty"`
}

// FailureRule is what a failure leads to.
type FailureRule struct {
	// Name of the rule.
	Name string `json:"name"`
	// Action is FailJobSet, RestartJobSet or RestartJobSetAndIgnoreMaxRestarts.
	Action string `json:"action"`
	// OnJobFailureReasons are the reasons of failed jobs, such as PodFailurePolicy.
	OnJobFailureReasons []string `json:"onJobFailureReasons"`
}
