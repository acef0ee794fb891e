package kubernetes

import (
	"fmt"
	"path"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// lakeClaim is the disk of a lake that lies in the cluster.
const lakeClaim = "lake"

// DataLake takes the store that the stack file names: buckets that are there, or a disk of the cluster, which it makes.
// Life cycles, versions, keys and events of buckets belong to whoever owns the store; a first data set is put there by
// the person who has it (docs/kubernetes.md).
func (t *Target) DataLake(
	ctx *pulumi.Context, name string, args *components.DataLakeArgs, opts ...pulumi.ResourceOption,
) (*components.DataLakeOutputs, error) {
	l := t.layer(ctx, components.DataLakeLayer, name, opts)
	var on []pulumi.Resource
	if onDisk(t.settings.Lake) {
		made, err := l.disk(*args.Retain)
		if err != nil {
			return nil, err
		}
		on = append(on, made)
	}
	uris := pulumi.StringMap{}
	for _, zone := range components.Zones() {
		uris[string(zone)] = l.Known(t.zone(zone), on...)
	}
	source := text("")
	if *args.Events {
		source = l.Known(t.zone(components.Raw), on...)
	}
	return &components.DataLakeOutputs{URIs: uris.ToStringMapOutput(), EventSource: source}, nil
}

// zone is the address of a zone.
func (t *Target) zone(zone components.Zone) string {
	return strings.ReplaceAll(t.settings.Lake.URI, zoneMark, string(zone))
}

// lakeDir is where pods mount the disk of the lake.
func (t *Target) lakeDir() string {
	return path.Clean(strings.TrimSuffix(strings.TrimPrefix(t.settings.Lake.URI, "file://"), zoneMark))
}

// disk makes the disk of the lake.
func (l *layer) disk(retain bool) (pulumi.Resource, error) {
	mode := "ReadWriteMany"
	if l.settings.Lake.OneNode {
		mode = "ReadWriteOnce"
	}
	var kept []pulumi.ResourceOption
	if retain {
		kept = append(kept, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	}
	// A disk that is made for the first pod is not ready before there is one, and nobody may wait for it.
	m := object.Metadata{Name: lakeClaim, Annotations: unawaited}
	return l.named("v1", "PersistentVolumeClaim", nil, m, spec(api.Claim{
		AccessModes: []string{mode}, StorageClassName: l.settings.Lake.StorageClass,
		Resources: api.ClaimResources{Requests: map[string]string{"storage": fmt.Sprintf("%dGi", l.settings.Lake.SizeGiB)}},
	}), kept...)
}
