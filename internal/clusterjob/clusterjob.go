// Package clusterjob is what the infrastructure tells the training image of jobs on a cluster: it writes a Description,
// and `training-image launch` reads it.
package clusterjob

// Description is what to launch.
type Description struct {
	// Cluster to launch on.
	Cluster Cluster `json:"cluster"`
	// Jobs are JobSets with a generateName, made one after the other.
	Jobs []map[string]any `json:"jobs"`
}

// EKS is the Kind of clusters that know roles of AWS.
const EKS = "eks"

// Cluster is the way to the API of a cluster.
type Cluster struct {
	// Kind says who knows who asks: EKS.
	Kind string `json:"kind"`
	// Name of the cluster.
	Name string `json:"name"`
	// Region that it is in.
	Region string `json:"region"`
	// Endpoint is the address of the API.
	Endpoint string `json:"endpoint"`
	// Authority is the PEM of who signed its certificate, in base64.
	Authority string `json:"certificateAuthority"`
}
