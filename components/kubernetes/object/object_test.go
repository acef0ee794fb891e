package object_test

import (
	"maps"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/kubernetes/object"
	"github.com/mlpathway/mlpathway/components/recording"
)

func TestInput(t *testing.T) {
	t.Parallel()
	type inner struct {
		Count int    `json:"count"`
		Note  string `json:"note,omitempty"`
	}
	given := struct {
		Name  string             `json:"name"`
		Inner *inner             `json:"inner,omitempty"`
		None  *inner             `json:"none,omitempty"`
		Many  []inner            `json:"many"`
		Bag   map[string]string  `json:"bag"`
		Later pulumi.StringInput `json:"later"`
		On    bool               `json:"on"`
		inner
	}{
		inner: inner{Count: 3},
		Name:  "a", Inner: &inner{}, Many: []inner{{Count: 2, Note: "b"}}, Bag: map[string]string{"k": "v"},
		Later: pulumi.String("c"),
	}
	assert.Equal(t, pulumi.Map{
		"name": pulumi.String("a"), "inner": pulumi.Map{"count": pulumi.Int(0)},
		"many": pulumi.Array{pulumi.Map{"count": pulumi.Int(2), "note": pulumi.String("b")}},
		"bag":  pulumi.Map{"k": pulumi.String("v")}, "later": pulumi.String("c"), "on": pulumi.Bool(false),
		"count": pulumi.Int(3),
	}, object.Input(given))
}

func TestObjectsAndReleasesAreRegisteredByTheirTokens(t *testing.T) {
	t.Parallel()
	r, err := recording.Record(func(ctx *pulumi.Context) error {
		_, err := object.New(ctx, "space", "v1", "Namespace", object.Metadata{Name: "ml"}, nil)
		if err != nil {
			return err
		}
		_, err = object.NewRelease(ctx, "chart", object.Release{
			Chart: "kueue", Version: "0.19.0", Repository: &object.Repository{Repo: "https://example.com"},
		})
		return err
	}, recording.Options{Project: "p", Stack: "s"})
	require.NoError(t, err)
	space := r.Find("kubernetes:core/v1:Namespace")
	require.Len(t, space, 1)
	assert.Equal(t, "ml", space[0].Inputs["metadata"].ObjectValue()["name"].StringValue())
	chart := r.Find("kubernetes:helm.sh/v3:Release")
	require.Len(t, chart, 1)
	assert.Equal(t, "https://example.com", chart[0].Inputs["repositoryOpts"].ObjectValue()["repo"].StringValue())
}

// The environment belongs to the process, so this test runs alone.
func TestAProviderDoesNotDependOnTheMachine(t *testing.T) {
	t.Setenv("KUBECONFIG", "/home/somebody/.kube/config")
	r, err := recording.Record(func(ctx *pulumi.Context) error {
		_, err := object.NewContextProvider(ctx, "there", "shop")
		if err != nil {
			return err
		}
		_, err = object.NewProvider(ctx, "made", pulumi.String("kind: Config").ToStringOutput())
		return err
	}, recording.Options{Project: "p", Stack: "s"})
	require.NoError(t, err)
	providers := r.Find("pulumi:providers:kubernetes")
	require.Len(t, providers, 2)
	common := map[string]any{"enableServerSideApply": true, "enableConfigMapMutable": true}
	for _, p := range providers {
		want := maps.Clone(common)
		want[map[string]string{"there": "context", "made": "kubeconfig"}[p.Name]] =
			map[string]string{"there": "shop", "made": "kind: Config"}[p.Name]
		assert.Equal(t, want, p.Inputs.Mappable(), p.Name)
	}
}
