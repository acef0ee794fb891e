// Package planner makes the plan of a stack: it records the stack's program, judges the resources with the rules and
// estimates their cost. It needs no engine, no plugin, no account and no network.
package planner

import (
	"fmt"
	"time"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/graph"
	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/stacks"
)

// Planner makes plans. It may be used from several goroutines.
type Planner struct {
	// Root is the absolute path of the working copy, Project the name of its Pulumi project.
	Root, Project string
	// Engine judges.
	Engine *rules.Engine
	// Prices that estimates are made of.
	Prices *cost.Table
	// Waivers that accept findings, as of Today.
	Waivers rules.Waivers
	// Today decides which waivers hold.
	Today time.Time
}

// New makes a planner with all rules and the embedded prices.
func New(root, project string, waivers rules.Waivers, today time.Time) (*Planner, error) {
	prices, err := cost.Embedded()
	if err != nil {
		return nil, err
	}
	return &Planner{
		Root: root, Project: project, Engine: rules.NewEngine(rules.Catalogue()), Prices: prices,
		Waivers: waivers, Today: today,
	}, nil
}

// Plan makes the plan of a stack from its configuration. before is an earlier plan, of which the rules on changes know
// the cost; nil where there is none.
func (p *Planner) Plan(stack string, values map[string]string, before *plan.Document) (*plan.Document, error) {
	planned, err := stacks.Plan(p.Project, stack, p.Root, values)
	if err != nil {
		return nil, err
	}
	return p.judge(stack, values, planned, before)
}

func (p *Planner) judge(
	stack string, values map[string]string, planned *stacks.Planned, before *plan.Document,
) (*plan.Document, error) {
	judged, err := graphOf(planned.Recorder, values)
	if err != nil {
		return nil, fmt.Errorf("planning %s: %w", stack, err)
	}
	config := planned.Config
	usage, err := cost.NewUsage(rules.Environment(config.Environment), config.Usage)
	if err != nil {
		return nil, fmt.Errorf("planning %s: %w", stack, err)
	}
	region := region(config, values)
	estimate := cost.Make(judged, cost.Options{Table: p.Prices, Usage: usage, Region: region})
	facts := config.Facts(p.Project, stack)
	facts.Cost = estimate.Facts()
	if before != nil {
		facts.Cost.BaselineUSD = &before.Cost.Total.Expected
	}
	report := p.Engine.Judge(judged, facts, rules.Options{Waivers: p.Waivers, Today: p.Today})
	outputs := graph.PropertyMap(planned.Recorder.StackOutputs())
	write := newWriter(p.Root)

	d := &plan.Document{
		Version: plan.Version, Project: p.Project, Stack: stack, Target: config.Target,
		Environment: string(config.Environment), Region: region, Counts: map[string]int{},
		Resources: []plan.Resource{}, Outputs: write.entries(outputs), Findings: []plan.Finding{},
		Judgements: report.Counts, NotInspected: report.NotInspected, Unseen: planned.Unseen,
		MonthlyBudgetUSD: config.MonthlyBudgetUSD, Cost: estimate,
	}
	for _, r := range judged.Resources() {
		d.Counts[r.Type]++
		d.Resources = append(d.Resources, plan.Resource{
			URN: r.URN, Type: r.Type, Name: r.Name, Parent: parent(r.Parent), Custom: r.Custom,
			Protect: r.Options.Protect, Retain: r.Options.RetainOnDelete, Dependencies: r.Dependencies,
			Inputs: write.entries(r.Properties),
		})
	}
	for _, f := range report.Findings {
		d.Findings = append(d.Findings, write.finding(f))
	}
	return d, nil
}

// region of a stack: its own, or that of the first cloud whose provider is configured.
func region(c *stacks.Config, values map[string]string) string {
	if c.Region != "" {
		return c.Region
	}
	for _, key := range []string{"aws:region", "gcp:region", "azure-native:location"} {
		if values[key] != "" {
			return values[key]
		}
	}
	return ""
}
