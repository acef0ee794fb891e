// Package schemas holds the Go structs that this project declares objects with against the descriptions that their
// projects publish: the OpenAPI description of Kubernetes and the definitions of the operators. What it takes out of
// them, the names and types of the fields that the structs have, is what the tests of components/kubernetes hold
// objects against, without a server and without the network.
package schemas

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// File is where the schemas lie, below the project's directory.
const File = "components/kubernetes/testdata/kinds.json"

// published is a schema as it is published.
type published = map[string]any

// Extract writes the schemas of all kinds. Errors: every field of a struct that the published schema lacks.
func Extract(ctx context.Context, cache *binaries.Cache) ([]byte, error) {
	e, err := newExtract(ctx, cache)
	if err != nil {
		return nil, err
	}
	found := map[string]*crdtest.Schema{}
	for kind, fields := range kinds() {
		schema, ok := e.byKind[kind]
		if !ok {
			e.problems = append(e.problems, "no project publishes "+kind)
			continue
		}
		found[kind] = e.take(schema, reflect.TypeOf(fields), kind)
		found[kind].Properties["apiVersion"] = &crdtest.Schema{Type: "string"}
		found[kind].Properties["kind"] = &crdtest.Schema{Type: "string"}
	}
	if len(e.problems) > 0 {
		slices.Sort(e.problems)
		return nil, fmt.Errorf("the structs and what is published differ:\n%s", strings.Join(e.problems, "\n"))
	}
	return e.write(found)
}

// extract is what is published, and what is wrong with the structs.
type extract struct {
	byKind map[string]published
	refs   map[string]published // of the OpenAPI description
	origin []string
	// problems name fields.
	problems []string
}

func newExtract(ctx context.Context, cache *binaries.Cache) (*extract, error) {
	e := &extract{byKind: map[string]published{}}
	if err := e.readKubernetes(ctx, cache); err != nil {
		return nil, err
	}
	definitions, err := controlplane.Definitions(ctx, cache)
	if err != nil {
		return nil, err
	}
	for _, d := range definitions {
		e.origin = append(e.origin, d.Module)
		for _, object := range d.Objects {
			e.readDefinition(object.Object)
		}
	}
	return e, nil
}

// readKubernetes reads the OpenAPI description of the API server that the tests run.
func (e *extract) readKubernetes(ctx context.Context, cache *binaries.Cache) error {
	const module = "k8s.io/kubernetes"
	dir, err := cache.Module(ctx, module)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "api", "openapi-spec", "swagger.json"))
	if err != nil {
		return err
	}
	var file struct {
		Definitions map[string]published `json:"definitions"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("reading the OpenAPI description of Kubernetes: %w", err)
	}
	e.refs, e.origin = file.Definitions, append(e.origin, module+"@"+binaries.KubernetesVersion)
	for _, schema := range e.refs {
		list, _ := schema["x-kubernetes-group-version-kind"].([]any)
		for _, each := range list {
			if kind, ok := each.(map[string]any); ok {
				group, version := fmt.Sprint(kind["group"]), fmt.Sprint(kind["version"])
				e.byKind[fmt.Sprintf("%s %s", strings.TrimPrefix(group+"/"+version, "/"), kind["kind"])] = schema
			}
		}
	}
	return nil
}

// readDefinition reads a custom resource definition.
func (e *extract) readDefinition(object map[string]any) {
	spec, _ := object["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	for _, each := range versions {
		version, _ := each.(map[string]any)
		schema, _ := version["schema"].(map[string]any)
		if open, ok := schema["openAPIV3Schema"].(map[string]any); ok {
			e.byKind[fmt.Sprintf("%s/%s %s", spec["group"], version["name"], names["kind"])] = open
		}
	}
}

// take gives the part of a published schema that a Go type has.
func (e *extract) take(schema published, t reflect.Type, path string) *crdtest.Schema {
	schema = e.follow(schema)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := &crdtest.Schema{Type: typeOf(schema), Enum: list(schema, "enum")}
	for _, name := range list(schema, "required") {
		s.Required = append(s.Required, fmt.Sprint(name))
	}
	slices.Sort(s.Required)
	if s.Type == "open" {
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		s.Properties = map[string]*crdtest.Schema{}
		properties, _ := schema["properties"].(map[string]any)
		for _, field := range reflect.VisibleFields(t) {
			if field.Anonymous {
				continue // its fields come besides
			}
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			below, ok := properties[name].(map[string]any)
			if !ok {
				e.problems = append(e.problems, path+" has no field "+name)
				continue
			}
			s.Properties[name] = e.take(below, field.Type, path+"."+name)
		}
	case reflect.Map:
		s.AdditionalProperties = e.below(schema, "additionalProperties", t, path)
	case reflect.Slice:
		s.Items = e.below(schema, "items", t, path)
	case reflect.Interface:
		e.whole(s, schema, path)
	default:
	}
	return s
}

// below is what a list or a mapping holds.
func (e *extract) below(schema published, key string, t reflect.Type, path string) *crdtest.Schema {
	below, ok := schema[key].(map[string]any)
	if !ok {
		e.problems = append(e.problems, path+" holds nothing of a kind")
		return nil
	}
	return e.take(below, t.Elem(), path+"[]")
}

// whole takes all of a schema for a field that is an input: its Go type says nothing of what is in it.
func (e *extract) whole(s *crdtest.Schema, schema published, path string) {
	anything := reflect.TypeFor[any]()
	if properties, ok := schema["properties"].(map[string]any); ok {
		s.Properties = map[string]*crdtest.Schema{}
		for name, below := range properties {
			if below, ok := below.(map[string]any); ok {
				s.Properties[name] = e.take(below, anything, path+"."+name)
			}
		}
	}
	for key, field := range map[string]**crdtest.Schema{
		"items": &s.Items, "additionalProperties": &s.AdditionalProperties,
	} {
		if below, ok := schema[key].(map[string]any); ok {
			*field = e.take(below, anything, path+"[]")
		}
	}
}

// follow gives the schema that a reference names.
func (e *extract) follow(schema published) published {
	for schema["$ref"] != nil {
		schema = e.refs[strings.TrimPrefix(fmt.Sprint(schema["$ref"]), "#/definitions/")]
	}
	return schema
}

func typeOf(schema published) string {
	open, _ := schema["x-kubernetes-preserve-unknown-fields"].(bool)
	either, _ := schema["x-kubernetes-int-or-string"].(bool)
	switch {
	case open && schema["properties"] == nil:
		return "open"
	case either || schema["format"] == "int-or-string":
		return "any"
	case schema["type"] != nil:
		return fmt.Sprint(schema["type"])
	case schema["properties"] != nil:
		return "object"
	default:
		return "any"
	}
}

func list(schema published, key string) []any {
	found, _ := schema[key].([]any)
	return found
}

// write gives the file: one line for each kind.
func (e *extract) write(found map[string]*crdtest.Schema) ([]byte, error) {
	origin, err := json.Marshal("names and types of the fields that this project uses, written by go run " +
		"./tests/cluster/schemas/extract from " + strings.Join(e.origin, ", ") + "; all Apache-2.0")
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		schema, err := json.Marshal(found[kind])
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%q: %s", kind, schema))
	}
	return fmt.Appendf(nil, "{\n\"origin\": %s,\n\"kinds\": {\n%s\n}\n}\n", origin, strings.Join(lines, ",\n")), nil
}
