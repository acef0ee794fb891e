package local

import (
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// DataLake makes a directory for each zone. The zones have no lifecycle rules of their own: the workloads keep their
// outputs bounded.
func (t *Target) DataLake(
	ctx *pulumi.Context, name string, args *components.DataLakeArgs, opts ...pulumi.ResourceOption,
) (*components.DataLakeOutputs, error) {
	lake, err := newDirectory(ctx, name, directoryArgs{Path: t.path(name)}, t.under(opts)...)
	if err != nil {
		return nil, err
	}
	uris := pulumi.StringMap{}
	zones := map[components.Zone]*directory{}
	for _, zone := range components.Zones() {
		path := t.path(name, string(zone))
		made, err := newDirectory(ctx, name+"-"+string(zone), directoryArgs{
			Path: path, Purge: !*args.Retain, Retain: *args.Retain,
		}, with(opts, lake)...)
		if err != nil {
			return nil, err
		}
		zones[zone], uris[string(zone)] = made, components.Known(ctx, uri("file", path), made)
	}
	for _, object := range args.Objects {
		if err := t.object(ctx, name, object, with(opts, zones[object.Zone])); err != nil {
			return nil, err
		}
	}
	source := pulumi.StringInput(pulumi.String(""))
	if *args.Events {
		source = uris[string(components.Raw)]
	}
	return &components.DataLakeOutputs{URIs: uris.ToStringMapOutput(), EventSource: source.ToStringOutput()}, nil
}

func (t *Target) object(
	ctx *pulumi.Context, lake string, object components.LakeObject, opts []pulumi.ResourceOption,
) error {
	source, err := filepath.Abs(object.Source)
	if err != nil {
		return err
	}
	name := components.FitName(lake+"-"+string(object.Zone)+"-"+object.Key, 60)
	_, err = newFile(ctx, name, fileArgs{
		Path: t.path(lake, string(object.Zone), filepath.FromSlash(object.Key)), Source: source, SHA256: object.SHA256,
	}, opts...)
	return err
}

// with adds to the options of a resource that another one must be there first.
func with(opts []pulumi.ResourceOption, on pulumi.Resource) []pulumi.ResourceOption {
	return append(append([]pulumi.ResourceOption{}, opts...), pulumi.DependsOn([]pulumi.Resource{on}))
}
