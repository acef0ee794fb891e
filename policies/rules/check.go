package rules

import (
	"fmt"
	"strings"
)

// Check is one rule at work on one resource, or on the stack. A rule reads properties through it and says on it what it
// finds. Whatever a rule reads of a type, its Matcher must declare.
type Check struct {
	// Resource is judged; nil when the rule judges the stack as a whole.
	Resource *Resource
	// Graph is all resources; only this one where the rule's scope is OnResource.
	Graph *Graph
	// Stack is what is known of the stack.
	Stack *Stack

	result *result
}

// result collects what a rule says about one resource.
type result struct {
	asserted  int
	findings  []Finding
	documents documents
	trace     func(typ, path string) // nil but in tests
}

// In reports whether the stack is in the environment.
func (c *Check) In(e Environment) bool { return c.Stack.Environment == e }

// Get reads one property of the resource.
func (c *Check) Get(path string) Value {
	c.read(path)
	if c.Resource == nil {
		return Value{}
	}
	return c.Resource.Properties.Get(path)
}

// Each reads all values that a path leads to; see Value.Each.
func (c *Check) Each(path string) []Item {
	c.read(path)
	if c.Resource == nil {
		return nil
	}
	return c.Resource.Properties.Each(path)
}

func (c *Check) read(path string) {
	if c.result.trace != nil && c.Resource != nil {
		c.result.trace(c.Resource.Type, path)
	}
}

// reads takes down that a rule looks at a property of all resources of a type.
func (c *Check) reads(typ, path string) {
	if c.result.trace != nil {
		c.result.trace(typ, path)
	}
}

// Pass says that something holds.
func (c *Check) Pass() { c.result.asserted++ }

// Fail says that the rule is broken at a path, "" for the resource as a whole. The message goes on from the path, as in
// "is false, want true". Pass Values to it, not the text in them: a Value hides what is secret.
func (c *Check) Fail(path, format string, args ...any) { c.say(Failed, path, format, args) }

// Unsure says that it can not be told yet whether the rule is kept.
func (c *Check) Unsure(path, format string, args ...any) { c.say(Unverified, path, format, args) }

func (c *Check) say(outcome Outcome, path, format string, args []any) {
	c.result.asserted++
	f := Finding{Outcome: outcome, Path: path, Message: fmt.Sprintf(format, args...)}
	if path != "" {
		f.Message = path + " " + f.Message
	}
	if c.Resource != nil {
		f.URN, f.Type = c.Resource.URN, c.Resource.Type
	} else {
		f.URN = c.Stack.URN()
	}
	f.Message = strings.ToValidUTF8(f.Message, "\uFFFD")
	c.result.findings = append(c.result.findings, f)
}

// On turns to another resource: what is said there belongs to it.
func (c *Check) On(r *Resource) *Check {
	other := *c
	other.Resource = r
	return &other
}

// Satellites finds the resources of a type that name this one in a property. Where there is none, it says so: as a
// finding with the given words ("has no public access block"), or unverified where one may be there whose link is
// unknown.
func (c *Check) Satellites(typ, property, missing string) []*Check {
	found, unclear := c.satellites(typ, property)
	switch {
	case len(found) > 0:
	case unclear > 0:
		c.Unsure("", "%s, unless one of the %d %s whose %s is not known yet belongs to it", missing, unclear, typ, property)
	default:
		c.Fail("", "%s", missing)
	}
	return found
}

// HasSatellite reports whether a resource of a type names this one in a property, and whether that is certain.
func (c *Check) HasSatellite(typ, property string) (has, certain bool) {
	found, unclear := c.satellites(typ, property)
	return len(found) > 0, len(found) > 0 || unclear == 0
}

func (c *Check) satellites(typ, property string) (found []*Check, unclear int) {
	links := c.Graph.Links(c.Resource, typ, property)
	for _, r := range links.Found {
		satellite := c.On(r)
		satellite.read(property)
		found = append(found, satellite)
	}
	if len(found) == 0 {
		c.reads(typ, property)
	}
	return found, len(links.Unclear)
}

// Refers gives the resources that a property takes its value from; see Graph.Refers.
func (c *Check) Refers(path string, types ...string) []*Resource {
	c.read(path)
	return c.Graph.Refers(c.Resource, path, types...)
}

// Policies reads the policy documents at a path.
func (c *Check) Policies(path string) []PolicyItem {
	var items []PolicyItem
	for _, item := range c.Each(path) {
		if !item.IsAbsent() {
			items = append(items, PolicyItem{Document: c.result.documents.parse(item.Value), Path: item.Path})
		}
	}
	return items
}
