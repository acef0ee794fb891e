package stacks

import (
	"context"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// Planned is a stack as it would be made, for somebody to judge.
type Planned struct {
	// Config of the stack.
	Config *Config
	// Recorder holds what the program registered, and the stack's outputs.
	Recorder *recording.Recorder
	// Unseen says what a plan cannot look at, for want of credentials; "" where there is nothing.
	Unseen string
}

// Plan records what the program of a stack would register, as a preview: what a provider computes is unknown. Nothing
// is made, and nothing but the stack's own files is needed; the programs of a local stack may not be built yet. Errors:
// those of Build, and ErrNotInBuild.
func Plan(project, stack, root string, values map[string]string) (*Planned, error) {
	d, err := read(place{Project: project, Stack: stack, Root: root, Plan: true}, values)
	if err != nil {
		return nil, err
	}
	recorder, err := recording.Record(d.run, recording.Options{Project: project, Stack: stack, DryRun: true})
	if err != nil {
		return nil, err
	}
	unseen, err := d.inspect(context.Background())
	if err != nil {
		return nil, err
	}
	return &Planned{Config: d.config, Recorder: recorder, Unseen: unseen}, nil
}

// Facts gives what rules may know of a stack besides its resources and its cost.
func (c *Config) Facts(project, stack string) *rules.Stack {
	return &rules.Stack{
		Project: project, Name: stack, Environment: rules.Environment(c.Environment),
		Team: c.Team, Owner: c.Owner, CostCenter: c.CostCenter, Compliance: c.Compliance, DataClass: c.DataClass,
		AllowedRegions: c.Allowed.Regions, AllowedSizes: c.Allowed.Sizes, AllowedRegistries: c.Allowed.Registries,
		AllowedCostCenters: c.Allowed.CostCenters, RequiredTags: c.RequiredTags, MaxAccelerators: c.MaxAccelerators,
		MonthlyBudgetUSD: c.MonthlyBudgetUSD, MaxCostIncreaseUSD: c.MaxCostIncreaseUSD,
	}
}
