package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/cost"
)

// tally counts findings by what they do.
type tally struct{ mandatory, advisory, unverified, waived int }

func tallyOf(findings []plan.Finding) tally {
	var c tally
	for i := range findings {
		switch {
		case findings[i].Outcome == plan.Waived:
			c.waived++
		case findings[i].Outcome == plan.Unverified:
			c.unverified++
		case findings[i].Stops():
			c.mandatory++
		default:
			c.advisory++
		}
	}
	return c
}

func (c tally) String() string {
	return fmt.Sprintf("%d mandatory, %d advisory, %d waived, %d that can be told only when the stack is made",
		c.mandatory, c.advisory, c.waived, c.unverified)
}

// group is one thing that a rule says of several resources.
type group struct {
	plan.Finding
	names []string
}

// grouped gathers the findings of some outcomes that say the same of several resources.
func grouped(d *plan.Document, findings []plan.Finding, outcomes ...string) []group {
	var all []group
	at := map[string]int{}
	for _, f := range findings {
		if !slices.Contains(outcomes, f.Outcome) {
			continue
		}
		key := strings.Join([]string{f.Rule, f.Level, f.Outcome, f.Message, fmt.Sprint(f.Waiver)}, "\x00")
		i, known := at[key]
		if !known {
			i = len(all)
			at[key] = i
			all = append(all, group{Finding: f})
		}
		all[i].names = append(all[i].names, d.Name(f.URN))
	}
	// What stops the deployment stands first.
	slices.SortStableFunc(all, func(a, b group) int { return one(b.Stops()) - one(a.Stops()) })
	return all
}

// maxNames bounds how many resources a group names; the other reports name all of them.
const maxNames = 20

// resources names the resources of the group.
func (g *group) resources() string {
	if len(g.names) <= maxNames {
		return strings.Join(g.names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(g.names[:maxNames], ", "), len(g.names)-maxNames)
}

// broken are the outcomes that say that something is wrong.
var broken = []string{plan.Failed, plan.Broken}

// outcomes are all that a finding may have.
var outcomes = []string{plan.Failed, plan.Broken, plan.Waived, plan.Unverified}

// word says what a finding does: its level, or why it does nothing.
func (g *group) word() string {
	if slices.Contains(broken, g.Outcome) {
		return g.Level
	}
	return g.Outcome
}

// accepted says who waived a finding, why and until when.
func accepted(f *plan.Finding) string {
	if f.Waiver == nil {
		return "waived"
	}
	return f.Waiver.Reason + " (" + f.Waiver.Owner + ", until " + f.Waiver.Expires + ")"
}

// waiting counts what can be told only when the stack is made, by rule.
func waiting(findings []plan.Finding) string {
	counts := map[string]int{}
	for _, f := range findings {
		if f.Outcome == plan.Unverified {
			counts[f.Rule]++
		}
	}
	return listed(counts)
}

// listed writes counts as a list, the largest first.
func listed(counts map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for i, key := range keys {
		if counts[key] > 1 {
			keys[i] = fmt.Sprintf("%s (%d)", key, counts[key])
		}
	}
	return strings.Join(keys, ", ")
}

// notInspected says how much of a plan no rule looks at; "" where there is no such thing.
func notInspected(d *plan.Document) string {
	if len(d.NotInspected) == 0 {
		return ""
	}
	sum := 0
	for _, n := range d.NotInspected {
		sum += n
	}
	return fmt.Sprintf("no rule looks at %s of %s", count(sum, "resource"), count(len(d.NotInspected), "type"))
}

// fixes says for each rule that is broken what to do, in the order of the findings.
func fixes(findings []plan.Finding) []string {
	var all []string
	for _, f := range findings {
		rule := ruleOf(f.Rule)
		if f.Outcome != plan.Failed || rule == nil {
			continue
		}
		if text := rule.ID + ": " + rule.Fix; !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// dearest are the components of an estimate, the dearest first.
func dearest(e *cost.Estimate) []cost.Component {
	return slices.SortedStableFunc(slices.Values(e.Components), func(a, b cost.Component) int {
		return cmp.Or(cmp.Compare(b.USD.Expected, a.USD.Expected), cmp.Compare(b.USD.Maximum, a.USD.Maximum))
	})
}

// doubts says how good the prices of an estimate are.
func doubts(e *cost.Estimate) []string {
	var standIn, low, uncapped int
	for _, item := range e.Items {
		for _, line := range item.Lines {
			standIn += one(line.StandIn)
			low += one(slices.Contains(line.Marks, cost.LowConfidence))
			uncapped += one(line.Uncapped)
		}
	}
	var all []string
	for _, note := range []struct {
		n    int
		what string
	}{
		{uncapped, "of use that nothing bounds: their maximum is the expected use"},
		{standIn, "at the price of another region, because the table has none of the stack's"},
		{low, "at a price of low confidence"},
	} {
		if note.n > 0 {
			all = append(all, count(note.n, "line")+" "+note.what)
		}
	}
	return all
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
