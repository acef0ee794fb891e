package kubernetes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/karpenter"
	"github.com/mlpathway/mlpathway/components/kubernetes/kueue"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// The labels of Kueue, and where the jobs of a stack wait.
const (
	queueLabel    = "kueue.x-k8s.io/queue-name"
	priorityLabel = "kueue.x-k8s.io/priority-class"
	jobsQueue     = "jobs"
	// capacityLabel is the label by which Karpenter tells kinds of price.
	capacityLabel = "karpenter.sh/capacity-type"
)

// The priorities of jobs.
const (
	trainingPriority = "training"
	batchPriority    = "batch"
	tuningPriority   = "tuning"
)

var priorities = map[string]kueue.PriorityClass{
	trainingPriority: {Value: 300, Description: "a model that somebody waits for"},
	batchPriority:    {Value: 200, Description: "predictions and other jobs by the clock"},
	tuningPriority:   {Value: 100, Description: "trials: they give way and go on later"},
}

// Cluster tells Kueue of the nodes of a cluster that is there: a flavor for each kind of machine and of price, and one
// queue for the team with a quota of each, which it may borrow from others and lend to them. Where the settings name a
// class of nodes, Karpenter makes the nodes.
func (t *Target) Cluster(
	ctx *pulumi.Context, name string, args *components.ClusterArgs, opts ...pulumi.ResourceOption,
) (*components.ClusterOutputs, error) {
	c := &cluster{layer: t.layer(ctx, components.ClusterLayer, name, opts), args: args}
	if err := c.make(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue, t.ranked = jobsQueue, true
	waiting := pulumi.StringMap{}
	for _, p := range args.Pools {
		waiting[p.Name] = c.Known(jobsQueue, c.queued)
	}
	kubeconfig := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: %s\n", t.settings.Context)
	return &components.ClusterOutputs{
		Kubeconfig: pulumi.ToSecret(pulumi.String(kubeconfig)).(pulumi.StringOutput),
		ClusterID:  c.Known(t.settings.Context+"/"+t.namespace, c.queued), Queues: waiting.ToStringMapOutput(),
	}, nil
}

// cluster is what is made of a cluster so far.
type cluster struct {
	*layer
	args   *components.ClusterArgs
	pools  []pool
	queued pulumi.Resource
}

// made reports whether Karpenter makes the nodes.
func (c *cluster) made() bool { return c.settings.Nodes.Karpenter.Name != "" }

func (c *cluster) make() (err error) {
	needs := []string{charts.Kueue}
	if c.made() {
		needs = append(needs, charts.Karpenter)
	}
	if c.pools, err = planPools(c.args.Pools, c.made()); err != nil {
		return err
	}
	if err := c.fits(); err != nil {
		return err
	}
	if err := c.need(needs...); err != nil {
		return err
	}
	if err := c.meter(); err != nil {
		return err
	}
	if c.made() {
		for _, p := range c.pools {
			_, err := karpenter.New(c.Context, c.Part(p.name, "pool"), c.global(p.name), c.nodePool(p),
				c.operatedBy(charts.Karpenter)...)
			if err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(priorities)) {
		_, err := kueue.NewPriorityClass(c.Context, c.Part("priority", name), c.metadata(c.global(name)), priorities[name],
			c.operatedBy(charts.Kueue)...)
		if err != nil {
			return err
		}
	}
	flavors, err := c.flavors()
	if err != nil {
		return err
	}
	return c.queue(flavors)
}

// fits refuses a queue that admits more than the namespace may ask for: such a job holds its quota, and its pods are
// refused.
func (c *cluster) fits() error {
	borrow := 0
	if c.settings.Nodes.Cohort != "" {
		borrow = *c.settings.Nodes.BorrowPercent
	}
	admits, q := most(c.args.GPUQuota, c.pools, borrow), c.settings.Quota
	c.mu.Lock()
	c.admits = admits
	c.mu.Unlock()
	r := &refuse{}
	for _, b := range []struct {
		key         string
		bound, want int
	}{
		{"cpus", q.CPUs, int(admits.cpus)}, {"memoryGiB", q.MemoryGiB, admits.memoryGiB},
		{"accelerators", c.accelerators(), admits.accelerators},
	} {
		if b.bound < b.want {
			r.add(components.ErrConflict, "kubernetes.quota."+b.key, b.bound, fmt.Sprintf("%d at least, which the pools and "+
				"what may be borrowed come to: the queue admits jobs of that size, and their pods would be refused", b.want))
		}
	}
	return r.err()
}

// meter installs the exporter of accelerators' figures where the stack installs operators and has accelerators.
func (c *cluster) meter() error {
	gpus := func(p pool) bool { return p.resource == gpuResource }
	if !c.settings.InstallOperators || !slices.ContainsFunc(c.pools, gpus) {
		return nil
	}
	return c.need(charts.DCGMExporter)
}

// global is the name of an object of the whole cluster: others have such objects too.
func (l *layer) global(name string) string {
	return components.FitName(l.namespace+"-"+name, 63)
}

func (c *cluster) metadata(name string) object.Metadata {
	return object.Metadata{Name: name, Labels: c.labels()}
}

func (c *cluster) operatedBy(o string) []pulumi.ResourceOption {
	return c.With(c.operated(o)...)
}

// nodeLabels are what the nodes of a pool have.
func (c *cluster) nodeLabels(p pool) map[string]string {
	labels := map[string]string{}
	if c.made() {
		labels[poolLabel] = c.global(p.of)
		labels[capacityLabel] = "on-demand"
		if p.spot {
			labels[capacityLabel] = "spot"
		}
	}
	maps.Copy(labels, c.settings.Nodes.Accelerators[string(p.machine.Accelerator)])
	if p.spot {
		maps.Copy(labels, c.settings.Nodes.Spot)
	} else {
		maps.Copy(labels, c.settings.Nodes.OnDemand)
	}
	if len(labels) == 0 {
		labels["kubernetes.io/os"] = "linux"
	}
	return labels
}

// taints keep pods that do not belong there off the nodes of a pool.
func (c *cluster) taints(p pool) []kueue.Taint {
	var taints []kueue.Taint
	if p.resource != "" {
		taints = append(taints, kueue.Taint{Key: p.resource, Value: "present", Effect: "NoSchedule"})
	}
	if key := c.settings.Nodes.SpotTaint; p.spot && key != "" {
		taints = append(taints, kueue.Taint{Key: key, Value: "true", Effect: "NoSchedule"})
	}
	return taints
}

// required are the labels by which pods find the machines of a pool: Karpenter chooses machines by those that it knows,
// and puts the others on the nodes that it makes.
func (c *cluster) required(p pool) []karpenter.Requirement {
	price := c.settings.Nodes.OnDemand
	if p.spot {
		price = c.settings.Nodes.Spot
	}
	labels := map[string]string{}
	maps.Copy(labels, price)
	maps.Copy(labels, c.settings.Nodes.Accelerators[string(p.machine.Accelerator)])
	delete(labels, capacityLabel) // it stands there already
	var all []karpenter.Requirement
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, karpenter.Requirement{Key: key, Operator: "In", Values: []string{labels[key]}})
	}
	return all
}

