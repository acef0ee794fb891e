package pack

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// Facts reads what rules may know of the stack from its configuration. Keys and meaning are those of the stack file;
// the program itself refuses what is wrong there, so that nothing but the form is checked here. A stack that names no
// environment is judged as production.
func Facts(ctx *pulumi.Context) (*rules.Stack, error) {
	s := &rules.Stack{Project: ctx.Project(), Name: ctx.Stack(), Environment: rules.Prod}
	var allowed struct {
		Regions     []string `json:"regions"`
		Sizes       []string `json:"sizes"`
		Registries  []string `json:"registries"`
		CostCenters []string `json:"costCenters"`
	}
	for key, into := range map[string]*string{
		"team": &s.Team, "owner": &s.Owner, "costCenter": &s.CostCenter, "dataClass": &s.DataClass,
		"environment": (*string)(&s.Environment),
	} {
		if text, ok := ctx.GetConfig(s.Project + ":" + key); ok {
			*into = text
		}
	}
	var problems []error
	for key, into := range map[string]any{
		"compliance": &s.Compliance, "requiredTags": &s.RequiredTags, "allowed": &allowed,
		"maxAccelerators": &s.MaxAccelerators, "monthlyBudgetUSD": &s.MonthlyBudgetUSD,
		"maxCostIncreaseUSD": &s.MaxCostIncreaseUSD,
	} {
		if text, ok := ctx.GetConfig(s.Project + ":" + key); ok {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				problems = append(problems, fmt.Errorf("%s: found a value of the wrong form: %w", key, err))
			}
		}
	}
	s.AllowedRegions, s.AllowedSizes = allowed.Regions, allowed.Sizes
	s.AllowedRegistries, s.AllowedCostCenters = allowed.Registries, allowed.CostCenters
	if !s.Environment.Valid() {
		problems = append(problems, fmt.Errorf("environment: found %q, want dev, stage or prod", s.Environment))
	}
	return s, errors.Join(problems...)
}

// priced says how the cost of the stack is estimated: by the embedded prices, and by what the stack file assumes. An
// analyzer never sees the state before, so that rules on a change of cost have nothing to compare with here.
func priced(ctx *pulumi.Context, environment rules.Environment) (cost.Options, error) {
	table, err := cost.Embedded()
	if err != nil {
		return cost.Options{}, err
	}
	var overrides map[string]float64
	if text, ok := ctx.GetConfig(ctx.Project() + ":usage"); ok {
		if err := json.Unmarshal([]byte(text), &overrides); err != nil {
			return cost.Options{}, fmt.Errorf("usage: found a value of the wrong form: %w", err)
		}
	}
	usage, err := cost.NewUsage(environment, overrides)
	if err != nil {
		return cost.Options{}, err
	}
	o := cost.Options{Table: table, Usage: usage}
	for _, key := range []string{ctx.Project() + ":region", "aws:region", "gcp:region", "azure-native:location"} {
		if region, ok := ctx.GetConfig(key); ok && o.Region == "" {
			o.Region = region
		}
	}
	return o, nil
}
