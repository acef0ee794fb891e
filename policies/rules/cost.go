package rules

import "strings"

// costRules are the rules on cost that need no estimate, or only use one that is there. Those on the estimate itself
// are COST-10 and COST-11.
func costRules() []Rule {
	return []Rule{
		sizesAllowed(), acceleratorsIdle(), spotSafe(), growthBounded(), idleInDev(), idleStops(), bucketsTidy(),
		gatewaysFew(), budgetThere(), generationsNew(), queriesBounded(), devExpires(), commitmentsAdvised(),
		nothingLoose(), transferShort(), endpointsFit(), functionsBounded(),
	}
}

const (
	eksNodeGroup = "aws:eks/nodeGroup:NodeGroup"
	scalingGroup = "aws:autoscaling/group:Group"
	ec2Instance  = "aws:ec2/instance:Instance"
	gkeNodePool  = "gcp:container/nodePool:NodePool"
	gceInstance  = "gcp:compute/instance:Instance"
	aksAgentPool = "azure-native:containerservice:AgentPool"
	mlCompute    = "azure-native:machinelearningservices:Compute"
	cloudRun     = "gcp:cloudrunv2/service:Service"
	containerApp = "azure-native:app:ContainerApp"
	emrCluster   = "aws:emr/cluster:Cluster"
	workgroup    = "aws:redshiftserverless/workgroup:Workgroup"
)

// is tells whether a value is one of some: Maybe where it is not known yet, No where it is absent.
func is(v Value, wanted ...any) Tri {
	found := triOf(v.IsUnknown()).And(Maybe)
	for _, want := range wanted {
		found = found.Or(triOf(equal(v, Of(want))))
		text, isText := want.(string)
		has, ok := v.Text()
		found = found.Or(triOf(isText && ok && strings.EqualFold(text, has)))
	}
	return found
}

// absent tells whether nothing is given.
func absent(v Value) Tri { return triOf(v.IsAbsent()) }

// owe says that one of several things is wanted where something is the case.
func (c *Check) owe(when, either Tri, path, wanted string) {
	switch {
	case when == No:
	case either == Yes:
		c.Pass()
	case when == Maybe || either == Maybe:
		c.Unsure(path, "is not known yet, want %s", wanted)
	default:
		c.Fail(path, "is none of %s", wanted)
	}
}
