package components_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/recording"
)

type thing struct{ pulumi.CustomResourceState }

// Resources get the options of the layer and those of the target, wait for others, and share no list of options.
func TestBuilder(t *testing.T) {
	t.Parallel()
	var known pulumi.StringOutput
	r, err := recording.Record(func(ctx *pulumi.Context) error {
		declare := func(name string, opts ...pulumi.ResourceOption) *thing {
			var made thing
			require.NoError(t, ctx.RegisterResource("test:index:Thing", name, pulumi.Map{}, &made, opts...))
			return &made
		}
		space := declare("space")
		b := components.NewBuilder(ctx, components.DataLakeLayer, "lake", []pulumi.ResourceOption{pulumi.Protect(true)},
			pulumi.DependsOn([]pulumi.Resource{space}))
		first := declare(b.Part("first"), b.With()...)
		one, other := b.With(pulumi.RetainOnDelete(true)), b.With(pulumi.RetainOnDelete(false))
		declare(b.Part("one"), one...)
		declare(b.Part("other", "two"), other...)
		known = b.Known("s3://raw", first)
		declare(b.Part("last"), b.After(nil, first, nil)...)
		var user thing
		return ctx.RegisterResource("test:index:Thing", b.Part("user"), pulumi.Map{"uri": known}, &user)
	}, recording.Options{Project: "p", Stack: "s", DryRun: true})
	require.NoError(t, err)
	protect, needs := map[string]bool{}, map[string][]string{}
	for _, res := range r.Resources() {
		protect[res.Name] = res.Protect
		assert.Equal(t, res.Name == "lake-one", res.Retain, res.Name)
		for _, on := range res.Dependencies {
			needs[res.Name] = append(needs[res.Name], on[len(on)-5:])
		}
	}
	assert.Equal(t, map[string]bool{"space": false, "lake-first": true, "lake-one": true, "lake-other-two": true,
		"lake-last": true, "lake-user": false}, protect)
	assert.Equal(t, []string{"space"}, needs["lake-one"])
	assert.ElementsMatch(t, []string{"space", "first"}, needs["lake-last"])
	assert.Equal(t, []string{"first"}, needs["lake-user"])
}
