package kubernetes

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Features are made by the pipeline's own step on DuckDB; they lie in the features zone alone. An online store would be
// a database of its own, which a cluster has not by itself.
func (t *Target) Features(
	ctx *pulumi.Context, name string, args *components.FeaturesArgs, opts ...pulumi.ResourceOption,
) (*components.FeaturesOutputs, error) {
	l := t.layer(ctx, components.FeaturesLayer, name, opts)
	identity, err := l.account()
	if err != nil {
		return nil, err
	}
	groups := pulumi.StringMap{}
	for _, view := range args.Views {
		groups[view.Name] = args.Offline
	}
	return &components.FeaturesOutputs{
		GroupIDs: groups.ToStringMapOutput(), EngineID: text(""), OnlineURI: text(""), Identity: identity,
	}, nil
}
