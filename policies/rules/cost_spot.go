package rules

// spotAllocation are the strategies that look at how much capacity is left; lowest-price is interrupted first.
var spotAllocation = []string{
	"capacity-optimized", "capacity-optimized-prioritized", "price-capacity-optimized",
}

func spotSafe() Rule {
	const mixed = "mixedInstancesPolicy."
	return Rule{
		ID:    "COST-03",
		Title: "Spot machines are spread over types or zones, and carry nothing that must stay",
		Why: "One type in one zone is taken away all at once. What then stops must be able to: not the parts that run the " +
			"cluster, nor what keeps state.",
		Severity: Medium,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Matchers: []Matcher{
			{
				Type: scalingGroup,
				Paths: []string{
					mixed + "instancesDistribution.spotAllocationStrategy", mixed + "launchTemplate.overrides[].instanceType",
					mixed + "instancesDistribution.onDemandPercentageAboveBaseCapacity", "vpcZoneIdentifiers", "availabilityZones",
				},
				Check: func(c *Check) {
					// Default: all on demand.
					above := c.Get(mixed + "instancesDistribution.onDemandPercentageAboveBaseCapacity")
					if share, known := above.Number(); above.IsAbsent() || known && share >= 100 {
						return
					}
					c.OneOf(mixed+"instancesDistribution.spotAllocationStrategy", spotAllocation) // default: lowest-price
					c.spread(mixed+"launchTemplate.overrides", "vpcZoneIdentifiers", "availabilityZones")
				},
			}, {
				// Amazon EKS chooses the allocation itself.
				Type: eksNodeGroup, Paths: []string{"capacityType", "instanceTypes", "subnetIds", "taints"},
				Check: func(c *Check) {
					if is(c.Get("capacityType"), "SPOT") == No { // default: ON_DEMAND
						return
					}
					c.spread("instanceTypes", "subnetIds")
					if c.In(Prod) { // keeps away what does not say that it can be interrupted
						c.Set("taints")
					}
				},
			}, {
				// The taint that AKS adds by itself would be taken away by the next deployment that does not name it.
				Type: aksAgentPool, Paths: []string{"scaleSetPriority", "mode", "nodeTaints", "scaleSetEvictionPolicy"},
				Check: func(c *Check) {
					if is(c.Get("scaleSetPriority"), "Spot") == No { // default: Regular
						return
					}
					c.NoneOf("mode", []string{"System"}, AbsentOK)                       // default: User
					c.NoneOf("scaleSetEvictionPolicy", []string{"Deallocate"}, AbsentOK) // default: Delete; the other pays for disks
					c.Includes("nodeTaints", "kubernetes.azure.com/scalesetpriority=spot:NoSchedule")
				},
			},
		},
		Fix: "Name three instance types or two zones, take the strategy price-capacity-optimized, and taint spot " +
			"nodes.",
		Remediation: "None: which types the work can run on is for its owner to say.",
		Peers: "Spot Advisor: g6e.4xlarge >20 % interruption (2026-09-20); SkyPilot: p5 spot = on-demand price in " +
			"some AZs",
	}
}

// spread wants three types, or two zones in one of the lists.
func (c *Check) spread(types string, zones ...string) {
	enough := atLeastElements(c.Get(types), 3)
	for _, zone := range zones {
		enough = enough.Or(atLeastElements(c.Get(zone), 2))
	}
	c.owe(Yes, enough, types, "three machine types or two zones")
}

// atLeastElements tells whether a list has so many elements.
func atLeastElements(v Value, n int) Tri {
	return triOf(v.Kind() == List && v.Len() >= n).Or(triOf(v.IsUnknown()).And(Maybe))
}

// dearEndpointUSD is the monthly cost from which another kind of endpoint is worth the work of trying it.
const dearEndpointUSD = 1000

func endpointsFit() Rule {
	const (
		endpoint = "aws:sagemaker/endpoint:Endpoint"
		size     = "productionVariants[].instanceType"
		count    = "productionVariants[].initialInstanceCount"
	)
	return Rule{
		ID:    "COST-18",
		Title: "Dear endpoints are worth another look: serverless, asynchronous, several models in one, or Inferentia",
		Why: "A machine that waits for requests costs as much as one that works. SageMaker asks a quarter more than EC2 " +
			"for " +
			"the same machine.",
		Severity: Info,
		Levels:   Levels{Off, Advisory, Advisory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{
				Type: sagemakerEndpoint, Paths: []string{size, count},
				Check: func(c *Check) {
					c.reads(endpoint, "endpointConfigName")
					cost, known := costOf(c, endpoint)
					switch gpu := hasAccelerators(c, size); {
					case known && cost > dearEndpointUSD:
						c.Fail("productionVariants", "cost %.0f USD a month as estimated, want a look at serverless, asynchronous, "+
							"multi-model or Inferentia above %d", cost, dearEndpointUSD)
					case known:
						c.Pass()
					case gpu == Maybe:
						c.Unsure("productionVariants", "have machines that are not known yet")
					case gpu == Yes:
						// Without an estimate: two machines with accelerators are above the bound at any price of today.
						c.Expect(count, "one, or a look at serverless, asynchronous, multi-model or Inferentia", func(v Value) bool {
							n, ok := v.Number()
							return ok && n <= 1
						}, AbsentOK)
					}
				},
			},
			{Type: endpoint, Paths: []string{"endpointConfigName"}},
		},
		Fix: "Compare in docs/cost.md, try the cheaper kind in stage, and waive the rule with the reason where it " +
			"does not fit.",
		Remediation: "None: another kind of endpoint answers at another speed.",
		Peers:       "none; SageMaker uplift over EC2 is +25 % for ml.g6e.2xlarge",
	}
}

// costOf is the estimate of a resource and of those that carry it out.
func costOf(c *Check, by string) (usd float64, known bool) {
	if c.Stack.Cost == nil {
		return 0, false
	}
	usd, known = c.Stack.Cost.ByURN[c.Resource.URN]
	for _, r := range c.Graph.Links(c.Resource, by, "endpointConfigName").Found {
		more, ok := c.Stack.Cost.ByURN[r.URN]
		usd, known = usd+more, known || ok
	}
	return usd, known
}
