package policies_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// TestTokensAndPathsExist looks up every type and every property path of every rule in the sources of the SDKs that
// go.mod names. What is declared as unchecked must have no SDK there.
func TestTokensAndPathsExist(t *testing.T) {
	t.Parallel()
	modules, err := schema.Modules(t.Context(), "../..")
	require.NoError(t, err)
	sdks := schema.New(modules, t.TempDir())
	checked := 0
	for _, rule := range rules.Catalogue() {
		for i := range rule.Matchers {
			m := &rule.Matchers[i]
			if m.Type == rules.AnyType {
				continue
			}
			definition, err := sdks.Resource(m.Type)
			if m.Unchecked {
				if !errors.Is(err, schema.ErrNotChecked) {
					assert.Fail(t, "there is an SDK to check against", "%s: %s: %v", rule.ID, m.Type, err)
				}
				continue
			}
			if err != nil {
				assert.Fail(t, err.Error(), "%s: %s", rule.ID, m.Type)
				continue
			}
			for _, path := range m.Paths {
				assert.Empty(t, missing(definition, path), "%s: %s has no input %s", rule.ID, m.Type, path)
				checked++
			}
		}
	}
	require.NotZero(t, checked)
	t.Logf("%d paths of %d rules exist", checked, len(rules.Catalogue()))
}

// TestMissing: the look-up itself finds what is wrong.
func TestMissing(t *testing.T) {
	t.Parallel()
	text, number := schema.Type{Kind: schema.String}, schema.Type{Kind: schema.Number}
	ref := schema.Type{Kind: schema.Struct, Ref: "Rule"}
	d := &schema.Definition{
		Inputs: schema.Object{
			"name": {Type: text}, "rules": {Type: schema.Type{Kind: schema.Array, Elem: &ref}},
			"tags": {Type: schema.Type{Kind: schema.Map, Elem: &text}}, "policy": {Type: schema.Type{Kind: schema.Any}},
		},
		Objects: map[string]schema.Object{"Rule": {"age": {Type: number}}},
	}
	for path, want := range map[string]string{
		"name": "", "rules[].age": "", "rules.age": "", "rules[]": "", "tags.env": "", "policy.any.thing": "",
		"nam": "nam", "name.x": "x", "name[]": "name[]", "rules[].ages": "ages", "tags.env.x": "x",
	} {
		assert.Equal(t, want, missing(d, path), path)
	}
}

// missing gives the first step of a path that the inputs of a resource do not have; "" where all are there.
func missing(d *schema.Definition, path string) string {
	at := schema.Type{Kind: schema.Struct}
	object := d.Inputs
	for step := range strings.SplitSeq(path, ".") {
		name, list := strings.CutSuffix(step, "[]")
		switch at.Kind {
		case schema.Any:
			return ""
		case schema.Struct:
			property, ok := object[name]
			if !ok {
				return step
			}
			at = property.Type
		case schema.Map:
			at = *at.Elem
		default:
			return step
		}
		if list && at.Kind != schema.Array && at.Kind != schema.Any {
			return step
		}
		for at.Kind == schema.Array {
			at = *at.Elem
		}
		object = d.Objects[at.Ref]
	}
	return ""
}
