package aws

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/karpenter"
	"github.com/mlpathway/mlpathway/components/kubernetes/kueue"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Names inside the cluster.
const (
	karpenterChart = "karpenter"
	jobSetChart    = "jobset"
	kueueChart     = "kueue"
	exporterChart  = "dcgm-exporter"
	poolLabel      = "mlpathway/pool"
	teamLabel      = "mlpathway/team"
	gpuResource    = "nvidia.com/gpu"
)

// inside gives the options of an object of the cluster.
func (c *cluster) inside(on ...pulumi.Resource) []pulumi.ResourceOption {
	return append(append([]pulumi.ResourceOption{}, c.Given...), pulumi.Provider(c.provider), pulumi.DependsOn(on))
}

// makeSoftware puts the charts into the cluster, each in an exact version.
func (c *cluster) makeSoftware() error {
	c.software = map[string]pulumi.Resource{}
	gpus := pulumi.Map{
		"serviceMonitor": pulumi.Map{"enabled": pulumi.Bool(false)}, // the cluster has no such kind
		"nodeSelector":   pulumi.Map{poolLabel + "-accelerated": pulumi.String("true")},
		"tolerations": pulumi.Array{pulumi.Map{
			"key": pulumi.String(gpuResource), "operator": pulumi.String("Exists"), "effect": pulumi.String("NoSchedule"),
		}},
	}
	nodes := charts.Of(charts.Karpenter).Release(karpenterChart)
	nodes.Values = pulumi.Map{
		"settings": pulumi.Map{
			"clusterName": pulumi.String(c.clusterName()), "interruptionQueue": pulumi.String(c.interruptions.name),
			"isolatedVPC": pulumi.Bool(true), // the price list cannot be reached from a private network
		},
		"serviceAccount": pulumi.Map{"name": pulumi.String(karpenterAccount)},
	}
	releases := []object.Release{
		nodes, charts.Of(charts.JobSet).Release(jobSetChart), charts.Of(charts.Kueue).Release(kueueChart),
	}
	if quota(c.args.GPUQuota, c.pools) > 0 {
		// The device plugin is a part of Bottlerocket's images for NVIDIA; a second one must not run beside it.
		// Source: docs.aws.amazon.com/eks, Install Kubernetes device plugin for GPUs (looked up on 2026-11-25).
		exporter := charts.Of(charts.DCGMExporter).Release(exporterChart)
		exporter.Values = gpus
		releases = append(releases, exporter)
	}
	for _, chart := range releases {
		on := slices.Clone(c.ready)
		if first, ok := c.software[jobSetChart]; ok && chart.Name == kueueChart { // it looks for JobSets when it starts
			on = append(on, first)
		}
		made, err := object.NewRelease(c.Context, c.Part(chart.Name), chart, c.inside(on...)...)
		if err != nil {
			return err
		}
		c.software[chart.Name] = made
	}
	return nil
}

// gpuTaint keeps pods that need no accelerator off nodes that have one.
var gpuTaint = karpenter.Taint{Key: gpuResource, Value: "true", Effect: "NoSchedule"}

// makePools makes the node pools and their classes.
func (c *cluster) makePools() error {
	for _, p := range c.pools {
		installed := c.inside(c.software[karpenterChart])
		class, err := karpenter.New(c.Context, c.Part(p.name, "class"), p.name, c.nodeClass(p), installed...)
		if err != nil {
			return err
		}
		pool, err := karpenter.New(c.Context, c.Part(p.name, "pool"), p.name, poolSpec(p), c.inside(class)...)
		if err != nil {
			return err
		}
		c.software[p.name] = pool
	}
	return nil
}

// nodeClass describes the machines of a pool: a pinned image, encrypted disks, and metadata that pods cannot reach.
func (c *cluster) nodeClass(p nodePool) karpenter.EC2NodeClass {
	subnets := c.args.Network.Subnets.ToStringArrayOutput().ApplyT(selectIDs).(pulumi.ArrayOutput)
	groups := c.plane.VpcConfig.ClusterSecurityGroupId().Elem().ApplyT(func(id string) []any {
		return selectIDs([]string{id})
	}).(pulumi.ArrayOutput)
	disk := func(device string, gib int) karpenter.BlockDevice {
		return karpenter.BlockDevice{DeviceName: device, EBS: karpenter.EBS{
			VolumeSize: fmt.Sprintf("%dGi", gib), VolumeType: "gp3", Encrypted: true, DeleteOnTermination: true,
		}}
	}
	tags := c.options.Scope.Tags(c.Layer, c.Component)
	tags["data-class"] = string(confidential)
	return karpenter.EC2NodeClass{
		AMISelectorTerms:    []karpenter.AMITerm{{Alias: nodeImage}},
		SubnetSelectorTerms: subnets, SecurityGroupSelectorTerms: groups,
		InstanceProfile: c.Known(c.profileName(), c.profile),
		// Bottlerocket keeps itself on the first disk and everything else on the second.
		BlockDeviceMappings: []karpenter.BlockDevice{disk("/dev/xvda", 4), disk("/dev/xvdb", p.diskGiB)},
		MetadataOptions: karpenter.MetadataOptions{
			HTTPTokens: "required", HTTPPutResponseHopLimit: 1, HTTPEndpoint: "enabled",
		},
		InstanceStorePolicy: "RAID0", Tags: tags,
	}
}

