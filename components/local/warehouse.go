package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Warehouse is a DuckDB file. The pipeline's first step makes it and loads the curated rows; it costs nothing when
// idle and is capped by the machine.
func (t *Target) Warehouse(
	ctx *pulumi.Context, name string, args *components.WarehouseArgs, opts ...pulumi.ResourceOption,
) (*components.WarehouseOutputs, error) {
	dir, err := t.store(ctx, name, *args.Retain, opts)
	if err != nil {
		return nil, err
	}
	return &components.WarehouseOutputs{
		ConnectionURI: pulumi.ToSecret(t.inStore(ctx, dir, "duckdb", name, args.Database+".duckdb")).(pulumi.StringOutput),
		Database:      text(args.Database),
		Identity:      text(identity),
	}, nil
}

// store makes a directory for the files of one layer.
func (t *Target) store(
	ctx *pulumi.Context, name string, retain bool, opts []pulumi.ResourceOption,
) (*directory, error) {
	return newDirectory(ctx, name, directoryArgs{Path: t.path(name), Purge: !retain, Retain: retain}, t.under(opts)...)
}

// inStore is the address of a file in such a directory.
func (t *Target) inStore(ctx *pulumi.Context, dir *directory, scheme, name, file string) pulumi.StringOutput {
	return components.Known(ctx, uri(scheme, t.path(name, file)), dir)
}
