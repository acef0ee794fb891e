package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// BudgetArgs describe how much a stack may cost.
type BudgetArgs struct {
	// MonthlyUSD is the budget of a month in US dollars, above 0. Required.
	MonthlyUSD float64 `pulumi:"monthlyUSD"`
	// AlertPercents are the shares of the budget at which receivers are told, 1 to 200, rising. Default 50, 80, 100.
	AlertPercents []int `pulumi:"alertPercents"`
	// Receivers are e-mail addresses; at least one.
	Receivers []string `pulumi:"receivers"`
	// Anomalies tells receivers about unusual costs as well, where the platform can. Default on.
	Anomalies *bool `pulumi:"anomalies"`
}

func (a *BudgetArgs) setDefaults(Scope) {
	if len(a.AlertPercents) == 0 {
		a.AlertPercents = []int{50, 80, 100}
	}
	setDefaultPtr(&a.Anomalies, true)
}

func (a *BudgetArgs) validate(c *checker) {
	if a.MonthlyUSD <= 0 {
		c.fail(ErrRange, "monthlyUSD", a.MonthlyUSD, "more than 0")
	}
	for i, percent := range a.AlertPercents {
		arg := fmt.Sprintf("alertPercents[%d]", i)
		inRange(c, arg, percent, 1, 200)
		if i > 0 && percent <= a.AlertPercents[i-1] {
			c.fail(ErrConflict, arg, percent, fmt.Sprintf("more than the one before, %d", a.AlertPercents[i-1]))
		}
	}
	c.required("receivers", len(a.Receivers) > 0, "at least one e-mail address")
	receivers(c, a.Receivers)
}

// BudgetOutputs are what people need of a budget.
type BudgetOutputs struct {
	// BudgetID identifies the budget on the platform.
	BudgetID pulumi.StringOutput `pulumi:"budgetId"`
}

// Budget watches what a stack costs.
type Budget struct {
	pulumi.ResourceState
	BudgetOutputs
}

// NewBudget declares a budget. Errors: ErrRequired, ErrRange, ErrConflict, ErrName, ErrUnsupported.
func NewBudget(
	ctx *pulumi.Context, name string, target Target, args *BudgetArgs, opts ...pulumi.ResourceOption,
) (*Budget, error) {
	b := &Budget{}
	c := construction{ctx, BudgetLayer, name, target, b, opts}
	if err := construct(c, args, target.Budget, &b.BudgetOutputs); err != nil {
		return nil, err
	}
	return b, nil
}
