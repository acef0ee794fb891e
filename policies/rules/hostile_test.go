package rules_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// types are all types that rules look at.
func types() []string {
	var all []string
	for _, rule := range rules.Catalogue() {
		for i := range rule.Matchers {
			if m := &rule.Matchers[i]; m.Type != rules.AnyType {
				all = append(all, m.Type)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// catalogue is an engine with every rule.
var catalogue = sync.OnceValue(func() *rules.Engine { return rules.NewEngine(rules.Catalogue()) })

// hostile judges one resource of a type with odd properties, twice in a cycle of parents, in every environment.
func hostile(t *testing.T, typ string, properties rules.Value) *rules.Report {
	t.Helper()
	made := func(name string) *rules.Resource {
		urn := "urn:pulumi:s::p::" + typ + "::" + name + "\xff"
		return &rules.Resource{URN: urn, Type: typ, Name: name, Custom: true, Properties: properties}
	}
	a, b := made("a"), made("b")
	a.Parent, b.Parent = b.URN, a.URN
	a.PropertyDependencies = map[string][]string{"bucket": {a.URN, b.URN, "nobody"}, "": {""}}
	engine := catalogue()
	var last *rules.Report
	for _, environment := range rules.Environments() {
		stack := &rules.Stack{Project: "p", Name: "s", Environment: environment, DataClass: rules.Confidential}
		last = engine.Judge(rules.NewGraph([]*rules.Resource{a, b}), stack, rules.Options{})
		for _, f := range last.Findings {
			require.NotEqual(t, rules.Broken, f.Outcome, "%s fails itself on %s: %s", f.Rule, typ, f.Message)
			require.True(t, utf8.ValidString(f.Message))
			require.Less(t, len(f.Message), 4096, "a message stays short")
		}
		engine.Remedies(a, stack, rules.Options{})
	}
	return last
}

// TestHostileProperties: whatever stands where a rule reads, it says something sensible.
func TestHostileProperties(t *testing.T) {
	t.Parallel()
	deep, err := rules.ParseJSON(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))
	require.NoError(t, err)
	all := map[string]rules.Value{
		"nothing": {}, "unknown": rules.UnknownValue(), "secret": rules.StringValue("hunter2hunter2").AsSecret(),
		"true": rules.BoolValue(true), "number": rules.NumberValue(-1e300), "text": rules.StringValue("{"),
		"not UTF-8": rules.StringValue("\xff\xfe"), "huge": rules.StringValue(strings.Repeat("x*", 1<<14)),
		"list": rules.ListValue([]rules.Value{{}, rules.UnknownValue(), rules.StringValue("*"), rules.ListValue(nil)}),
		"map":  rules.MapValue(map[string]rules.Value{"": {}, "a.b": rules.StringValue("x"), "[": rules.UnknownValue()}),
		"deep": deep, "asset": rules.OtherValue(),
	}
	paths := map[string][]string{}
	for _, rule := range rules.Catalogue() {
		for i := range rule.Matchers {
			m := &rule.Matchers[i]
			paths[m.Type] = append(paths[m.Type], m.Paths...)
		}
	}
	for _, typ := range types() {
		for name, value := range all {
			whole := rules.MapValue(nil)
			for _, path := range paths[typ] {
				first, _, _ := strings.Cut(rules.Generic(path), ".")
				whole = whole.With(first, value)
			}
			for _, properties := range []rules.Value{value, whole} {
				for _, f := range hostile(t, typ, properties).Findings {
					assert.NotContains(t, f.Message, "hunter2", "%s on %s with %s", f.Rule, typ, name)
				}
			}
		}
	}
}

// TestWhatIsUnknownDoesNotPass: with all properties unknown no rule that inspects properties passes on a type unless it
// reads none of them.
func TestWhatIsUnknownDoesNotPass(t *testing.T) {
	t.Parallel()
	for _, rule := range rules.Catalogue() {
		engine := rules.NewEngine([]rules.Rule{rule})
		for i := range rule.Matchers {
			m := &rule.Matchers[i]
			if m.Check == nil || m.Type == rules.AnyType || len(m.Paths) == 0 {
				continue
			}
			r := &rules.Resource{URN: "urn:pulumi:s::p::" + m.Type + "::a", Type: m.Type, Name: "a", Custom: true,
				Properties: rules.UnknownValue()}
			stack := &rules.Stack{Project: "p", Name: "s", Environment: rules.Prod, DataClass: rules.Confidential}
			read := false
			options := rules.Traced(func(_, _, _ string) { read = true })
			report := engine.Judge(rules.NewGraph([]*rules.Resource{r}), stack, options)
			if _, excused := passesUnknown[rule.ID+" "+m.Type]; !excused {
				assert.False(t, read && report.Counts["pass"] > 0, "%s passes on %s of which nothing is known", rule.ID, m.Type)
			}
		}
	}
}

// passesUnknown are rules that pass whatever the properties are, with the reason.
var passesUnknown = map[string]string{}

// FuzzJudge: whatever the properties of a resource of any type are, no rule panics and no message is broken.
func FuzzJudge(f *testing.F) {
	f.Add(uint16(0), `{"encrypted":[true,"x"],"policy":"{\"Statement\":3}"}`)
	f.Add(uint16(7), `{"rules":{"a":null},"bucket":7}`)
	f.Add(uint16(40), `{"spec":{"template":{"spec":{"containers":[{"image":1},null,{"securityContext":[]}]}}}}`)
	all := types()
	f.Fuzz(func(t *testing.T, i uint16, text string) {
		properties, err := rules.ParseJSON(text)
		if err == nil {
			hostile(t, all[int(i)%len(all)], properties)
		}
	})
}
