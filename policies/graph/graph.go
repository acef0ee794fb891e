// Package graph turns what Pulumi knows of a stack into the graph that the rules judge. It is the only door between the
// two: rules know nothing of Pulumi.
package graph

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// maxDepth bounds nesting; what lies deeper is unknown, so that no rule passes on it.
const maxDepth = 256

// Properties turns the properties of a resource into a value.
func Properties(m property.Map) rules.Value { return value(property.New(m), 0) }

// PropertyMap turns the older form of properties into a value.
func PropertyMap(m resource.PropertyMap) rules.Value {
	return Properties(resource.FromResourcePropertyMap(m))
}

func value(v property.Value, depth int) rules.Value {
	converted := known(v, depth)
	if v.Secret() {
		converted = converted.AsSecret()
	}
	return converted
}

func known(v property.Value, depth int) rules.Value {
	switch {
	case v.IsNull():
		return rules.Value{}
	case v.IsComputed() || depth > maxDepth:
		return rules.UnknownValue()
	case v.IsBool():
		return rules.BoolValue(v.AsBool())
	case v.IsNumber():
		return rules.NumberValue(v.AsNumber())
	case v.IsString():
		return rules.StringValue(v.AsString())
	case v.IsArray():
		list := make([]rules.Value, 0, v.AsArray().Len())
		for _, item := range v.AsArray().All {
			list = append(list, value(item, depth+1))
		}
		return rules.ListValue(list)
	case v.IsMap():
		m := make(map[string]rules.Value, v.AsMap().Len())
		for key, item := range v.AsMap().All {
			m[key] = value(item, depth+1)
		}
		return rules.MapValue(m)
	default:
		return rules.OtherValue()
	}
}

// FromRecorder makes the graph of a recorded program. config is the configuration of its stack, of which the engine
// makes the default providers.
func FromRecorder(r *recording.Recorder, config map[string]string) *rules.Graph {
	recorded := r.Resources()
	byURN := make(map[string]*recording.Resource, len(recorded))
	for i := range recorded {
		byURN[recorded[i].URN] = &recorded[i]
	}
	made := make([]*rules.Resource, 0, len(recorded))
	for i := range recorded {
		from := &recorded[i]
		made = append(made, &rules.Resource{
			URN: from.URN, Type: from.Type, Name: from.Name, Custom: from.Custom, Parent: from.Parent,
			Properties:           PropertyMap(from.Inputs),
			Provider:             recordedProvider(from, byURN, config),
			Dependencies:         from.Dependencies,
			PropertyDependencies: from.PropertyDependencies,
			Options:              rules.ResourceOptions{Protect: from.Protect, RetainOnDelete: from.Retain},
		})
	}
	return rules.NewGraph(made)
}

// recordedProvider finds the provider of a recorded resource. One without a reference has the default provider of its
// package.
func recordedProvider(
	r *recording.Resource, byURN map[string]*recording.Resource, config map[string]string,
) rules.Provider {
	if !r.Custom {
		return rules.Provider{}
	}
	end := strings.LastIndex(r.Provider, "::")
	if end < 0 {
		pkg, _, _ := strings.Cut(r.Type, ":")
		return rules.Provider{Name: "default", Type: "pulumi:providers:" + pkg, Properties: packageConfig(config, pkg)}
	}
	urn := r.Provider[:end]
	from := byURN[urn]
	if from == nil {
		return rules.Provider{URN: urn, Name: urn[strings.LastIndex(urn, "::")+2:], Properties: rules.UnknownValue()}
	}
	return rules.Provider{URN: urn, Name: from.Name, Type: from.Type, Properties: PropertyMap(from.Inputs)}
}

// packageConfig gives what the engine makes the default provider of a package of: the keys of the stack's configuration
// that begin with its name. A provider may take more from its surroundings, which nobody knows before.
func packageConfig(config map[string]string, pkg string) rules.Value {
	properties := map[string]rules.Value{}
	for key, value := range config {
		if name, ok := strings.CutPrefix(key, pkg+":"); ok {
			properties[name] = rules.StringValue(value)
		}
	}
	return rules.MapValue(properties)
}

// Resource turns what the engine shows to a policy into a resource. Inside the engine a resource on its own has its
// inputs and no dependencies; in a whole stack it has its outputs, as far as they are known.
func Resource(from *policyx.AnalyzerResource) *rules.Resource {
	return &rules.Resource{
		URN: from.URN, Type: from.Type, Name: from.Name, Custom: custom(from), Parent: from.Parent,
		Properties:           Properties(from.Properties),
		Provider:             provider(&from.Provider),
		Dependencies:         from.Dependencies,
		PropertyDependencies: from.PropertyDependencies,
		Options: rules.ResourceOptions{
			Protect:                 from.Options.Protect,
			IgnoreChanges:           from.Options.IgnoreChanges,
			AdditionalSecretOutputs: from.Options.AdditionalSecretOutputs,
		},
	}
}

// custom tells resources of a provider from components: the engine does not say which is which, but only the former
// have a provider or come from a cloud.
func custom(from *policyx.AnalyzerResource) bool {
	return from.Provider.URN != "" || rules.CloudOf(from.Type) != ""
}

func provider(from *policyx.AnalyzerProviderResource) rules.Provider {
	if from.URN == "" {
		return rules.Provider{}
	}
	return rules.Provider{
		URN: from.URN, Name: from.Name, Type: from.Type, Properties: Properties(from.Properties),
	}
}

// FromEngine makes the graph of a stack inside the engine.
func FromEngine(from []policyx.AnalyzerResource) *rules.Graph {
	made := make([]*rules.Resource, 0, len(from))
	for i := range from {
		made = append(made, Resource(&from[i]))
	}
	return rules.NewGraph(made)
}
