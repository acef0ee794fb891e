package cost

import (
	"strconv"
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
)

const (
	launchTemplate = "aws:ec2/launchTemplate:LaunchTemplate"
	karpenterPool  = "kubernetes:karpenter.sh/v1:NodePool"
)

// awsCompute are clusters, machines and functions.
var awsCompute = map[string]model{
	"aws:eks/cluster:Cluster": func(p *pricer) {
		p.always("control plane", "eks", "control plane standard support", HoursPerMonth)
	},
	"aws:eks/nodeGroup:NodeGroup": nodeGroup,
	"aws:eks/fargateProfile:FargateProfile": func(p *pricer) {
		p.unpriced("", "its pods are not known before they run")
	},
	karpenterPool:                  karpenterNodes,
	"aws:ec2/instance:Instance":    instance,
	"aws:autoscaling/group:Group":  autoscalingGroup,
	"aws:lambda/function:Function": lambdaFunction,
	"aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": provisionedConcurrency,
	"aws:batch/computeEnvironment:ComputeEnvironment":                      batchEnvironment,
}

// nodeGroup takes the dearest of its instance types that the table knows: any of them may come.
func nodeGroup(p *pricer) {
	low, high := p.number("scalingConfig.minSize", 0), p.number("scalingConfig.maxSize", 1)
	hours := p.scaled(low, high, "nodeHours")
	p.fleet("nodes", p.instanceTypes("instanceTypes[]"), p.text("capacityType", "ON_DEMAND") == "SPOT", hours)
	disk := p.number("diskSize", 20)
	p.line("disks of the nodes", "ebs", "gp3", hours.times(disk/HoursPerMonth))
}

// instanceTypes reads a list of types from the resource, or else from the launch template that it refers to.
func (p *pricer) instanceTypes(path string) []string {
	types := texts(p.resource.Properties.Each(path))
	for _, template := range p.graph.Refers(p.resource, "launchTemplate", launchTemplate) {
		if name, ok := template.Properties.Get("instanceType").Text(); ok {
			types = append(types, name)
		}
	}
	if len(types) == 0 && p.resource.Type == "aws:eks/nodeGroup:NodeGroup" {
		types = []string{"t3.medium"} // the default of EKS
	}
	return types
}

func texts(items []rules.Item) []string {
	var all []string
	for _, item := range items {
		if text, ok := item.Text(); ok {
			all = append(all, text)
		}
	}
	return all
}

// fleet bills hours of one of several machine types: the dearest that has a price.
func (p *pricer) fleet(what string, types []string, spot bool, hours Amount) {
	if hours == (Amount{}) {
		return
	}
	dearest, usd := "", 0.0
	for _, typ := range types {
		if row, ok := p.find("ec2-ondemand", typ); ok && row.USD > usd {
			dearest, usd = typ, row.USD
		}
	}
	switch {
	case dearest == "":
		p.unpriced(what, "the table has no price for any of the machines "+strings.Join(types, ", "))
	case spot:
		p.spot(what, dearest, hours)
	default:
		p.machine(what, dearest, hours, "ec2-ondemand")
	}
}

func instance(p *pricer) {
	hours := Amount{HoursPerMonth, HoursPerMonth, HoursPerMonth}
	spot := p.text("instanceMarketOptions.marketType", "") == "spot"
	p.fleet("machine", []string{p.text("instanceType", "")}, spot, hours)
	p.always("root volume", "ebs", p.text("rootBlockDevice.volumeType", "gp2"),
		p.number("rootBlockDevice.volumeSize", 8))
}

// autoscalingGroup with a schedule of its own that stops it is up in working hours only.
func autoscalingGroup(p *pricer) {
	low, high := p.number("minSize", 0), p.number("maxSize", 1)
	hours := p.scaled(low, high, "nodeHours")
	if p.stopped() {
		share := min(p.use("workingHours")/HoursPerMonth, 1)
		hours.Idle, hours.Expected = hours.Idle*share, hours.Expected*share
	}
	types := p.instanceTypes("mixedInstancesPolicy.launchTemplate.overrides[].instanceType")
	for _, template := range p.graph.Refers(p.resource, "mixedInstancesPolicy", launchTemplate) {
		if name, ok := template.Properties.Get("instanceType").Text(); ok {
			types = append(types, name)
		}
	}
	onDemand := p.number("mixedInstancesPolicy.instancesDistribution.onDemandPercentageAboveBaseCapacity", 100)
	p.fleet("machines", types, onDemand == 0, hours)
}

