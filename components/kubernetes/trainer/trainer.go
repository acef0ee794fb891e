// Package trainer declares training jobs of Kubeflow Trainer v2.3.0.
package trainer

import (
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/jobset"
)

// APIVersion, its group, and kinds.
const (
	Group       = "trainer.kubeflow.org"
	APIVersion  = Group + "/v1alpha1"
	JobKind     = "TrainJob"
	RuntimeKind = "TrainingRuntime"
)

// The names that a runtime must use for the pods that train, and the label that tells them.
const (
	Node      = "node"
	StepLabel = "trainer.kubeflow.org/trainjob-ancestor-step"
	StepName  = "trainer"
)

// Job is the spec of a TrainJob.
type Job struct {
	// RuntimeRef names the runtime.
	RuntimeRef RuntimeRef `json:"runtimeRef"`
	// Trainer is what is different from the runtime.
	Trainer Trainer `json:"trainer"`
	// ActiveDeadlineSeconds ends the job.
	ActiveDeadlineSeconds int `json:"activeDeadlineSeconds"`
}

// RuntimeRef names a runtime.
type RuntimeRef struct {
	// APIGroup, Kind and Name of the runtime.
	APIGroup string `json:"apiGroup"`
	// Kind of the runtime.
	Kind string `json:"kind"`
	// Name of the runtime.
	Name string `json:"name"`
}

// Trainer is what is different from the runtime.
type Trainer struct {
	// Image that trains.
	Image string `json:"image"`
	// Args of the image.
	Args []string `json:"args,omitempty"`
	// Env are further variables.
	Env []api.EnvVar `json:"env,omitempty"`
	// NumNodes is the number of ranks.
	NumNodes int `json:"numNodes"`
	// NumProcPerNode is the number of processes of a rank.
	NumProcPerNode int `json:"numProcPerNode"`
}

// Runtime is the spec of a TrainingRuntime.
type Runtime struct {
	// MLPolicy says how ranks find each other.
	MLPolicy MLPolicy `json:"mlPolicy"`
	// Template makes the JobSet.
	Template Template `json:"template"`
}

// MLPolicy says how ranks find each other.
type MLPolicy struct {
	// NumNodes is the number of ranks.
	NumNodes int `json:"numNodes"`
	// Torch sets PET_NNODES, PET_NODE_RANK, PET_MASTER_ADDR and PET_MASTER_PORT.
	Torch Torch `json:"torch"`
}

// Torch has no settings.
type Torch struct{}

// Template makes a JobSet.
type Template struct {
	// Spec of the JobSet.
	Spec jobset.Spec `json:"spec"`
}
