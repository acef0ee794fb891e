package provider

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"

	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// defaults lists, in the checked inputs, the properties that the provider chose itself. Real providers keep the same
// list under the same name.
const defaults = "__defaults"

// check refuses what the SDK's types do not allow, and names what the program left unnamed.
func (s *standin) check(_ context.Context, r p.CheckRequest) (resp p.CheckResponse, err error) {
	typ := string(r.Urn.Type())
	call := cloud.Call{Operation: cloud.Check, URN: string(r.Urn), Type: typ}
	definition, err := s.definition(typ)
	call.Unchecked = definition == nil && err == nil
	err = s.record(call, func(*cloud.Call) error {
		if err != nil {
			return err
		}
		if definition != nil {
			resp.Failures = checkInputs(definition, r.Inputs)
		}
		generation, err := s.cloud.Generation(string(r.Urn))
		n := naming{definition: definition, urn: r.Urn, generation: generation}
		resp.Inputs = n.autoname(r.Inputs, r.State)
		return err
	})
	return resp, err
}

// checkInputs compares inputs with what the SDK knows.
func checkInputs(d *schema.Definition, inputs property.Map) []p.CheckFailure {
	c := checker{definition: d}
	c.object("", d.Inputs, inputs)
	return c.failures
}

type checker struct {
	definition *schema.Definition
	failures   []p.CheckFailure
}

func (c *checker) fail(path, format string, args ...any) {
	c.failures = append(c.failures, p.CheckFailure{Property: path, Reason: fmt.Sprintf(format, args...)})
}

func (c *checker) object(path string, object schema.Object, values property.Map) {
	for name, value := range values.AllStable {
		at := join(path, name)
		known, ok := object[name]
		switch {
		case ok:
			c.value(at, known.Type, value)
		case !strings.HasPrefix(name, "__"):
			c.fail(at, "%s has no property %s; it has %s", c.definition.Token, at,
				strings.Join(slices.Sorted(maps.Keys(object)), ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if value := values.Get(name); object[name].Required && value.IsNull() {
			c.fail(join(path, name), "%s needs the property %s", c.definition.Token, join(path, name))
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c *checker) value(path string, typ schema.Type, v property.Value) {
	switch {
	case v.IsNull() || v.IsComputed() || typ.Kind == schema.Any:
	case typ.Kind == schema.Array && v.IsArray():
		for i, item := range v.AsArray().All {
			c.value(fmt.Sprintf("%s[%d]", path, i), *typ.Elem, item)
		}
	case typ.Kind == schema.Map && v.IsMap():
		for key, item := range v.AsMap().AllStable {
			c.value(join(path, key), *typ.Elem, item)
		}
	case typ.Kind == schema.Struct && v.IsMap():
		c.object(path, c.definition.Objects[typ.Ref], v.AsMap())
	case !scalar(typ.Kind, v):
		c.fail(path, "%s wants %s to be of type %s, found %#v", c.definition.Token, path, typ.Kind, plainValue(v))
	}
}

// scalar tells whether a value is of a kind that holds no others.
func scalar(kind schema.Kind, v property.Value) bool {
	switch kind {
	case schema.String:
		return v.IsString()
	case schema.Boolean:
		return v.IsBool()
	case schema.Number:
		return v.IsNumber()
	case schema.Integer:
		return v.IsNumber() && v.AsNumber() == math.Trunc(v.AsNumber())
	case schema.Asset:
		return v.IsAsset() || v.IsArchive()
	default:
		return false
	}
}
