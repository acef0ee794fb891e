package aws

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// lakeActions are what the intents of a grant mean for the objects of a bucket.
var lakeActions = map[components.Access][]string{
	components.Read:  {"s3:GetObject", "s3:GetObjectVersion"},
	components.Write: {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"},
	components.ReadWrite: {"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion",
		"s3:ListMultipartUploadParts", "s3:PutObject"},
}

// GrantLake attaches to the workload's role a policy on the buckets of the zones and on nothing else.
func (t *Target) GrantLake(
	ctx *pulumi.Context, name string, g *components.LakeGrant, opts ...pulumi.ResourceOption,
) error {
	l := t.layer(ctx, components.DataLakeLayer, name, opts)
	buckets, objects := pulumi.StringArray{}, pulumi.StringArray{}
	for _, zone := range g.Zones {
		bucket := g.URIs.MapIndex(pulumi.String(string(zone))).ApplyT(bucketOf).(pulumi.StringOutput)
		arn := pulumi.Sprintf("arn:%s:s3:::%s", t.region.partition, bucket)
		buckets, objects = append(buckets, arn), append(objects, pulumi.Sprintf("%s/*", arn))
	}
	var statements []Statement
	if g.Access != components.Write {
		statements = append(statements, Statement{
			Sid: "ListZones", Actions: []string{"s3:GetBucketLocation", "s3:ListBucket"}, Resources: buckets,
		})
	}
	sid := map[components.Access]string{
		components.Read: "ReadObjects", components.Write: "WriteObjects", components.ReadWrite: "ReadAndWriteObjects",
	}[g.Access]
	statements = append(statements, Statement{Sid: sid, Actions: lakeActions[g.Access], Resources: objects})
	return l.grant(g.Identity, statements, t.useKey(g.Key, keyActions(g.Access), "s3"))
}

// GrantRegistry attaches to the workload's role a policy on the metadata table and on pulling the images.
func (t *Target) GrantRegistry(
	ctx *pulumi.Context, name string, g *components.RegistryGrant, opts ...pulumi.ResourceOption,
) error {
	l := t.layer(ctx, components.RegistryLayer, name, opts)
	table := g.TableURI.ApplyT(tableOf).(pulumi.StringOutput)
	arn := pulumi.Sprintf("%s%s", t.arn("dynamodb", "table/"), table)
	statements := []Statement{{
		Sid: map[components.Access]string{
			components.Read: "ReadMetadata", components.Write: "WriteMetadata", components.ReadWrite: "ReadAndWriteMetadata",
		}[g.Access],
		Actions: tableActions[g.Access], Resources: pulumi.StringArray{arn},
	}, {
		Sid: "PullImages", Resources: here(t.arn("ecr", "repository/%s/*", t.options.Scope.Name(100))),
		Actions: []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
	}, {
		Sid: "LogInToRegistry", Actions: []string{"ecr:GetAuthorizationToken"}, Resources: here("*"), // knows no resource
	}}
	return l.grant(g.Identity, statements, t.useKey(g.Key, keyActions(g.Access), "dynamodb"))
}

// tableActions are what the intents of a grant mean for a table.
var tableActions = map[components.Access][]string{
	components.Read:  {"dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query"},
	components.Write: {"dynamodb:DescribeTable", "dynamodb:PutItem", "dynamodb:UpdateItem"},
	components.ReadWrite: {
		"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem",
		"dynamodb:Query", "dynamodb:UpdateItem",
	},
}

func keyActions(access components.Access) []string {
	if access == components.Read {
		return decrypts
	}
	return encrypts
}

// grant attaches what was granted, and what it needs of keys as a policy of its own.
func (l *layer) grant(to pulumi.StringInput, statements, keys []Statement) error {
	if _, err := l.attach(l.Component, l.Component, nameOf(to), statements); err != nil {
		return err
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := l.attach(l.Part("keys"), l.Part("keys"), nameOf(to), keys)
	return err
}

// bucketOf gives the bucket of a zone's address.
func bucketOf(uri string) string { return strings.TrimPrefix(uri, "s3://") }

// tableOf gives the name of a table from its address, dynamodb://<table>?...
func tableOf(uri string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(uri, "dynamodb://"), "?")
	return name
}
