package recording_test

import (
	"errors"
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
		"both":    pulumi.ToSecret(first.Address),
	}
	if err := ctx.RegisterResource("test:index:Thing", "second", inputs, &second); err != nil {
		return err
	}
	ctx.Export("address", second.Address)
	ctx.Export("name", pulumi.String("known"))
	ctx.Export("token", pulumi.All(first.Address, pulumi.ToSecret(pulumi.String("hunter2"))).ApplyT(
		func(all []any) string { return all[0].(string) + all[1].(string) }))
	return nil
}

func TestPreviewKeepsWhatIsUnknown(t *testing.T) {
	t.Parallel()
	r, err := recording.Record(chain, recording.Options{Project: "p", Stack: "s", DryRun: true})
	require.NoError(t, err)
	require.Len(t, r.Resources(), 2, "the stack is no resource")
	first, second := r.Resources()[0], r.Resources()[1]
	assert.Equal(t, "second", second.Name)
	assert.True(t, second.Inputs["address"].IsComputed(), "an unknown input is there and unknown")
	assert.True(t, second.Inputs["list"].ArrayValue()[1].IsComputed())
	assert.True(t, second.Inputs["token"].IsSecret())
	assert.True(t, second.Inputs["both"].IsSecret(), "a secret that is not known yet is both")
	assert.True(t, second.Inputs["both"].ContainsUnknowns())
	assert.Equal(t, map[string][]string{
		"address": {first.URN}, "list": {first.URN}, "both": {first.URN},
	}, second.PropertyDependencies)
	assert.True(t, r.StackOutputs()["address"].IsComputed())
	assert.Equal(t, "known", r.StackOutputs()["name"].StringValue())
	assert.True(t, r.StackOutputs()["token"].ContainsUnknowns())
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

var errProgram = errors.New("the first line\nand the second")

// TestErrorsOfTheProgramAreThemselves: without the heading and the bullets that the SDK puts around them.
func TestErrorsOfTheProgramAreThemselves(t *testing.T) {
	t.Parallel()
	_, err := recording.Record(func(*pulumi.Context) error { return errProgram },
		recording.Options{Project: "p", Stack: "s", DryRun: true})
	require.ErrorIs(t, err, errProgram)
	assert.Equal(t, errProgram.Error(), err.Error())
}
