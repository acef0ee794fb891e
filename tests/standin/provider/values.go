package provider

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// wire is how properties are written to disk: as the engine sends them.
var wire = plugin.MarshalOptions{KeepSecrets: true, KeepUnknowns: true, KeepResources: true}

func encode(m property.Map) (json.RawMessage, error) {
	s, err := plugin.MarshalProperties(resource.ToResourcePropertyMap(m), wire)
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(s)
}

func decode(data json.RawMessage) (property.Map, error) {
	var s structpb.Struct
	if err := protojson.Unmarshal(data, &s); err != nil {
		return property.Map{}, err
	}
	m, err := plugin.UnmarshalProperties(&s, wire)
	return resource.FromResourcePropertyMap(m), err
}

// plain takes the marks of secrets and dependencies off a map.
func plain(m property.Map) property.Map {
	return plainValue(property.New(m)).AsMap()
}

func plainValue(v property.Value) property.Value {
	switch {
	case v.IsMap():
		clean := map[string]property.Value{}
		for key, value := range v.AsMap().All {
			clean[key] = plainValue(value)
		}
		return property.New(clean)
	case v.IsArray():
		var clean []property.Value
		for _, value := range v.AsArray().All {
			clean = append(clean, plainValue(value))
		}
		return property.New(clean)
	default:
		return v.WithSecret(false).WithDependencies(nil)
	}
}

// text is a property that holds a known text; "" otherwise.
func text(m property.Map, path ...string) string {
	for ; len(path) > 1; path = path[1:] {
		v := m.Get(path[0])
		if !v.IsMap() {
			return ""
		}
		m = v.AsMap()
	}
	if v := m.Get(path[0]); v.IsString() {
		return v.AsString()
	}
	return ""
}

// unique tells names that no two things have by chance from plain words: they hold an address or invented digits.
var unique = regexp.MustCompile(`^arn:|^projects/|^/subscriptions/|^https?://|-[0-9a-f]{17}$|^[0-9a-f-]{36}$`)

// addresses are the outputs that say where a resource is.
var addresses = []string{"arn", "selfLink", "id"}

// names are those by which others refer to a resource.
func names(id string, outputs property.Map) []string {
	var all []string
	for _, name := range append([]string{id}, texts(outputs, addresses)...) {
		if unique.MatchString(name) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func texts(m property.Map, keys []string) []string {
	var all []string
	for _, key := range keys {
		if value := text(m, key); value != "" {
			all = append(all, value)
		}
	}
	return all
}

// references are the texts in the inputs of a resource that may name other resources. What a policy document says does
// not count: clouds let go of what it names.
func references(inputs property.Map) []string {
	var all []string
	var walk func(property.Value)
	walk = func(v property.Value) {
		switch {
		case v.IsMap():
			for key, value := range v.AsMap().All {
				if key != "tags" && key != "labels" {
					walk(value)
				}
			}
		case v.IsArray():
			for _, value := range v.AsArray().All {
				walk(value)
			}
		case v.IsString():
			if name := v.AsString(); unique.MatchString(name) && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	walk(property.New(inputs))
	return all
}
