package rules

import "strings"

// machine says where a type keeps the machines that it starts.
type machine struct {
	// in is the list or the mapping that holds them; "" for the resource itself.
	in string
	// size and count are paths from there. No count means one.
	size, count string
	// guests is the path of the number of accelerators that are added to the machine; "" where there is none.
	guests string
}

// machines are the types that start machines.
var machines = []struct {
	typ       string
	unchecked bool
	machines  []machine
}{
	{typ: ec2Instance, machines: []machine{{size: "instanceType"}}},
	{typ: "aws:ec2/launchTemplate:LaunchTemplate", machines: []machine{{size: "instanceType"}}},
	{typ: eksNodeGroup, machines: []machine{{size: "instanceTypes[]", count: "scalingConfig.maxSize"}}},
	{typ: "aws:sagemaker/notebookInstance:NotebookInstance", machines: []machine{{size: "instanceType"}}},
	{typ: sagemakerEndpoint, machines: []machine{
		{in: "productionVariants[]", size: "instanceType", count: "initialInstanceCount"},
	}},
	{typ: emrCluster, machines: []machine{
		{size: "masterInstanceGroup.instanceType", count: "masterInstanceGroup.instanceCount"},
		{size: "coreInstanceGroup.instanceType", count: "coreInstanceGroup.instanceCount"},
	}},
	// How many nodes are too many is for COST-10 to say, in money.
	{typ: redshiftCluster, machines: []machine{{size: "nodeType"}}},
	{typ: rdsInstance, machines: []machine{{size: "instanceClass"}}},
	{typ: gceInstance, machines: []machine{{size: "machineType", guests: "guestAccelerators[].count"}}},
	{typ: gkeNodePool, machines: []machine{{
		size: "nodeConfig.machineType", count: "autoscaling.maxNodeCount", guests: "nodeConfig.guestAccelerators[].count",
	}}},
	{typ: "gcp:workbench/instance:Instance", machines: []machine{{
		size: "gceSetup.machineType", guests: "gceSetup.acceleratorConfigs[].coreCount",
	}}},
	{typ: aksAgentPool, machines: []machine{{size: "vmSize", count: "count"}}},
	{typ: mlCompute, unchecked: true, machines: []machine{{size: "properties.properties.vmSize"}}},
}

func sizesAllowed() Rule {
	var matchers []Matcher
	for _, at := range machines {
		m := Matcher{Type: at.typ, Unchecked: at.unchecked, Check: func(c *Check) {
			for _, m := range at.machines {
				m.judge(c)
			}
		}}
		for _, machine := range at.machines {
			for _, path := range []string{machine.size, machine.count, machine.guests} {
				if path != "" {
					m.Paths = append(m.Paths, strings.TrimSuffix(joinPaths(machine.in, path), "[]"))
				}
			}
		}
		matchers = append(matchers, m)
	}
	return Rule{
		ID:    "COST-01",
		Title: "Machines are of allowed sizes, and no group has more accelerators than the stack may have",
		Why: "The largest machine costs thousands of times the smallest. A slip in one word of a stack file is otherwise " +
			"seen " +
			"on the bill.",
		Severity: High,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: matchers,
		Fix: "Choose a machine from the stack's allowed sizes, or add it there and its accelerators to " +
			"maxAccelerators.",
		Remediation: "None: another machine may be too small for the work.",
		Peers:       "Sentinel/OPA tutorials (hosted); cdk-nag none; Checkov none",
	}
}

func (m *machine) judge(c *Check) {
	root := []Item{{Value: c.Resource.Properties}}
	if m.in != "" {
		root = c.Each(m.in)
	}
	for _, in := range root {
		for _, path := range []string{m.size, m.count, m.guests} {
			if path != "" {
				c.read(joinPaths(m.in, path))
			}
		}
		sizes := in.within(m.size)
		for _, size := range sizes {
			// Not given: the launch template says it, a serverless variant has none, or the smallest is the default.
			if len(c.Stack.AllowedSizes) > 0 {
				c.expect(size, "one of the allowed sizes "+strings.Join(c.Stack.AllowedSizes, ", "), func(v Value) bool {
					text, _ := v.Text()
					return allowedSize(c.Stack, text)
				}, []Option{AbsentOK})
			}
			m.cap(c, in, size)
		}
	}
}

