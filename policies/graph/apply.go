package graph

import (
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// Apply gives a copy of properties with changes made. Everything else stays as it is: secrets stay secret, what is
// unknown stays unknown, and assets stay themselves.
func Apply(m property.Map, changes []rules.Change) property.Map {
	v := property.New(m)
	for _, change := range changes {
		v = set(v, rules.Steps(change.Path), change.New)
	}
	return v.AsMap()
}

// set replaces what the steps lead to. Where there is nothing on the way, mappings are made; a list is not made longer.
func set(v property.Value, steps []rules.Step, to rules.Value) property.Value {
	if len(steps) == 0 {
		return fromRules(to).WithSecret(v.Secret())
	}
	step, rest := steps[0], steps[1:]
	if step.Element {
		if !v.IsArray() || step.Index >= v.AsArray().Len() {
			return v
		}
		items := v.AsArray().AsSlice()
		items[step.Index] = set(items[step.Index], rest, to)
		return property.WithGoValue(v, items)
	}
	m := property.Map{}
	if v.IsMap() {
		m = v.AsMap()
	}
	return property.WithGoValue(v, m.Set(step.Key, set(m.Get(step.Key), rest, to)))
}

// fromRules turns a value that a remedy sets into a property.
func fromRules(v rules.Value) property.Value {
	if b, ok := v.Bool(); ok && v.Kind() == rules.Bool {
		return property.New(b)
	}
	if n, ok := v.Number(); ok && v.Kind() == rules.Number {
		return property.New(n)
	}
	if text, ok := v.Text(); ok {
		return property.New(text)
	}
	if items, ok := v.List(); ok {
		list := make([]property.Value, 0, len(items))
		for _, item := range items {
			list = append(list, fromRules(item))
		}
		return property.New(list)
	}
	if v.Kind() != rules.Map {
		return property.Value{}
	}
	m := map[string]property.Value{}
	for _, key := range v.Keys() {
		m[key] = fromRules(v.Key(key))
	}
	return property.New(m)
}
