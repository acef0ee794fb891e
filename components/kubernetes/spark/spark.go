// Package spark declares applications of the Spark operator v2.5.1.
package spark

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/api"
)

// APIVersion, its group, and the kind.
const (
	Group      = "sparkoperator.k8s.io"
	APIVersion = Group + "/v1beta2"
	Kind       = "SparkApplication"
)

// The names that Spark gives its containers.
const (
	DriverContainer   = "spark-kubernetes-driver"
	ExecutorContainer = "spark-kubernetes-executor"
)

// Application is the spec of a SparkApplication.
type Application struct {
	// Type is Python, Java, Scala or R.
	Type string `json:"type"`
	// Mode is cluster: the driver is a pod as well.
	Mode string `json:"mode"`
	// SparkVersion that the image has.
	SparkVersion string `json:"sparkVersion"`
	// Image of driver and executors.
	Image string `json:"image"`
	// ImagePullSecrets open private registries.
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty"`
	// MainApplicationFile is the script.
	MainApplicationFile string `json:"mainApplicationFile"`
	// Arguments of the script.
	Arguments []pulumi.StringInput `json:"arguments"`
	// SparkConf and HadoopConf are settings of Spark and of the file systems.
	SparkConf map[string]string `json:"sparkConf,omitempty"`
	// HadoopConf are settings of the file systems.
	HadoopConf map[string]string `json:"hadoopConf,omitempty"`
	// RestartPolicy says what becomes of an application that fails.
	RestartPolicy RestartPolicy `json:"restartPolicy"`
	// TimeToLiveSeconds deletes a finished application.
	TimeToLiveSeconds int `json:"timeToLiveSeconds"`
	// Driver leads.
	Driver Driver `json:"driver"`
	// Executor does the work.
	Executor Executor `json:"executor"`
}

// RestartPolicy says what becomes of an application that fails.
type RestartPolicy struct {
	// Type is Never, OnFailure or Always.
	Type string `json:"type"`
	// OnFailureRetries and OnSubmissionFailureRetries are how often it is tried again.
	OnFailureRetries int `json:"onFailureRetries"`
	// OnSubmissionFailureRetries counts those that never began.
	OnSubmissionFailureRetries int `json:"onSubmissionFailureRetries"`
	// OnFailureRetryInterval and OnSubmissionFailureRetryInterval are the seconds between two tries.
	OnFailureRetryInterval int `json:"onFailureRetryInterval"`
	// OnSubmissionFailureRetryInterval is that for those that never began.
	OnSubmissionFailureRetryInterval int `json:"onSubmissionFailureRetryInterval"`
}

// Pod is what Spark itself says of a pod; everything else is in its template.
type Pod struct {
	// Cores of the pod.
	Cores int `json:"cores"`
	// Memory of the heap, such as 4096m.
	Memory string `json:"memory"`
	// MemoryOverhead is what the pod gets besides: for Python and what lies outside of the heap.
	MemoryOverhead string `json:"memoryOverhead"`
	// ServiceAccount is whom the pod runs as.
	ServiceAccount string `json:"serviceAccount"`
	// Template of the pod.
	Template api.PodTemplate `json:"template"`
}

// Driver leads: it makes the executors.
type Driver struct{ Pod }

// Executor does the work.
type Executor struct {
	Pod
	// Instances is how many there are.
	Instances int `json:"instances"`
}