func allowedSize(s *Stack, size string) bool {
	size = size[strings.LastIndex(size, "/")+1:]
	for _, allowed := range s.AllowedSizes {
		if glob(allowed, size) {
			return true
		}
	}
	return false
}

// cap bounds the accelerators of one machine, or of a group of as many as it may have.
func (m *machine) cap(c *Check, in, size Item) {
	limit := c.Stack.MaxAccelerators
	each, has := acceleratorsOf(size.Value)
	if m.guests != "" {
		for _, guest := range in.within(m.guests) {
			n, _ := guest.Number()
			each, has = each+int(n), has.Or(triOf(n > 0)).Or(triOf(guest.IsUnknown()).And(Maybe))
		}
	}
	count, path := Of(1), size.Path
	if m.count != "" && !in.at(m.count).IsAbsent() {
		count, path = in.at(m.count).Value, in.at(m.count).Path
	}
	number, known := count.Number()
	switch {
	case limit <= 0 || has == No:
	case has == Maybe || !known:
		c.Unsure(path, "is not known yet, want no more than %d accelerators", limit)
	case float64(each)*number > float64(limit):
		c.Fail(path, "is %s with %d accelerators each, want no more than %d in all", count, each, limit)
	default:
		c.Pass()
	}
}

// hasAccelerators tells whether one of the machine types at a path has accelerators.
func hasAccelerators(c *Check, path string) Tri {
	found := No
	for _, item := range c.Each(path) {
		_, has := acceleratorsOf(item.Value)
		found = found.Or(has)
	}
	return found
}

// anyGuests tells whether accelerators are added to a machine.
func anyGuests(c *Check, path string) Tri {
	v := c.Get(path)
	return triOf(!v.Empty()).Or(triOf(v.IsUnknown()).And(Maybe))
}

