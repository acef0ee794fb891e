package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Registry is the models zone with a SQLite file for the metadata table. Images are programs, so that there are no
// repositories.
func (t *Target) Registry(
	ctx *pulumi.Context, name string, args *components.RegistryArgs, opts ...pulumi.ResourceOption,
) (*components.RegistryOutputs, error) {
	dir, err := t.store(ctx, name, *args.Retain, opts)
	if err != nil {
		return nil, err
	}
	return &components.RegistryOutputs{
		URI:            args.Models.ToStringOutput(),
		RepositoryURIs: none(),
		TableURI:       t.inStore(ctx, dir, "sqlite", name, "metadata.db"),
		GroupID:        text(""),
	}, nil
}
