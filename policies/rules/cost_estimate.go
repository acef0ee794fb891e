package rules

import "math"

// costEstimateRules are the rules that compare the estimate of the monthly cost with what the stack's file allows. The
// estimate is made outside and reaches them as Stack.Cost.
func costEstimateRules() []Rule {
	return []Rule{costWithinBudget(), costIncreaseWithinLimit()}
}

func costWithinBudget() Rule {
	return Rule{
		ID: "COST-10", Title: "The expected cost is within the stack's monthly budget, and the cloud's budget agrees",
		Why: "A budget in the cloud tells when the money is spent. The estimate tells before anything is made, and the " +
			"two help only where they name the same amount.",
		Severity: High, Levels: Levels{Advisory, Mandatory, Mandatory}, Scope: OnStack,
		Stack: judgeExpectedCost,
		Matchers: []Matcher{
			{
				Type: "aws:budgets/budget:Budget", Paths: []string{"limitAmount"},
				Check: agreesWithBudget("limitAmount"),
			},
			{
				Type: "gcp:billing/budget:Budget", Paths: []string{"amount.specifiedAmount.units"},
				Check: agreesWithBudget("amount.specifiedAmount.units"),
			},
			{
				Type: "azure-native:consumption:Budget", Paths: []string{"amount"},
				Check: agreesWithBudget("amount"),
			},
		},
		Fix: "Take the dearest lines of the plan's cost down, or raise monthlyBudgetUSD in the stack's file and " +
			"the " +
			"budget's amount with it.",
		Remediation: "None: only a person can say what the money is worth.",
	}
}

// judgeExpectedCost compares the estimate with the budget. What has no price is not in the sum: the message counts it.
func judgeExpectedCost(c *Check) {
	budget, cost := c.Stack.MonthlyBudgetUSD, c.Stack.Cost
	switch {
	case budget <= 0:
	case cost == nil:
		c.Unsure("", "the cost was not estimated, so that it can not be compared with the budget of %.2f USD a month", budget)
	case cost.ExpectedUSD > budget:
		c.Fail("", "the expected cost is %.2f USD a month, want at most the %.2f of monthlyBudgetUSD; in it is not what "+
			"has no price, of %s", cost.ExpectedUSD, budget, plural(cost.Unpriced, "resource"))
	default:
		c.Pass()
	}
}

// budgetTolerance is how far the two amounts may be apart: budgets are whole numbers in some clouds.
const budgetTolerance = 1

// agreesWithBudget wants the amount of a cloud's budget to be the one of the stack's file, where that names one.
func agreesWithBudget(path string) CheckFunc {
	return func(c *Check) {
		if c.Stack.MonthlyBudgetUSD <= 0 {
			return
		}
		v := c.Get(path)
		amount, ok := v.Number()
		switch {
		case v.IsUnknown():
			c.Unsure(path, "is not known yet, want the %.2f of monthlyBudgetUSD", c.Stack.MonthlyBudgetUSD)
		case !ok || math.Abs(amount-c.Stack.MonthlyBudgetUSD) >= budgetTolerance:
			c.Fail(path, "is %s, want the %.2f of monthlyBudgetUSD", v, c.Stack.MonthlyBudgetUSD)
		default:
			c.Pass()
		}
	}
}

func costIncreaseWithinLimit() Rule {
	return Rule{
		ID: "COST-11", Title: "A change adds no more to the monthly cost than the stack allows",
		Why: "One line of a stack file can add a machine for a thousand dollars a month. Who approves the change should " +
			"see that first.",
		Severity: High, Levels: Levels{Advisory, Advisory, Mandatory}, Scope: OnStack,
		Stack: judgeCostIncrease,
		Fix: "Take the increase back, or raise maxCostIncreaseUSD for this change and waive the finding with the " +
			"name of " +
			"who agreed.",
		Remediation: "None: only a person can say what the money is worth.",
	}
}

// judgeCostIncrease compares the estimate with that of the earlier plan. Without one there is no change to judge.
func judgeCostIncrease(c *Check) {
	limit, cost := c.Stack.MaxCostIncreaseUSD, c.Stack.Cost
	switch {
	case limit <= 0:
	case cost == nil:
		c.Unsure("", "the cost was not estimated, so that the limit of %.2f USD a month can not be judged", limit)
	case cost.BaselineUSD == nil:
	case cost.ExpectedUSD-*cost.BaselineUSD > limit:
		c.Fail("", "the expected cost goes from %.2f to %.2f USD a month, want an increase of at most the %.2f of "+
			"maxCostIncreaseUSD", *cost.BaselineUSD, cost.ExpectedUSD, limit)
	default:
		c.Pass()
	}
}