// nodePool is what Karpenter makes of a pool. Nodes with accelerators go only when they are empty.
func (c *cluster) nodePool(p pool) karpenter.NodePool {
	class, capacity := c.settings.Nodes.Karpenter, "on-demand"
	if p.spot {
		capacity = "spot"
	}
	labels := map[string]string{teamLabel: c.options.Scope.Team, poolLabel: c.global(p.of)} // no domain of Kubernetes' own
	s := karpenter.NodeSpec{
		NodeClassRef: karpenter.NodeClassRef{Group: class.Group, Kind: class.Kind, Name: class.Name},
		Requirements: []karpenter.Requirement{
			{Key: capacityLabel, Operator: "In", Values: []string{capacity}},
			{Key: "kubernetes.io/arch", Operator: "In", Values: []string{"amd64"}},
		},
		ExpireAfter: "720h",
	}
	s.Requirements = append(s.Requirements, c.required(p)...)
	for _, taint := range c.taints(p) {
		s.Taints = append(s.Taints, karpenter.Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect})
	}
	cpus, gib, accelerators := p.amounts()
	limits := map[string]string{"cpu": strconv.Itoa(cpus), "memory": fmt.Sprintf("%dGi", gib)}
	disruption := karpenter.Disruption{ConsolidationPolicy: "WhenEmptyOrUnderutilized", ConsolidateAfter: "60s"}
	if p.resource != "" {
		limits[p.resource] = strconv.Itoa(accelerators)
		disruption = karpenter.Disruption{ConsolidationPolicy: "WhenEmpty", ConsolidateAfter: "300s"}
	}
	return karpenter.NodePool{
		Template:   karpenter.NodeTemplate{Metadata: karpenter.NodeMetadata{Labels: labels}, Spec: s},
		Disruption: disruption, Limits: limits,
	}
}
