package cost

import "github.com/mlpathway/mlpathway/policies/rules"

// withoutSecrets gives the graph with every secret value unknown: an estimate names machines, classes and regions, and
// must not name a secret.
func withoutSecrets(g *rules.Graph) *rules.Graph {
	resources := make([]*rules.Resource, 0, len(g.Resources()))
	changed := false
	for _, r := range g.Resources() {
		properties, hid := hide(r.Properties)
		provider, hidThere := hide(r.Provider.Properties)
		if hid || hidThere {
			hidden := *r
			hidden.Properties, hidden.Provider.Properties = properties, provider
			r, changed = &hidden, true
		}
		resources = append(resources, r)
	}
	if !changed {
		return g
	}
	return rules.NewGraph(resources)
}

// hide makes secret values unknown, and reports whether there were any.
func hide(v rules.Value) (rules.Value, bool) {
	if v.Secret() {
		return rules.UnknownValue(), true
	}
	hid := false
	switch v.Kind() {
	case rules.List:
		items, _ := v.List()
		list := make([]rules.Value, len(items))
		for i, item := range items {
			inner, here := hide(item)
			list[i], hid = inner, hid || here
		}
		if hid {
			return rules.ListValue(list), true
		}
	case rules.Map:
		entries := make(map[string]rules.Value, v.Len())
		for _, key := range v.Keys() {
			inner, here := hide(v.Key(key))
			entries[key], hid = inner, hid || here
		}
		if hid {
			return rules.MapValue(entries), true
		}
	default:
	}
	return v, false
}
