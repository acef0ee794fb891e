package componenttest

import (
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// outputField is one output of a layer.
type outputField struct {
	name     string
	optional bool // may be empty
	value    pulumi.Output
}

// outputFields lists the tagged outputs of a struct.
func outputFields(outputs any) []outputField {
	v := reflect.Indirect(reflect.ValueOf(outputs))
	var all []outputField
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("pulumi"), ",")
		if name == "" {
			continue
		}
		value, ok := v.Field(i).Interface().(pulumi.Output)
		if !ok {
			value = pulumi.ToOutput(v.Field(i).Interface()) // a map whose keys are known before anything is made
		}
		all = append(all, outputField{name: name, optional: options == "optional", value: value})
	}
	return all
}
