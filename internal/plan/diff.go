package plan

import (
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/mlpathway/mlpathway/internal/immutable"
	"github.com/mlpathway/mlpathway/policies/cost"
)

// Diff is what differs between two plans of a stack. All lists are sorted.
type Diff struct {
	// Stack is its name, Base what it was compared with.
	Stack string `json:"stack"`
	// Base names the earlier plan.
	Base string `json:"base"`
	// Added, Removed and Changed are resources by URN.
	Added []Ref `json:"added"`
	// Removed resources would be deleted.
	Removed []Ref `json:"removed"`
	// Changed resources would be updated, or replaced.
	Changed []Change `json:"changed"`
	// NewFindings are not in the earlier plan, FixedFindings not in the later one.
	NewFindings []Finding `json:"newFindings"`
	// FixedFindings are no longer there.
	FixedFindings []Finding `json:"fixedFindings"`
	// BeforeUSD and AfterUSD are the expected cost of a month.
	BeforeUSD cost.Amount `json:"beforeUSD"`
	// AfterUSD is the cost of the later plan.
	AfterUSD cost.Amount `json:"afterUSD"`
	// Costs are the resources whose expected cost differs, the largest difference first.
	Costs []cost.Change `json:"costs"`
}

// Ref names a resource.
type Ref struct {
	// URN of the resource.
	URN string `json:"urn"`
	// Type of the resource.
	Type string `json:"type"`
	// Name of the resource.
	Name string `json:"name"`
}

// Change is a resource whose inputs differ.
type Change struct {
	Ref
	// Properties that differ, by path.
	Properties []PropertyChange `json:"properties"`
	// Replace tells that one of them cannot be changed: the resource would be made anew, as far as is known.
	Replace bool `json:"replace,omitempty"`
	// MayReplace tells that one of them cannot be changed and that its value is not known: it may be the same.
	MayReplace bool `json:"mayReplace,omitempty"`
	// SchemaKnown tells whether it is known which properties of the type cannot be changed.
	SchemaKnown bool `json:"schemaKnown"`
}

// PropertyChange is a property that differs.
type PropertyChange struct {
	// Path with dots, and brackets for the elements of lists.
	Path string `json:"path"`
	// Before and After are its values; null where it is not there.
	Before any `json:"before"`
	// After is the value of the later plan.
	After any `json:"after"`
	// Replace tells that it cannot be changed on a resource that exists.
	Replace bool `json:"replace,omitempty"`
}

// Compare says what differs between two plans. before is nil for a stack that was not there.
func Compare(base string, before, after *Document) *Diff {
	if before == nil {
		before = &Document{Cost: &cost.Estimate{}}
	}
	d := &Diff{
		Stack: after.Stack, Base: base, Added: []Ref{}, Removed: []Ref{}, Changed: []Change{},
		NewFindings:   without(after.Findings, before.Findings),
		FixedFindings: without(before.Findings, after.Findings),
		BeforeUSD:     before.Cost.Total, AfterUSD: after.Cost.Total, Costs: cost.Compare(before.Cost, after.Cost),
	}
	old := map[string]*Resource{}
	for i := range before.Resources {
		old[before.Resources[i].URN] = &before.Resources[i]
	}
	for i := range after.Resources {
		now := &after.Resources[i]
		was := old[now.URN]
		delete(old, now.URN)
		if was == nil {
			d.Added = append(d.Added, now.ref())
		} else if change, ok := compare(was, now); ok {
			d.Changed = append(d.Changed, change)
		}
	}
	for _, urn := range slices.Sorted(maps.Keys(old)) {
		d.Removed = append(d.Removed, old[urn].ref())
	}
	return d
}

// Empty reports whether nothing differs.
func (d *Diff) Empty() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.NewFindings)+len(d.FixedFindings)+len(d.Costs) == 0
}

// Replaced counts the changed resources that would be made anew.
func (d *Diff) Replaced() int {
	count := 0
	for _, change := range d.Changed {
		if change.Replace {
			count++
		}
	}
	return count
}

func (r *Resource) ref() Ref { return Ref{URN: r.URN, Type: r.Type, Name: r.Name} }

func without(findings, other []Finding) []Finding {
	known := map[string]bool{}
	for i := range other {
		known[other[i].Key()] = true
	}
	rest := []Finding{}
	for _, f := range findings {
		if !known[f.Key()] {
			rest = append(rest, f)
		}
	}
	return rest
}

func compare(was, now *Resource) (Change, bool) {
	change := Change{Ref: now.ref(), Properties: []PropertyChange{}, SchemaKnown: immutable.Known(now.Type)}
	changes("", any(was.Inputs), any(now.Inputs), func(p PropertyChange) {
		p.Replace = now.Custom && immutable.Replaces(now.Type, p.Path)
		unknown := p.Before == Unknown || p.After == Unknown
		change.Replace = change.Replace || p.Replace && !unknown
		change.MayReplace = change.MayReplace || p.Replace && unknown
		change.Properties = append(change.Properties, p)
	})
	for _, option := range []struct {
		name          string
		before, after bool
	}{{"(protect)", was.Protect, now.Protect}, {"(retain)", was.Retain, now.Retain}} {
		if option.before != option.after {
			change.Properties = append(change.Properties,
				PropertyChange{Path: option.name, Before: option.before, After: option.after})
		}
	}
	if was.Parent != now.Parent {
		change.Properties = append(change.Properties, PropertyChange{Path: "(parent)", Before: was.Parent, After: now.Parent})
	}
	return change, len(change.Properties) > 0
}

// changes visits every place where two values differ, sorted by path.
func changes(path string, before, after any, visit func(PropertyChange)) {
	if reflect.DeepEqual(before, after) {
		return
	}
	oldMap, ok1 := before.(map[string]any)
	newMap, ok2 := after.(map[string]any)
	if ok1 && ok2 {
		keys := maps.Clone(oldMap)
		if keys == nil {
			keys = map[string]any{}
		}
		maps.Copy(keys, newMap)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			at := key
			if path != "" {
				at = path + "." + key
			}
			changes(at, oldMap[key], newMap[key], visit)
		}
		return
	}
	oldList, ok1 := before.([]any)
	newList, ok2 := after.([]any)
	if ok1 && ok2 && len(oldList) == len(newList) {
		for i := range oldList {
			changes(path+"["+strconv.Itoa(i)+"]", oldList[i], newList[i], visit)
		}
		return
	}
	visit(PropertyChange{Path: path, Before: before, After: after})
}