func acceleratorsIdle() Rule {
	const schedule = "aws:autoscaling/schedule:Schedule"
	wanted := "spot, a schedule, or zero machines when idle"
	gpu := func(typ string, paths []string, check func(c *Check) (gpu, cheap Tri)) Matcher {
		return Matcher{Type: typ, Paths: paths, Unchecked: typ == mlCompute, Check: func(c *Check) {
			has, cheap := check(c)
			c.owe(has, cheap, "", wanted)
		}}
	}
	const mixed = "mixedInstancesPolicy."
	const ml = "properties.properties."
	return Rule{
		ID:    "COST-02",
		Title: "In dev and stage, accelerators are on spot, on a schedule, or gone when idle",
		Why: "One forgotten machine with eight accelerators costs as much in a month as a small car. In dev nobody needs " +
			"it at " +
			"night.",
		Severity: High,
		Levels:   Levels{Mandatory, Advisory, Off},
		Scope:    OnStack,
		Matchers: []Matcher{
			gpu(eksNodeGroup, []string{"instanceTypes", "capacityType", "scalingConfig.minSize"}, func(c *Check) (Tri, Tri) {
				return hasAccelerators(c, "instanceTypes[]"),
					is(c.Get("capacityType"), "SPOT").Or(is(c.Get("scalingConfig.minSize"), 0))
			}),
			gpu(scalingGroup, []string{
				mixed + "launchTemplate.overrides[].instanceType", "minSize",
				mixed + "instancesDistribution.onDemandPercentageAboveBaseCapacity",
				mixed + "instancesDistribution.onDemandBaseCapacity",
			}, func(c *Check) (Tri, Tri) {
				scheduled, certain := c.HasSatellite(schedule, "autoscalingGroupName")
				base := c.Get(mixed + "instancesDistribution.onDemandBaseCapacity")                 // default: 0
				above := c.Get(mixed + "instancesDistribution.onDemandPercentageAboveBaseCapacity") // default: 100
				return hasAccelerators(c, mixed+"launchTemplate.overrides[].instanceType"),
					is(c.Get("minSize"), 0).Or(is(above, 0).And(is(base, 0).Or(absent(base)))).
						Or(triOf(scheduled)).Or(triOf(!certain).And(Maybe))
			}),
			{Type: schedule, Paths: []string{"autoscalingGroupName"}},
			gpu(ec2Instance, []string{"instanceType", "instanceMarketOptions.marketType"}, func(c *Check) (Tri, Tri) {
				return hasAccelerators(c, "instanceType"), is(c.Get("instanceMarketOptions.marketType"), "spot")
			}),
			gpu("aws:batch/computeEnvironment:ComputeEnvironment", []string{
				"computeResources.instanceTypes", "computeResources.type", "computeResources.minVcpus",
			}, func(c *Check) (Tri, Tri) {
				idle := c.Get("computeResources.minVcpus") // default: 0
				return hasAccelerators(c, "computeResources.instanceTypes[]"),
					is(c.Get("computeResources.type"), "SPOT", "FARGATE_SPOT").Or(is(idle, 0)).Or(absent(idle))
			}),
			gpu("aws:emr/instanceFleet:InstanceFleet", []string{
				"instanceTypeConfigs[].instanceType", "targetOnDemandCapacity",
			}, func(c *Check) (Tri, Tri) {
				onDemand := c.Get("targetOnDemandCapacity") // default: 0
				return hasAccelerators(c, "instanceTypeConfigs[].instanceType"), is(onDemand, 0).Or(absent(onDemand))
			}),
			gpu(gkeNodePool, []string{
				"nodeConfig.machineType", "nodeConfig.guestAccelerators", "nodeConfig.spot", "nodeConfig.preemptible",
				"autoscaling.minNodeCount", "autoscaling.totalMinNodeCount",
			}, func(c *Check) (Tri, Tri) {
				return hasAccelerators(c, "nodeConfig.machineType").Or(anyGuests(c, "nodeConfig.guestAccelerators")),
					is(c.Get("nodeConfig.spot"), true).Or(is(c.Get("nodeConfig.preemptible"), true)).
						Or(is(c.Get("autoscaling.minNodeCount"), 0)).Or(is(c.Get("autoscaling.totalMinNodeCount"), 0))
			}),
			gpu(gceInstance, []string{
				"machineType", "guestAccelerators", "scheduling.provisioningModel", "scheduling.preemptible", "resourcePolicies",
			}, func(c *Check) (Tri, Tri) {
				return hasAccelerators(c, "machineType").Or(anyGuests(c, "guestAccelerators")),
					is(c.Get("scheduling.provisioningModel"), "SPOT").Or(is(c.Get("scheduling.preemptible"), true)).
						Or(c.Given("resourcePolicies")) // where instances get their schedule
			}),
			// Clusters of Dataproc are on demand for their first workers: only an end makes them cheap.
			gpu("gcp:dataproc/cluster:Cluster", []string{
				"clusterConfig.workerConfig.accelerators", "clusterConfig.lifecycleConfig.idleDeleteTtl",
			}, func(c *Check) (Tri, Tri) {
				return anyGuests(c, "clusterConfig.workerConfig.accelerators"),
					c.Given("clusterConfig.lifecycleConfig.idleDeleteTtl")
			}),
			gpu(aksAgentPool, []string{
				"vmSize", "scaleSetPriority", "enableAutoScaling", "minCount",
			}, func(c *Check) (Tri, Tri) {
				return hasAccelerators(c, "vmSize"), is(c.Get("scaleSetPriority"), "Spot").
					Or(is(c.Get("minCount"), 0).And(is(c.Get("enableAutoScaling"), true)))
			}),
			gpu(mlCompute, []string{ml + "vmSize", ml + "vmPriority", ml + "scaleSettings.minNodeCount"},
				func(c *Check) (Tri, Tri) {
					idle := c.Get(ml + "scaleSettings.minNodeCount") // default: 0
					return hasAccelerators(c, ml+"vmSize"),
						is(c.Get(ml+"vmPriority"), "LowPriority").Or(is(idle, 0)).Or(absent(idle))
				}),
		},
		Fix:         "Set the minimum to 0, take spot capacity, or add a schedule that ends the machines at night.",
		Remediation: "None: work that was not written for spot is lost at the first interruption.",
		Peers:       "none of the static peers; Karpenter/SkyPilot do it at runtime",
	}
}
