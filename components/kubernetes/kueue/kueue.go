// Package kueue declares the queues of Kueue, as of v0.19.0.
package kueue

import (
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

const version = "kueue.x-k8s.io/v1beta2"

// Taint is a taint of the nodes of a flavor.
type Taint struct {
	// Key of the taint.
	Key string `json:"key"`
	// Value of the taint.
	Value string `json:"value,omitempty"`
	// Effect is NoSchedule, PreferNoSchedule or NoExecute.
	Effect string `json:"effect"`
}

// Toleration lets the pods of a flavor onto nodes with a taint.
type Toleration struct {
	// Key of the taint.
	Key string `json:"key"`
	// Operator is Exists or Equal.
	Operator string `json:"operator"`
	// Effect of the taint.
	Effect string `json:"effect"`
}

// ResourceFlavor is the spec of a ResourceFlavor: a kind of nodes.
type ResourceFlavor struct {
	// NodeLabels that the nodes have.
	NodeLabels map[string]string `json:"nodeLabels"`
	// NodeTaints that a workload must tolerate to get the flavor.
	NodeTaints []Taint `json:"nodeTaints,omitempty"`
	// Tolerations are added to the pods that get the flavor.
	Tolerations []Toleration `json:"tolerations,omitempty"`
	// TopologyName is the topology that the nodes lie in.
	TopologyName string `json:"topologyName,omitempty"`
}

// ClusterQueue is the spec of a ClusterQueue: what a team may use at a time.
type ClusterQueue struct {
	// NamespaceSelector says whose workloads may wait here.
	NamespaceSelector Selector `json:"namespaceSelector"`
	// ResourceGroups are the quotas.
	ResourceGroups []ResourceGroup `json:"resourceGroups"`
	// QueueingStrategy is BestEffortFIFO or StrictFIFO.
	QueueingStrategy string `json:"queueingStrategy"`
	// CohortName is the group of queues that lend to each other.
	CohortName string `json:"cohortName,omitempty"`
	// Preemption says which jobs a new one may push out.
	Preemption *Preemption `json:"preemption,omitempty"`
	// AdmissionChecksStrategy says what must say yes besides the quota.
	AdmissionChecksStrategy *ChecksStrategy `json:"admissionChecksStrategy,omitempty"`
}

// Selector selects namespaces by their labels.
type Selector struct {
	// MatchLabels that a namespace must have.
	MatchLabels map[string]string `json:"matchLabels"`
}

// ResourceGroup shares resources between flavors.
type ResourceGroup struct {
	// CoveredResources are the resources of the group.
	CoveredResources []string `json:"coveredResources"`
	// Flavors that have them.
	Flavors []FlavorQuotas `json:"flavors"`
}

// FlavorQuotas are the quotas of one flavor.
type FlavorQuotas struct {
	// Name of the flavor.
	Name string `json:"name"`
	// Resources are the quotas.
	Resources []Quota `json:"resources"`
}

// Quota is how much of a resource may be used.
type Quota struct {
	// Name of the resource.
	Name string `json:"name"`
	// NominalQuota is the amount.
	NominalQuota string `json:"nominalQuota"`
	// BorrowingLimit is how much more may be borrowed from the cohort.
	BorrowingLimit string `json:"borrowingLimit,omitempty"`
	// LendingLimit is how much of it others of the cohort may borrow.
	LendingLimit string `json:"lendingLimit,omitempty"`
}

// LocalQueue is the spec of a LocalQueue: where the workloads of a namespace wait.
type LocalQueue struct {
	// ClusterQueue that the workloads go on to.
	ClusterQueue string `json:"clusterQueue"`
}

// kinds are what may be declared.
type kinds interface {
	ResourceFlavor | ClusterQueue | LocalQueue | Topology | AdmissionCheck | ProvisioningRequestConfig
}

// New declares an object of Kueue by the type of its spec. Only a LocalQueue has a namespace.
func New[S kinds](
	ctx *pulumi.Context, logical string, metadata object.Metadata, spec S, opts ...pulumi.ResourceOption,
) (*object.Object, error) {
	kind := reflect.TypeFor[S]().Name()
	return object.New(ctx, logical, version, kind, metadata, map[string]any{"spec": spec}, opts...)
}

// NewPriorityClass declares a WorkloadPriorityClass of the whole cluster.
func NewPriorityClass(
	ctx *pulumi.Context, logical string, metadata object.Metadata, p PriorityClass, opts ...pulumi.ResourceOption,
) (*object.Object, error) {
	return object.New(ctx, logical, version, "WorkloadPriorityClass", metadata,
		map[string]any{"value": p.Value, "description": p.Description}, opts...)
}