// selectIDs are selector terms for ids.
func selectIDs(ids []string) []any {
	terms := make([]any, len(ids))
	for i, id := range ids {
		terms[i] = map[string]any{"id": id}
	}
	return terms
}

// poolSpec describes a pool. Nodes with accelerators go only when they are empty: a job that was moved would lose more
// than a fuller node saves.
func poolSpec(p nodePool) karpenter.NodePool {
	spec := karpenter.NodeSpec{
		NodeClassRef: karpenter.NodeClassRef{Group: "karpenter.k8s.aws", Kind: "EC2NodeClass", Name: p.name},
		Requirements: []karpenter.Requirement{
			{Key: "karpenter.sh/capacity-type", Operator: "In", Values: []string{p.capacity}},
			{Key: "kubernetes.io/arch", Operator: "In", Values: []string{"amd64"}},
			{Key: "node.kubernetes.io/instance-type", Operator: "In", Values: p.types},
		},
		ExpireAfter: "720h",
	}
	disruption := karpenter.Disruption{ConsolidationPolicy: "WhenEmptyOrUnderutilized", ConsolidateAfter: "60s"}
	limits := map[string]string{"cpu": strconv.Itoa(p.cpus), "memory": fmt.Sprintf("%dGi", p.gib)}
	labels := map[string]string{poolLabel: p.pool}
	if p.accelerated {
		spec.Taints = []karpenter.Taint{gpuTaint}
		spec.Requirements = append(spec.Requirements, karpenter.Requirement{
			Key: "karpenter.k8s.aws/instance-gpu-manufacturer", Operator: "In", Values: []string{"nvidia"},
		})
		disruption = karpenter.Disruption{ConsolidationPolicy: "WhenEmpty", ConsolidateAfter: "300s"}
		limits[gpuResource] = strconv.Itoa(p.accelerators)
		labels[poolLabel+"-accelerated"] = "true"
	}
	return karpenter.NodePool{
		Template:   karpenter.NodeTemplate{Metadata: karpenter.NodeMetadata{Labels: labels}, Spec: spec},
		Disruption: disruption, Limits: limits,
	}
}

// makeQueues makes a queue for each pool, in the namespace of the stack.
func (c *cluster) makeQueues() error {
	c.queues = map[string]pulumi.Resource{}
	left := quota(c.args.GPUQuota, c.pools)
	for _, pool := range poolNames(c.pools) {
		flavor, quotas := c.flavor(pool, &left)
		made, err := kueue.New(c.Context, c.Part(pool, "flavor"), object.Metadata{Name: pool}, flavor,
			c.inside(c.software[kueueChart])...)
		if err != nil {
			return err
		}
		queue, err := kueue.New(c.Context, c.Part(pool, "quota"), object.Metadata{Name: pool}, kueue.ClusterQueue{
			NamespaceSelector: kueue.Selector{MatchLabels: c.team()}, QueueingStrategy: "BestEffortFIFO",
			ResourceGroups: []kueue.ResourceGroup{quotas},
		}, c.inside(made)...)
		if err != nil {
			return err
		}
		local := object.Metadata{Name: pool, Namespace: c.space.Namespace()}
		c.queues[pool], err = kueue.New(c.Context, c.Part(pool, "queue"), local, kueue.LocalQueue{ClusterQueue: pool},
			c.inside(queue, c.space.Space())...)
		if err != nil {
			return err
		}
	}
	return nil
}

// labels are the tags of the cluster as labels of objects and nodes.
func (c *cluster) labels() map[string]string {
	labels := c.options.Scope.Tags(c.Layer, c.Component)
	labels["data-class"] = string(confidential)
	for key, value := range labels {
		labels[key] = object.LabelValue(value)
	}
	return labels
}

func (c *cluster) team() map[string]string { return map[string]string{teamLabel: c.options.Scope.Team} }

// flavor describes the nodes of a pool to Kueue, and how much of them may be used: accelerators no more than are left
// of the team's quota.
func (c *cluster) flavor(pool string, left *int) (kueue.ResourceFlavor, kueue.ResourceGroup) {
	flavor := kueue.ResourceFlavor{NodeLabels: map[string]string{poolLabel: pool}}
	cpus, gib, gpus := 0, 0, 0
	for _, p := range c.pools {
		if p.pool != pool {
			continue
		}
		cpus, gib, gpus = cpus+p.cpus, gib+p.gib, gpus+p.accelerators
		if p.accelerated {
			flavor.NodeTaints = []kueue.Taint{{Key: gpuTaint.Key, Value: gpuTaint.Value, Effect: gpuTaint.Effect}}
			flavor.Tolerations = []kueue.Toleration{{Key: gpuTaint.Key, Operator: "Exists", Effect: gpuTaint.Effect}}
		}
	}
	group := kueue.ResourceGroup{CoveredResources: []string{"cpu", "memory"}, Flavors: []kueue.FlavorQuotas{{
		Name: pool, Resources: []kueue.Quota{
			{Name: "cpu", NominalQuota: strconv.Itoa(cpus)}, {Name: "memory", NominalQuota: fmt.Sprintf("%dGi", gib)},
		},
	}}}
	if gpus > 0 {
		gpus = min(gpus, *left)
		*left -= gpus
		group.CoveredResources = append(group.CoveredResources, gpuResource)
		group.Flavors[0].Resources = append(group.Flavors[0].Resources,
			kueue.Quota{Name: gpuResource, NominalQuota: strconv.Itoa(gpus)})
	}
	return flavor, group
}
