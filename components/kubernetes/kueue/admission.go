package kueue

// PriorityClass says which jobs go first. It has no spec: Value stands beside the metadata.
type PriorityClass struct {
	// Value of the priority; the larger goes first.
	Value int `json:"value"`
	// Description for people.
	Description string `json:"description"`
}

// Topology is the spec of a Topology: the labels of nodes from the widest place to the narrowest.
type Topology struct {
	// Levels of the places.
	Levels []Level `json:"levels"`
}

// Level is a kind of place.
type Level struct {
	// NodeLabel tells places of this kind apart.
	NodeLabel string `json:"nodeLabel"`
}

// AdmissionCheck is the spec of an AdmissionCheck: what must say yes besides the quota.
type AdmissionCheck struct {
	// ControllerName says who decides.
	ControllerName string `json:"controllerName"`
	// Parameters of the decision.
	Parameters Parameters `json:"parameters"`
}

// Parameters name an object.
type Parameters struct {
	// APIGroup, Kind and Name of the object.
	APIGroup string `json:"apiGroup"`
	// Kind of the object.
	Kind string `json:"kind"`
	// Name of the object.
	Name string `json:"name"`
}

// ProvisioningRequestConfig is the spec of the object of the same name: nodes are asked for all at once.
type ProvisioningRequestConfig struct {
	// ProvisioningClassName is the kind of request.
	ProvisioningClassName string `json:"provisioningClassName"`
	// ManagedResources are those that are asked for.
	ManagedResources []string `json:"managedResources"`
}

// ChecksStrategy says which checks a queue has.
type ChecksStrategy struct {
	// AdmissionChecks of the queue.
	AdmissionChecks []CheckRule `json:"admissionChecks"`
}

// CheckRule is a check, for some flavors.
type CheckRule struct {
	// Name of the check.
	Name string `json:"name"`
	// OnFlavors restricts it; all where it is empty.
	OnFlavors []string `json:"onFlavors,omitempty"`
}

// Preemption says which jobs a new one may push out.
type Preemption struct {
	// WithinClusterQueue is Never, LowerPriority or LowerOrNewerEqualPriority.
	WithinClusterQueue string `json:"withinClusterQueue"`
	// ReclaimWithinCohort is Never, LowerPriority or Any.
	ReclaimWithinCohort string `json:"reclaimWithinCohort"`
}
