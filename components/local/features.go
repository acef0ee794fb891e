package local

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Features are made by the pipeline's own step on DuckDB; the online store is a SQLite file.
func (t *Target) Features(
	ctx *pulumi.Context, name string, args *components.FeaturesArgs, opts ...pulumi.ResourceOption,
) (*components.FeaturesOutputs, error) {
	if args.Distributed {
		return nil, fmt.Errorf("distributed: found true, want false: one machine has no batch engine: %w",
			components.ErrUnsupported)
	}
	groups := pulumi.StringMap{}
	for _, view := range args.Views {
		groups[view.Name] = args.Offline
	}
	outputs := &components.FeaturesOutputs{
		GroupIDs: groups.ToStringMapOutput(), EngineID: text(""), OnlineURI: text(""), Identity: text(identity),
	}
	if *args.Online {
		dir, err := t.store(ctx, name, false, opts)
		if err != nil {
			return nil, err
		}
		outputs.OnlineURI = t.inStore(ctx, dir, "sqlite", name, "online.db")
	}
	return outputs, nil
}
