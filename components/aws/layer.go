package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// layer makes the resources of one component: it knows their names, their tags and their options.
type layer struct {
	*Target
	components.Builder
}

func (t *Target) layer(
	ctx *pulumi.Context, kind components.Layer, name string, opts []pulumi.ResourceOption,
) *layer {
	var provider []pulumi.ResourceOption
	if t.provider != nil {
		provider = append(provider, pulumi.Provider(t.provider))
	}
	return &layer{t, components.NewBuilder(ctx, kind, name, opts, provider...)}
}

// kept gives the options of a resource that holds data. Where data must stay, nobody deletes it by mistake, and a
// destroy that was forced leaves it behind.
func (l *layer) kept(retain bool, added ...pulumi.ResourceOption) []pulumi.ResourceOption {
	if retain {
		added = append(added, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	}
	return l.With(added...)
}

// physical is the name of a resource in the account and the region.
func (l *layer) physical(limit int, parts ...string) string {
	return l.options.Scope.Name(limit, append([]string{l.Component}, parts...)...)
}

// global is the name of a resource that is one of its kind in the whole world or in all regions of the account, such as
// a bucket or a role: it ends in a hash of account and region, which gives neither away.
func (l *layer) global(limit int, parts ...string) string {
	sum := sha256.Sum256([]byte(l.options.Account + "/" + l.options.Region))
	return l.physical(limit-9, parts...) + "-" + hex.EncodeToString(sum[:])[:8]
}

// sensitivity is the value of the tag data-class.
type sensitivity string

// How bad it would be if strangers read it.
const (
	noData       sensitivity = "none"
	internal     sensitivity = "internal"     // logs, metrics, images
	confidential sensitivity = "confidential" // data, features, models, predictions
	restricted   sensitivity = "restricted"   // secrets and keys
)

// tags are the tags of a resource. It carries its name as well where it has one.
func (l *layer) tags(class sensitivity, name ...string) pulumi.StringMap {
	tags := pulumi.ToStringMap(l.options.Scope.Tags(l.Layer, l.Component))
	tags["data-class"] = pulumi.String(string(class))
	if len(name) > 0 {
		tags["Name"] = pulumi.String(l.physical(63, name...))
	}
	return tags
}

// objectTags are the tags of an object in a bucket: S3 takes no more than ten, so that the stack's labels stay away.
func (l *layer) objectTags(class sensitivity) pulumi.StringMap {
	scope := l.options.Scope
	scope.Labels = nil
	tags := pulumi.ToStringMap(scope.Tags(l.Layer, l.Component))
	tags["data-class"] = pulumi.String(string(class))
	return tags
}

// arn writes the ARN of a resource in this account and region.
func (t *Target) arn(service, format string, args ...any) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", t.region.partition, service, t.options.Region, t.options.Account,
		fmt.Sprintf(format, args...))
}

// globalARN writes the ARN of a resource that belongs to the account but to no region, such as a role.
func (t *Target) globalARN(service, format string, args ...any) string {
	return fmt.Sprintf("arn:%s:%s::%s:%s", t.region.partition, service, t.options.Account, fmt.Sprintf(format, args...))
}

// bucketARN writes the ARN of a bucket or of what lies in it.
func (t *Target) bucketARN(format string, args ...any) string {
	return fmt.Sprintf("arn:%s:s3:::%s", t.region.partition, fmt.Sprintf(format, args...))
}

// text is an output with a fixed text.
func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }

// none is an output without entries.
func none() pulumi.StringMapOutput { return pulumi.StringMap{}.ToStringMapOutput() }

// orNil turns an input that was not given into a pointer that is not given.
func orNil(value pulumi.StringInput) pulumi.StringPtrInput {
	if value == nil {
		return nil
	}
	return value.ToStringOutput().ToStringPtrOutput()
}
