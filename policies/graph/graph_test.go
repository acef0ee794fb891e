package graph_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/policies/graph"
	"github.com/mlpathway/mlpathway/policies/rules"
)

func TestProperties(t *testing.T) {
	t.Parallel()
	file, err := asset.FromText("x")
	require.NoError(t, err)
	v := graph.PropertyMap(resource.PropertyMap{
		"on":    resource.NewProperty(true),
		"count": resource.NewProperty(3.0),
		"list": resource.NewProperty([]resource.PropertyValue{
			resource.NewProperty("x"), resource.MakeComputed(resource.NewProperty("")),
		}),
		"nothing":  resource.NewNullProperty(),
		"password": resource.MakeSecret(resource.NewProperty("hunter2")),
		"output":   resource.NewProperty(resource.Output{Secret: true}),
		"asset":    resource.NewProperty(file),
	})
	for path, want := range map[string]rules.Kind{
		"on": rules.Bool, "count": rules.Number, "list": rules.List, "nothing": rules.Absent, "password": rules.String,
		"output": rules.Unknown, "asset": rules.Other, "missing": rules.Absent,
	} {
		assert.Equal(t, want, v.Get(path).Kind(), path)
	}
	items := v.Each("list[]")
	require.Len(t, items, 2)
	assert.True(t, items[1].IsUnknown())
	assert.Equal(t, "[secret]", v.Get("password").String())
}

func TestDeepPropertiesAreUnknown(t *testing.T) {
	t.Parallel()
	deep := property.New("end")
	for range 1000 {
		deep = property.New([]property.Value{deep})
	}
	assert.True(t, graph.Properties(property.NewMap(map[string]property.Value{"a": deep})).HasUnknown())
}

// bucket registers resources as an SDK does, without one.
func program(ctx *pulumi.Context) error {
	type res struct{ pulumi.CustomResourceState }
	var provider struct{ pulumi.ProviderResourceState }
	if err := ctx.RegisterResource("pulumi:providers:aws", "eu", pulumi.Map{"region": pulumi.String("eu-west-1")},
		&provider); err != nil {
		return err
	}
	var bucket, block res
	if err := ctx.RegisterResource("aws:s3/bucketV2:BucketV2", "raw", nil, &bucket, pulumi.Protect(true),
		pulumi.Provider(&provider)); err != nil {
		return err
	}
	return ctx.RegisterResource("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "raw",
		pulumi.Map{"bucket": bucket.ID(), "blockPublicAcls": pulumi.Bool(true)}, &block)
}

func TestFromRecorder(t *testing.T) {
	t.Parallel()
	recorder, err := recording.Record(program, recording.Options{Project: "p", Stack: "s", DryRun: true})
	require.NoError(t, err)
	g := graph.FromRecorder(recorder, map[string]string{"aws:profile": "dev", "awsx:region": "x", "p:region": "y"})
	buckets := g.OfType("aws:s3/bucketV2:BucketV2")
	blocks := g.OfType("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
	require.Len(t, buckets, 1)
	require.Len(t, blocks, 1)
	assert.True(t, buckets[0].Options.Protect)
	assert.Equal(t, "eu", buckets[0].Provider.Name)
	assert.Equal(t, rules.StringValue("eu-west-1"), buckets[0].Provider.Properties.Get("region"))
	assert.True(t, blocks[0].Provider.Default())
	assert.Equal(t, rules.Of(map[string]any{"profile": "dev"}), blocks[0].Provider.Properties)
	assert.True(t, blocks[0].Properties.Get("bucket").IsUnknown())
	links := g.Links(buckets[0], blocks[0].Type, "bucket")
	assert.Equal(t, blocks, links.Found, "a link whose id is not known yet is found by its URN")
}

func TestFromEngine(t *testing.T) {
	t.Parallel()
	const parent = "urn:pulumi:s::p::mlpathway:data:Lake::lake"
	g := graph.FromEngine([]policyx.AnalyzerResource{
		{Type: "mlpathway:data:Lake", URN: parent, Name: "lake"},
		{
			Type: "azure-native:storage/v20230101:StorageAccount", URN: "urn:pulumi:s::p::x::a", Name: "a", Parent: parent,
			Properties: property.NewMap(map[string]property.Value{"x": property.New(property.Computed)}),
			Options:    pulumi.ResourceOptions{Protect: true, IgnoreChanges: []string{"x"}},
			Provider: policyx.AnalyzerProviderResource{
				URN: "urn", Name: "default_2_90", Type: "pulumi:providers:azure-native",
			},
			PropertyDependencies: map[string][]string{"x": {parent}},
		},
	})
	accounts := g.OfType("azure-native:storage:StorageAccount")
	require.Len(t, accounts, 1)
	r := accounts[0]
	assert.True(t, r.Custom)
	assert.False(t, g.Resource(parent).Custom)
	assert.True(t, r.Provider.Default())
	assert.Equal(t, "v20230101", r.APIVersion)
	assert.True(t, r.Options.Protect)
	assert.True(t, r.Properties.Get("x").IsUnknown())
	assert.Equal(t, []*rules.Resource{g.Resource(parent)}, g.Refers(r, "x"))
	assert.Equal(t, []*rules.Resource{g.Resource(parent)}, g.Ancestors(r))
}
