package kubernetes_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
	"github.com/mlpathway/mlpathway/components/recording"
)

// invent makes up what the providers return.
func invent(r recording.Resource) (string, resource.PropertyMap) {
	outputs := resource.PropertyMap{}
	if r.Type == "random:index/randomPassword:RandomPassword" {
		outputs["result"] = resource.MakeSecret(resource.NewProperty("a-token-that-nobody-may-see"))
	}
	if metadata, ok := r.Inputs["metadata"]; ok {
		object := metadata.ObjectValue()
		id := object["name"].StringValue()
		if space, ok := object["namespace"]; ok {
			id = space.StringValue() + "/" + id
		}
		return id, outputs
	}
	return r.Name + "-id", outputs
}

var (
	dnsName    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$`)
)

// checkName judges the name and the labels of an object against the limits of the API.
func checkName(r recording.Resource) error {
	metadata, ok := r.Inputs["metadata"]
	if !ok {
		return nil
	}
	object := metadata.ObjectValue()
	name := object["name"].StringValue()
	limit := 253
	switch r.Inputs["kind"].StringValue() {
	case "Service", "Namespace", "CronWorkflow", "JobSet":
		limit = 63
	case "CronJob":
		limit = 52
	}
	if !dnsName.MatchString(name) || len(name) > limit {
		return fmt.Errorf("the name %q of %s is longer than %d characters, or no name", name, r.Type, limit)
	}
	if labels, ok := object["labels"]; ok {
		for key, value := range labels.ObjectValue() {
			if !labelValue.MatchString(value.StringValue()) {
				return fmt.Errorf("the label %s of %s is %q", key, name, value.StringValue())
			}
		}
	}
	return nil
}

// plan is one program of a test: what it builds, where and with which settings.
type plan struct {
	environment components.Environment // default dev
	change      func(*settings.Settings)
	build       func(*pulumi.Context, components.Target) error
}

// run records the program.
func (p plan) run(t *testing.T) (recorded, error) {
	t.Helper()
	if p.environment == "" {
		p.environment = components.Dev
	}
	s := cluster()
	if p.change != nil {
		p.change(&s)
	}
	target := newTarget(t, componenttest.Scope(p.environment), s)
	r, err := recording.Record(func(ctx *pulumi.Context) error { return p.build(ctx, target) }, recording.Options{
		Project: componenttest.Project, Stack: componenttest.Stack, Invent: invent,
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

// recorded is what a program would make.
type recorded struct {
	*recording.Recorder
	t *testing.T
}

// object gives an object by kind and name, as plain values.
func (r recorded) object(kind, name string) map[string]any {
	r.t.Helper()
	for _, made := range r.Resources() {
		if k, ok := made.Inputs["kind"]; !ok || k.StringValue() != kind {
			continue
		}
		plain := resource.NewObjectProperty(made.Inputs).Mappable().(map[string]any)
		if at(plain, "metadata.name") == name {
			return plain
		}
	}
	r.t.Fatalf("there is no %s %s", kind, name)
	return nil
}

// at follows a path of keys and indices.
func at(value any, path string) any {
	for _, key := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// zones are those of the lake that layers are given.
func zones() pulumi.StringMap {
	lake := pulumi.StringMap{}
	for _, zone := range components.Zones() {
		lake[string(zone)] = pulumi.String(values.Zone(zone))
	}
	return lake
}
