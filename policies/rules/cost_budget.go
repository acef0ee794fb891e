package rules

func budgetThere() Rule {
	const (
		awsBudget    = "aws:budgets/budget:Budget"
		gcpBudget    = "gcp:billing/budget:Budget"
		azureBudget  = "azure-native:consumption:Budget"
		monitor      = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
		subscription = "aws:costexplorer/anomalySubscription:AnomalySubscription"
	)
	return Rule{
		ID:    "COST-09",
		Title: "Every stack has a budget that tells somebody in time, not above what the stack may cost",
		Why: "The bill comes once a month. A stolen key, or a job that starts itself over and over, spends a year's money " +
			"before " +
			"that.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Scope:    OnStack,
		Stack: func(c *Check) {
			for _, has := range []struct {
				cloud Cloud
				typ   string
			}{{AWS, awsBudget}, {GCP, gcpBudget}, {Azure, azureBudget}} {
				switch {
				case !c.Graph.Has(has.cloud):
				case !c.Graph.HasType(has.typ):
					c.Fail("", "has no budget on %s, want a %s", has.cloud, has.typ)
				}
			}
		},
		Matchers: []Matcher{
			{
				Type: awsBudget, Paths: []string{"limitAmount", "notifications[].threshold"},
				Check: func(c *Check) {
					withinCeiling(c, "limitAmount")
					alerts(c, "notifications", "notifications[].threshold")
				},
			}, {
				Type: gcpBudget,
				Paths: []string{
					"amount.specifiedAmount.units", "amount.lastPeriodAmount", "thresholdRules[].thresholdPercent",
				},
				Check: func(c *Check) {
					if is(c.Get("amount.lastPeriodAmount"), true) == No { // the amount of the month before is no ceiling
						withinCeiling(c, "amount.specifiedAmount.units")
					} else {
						c.Fail("amount.lastPeriodAmount", "grows with what was spent, want specifiedAmount")
					}
					alerts(c, "thresholdRules", "thresholdRules[].thresholdPercent")
				},
			}, {
				Type: azureBudget, Paths: []string{"amount", "notifications"},
				Check: func(c *Check) {
					withinCeiling(c, "amount")
					c.Set("notifications")
					notifications := c.Get("notifications")
					for _, key := range notifications.Keys() {
						item := Item{Value: notifications.Key(key).Key("enabled"), Path: join("notifications", key) + ".enabled"}
						c.expect(item, "true", isBool(true), nil)
					}
				},
			}, {
				// A monitor that nobody subscribed to finds what nobody hears of.
				Type: monitor, Check: func(c *Check) {
					if c.Satellites(subscription, "monitorArnLists[]", "has no AnomalySubscription") != nil {
						c.Pass()
					}
				},
			},
			{Type: subscription, Paths: []string{"monitorArnLists[]"}},
		},
		Fix: "Add a budget with the stack's monthlyBudgetUSD, and alerts at 50, 80 and 100 % to somebody who reads " +
			"them.",
		Remediation: "None: it takes a resource of its own, and somebody who is told.",
		Peers:       "ZERO rules in Checkov, Trivy, compliance-policies, cdk-nag; no budget/cost path in prowler either",
	}
}

// withinCeiling wants an amount that is not above what the stack may cost.
func withinCeiling(c *Check, path string) {
	if c.Stack.MonthlyBudgetUSD > 0 {
		c.Between(path, 0, c.Stack.MonthlyBudgetUSD)
		return
	}
	c.Set(path)
}

func alerts(c *Check, list, threshold string) {
	if c.Set(list) {
		c.AtLeast(threshold, 0.01)
	}
}

// steadyShare is the part of the cost that a commitment should cover: below it the saving is not worth being bound.
const steadyShare = 0.3

func commitmentsAdvised() Rule {
	return Rule{
		ID:    "COST-15",
		Title: "Machines that run all month are bought for a year",
		Why: "A commitment of one year takes a third off the price of a machine that runs anyway; one of three years " +
			"almost two " +
			"thirds (Google Cloud a2-highgpu-1g, 2025-03-06).",
		Severity: Info,
		Levels:   Levels{Off, Off, Advisory},
		Scope:    OnStack,
		Stack: func(c *Check) {
			cost := c.Stack.Cost
			if cost == nil || cost.ExpectedUSD <= 0 { // nothing to compare: COST-10 says so
				return
			}
			if share := cost.SteadyOnDemandUSD / cost.ExpectedUSD; share >= steadyShare {
				c.Fail("", "spends %.0f of %.0f USD a month on machines that run all month at the on-demand price (%.0f %%), "+
					"want a look at savings plans or committed use", cost.SteadyOnDemandUSD, cost.ExpectedUSD, 100*share)
				return
			}
			c.Pass()
		},
		Fix: "Buy a savings plan, reserved capacity or committed use for what runs all month, and waive the rule " +
			"until it ends.",
		Remediation: "None: a commitment is a contract.",
		Peers:       "GCP a2-highgpu-1g 1-y CUD = 63 % and 3-y = 35 % of on-demand (Cyclenerd 2025-03-06)",
	}
}

func functionsBounded() Rule {
	const provisioned = "provisionedConcurrentExecutions"
	return Rule{
		ID:    "COST-19",
		Title: "Functions are bounded in memory, time and number",
		Why: "A function that triggers itself runs thousands of times at once within a minute. Memory that is not used is " +
			"paid " +
			"for with each call.",
		Severity: Low,
		Levels:   Levels{Advisory, Advisory, Advisory},
		Matchers: []Matcher{
			{
				Type: "aws:lambda/function:Function",
				Paths: []string{
					"memorySize", "timeout", "reservedConcurrentExecutions", "architectures", "packageType", "imageUri",
				},
				Check: func(c *Check) {
					c.AtMost("memorySize", functionMemory(c), AbsentOK) // default: 128
					c.AtMost("timeout", 900, AbsentOK)                  // default: 3
					c.AtLeast("reservedConcurrentExecutions", 0)        // default: all that the account has
					// ARM costs a fifth less. An image is built for one processor, an archive mostly runs on both.
					if is(c.Get("packageType"), "Image") == No && c.Get("imageUri").IsAbsent() {
						c.Includes("architectures", "arm64") // default: x86_64
					}
				},
			}, {
				Type: "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig", Paths: []string{provisioned},
				Check: func(c *Check) {
					if c.In(Dev) {
						c.Fail(provisioned, "is %s, want none in dev: it is paid for when nobody calls", c.Get(provisioned))
						return
					}
					c.Between(provisioned, 1, 100)
				},
			}, {
				Type: "gcp:cloudfunctionsv2/function:Function", Paths: []string{"serviceConfig.maxInstanceCount"},
				Check: func(c *Check) { c.Between("serviceConfig.maxInstanceCount", 1, 100) }, // default: 100, or more
			},
		},
		Fix: "Set reservedConcurrentExecutions (Google Cloud: maxInstanceCount), and no more memory than a " +
			"measurement asks for.",
		Remediation: "None: a bound that is too low loses events.",
		Controls:    "HIPAA 164.312(b); NIST SC-6, AU-12(3)",
		Peers:       "Checkov CKV_AWS_115",
	}
}

// functionMemory is the most memory for a function, in MiB.
func functionMemory(c *Check) float64 {
	if c.In(Dev) {
		return 4096
	}
	return 10240
}
