package recording_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/recording"
)

// thing is a resource with one output.
type thing struct {
	pulumi.CustomResourceState
	Address pulumi.StringOutput `pulumi:"address"`
}

// chain registers two resources, the second one made of the first one's output and a secret.
func chain(ctx *pulumi.Context) error {
	var first, second thing
	if err := ctx.RegisterResource("test:index:Thing", "first", pulumi.Map{}, &first); err != nil {
		return err
	}
	inputs := pulumi.Map{
		"address": first.Address,
		"list":    pulumi.Array{pulumi.String("known"), first.Address},
		"token":   pulumi.ToSecret(pulumi.String("hunter2")),
	}
	if err := ctx.RegisterResource("test:index:Thing", "second", inputs, &second); err != nil {
		return err
	}
	return recording.Capture(ctx, pulumi.Map{"address": second.Address, "name": pulumi.String("known")})
}

func TestPreviewKeepsWhatIsUnknown(t *testing.T) {
	t.Parallel()
	r, err := recording.Record(chain, recording.Options{Project: "p", Stack: "s", DryRun: true})
	require.NoError(t, err)
	require.Len(t, r.Resources(), 2, "captured outputs are no resource")
	first, second := r.Resources()[0], r.Resources()[1]
	assert.Equal(t, "second", second.Name)
	assert.True(t, second.Inputs["address"].IsComputed(), "an unknown input is there and unknown")
	assert.True(t, second.Inputs["list"].ArrayValue()[1].IsComputed())
	assert.True(t, second.Inputs["token"].IsSecret())
	assert.Equal(t, map[string][]string{"address": {first.URN}, "list": {first.URN}}, second.PropertyDependencies)
	assert.True(t, r.Captured()["address"].IsComputed())
	assert.Equal(t, "known", r.Captured()["name"].StringValue())
}

func TestInventedOutputsAreKnown(t *testing.T) {
	t.Parallel()
	invent := func(recording.Resource) (string, resource.PropertyMap) {
		return "id-1", resource.PropertyMap{"address": resource.NewProperty("https://example.test")}
	}
	r, err := recording.Record(chain, recording.Options{Project: "p", Stack: "s", Invent: invent})
	require.NoError(t, err)
	assert.Equal(t, "https://example.test", r.Resources()[1].Inputs["address"].StringValue())
	graph, err := r.Graph()
	require.NoError(t, err)
	assert.NotContains(t, string(graph), "hunter2")
}
