package graph_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/policies/graph"
	"github.com/mlpathway/mlpathway/policies/rules"
)

func TestApply(t *testing.T) {
	t.Parallel()
	type m = map[string]property.Value
	before := property.NewMap(m{
		"secret": property.New("hunter2").WithSecret(true),
		"later":  property.New(property.Computed),
		"list":   property.New([]property.Value{property.New(m{"on": property.New(false)}), property.New(m{})}),
		"tags":   property.New(m{"env": property.New("prod")}),
		"count":  property.New(1.0),
	})
	after := graph.Apply(before, []rules.Change{
		{Path: "list[1].on", New: rules.BoolValue(true)},
		{Path: "list[7].on", New: rules.BoolValue(true)},
		{Path: `tags["a.b"]`, New: rules.StringValue("x")},
		{Path: "new.deep", New: rules.Of([]any{map[string]any{"n": 3}})},
		{Path: "secret", New: rules.StringValue("other")},
		{Path: "count", New: rules.Value{}},
	})
	assert.True(t, after.Equals(property.NewMap(m{
		"secret": property.New("other").WithSecret(true),
		"later":  property.New(property.Computed),
		"list": property.New([]property.Value{
			property.New(m{"on": property.New(false)}), property.New(m{"on": property.New(true)}),
		}),
		"tags":  property.New(m{"env": property.New("prod"), "a.b": property.New("x")}),
		"new":   property.New(m{"deep": property.New([]property.Value{property.New(m{"n": property.New(3.0)})})}),
		"count": property.Value{},
	})), "%v", after)
	assert.True(t, before.Get("tags").AsMap().Get("a.b").IsNull(), "the properties themselves do not change")
}
