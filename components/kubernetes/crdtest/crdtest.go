// Package crdtest holds custom resources against the schemas of their definitions.
package crdtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/recording"
)

// Schema is the part of an OpenAPI schema that names and types need. Type is any for what has several, and open where
// everything is taken.
type Schema struct {
	Type                 string             `json:"type"`
	Required             []string           `json:"required,omitempty"`
	Enum                 []any              `json:"enum,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	AdditionalProperties *Schema            `json:"additionalProperties,omitempty"`
}

// Check holds the inputs of a custom resource against the definitions in a file: names, types, enumerations, and what
// is required.
func Check(t *testing.T, path string, r recording.Resource) {
	t.Helper()
	CheckObject(t, path, resource.NewObjectProperty(r.Inputs).Mappable().(map[string]any))
}

// CheckObject is Check for an object as plain values.
func CheckObject(t *testing.T, path string, object map[string]any) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var file struct {
		Kinds map[string]*Schema `json:"kinds"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	kind := fmt.Sprint(object["apiVersion"], " ", object["kind"])
	require.Contains(t, file.Kinds, kind)
	object = maps.Clone(object)
	delete(object, "metadata") // that of every object
	file.Kinds[kind].check(t, kind, object)
}

func (s *Schema) check(t *testing.T, path string, value any) {
	t.Helper()
	if s.Type == "open" { // it takes everything
		return
	}
	if len(s.Enum) > 0 {
		assert.Contains(t, s.Enum, value, path)
	}
	switch v := value.(type) {
	case map[string]any:
		assert.Equal(t, "object", s.Type, path)
		for _, name := range s.Required {
			if name != "metadata" {
				assert.Contains(t, v, name, path)
			}
		}
		for name, item := range v {
			below := s.Properties[name]
			if below == nil {
				below = s.AdditionalProperties
			}
			if assert.NotNil(t, below, "%s has no field %s", path, name) {
				below.check(t, path+"."+name, item)
			}
		}
	case []any:
		if assert.Equal(t, "array", s.Type, path) {
			for i, item := range v {
				s.Items.check(t, fmt.Sprintf("%s[%d]", path, i), item)
			}
		}
	case string:
		assert.Contains(t, []string{"string", "any"}, s.Type, path)
	case bool:
		assert.Equal(t, "boolean", s.Type, path)
	case float64:
		assert.Contains(t, []string{"integer", "number", "any"}, s.Type, path)
	default:
		t.Errorf("%s: %T is no value", path, value)
	}
}
