package aws_test

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
	"github.com/mlpathway/mlpathway/components/aws/awstest"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/recording"
)

// recorded is what a program would make.
type recorded struct {
	*recording.Recorder
	t *testing.T
}

// plan is one program of a test: what it builds, where and with which options.
type plan struct {
	environment components.Environment // default dev
	options     aws.Options            // Scope, Account and Region are filled in
	build       func(*pulumi.Context, components.Target) error
}

// run records the program.
func (p plan) run(t *testing.T) (recorded, error) {
	t.Helper()
	if p.environment == "" {
		p.environment = components.Dev
	}
	o := p.options
	o.Scope, o.Account, o.Region = componenttest.Scope(p.environment), awstest.Account, or(o.Region, awstest.Region)
	target, err := aws.New(&o)
	require.NoError(t, err)
	r, err := recording.Record(func(ctx *pulumi.Context) error { return p.build(ctx, target) }, recording.Options{
		Project: componenttest.Project, Stack: componenttest.Stack, Invent: awstest.Invent,
	})
	return recorded{r, t}, err
}

// must records a program that has to work.
func (p plan) must(t *testing.T) recorded {
	t.Helper()
	r, err := p.run(t)
	require.NoError(t, err)
	return r
}

// refused expects an error before the first resource besides the component itself, and says so.
func (p plan) refused(t *testing.T, sentinel error, text string) {
	t.Helper()
	r, err := p.run(t)
	require.ErrorIs(t, err, sentinel)
	require.ErrorContains(t, err, text)
	for _, made := range r.Resources() {
		require.False(t, made.Custom, "%s was registered before the refusal", made.URN)
	}
}

// refusedAfter expects an error of the last component of the program.
func (p plan) refusedAfter(t *testing.T, sentinel error, text string) {
	t.Helper()
	_, err := p.run(t)
	require.ErrorIs(t, err, sentinel)
	require.ErrorContains(t, err, text)
}

// one is the only resource of a type and a logical name; any name where it is empty.
func (r recorded) one(token, name string) recording.Resource {
	r.t.Helper()
	var found []recording.Resource
	for _, made := range r.Find(token) {
		if name == "" || made.Name == name {
			found = append(found, made)
		}
	}
	require.Len(r.t, found, 1, "resources %s %q", token, name)
	return found[0]
}

// inputs are the inputs of the only resource of a type and a logical name, as JSON values.
func (r recorded) inputs(token, name string) map[string]any {
	r.t.Helper()
	made := r.one(token, name)
	for key, value := range made.Inputs {
		if value.IsSecret() {
			made.Inputs[key] = value.SecretValue().Element
		}
	}
	return resource.NewObjectProperty(made.Inputs).Mappable().(map[string]any)
}

// document decodes an input that holds JSON.
func (r recorded) document(token, name, input string) map[string]any {
	r.t.Helper()
	return decode(r.t, r.inputs(token, name)[input])
}

func decode(t *testing.T, text any) map[string]any {
	t.Helper()
	require.IsType(t, "", text)
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(text.(string)), &document))
	return document
}

// allowed are the actions that a role's own policies allow, each with its resources.
func (r recorded) allowed(role string) map[string][]string {
	r.t.Helper()
	all := map[string][]string{}
	for _, policy := range r.Find("aws:iam/rolePolicy:RolePolicy") {
		if policy.Inputs["role"].StringValue() != r.inputs("aws:iam/role:Role", role)["name"] {
			continue
		}
		for _, s := range decode(r.t, policy.Inputs["policy"].StringValue())["Statement"].([]any) {
			statement := s.(map[string]any)
			if statement["Effect"] != "Allow" {
				continue
			}
			for _, action := range texts(statement["Action"]) {
				all[action] = append(all[action], texts(statement["Resource"])...)
			}
		}
	}
	return all
}

// texts turns a list of JSON texts into Go's.
func texts(list any) []string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		all = append(all, item.(string))
	}
	return all
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
