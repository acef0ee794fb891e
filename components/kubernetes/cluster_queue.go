package kubernetes

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/kueue"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// flavors tell Kueue of the pools, and of how close their nodes lie to each other.
func (c *cluster) flavors() ([]pulumi.Resource, error) {
	var made []pulumi.Resource
	topology := ""
	own := slices.ContainsFunc(c.pools, func(p pool) bool { return c.settings.Nodes.Flavors[p.name] == "" })
	if levels := c.settings.Nodes.Topology; len(levels) > 0 && own {
		topology = c.global("topology")
		t := kueue.Topology{}
		for _, level := range levels {
			t.Levels = append(t.Levels, kueue.Level{NodeLabel: level})
		}
		one, err := kueue.New(c.Context, c.Part("topology"), c.metadata(topology), t, c.operatedBy(charts.Kueue)...)
		if err != nil {
			return nil, err
		}
		made = append(made, one)
	}
	for _, p := range c.pools {
		if c.settings.Nodes.Flavors[p.name] != "" {
			continue // somebody else's
		}
		one, err := kueue.New(c.Context, c.Part(p.name, "flavor"), c.metadata(c.flavor(p)), kueue.ResourceFlavor{
			NodeLabels: c.nodeLabels(p), NodeTaints: c.taints(p), TopologyName: topology,
		}, append(c.operatedBy(charts.Kueue), pulumi.DependsOn(made))...)
		if err != nil {
			return nil, err
		}
		made = append(made, one)
	}
	return made, nil
}

// flavor is the name of a pool's flavor: one that teams share, or the stack's own.
func (c *cluster) flavor(p pool) string {
	if shared := c.settings.Nodes.Flavors[p.name]; shared != "" {
		return shared
	}
	return c.global(p.name)
}

// queue makes the queue of the team: its quota is the nodes that it may have at most, and of accelerators no more than
// the team's own bound.
func (c *cluster) queue(flavors []pulumi.Resource) error {
	spec := kueue.ClusterQueue{
		NamespaceSelector: kueue.Selector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": c.namespace}},
		ResourceGroups:    c.quotas(), QueueingStrategy: "BestEffortFIFO", CohortName: c.settings.Nodes.Cohort,
		Preemption: &kueue.Preemption{WithinClusterQueue: "LowerPriority", ReclaimWithinCohort: "Any"},
	}
	check, err := c.provision()
	if err != nil {
		return err
	}
	if check != nil {
		flavors = append(flavors, check)
		rule := kueue.CheckRule{Name: c.global("provision")}
		for _, p := range c.pools {
			if p.resource != "" {
				rule.OnFlavors = append(rule.OnFlavors, c.flavor(p))
			}
		}
		spec.AdmissionChecksStrategy = &kueue.ChecksStrategy{AdmissionChecks: []kueue.CheckRule{rule}}
	}
	made, err := kueue.New(c.Context, c.Part("quota"), c.metadata(c.namespace), spec,
		append(c.operatedBy(charts.Kueue), pulumi.DependsOn(flavors))...)
	if err != nil {
		return err
	}
	local := object.Metadata{Name: jobsQueue, Namespace: c.namespace, Labels: c.labels()}
	c.queued, err = kueue.New(c.Context, c.Part("queue"), local, kueue.LocalQueue{ClusterQueue: c.namespace},
		append(c.operatedBy(charts.Kueue), pulumi.DependsOn([]pulumi.Resource{made}))...)
	return err
}

// quotas are what the team may use at a time, in one group: a job gets all that it needs of one flavor.
func (c *cluster) quotas() []kueue.ResourceGroup {
	group := kueue.ResourceGroup{CoveredResources: []string{"cpu", "memory", "ephemeral-storage"}}
	var resources []string
	for _, p := range c.pools {
		if p.resource != "" && !slices.Contains(resources, p.resource) {
			resources = append(resources, p.resource)
		}
	}
	group.CoveredResources = append(group.CoveredResources, resources...)
	left := quotaOf(c.args.GPUQuota, c.pools)
	for _, p := range c.pools {
		cpus, gib, accelerators := p.amounts()
		flavor := kueue.FlavorQuotas{Name: c.flavor(p), Resources: []kueue.Quota{
			c.quota("cpu", cpus, ""), c.quota("memory", gib, "Gi"), c.quota("ephemeral-storage", p.diskGiB*p.nodes, "Gi"),
		}}
		accelerators = min(accelerators, left)
		left -= accelerators
		for _, resource := range resources {
			amount := 0
			if resource == p.resource {
				amount = accelerators
			}
			flavor.Resources = append(flavor.Resources, c.quota(resource, amount, ""))
		}
		group.Flavors = append(group.Flavors, flavor)
	}
	return []kueue.ResourceGroup{group}
}

// quota is an amount, with what may be borrowed and lent in a cohort.
func (c *cluster) quota(resource string, amount int, unit string) kueue.Quota {
	q := kueue.Quota{Name: resource, NominalQuota: strconv.Itoa(amount) + unit}
	if n := c.settings.Nodes; n.Cohort != "" {
		q.BorrowingLimit = fmt.Sprintf("%d%s", share(amount, *n.BorrowPercent), unit)
		q.LendingLimit = fmt.Sprintf("%d%s", share(amount, min(*n.LendPercent, 100)), unit)
	}
	return q
}

// provision asks the autoscaler of the cluster for all nodes of a job at once; nil where the settings name no class.
func (c *cluster) provision() (pulumi.Resource, error) {
	class := c.settings.Nodes.Provision
	if class == "" {
		return nil, nil
	}
	name := c.global("provision")
	config, err := kueue.New(c.Context, c.Part("provision", "config"), c.metadata(name), kueue.ProvisioningRequestConfig{
		ProvisioningClassName: class, ManagedResources: []string{gpuResource},
	}, c.operatedBy(charts.Kueue)...)
	if err != nil {
		return nil, err
	}
	return kueue.New(c.Context, c.Part("provision"), c.metadata(name), kueue.AdmissionCheck{
		ControllerName: "kueue.x-k8s.io/provisioning-request",
		Parameters:     kueue.Parameters{APIGroup: "kueue.x-k8s.io", Kind: "ProvisioningRequestConfig", Name: name},
	}, append(c.operatedBy(charts.Kueue), pulumi.DependsOn([]pulumi.Resource{config}))...)
}

// waits reports whether the jobs of the stack wait in a queue.
func (t *Target) waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.queue != ""
}

// queueLabels put a job into the queue of the stack; none where nothing queues.
func (l *layer) queueLabels(priority string) map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue == "" {
		return nil
	}
	labels := map[string]string{queueLabel: l.queue}
	if l.ranked {
		labels[priorityLabel] = l.global(priority)
	}
	return labels
}
