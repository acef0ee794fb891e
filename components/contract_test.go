package components_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/recording"
)

// partial is a target that gives one layer, badly, to see what the constructors make of it.
type partial struct {
	components.Target
	outputs *components.RegistryOutputs
	args    *components.RegistryArgs
	grants  []components.Access
	zones   []components.Zone
}

func (*partial) Name() string                             { return "partial" }
func (*partial) Scope() components.Scope                  { return componenttest.Scope(components.Stage) }
func (*partial) Unsupported() map[components.Layer]string { return nil }
func (p *partial) Registry(
	_ *pulumi.Context, _ string, args *components.RegistryArgs, _ ...pulumi.ResourceOption,
) (*components.RegistryOutputs, error) {
	p.args = args
	return p.outputs, nil
}

func (p *partial) DataLake(
	*pulumi.Context, string, *components.DataLakeArgs, ...pulumi.ResourceOption,
) (*components.DataLakeOutputs, error) {
	return &components.DataLakeOutputs{
		URIs: pulumi.StringMap{"raw": pulumi.String("file:///raw")}.ToStringMapOutput(), EventSource: text("x"),
	}, nil
}

func (p *partial) GrantLake(
	_ *pulumi.Context, _ string, grant *components.LakeGrant, _ ...pulumi.ResourceOption,
) error {
	p.grants, p.zones = append(p.grants, grant.Access), grant.Zones
	return nil
}

func (p *partial) GrantRegistry(
	_ *pulumi.Context, _ string, grant *components.RegistryGrant, _ ...pulumi.ResourceOption,
) error {
	p.grants = append(p.grants, grant.Access)
	return nil
}

func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }

func newRegistry(t *testing.T, target components.Target, args *components.RegistryArgs) (*components.Registry, error) {
	t.Helper()
	var registry *components.Registry
	_, err := recording.Record(func(ctx *pulumi.Context) error {
		var err error
		registry, err = components.NewRegistry(ctx, "registry", target, args)
		return err
	}, recording.Options{Project: "mlpathway", Stack: "test"})
	return registry, err
}

func TestOutputsMustAllBeSet(t *testing.T) {
	t.Parallel()
	args := &components.RegistryArgs{Model: "tumour", Models: pulumi.String("file:///models")}
	_, err := newRegistry(t, &partial{}, args)
	require.ErrorIs(t, err, components.ErrNoOutput)

	none := pulumi.StringMap{}.ToStringMapOutput()
	_, err = newRegistry(t, &partial{outputs: &components.RegistryOutputs{
		URI: text("u"), RepositoryURIs: none, GroupID: text(""),
	}}, args)
	require.ErrorIs(t, err, components.ErrNoOutput)
	assert.ErrorContains(t, err, "TableURI", "the message must name the output")
}

func TestDefaultsDoNotTouchTheCallersArgs(t *testing.T) {
	t.Parallel()
	target := &partial{outputs: &components.RegistryOutputs{
		URI: text("u"), RepositoryURIs: pulumi.StringMap{}.ToStringMapOutput(), TableURI: text("t"), GroupID: text(""),
	}}
	args := &components.RegistryArgs{Model: "tumour", Models: pulumi.String("file:///models")}
	_, err := newRegistry(t, target, args)
	require.NoError(t, err)
	assert.Zero(t, args.KeepVersions)
	assert.Nil(t, args.Scan)
	assert.Equal(t, 30, target.args.KeepVersions, "the default of stage")
	assert.True(t, *target.args.Scan)
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := newRegistry(t, &partial{}, &components.RegistryArgs{Model: "X", KeepVersions: -1})
	require.ErrorIs(t, err, components.ErrName)
	require.ErrorIs(t, err, components.ErrRange)
	require.ErrorIs(t, err, components.ErrRequired)
	assert.ErrorContains(t, err, `creating Registry "registry": keepVersions: found -1, want 1 to 1000`)
}

func TestGrants(t *testing.T) {
	t.Parallel()
	target := &partial{}
	_, err := recording.Record(func(ctx *pulumi.Context) error {
		lake, err := components.NewDataLake(ctx, "lake", target, nil)
		if err != nil {
			return err
		}
		require.NoError(t, lake.Grant(ctx, "all", pulumi.String("who"), components.Read))
		assert.Len(t, target.zones, len(components.Zones()), "no zone named means all")
		require.NoError(t, lake.Grant(ctx, "two", pulumi.String("who"), components.Write, components.Raw, components.Raw))
		assert.Equal(t, []components.Zone{components.Raw}, target.zones)
		require.ErrorIs(t, lake.Grant(ctx, "bad", pulumi.String("who"), "all"), components.ErrChoice)
		require.ErrorIs(t, lake.Grant(ctx, "bad", nil, components.Read), components.ErrRequired)
		require.ErrorIs(t, lake.Grant(ctx, "bad", pulumi.String("who"), components.Read, "attic"), components.ErrChoice)
		require.ErrorIs(t, lake.Grant(ctx, "Bad Name", pulumi.String("who"), components.Read), components.ErrName)
		return nil
	}, recording.Options{Project: "mlpathway", Stack: "test"})
	require.NoError(t, err)
	assert.Equal(t, []components.Access{components.Read, components.Write}, target.grants)
}

func TestTokensAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]components.Layer{}
	for _, layer := range components.Layers() {
		assert.Regexp(t, `^mlpathway:[a-z]+:[A-Z][A-Za-z]+$`, layer.Token())
		assert.NotContains(t, seen, layer.Token())
		seen[layer.Token()] = layer
	}
	assert.Len(t, seen, 16)
}

func TestPresetsGrowFromDevToProd(t *testing.T) {
	t.Parallel()
	dev, prod := components.PresetFor(components.Dev), components.PresetFor(components.Prod)
	assert.Zero(t, dev.MinReplicas, "dev costs almost nothing when idle")
	assert.Equal(t, components.NATNone, dev.NAT)
	assert.False(t, dev.Retain)
	assert.True(t, prod.Retain)
	assert.True(t, prod.CustomerKeys && prod.AuditTrail && prod.FlowLogs && prod.Versioning)
	assert.GreaterOrEqual(t, prod.MinReplicas, 2, "prod survives the loss of a replica")
	assert.False(t, prod.Spot)
	assert.Equal(t, dev, components.PresetFor("unknown"))
}
