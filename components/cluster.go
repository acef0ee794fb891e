package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// NodePool is a group of like machines that grows and shrinks with the work.
type NodePool struct {
	// Name of the pool.
	Name string `pulumi:"name"`
	// Machine of each node.
	Machine Machine `pulumi:"machine"`
	// Min and Max bound the number of nodes. Default 0 and 3.
	Min int `pulumi:"min"`
	// Max is the upper bound.
	Max int `pulumi:"max"`
	// SpotPercent is the share of interruptible nodes, 0 to 100. Default 100 in dev and stage, 0 in prod.
	SpotPercent *int `pulumi:"spotPercent"`
	// DiskGiB is the size of a node's disk, 20 to 16384. Default 100.
	DiskGiB int `pulumi:"diskGiB"`
}

// ClusterArgs describe a Kubernetes cluster for training and serving.
type ClusterArgs struct {
	// Version of Kubernetes, such as 1.34. Default the target's own choice.
	Version string `pulumi:"version"`
	// Pools of nodes; at least one. Pools with an accelerator are tainted so that nothing else lands there.
	Pools []NodePool `pulumi:"pools"`
	// GPUQuota caps the accelerators that the team may use at a time; 0 is the sum of its pools. Default 0.
	GPUQuota int `pulumi:"gpuQuota"`
	// PrivateAPI keeps the control plane off the internet. Default on.
	PrivateAPI *bool `pulumi:"privateApi"`
	// Network places the cluster: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Key encrypts the cluster's secrets: that of the data class secrets. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *ClusterArgs) setDefaults(s Scope) {
	setDefaultPtr(&a.PrivateAPI, true)
	pools := make([]NodePool, len(a.Pools))
	for i, pool := range a.Pools {
		spot := 0
		if PresetFor(s.Environment).Spot {
			spot = 100
		}
		pool.Machine = pool.Machine.withDefaults()
		setDefault(&pool.Max, 3)
		setDefaultPtr(&pool.SpotPercent, spot)
		setDefault(&pool.DiskGiB, 100)
		pools[i] = pool
	}
	a.Pools = pools
	a.Logs = a.Logs.withDefaults(s)
}

func (a *ClusterArgs) validate(c *checker) {
	c.required("pools", len(a.Pools) > 0, "at least one pool")
	seen := map[string]bool{}
	for i, pool := range a.Pools {
		arg := fmt.Sprintf("pools[%d]", i)
		c.named(arg+".name", pool.Name)
		if seen[pool.Name] {
			c.fail(ErrConflict, arg+".name", pool.Name, "a name of its own")
		}
		seen[pool.Name] = true
		pool.Machine.validate(c, arg+".machine")
		inRange(c, arg+".max", pool.Max, 1, 1000)
		inRange(c, arg+".min", pool.Min, 0, pool.Max)
		inRange(c, arg+".spotPercent", *pool.SpotPercent, 0, 100)
		inRange(c, arg+".diskGiB", pool.DiskGiB, 20, 16384)
	}
	a.Logs.validate(c)
	inRange(c, "gpuQuota", a.GPUQuota, 0, 10_000)
}

// ClusterOutputs are what the other layers need of a cluster.
type ClusterOutputs struct {
	// Kubeconfig opens the cluster. It is a secret.
	Kubeconfig pulumi.StringOutput `pulumi:"kubeconfig"`
	// ClusterID identifies the cluster on the platform.
	ClusterID pulumi.StringOutput `pulumi:"clusterId"`
	// Queues are the names of the queues for jobs, by pool.
	Queues pulumi.StringMapOutput `pulumi:"queues"`
}

// Cluster is a Kubernetes cluster.
type Cluster struct {
	pulumi.ResourceState
	ClusterOutputs
}

// NewCluster declares a cluster. Errors: ErrRequired, ErrName, ErrConflict, ErrRange, ErrChoice, ErrUnsupported.
func NewCluster(
	ctx *pulumi.Context, name string, target Target, args *ClusterArgs, opts ...pulumi.ResourceOption,
) (*Cluster, error) {
	k := &Cluster{}
	c := construction{ctx, ClusterLayer, name, target, k, opts}
	if err := construct(c, args, target.Cluster, &k.ClusterOutputs); err != nil {
		return nil, err
	}
	return k, nil
}
