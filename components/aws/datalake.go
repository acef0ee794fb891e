package aws

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// accessLogs is the part of the lake that records who read and wrote what.
const accessLogs = "access-logs"

// DataLake is a bucket for each zone, and one that records the requests to them.
func (t *Target) DataLake(
	ctx *pulumi.Context, name string, args *components.DataLakeArgs, opts ...pulumi.ResourceOption,
) (*components.DataLakeOutputs, error) {
	if args.Residency != "" && args.Residency != t.options.Region {
		return nil, fmt.Errorf("residency: found %q, want %q, the region of the stack: %w",
			args.Residency, t.options.Region, components.ErrConflict)
	}
	l := t.layer(ctx, components.DataLakeLayer, name, opts)
	var parts []string
	for _, zone := range components.Zones() {
		parts = append(parts, string(zone))
	}
	logs, err := l.newLogBucket(accessLogs, args.Logs.RetentionDays, *args.Retain, parts...)
	if err != nil {
		return nil, err
	}
	uris := pulumi.StringMap{}
	source := text("")
	for _, zone := range components.Zones() {
		made, err := l.newBucket(zoneBucket(zone, args, logs))
		if err != nil {
			return nil, err
		}
		if zone == components.Raw && *args.Events {
			if err := l.announce(made); err != nil {
				return nil, err
			}
			source = l.Known(made.name, made.ready...)
		}
		uris[string(zone)] = l.Known("s3://"+made.name, made.ready...)
		for _, object := range args.Objects {
			if object.Zone != zone {
				continue
			}
			if err := l.object(object, made, args.Key); err != nil {
				return nil, err
			}
		}
	}
	return &components.DataLakeOutputs{URIs: uris.ToStringMapOutput(), EventSource: source}, nil
}

// zoneBucket describes the bucket of a zone. Models never expire: something may serve them.
func zoneBucket(zone components.Zone, args *components.DataLakeArgs, logs *madeBucket) bucket {
	b := bucket{
		part: string(zone), class: confidential, key: args.Key, versioned: *args.Versioning, retain: *args.Retain,
		expireDays: *args.ExpireDays, coldDays: *args.ColdAfterDays, logs: logs,
	}
	if zone == components.Models {
		b.expireDays = 0
	}
	return b
}

// announce sends an event for every object that is made or deleted to the event bus of the account.
func (l *layer) announce(b *madeBucket) error {
	made, err := s3.NewBucketNotification(l.Context, l.Part(string(components.Raw), "events"), &s3.BucketNotificationArgs{
		Bucket: l.Known(b.name, b.ready...), Eventbridge: pulumi.Bool(true),
	}, l.last(b)...)
	if err == nil {
		b.ready = append(b.ready, made)
	}
	return err
}

// object puts a file into a zone. A changed file is seen by its sum.
func (l *layer) object(object components.LakeObject, b *madeBucket, key pulumi.StringInput) error {
	name := components.FitName(l.Part(string(object.Zone), object.Key), 60)
	args := &s3.BucketObjectv2Args{
		Bucket: l.Known(b.name, b.ready...), Key: pulumi.String(object.Key), Source: pulumi.NewFileAsset(object.Source),
		SourceHash: pulumi.String(object.SHA256), Tags: l.objectTags(confidential),
	}
	if key != nil {
		args.KmsKeyId = orNil(key)
	}
	_, err := s3.NewBucketObjectv2(l.Context, name, args, l.With()...)
	return err
}