// stopped reports whether a schedule sets the group to nothing.
func (p *pricer) stopped() bool {
	for _, schedule := range p.graph.Links(p.resource, "aws:autoscaling/schedule:Schedule", "autoscalingGroupName").Found {
		if n, ok := schedule.Properties.Get("desiredCapacity").Number(); ok && n == 0 {
			return true
		}
	}
	return false
}

func lambdaFunction(p *pricer) {
	memoryGB := p.number("memorySize", 128) / 1024
	runs := p.use("invocations") * 1000
	seconds := runs * p.use("functionSeconds")
	sku := "duration x86 tier1"
	if items := texts(p.resource.Properties.Each("architectures[]")); len(items) > 0 && items[0] == "arm64" {
		sku = "duration arm64 tier1"
	}
	used := memoryGB * seconds
	limit := p.number("reservedConcurrentExecutions", -1)
	if limit < 0 {
		p.usage("run time", "lambda", sku, used)
	} else {
		p.line("run time", "lambda", sku, Amount{0, used, max(used, limit*memoryGB*HoursPerMonth*3600)})
	}
	p.use("invocations")
	p.usage("runs", "lambda", "requests", runs/1e6)
}

func provisionedConcurrency(p *pricer) {
	memoryGB := 128.0 / 1024
	for _, function := range p.graph.Refers(p.resource, "functionName", "aws:lambda/function:Function") {
		if n, ok := function.Properties.Get("memorySize").Number(); ok {
			memoryGB = n / 1024
		}
	}
	count := p.number("provisionedConcurrentExecutions", 1)
	p.always("environments kept warm", "lambda", "provisioned concurrency x86",
		count*memoryGB*HoursPerMonth*3600)
}

// batchEnvironment on Fargate is billed by its vCPUs; on machines the types are not known before a job asks.
func batchEnvironment(p *pricer) {
	cpus, jobHours := p.number("computeResources.maxVcpus", 1), p.use("batchHours")
	kind := p.text("computeResources.type", "EC2")
	if !strings.HasPrefix(kind, "FARGATE") {
		p.unpriced("machines of jobs", "which machines come depends on the jobs")
		return
	}
	hours := Amount{0, cpus * jobHours, cpus * HoursPerMonth}
	p.line("vCPUs of jobs", "fargate", "vcpu", hours)
	p.line("memory of jobs, 2 GB for each vCPU", "fargate", "memory", hours.times(2))
}

// karpenterNodes reads which machines a pool of Karpenter may start and how many its limits allow.
func karpenterNodes(p *pricer) {
	p.as = "aws"
	var types, capacity []string
	for _, r := range p.resource.Properties.Each("spec.template.spec.requirements[]") {
		key, _ := r.Get("key").Text()
		values := texts(r.Each("values[]"))
		switch key {
		case "node.kubernetes.io/instance-type":
			types = values
		case "karpenter.sh/capacity-type":
			capacity = values
		}
	}
	if len(types) == 0 {
		p.unpriced("nodes", "the pool names no instance types")
		return
	}
	nodes, ok := p.limit("nodes")
	if !ok {
		nodes, ok = p.limit("nvidia.com/gpu")
	}
	if !ok {
		p.unpriced("nodes", "the pool has no limit of nodes or accelerators, so that their number is not known")
		return
	}
	spot := len(capacity) == 1 && capacity[0] == "spot"
	p.fleet("nodes", types, spot, p.scaled(0, nodes, "nodeHours"))
}

// limit of a pool: a number, or a quantity of Kubernetes that is a whole number.
func (p *pricer) limit(key string) (float64, bool) {
	v := p.resource.Properties.Get("spec.limits").Key(key)
	if n, ok := v.Number(); ok {
		return n, true
	}
	text, _ := v.Text()
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}
