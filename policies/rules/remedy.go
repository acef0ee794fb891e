package rules

import (
	"fmt"
	"slices"
)

// Change is one property that a remedy sets.
type Change struct {
	// Path of the property, with indexes.
	Path string
	// Old is the value before; absent where there was none.
	Old Value
	// New is the value to set.
	New Value
}

// String shows the change as the two lines of a diff, without secrets.
func (c Change) String() string {
	return fmt.Sprintf("- %s: %s\n+ %s: %s", c.Path, c.Old, c.Path, c.New)
}

// Remedy is what a rule proposes for one resource.
type Remedy struct {
	// Rule that proposes it.
	Rule string
	// URN of the resource.
	URN string
	// Changes in the order of the rule.
	Changes []Change
}

// Remedies proposes changes for a resource that breaks rules of scope OnResource or OnStack by its own properties. A
// rule that is off, kept or waived here proposes nothing. Nothing is changed.
func (e *Engine) Remedies(r *Resource, s *Stack, o Options) []Remedy {
	g := NewGraph([]*Resource{r})
	var remedies []Remedy
	steps := e.byType[r.Type]
	if r.Cloud() != "" {
		steps = slices.Concat(steps, e.byType[AnyType])
	}
	for _, step := range steps {
		if step.matcher.Remedy == nil || !e.breaks(step, g, r, s, o) {
			continue
		}
		c := &Check{Resource: r, Graph: g, Stack: s, result: &result{documents: documents{}}}
		var changes []Change
		guarded(func(c *Check) { changes = step.matcher.Remedy(c) }, c)
		if len(changes) > 0 {
			remedies = append(remedies, Remedy{Rule: step.rule.ID, URN: r.URN, Changes: changes})
		}
	}
	return remedies
}

// breaks reports whether a rule finds something wrong with a resource.
func (e *Engine) breaks(s step, g *Graph, r *Resource, stack *Stack, o Options) bool {
	run := newRun(stack, o)
	run.apply(s.rule, s.matcher.Check, &Check{Resource: r, Graph: g, Stack: stack})
	return slices.ContainsFunc(run.result.findings, func(f Finding) bool { return f.Outcome == Failed })
}

// sets makes a remedy that sets properties to a value where they are known to be missing or different. What is not
// known yet is left alone.
func sets(value any, paths ...string) func(*Check) []Change {
	return setsUnless(func(v Value) bool { return equal(v, Of(value)) }, value, paths...)
}

// setsUnless is sets for properties where other values are as good.
func setsUnless(fine func(Value) bool, value any, paths ...string) func(*Check) []Change {
	return func(c *Check) []Change {
		var changes []Change
		for _, path := range paths {
			for _, item := range c.Each(path) {
				if !item.IsUnknown() && !fine(item.Value) {
					changes = append(changes, Change{Path: item.Path, Old: item.Value, New: Of(value)})
				}
			}
		}
		return changes
	}
}

// setsAbsent is sets for properties that are only to be filled where nothing is given.
func setsAbsent(value any, paths ...string) func(*Check) []Change {
	return setsUnless(func(v Value) bool { return !v.IsAbsent() }, value, paths...)
}

// remedies makes one remedy of several.
func remedies(all ...func(*Check) []Change) func(*Check) []Change {
	return func(c *Check) []Change {
		var changes []Change
		for _, remedy := range all {
			changes = append(changes, remedy(c)...)
		}
		return changes
	}
}

// equal compares two known scalars.
func equal(a, b Value) bool {
	return a.kind == b.kind && a.kind != List && a.kind != Map && a.data == b.data
}
