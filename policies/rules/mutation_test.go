package rules_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/policies/rules/fixtures"
)

// mutations are other values for a property: what a mistake, or a look-alike, would write there.
func mutations(v rules.Value) map[string]rules.Value {
	all := map[string]rules.Value{
		"removed": {}, "text": rules.StringValue("mutated"), "empty text": rules.StringValue(""),
		"true":  rules.BoolValue(true),
		"false": rules.BoolValue(false), "zero": rules.NumberValue(0), "huge": rules.NumberValue(1e9),
		"no elements": rules.ListValue(nil), "everybody": rules.StringValue("*"), "internet": rules.StringValue("0.0.0.0/0"),
		"one text":         rules.ListValue([]rules.Value{rules.StringValue("mutated")}),
		"name of a secret": rules.StringValue("DB_PASSWORD"),
		"access key":       rules.StringValue("AKIAIOSFODNN7EXAMPLE"),
		"owner":            rules.StringValue("roles/owner"),
		"Owner of Azure":   rules.StringValue("/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
		"admin":            rules.StringValue("arn:aws:iam::aws:policy/AdministratorAccess"),
		"open policy":      rules.StringValue(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}`),
	}
	maps.DeleteFunc(all, func(_ string, to rules.Value) bool { return to.String() == v.String() && to.Kind() == v.Kind() })
	return all
}

// unguarded are declared properties whose change alone breaks nothing, with the reason.
var unguarded = map[string]string{
	"ENC-05 aws:sagemaker/endpointConfiguration:EndpointConfiguration productionVariants[].serverlessConfig": "" +
		"excuses: a serverless variant has no volume",
	"SEC-01 aws:rds/instance:Instance manageMasterUserPassword":             "excuses a password",
	"SEC-01 aws:rds/instance:Instance password":                             "stays a secret",
	"SEC-01 aws:redshiftserverless/namespace:Namespace manageAdminPassword": "excuses a password",
	"SEC-01 aws:redshiftserverless/namespace:Namespace adminUserPassword":   "stays a secret",
	"LOG-04 aws:cloudwatch/logGroup:LogGroup name":                          "says what it is for",
	"LOG-04 azure-native:operationalinsights:Workspace workspaceName":       "says what it is for",
	"LOG-04 gcp:logging/projectBucketConfig:ProjectBucketConfig bucketId":   "says what it is for",
}

// TestMutationsAreCaught takes the good resources of each rule and breaks one declared property at a time, in every
// way: at least one of the ways must break the rule. What only excuses a resource, or only matters together with
// another property, stands in unguarded.
func TestMutationsAreCaught(t *testing.T) {
	t.Parallel()
	file := load(t)
	seen := map[string]bool{}
	unguarded := maps.Clone(unguarded)
	for reason, places := range excuses {
		for _, place := range places {
			unguarded[place] = reason
		}
	}
	for _, rule := range rules.Catalogue() {
		engine := rules.NewEngine([]rules.Rule{rule})
		caught, tried := map[string]bool{}, map[string]bool{}
		for _, key := range slices.Sorted(maps.Keys(file[rule.ID])) {
			fixture := file[rule.ID][key]
			for _, c := range fixture.Cases() {
				if c.Want == "pass" {
					mutate(t, engine, &rule, func() (*rules.Graph, *rules.Stack) {
						graph, stack, err := fixture.Build(fixtures.Token(key), c.Case)
						require.NoError(t, err)
						return graph, stack
					}, tried, caught)
				}
			}
		}
		for place := range tried {
			_, excused := unguarded[place]
			seen[place] = true
			assert.True(t, caught[place] || excused, "%s: no change of it is noticed in any good fixture", place)
			assert.False(t, caught[place] && excused, "%s is guarded: take it out of the list", place)
		}
	}
	for place := range unguarded {
		assert.True(t, seen[place], "%s stands in the list and nowhere else", place)
	}
}

// mutate tries every mutation of every declared property that is there.
func mutate(t *testing.T, e *rules.Engine, rule *rules.Rule, build func() (*rules.Graph, *rules.Stack),
	tried, caught map[string]bool,
) {
	t.Helper()
	graph, stack := build()
	for i := range rule.Matchers {
		m := &rule.Matchers[i]
		for _, r := range graph.OfType(m.Type) {
			for _, path := range m.Paths {
				place := rule.ID + " " + m.Type + " " + path
				if caught[place] {
					continue
				}
				for _, item := range r.Properties.Each(path) {
					if item.IsAbsent() {
						continue
					}
					tried[place] = true
					caught[place] = caught[place] || notices(t, e, graph, stack, r, item)
				}
			}
		}
	}
}

// notices reports whether a change of one property makes a finding.
func notices(t *testing.T, e *rules.Engine, graph *rules.Graph, stack *rules.Stack, r *rules.Resource, item rules.Item,
) bool {
	t.Helper()
	for _, to := range mutations(item.Value) {
		if len(broken(t, e, graph, stack, r, item.Path, to)) > 0 {
			return true
		}
	}
	return false
}

// broken gives the rules that are broken once a property has another value.
func broken(t *testing.T, e *rules.Engine, graph *rules.Graph, stack *rules.Stack, r *rules.Resource, path string,
	to rules.Value,
) map[string]bool {
	t.Helper()
	changed := make([]*rules.Resource, 0, len(graph.Resources()))
	for _, other := range graph.Resources() {
		if other == r {
			mutant := *r
			mutant.Properties = r.Properties.With(path, to)
			mutant.PropertyDependencies = maps.Clone(r.PropertyDependencies)
			property, _, _ := strings.Cut(rules.Generic(path), ".")
			delete(mutant.PropertyDependencies, property)
			other = &mutant
		}
		changed = append(changed, other)
	}
	ids := map[string]bool{}
	for _, f := range e.Judge(rules.NewGraph(changed), stack, rules.Options{}).Findings {
		require.NotEqual(t, rules.Broken, f.Outcome, "%s fails itself: %s is %s", f.Rule, path, to)
		if f.Outcome == rules.Failed {
			ids[f.Rule] = true
		}
	}
	return ids
}

// references are stacks of good resources: one for each rule and type, each resource made of what every rule for prod
// wants of its type. Where two rules want different things, the one whose stack it is is followed; what that leaves
// broken is not mutated.
func references(t *testing.T) ([]*rules.Graph, *rules.Stack) {
	t.Helper()
	file := load(t)
	good := map[string]rules.Value{}
	var all []*rules.Graph
	for _, rule := range rules.Catalogue() {
		for _, key := range slices.Sorted(maps.Keys(file[rule.ID])) {
			fixture := file[rule.ID][key]
			graph, stack, err := fixture.Build(fixtures.Token(key), fixtures.Case{})
			require.NoError(t, err)
			if stack.Environment != rules.Prod || strings.Contains(key, "#") || !fixture.Good() {
				continue
			}
			all = append(all, graph)
			for _, r := range graph.Resources() {
				good[r.Type] = merge(good[r.Type], r.Properties)
			}
		}
	}
	for _, graph := range all {
		for _, r := range graph.Resources() {
			r.Properties = merge(r.Properties, good[r.Type])
		}
	}
	stack := fixtures.Stack()
	return all, &stack
}

// merge takes over from another value what a mapping lacks.
func merge(v, other rules.Value) rules.Value {
	if v.IsAbsent() {
		return other
	}
	if v.Kind() != rules.Map || other.Kind() != rules.Map {
		return v
	}
	m := map[string]rules.Value{}
	for _, key := range slices.Concat(v.Keys(), other.Keys()) {
		m[key] = merge(v.Key(key), other.Key(key))
	}
	return rules.MapValue(m)
}

// TestMutationsHitOnlyTheirGuards breaks one property of a reference stack at a time and expects no rule but those that
// declare the property to notice.
func TestMutationsHitOnlyTheirGuards(t *testing.T) {
	t.Parallel()
	graphs, stack := references(t)
	engine := rules.NewEngine(rules.Catalogue())
	guards := map[string][]string{}
	for _, rule := range rules.Catalogue() {
		for i := range rule.Matchers {
			for _, path := range rule.Matchers[i].Paths {
				place := rule.Matchers[i].Type + " " + rules.Generic(path)
				guards[place] = append(guards[place], rule.ID)
			}
		}
	}
	done, tried := map[string]bool{}, 0
	for _, graph := range graphs {
		before := map[string]bool{}
		for _, f := range engine.Judge(graph, stack, rules.Options{}).Findings {
			before[f.Rule] = before[f.Rule] || f.Outcome == rules.Failed
		}
		for place := range guards {
			typ, path, _ := strings.Cut(place, " ")
			resources := graph.OfType(typ)
			if done[place] || len(resources) == 0 {
				continue
			}
			for _, item := range resources[0].Properties.Each(path) {
				if item.IsAbsent() {
					continue
				}
				done[place] = true
				for name, to := range mutations(item.Value) {
					tried++
					for id := range broken(t, engine, graph, stack, resources[0], item.Path, to) {
						assert.True(t, before[id] || guarded(guards, typ, path, id), "%s %s %s breaks %s", typ, path, name, id)
					}
				}
			}
		}
	}
	assert.NotZero(t, tried)
	t.Logf("%d mutations in %d stacks", tried, len(graphs))
}

// guarded reports whether a rule declares a property, a part of it, or what it is a part of.
func guarded(guards map[string][]string, typ, path, id string) bool {
	for place, ids := range guards {
		t, p, _ := strings.Cut(place, " ")
		if (t == typ || t == rules.AnyType) && (within(p, path) || within(path, p)) && slices.Contains(ids, id) {
			return true
		}
	}
	return false
}
