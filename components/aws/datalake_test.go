package aws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

const bucketType = "aws:s3/bucketV2:BucketV2"

func lakePlan(e components.Environment, args components.DataLakeArgs) plan {
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewDataLake(ctx, "lake", target, &args)
		return err
	}}
}

// TestEveryBucketIsClosed: each bucket has every setting, and no setting is left open.
func TestEveryBucketIsClosed(t *testing.T) {
	t.Parallel()
	for _, e := range components.Environments() {
		r := lakePlan(e, components.DataLakeArgs{}).must(t)
		buckets := r.Find(bucketType)
		require.Len(t, buckets, len(components.Zones())+1)
		for _, bucket := range buckets {
			name := bucket.Inputs["bucket"].StringValue()
			of := func(token string) map[string]any {
				t.Helper()
				for _, setting := range r.Find(token) {
					if setting.Inputs["bucket"].StringValue() == name {
						return r.inputs(token, setting.Name)
					}
				}
				t.Errorf("%s has no %s", name, token)
				return map[string]any{}
			}
			private := of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
			for _, key := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
				assert.Equal(t, true, private[key], "%s: %s", name, key)
			}
			assert.Equal(t, map[string]any{"objectOwnership": "BucketOwnerEnforced"},
				of("aws:s3/bucketOwnershipControls:BucketOwnershipControls")["rule"])
			of("aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2")
			of("aws:s3/bucketVersioningV2:BucketVersioningV2")
			of("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2")
			if !strings.Contains(name, "access-logs") {
				assert.Contains(t, of("aws:s3/bucketLoggingV2:BucketLoggingV2")["targetBucket"], "access-logs")
			}
			statements := decode(t, of("aws:s3/bucketPolicy:BucketPolicy")["policy"])["Statement"].([]any)
			for i, condition := range []map[string]any{
				{"Bool": map[string]any{"aws:SecureTransport": []any{"false"}}},
				{"NumericLessThan": map[string]any{"s3:TlsVersion": []any{"1.2"}}},
			} {
				refuse := statements[i].(map[string]any)
				assert.Equal(t, "Deny", refuse["Effect"])
				assert.Equal(t, map[string]any{"AWS": []any{"*"}}, refuse["Principal"])
				assert.Equal(t, []any{"arn:aws:s3:::" + name, "arn:aws:s3:::" + name + "/*"}, refuse["Resource"])
				assert.Equal(t, condition, refuse["Condition"])
			}
		}
	}
}

func TestLogsBucketTakesLogsOfTheZonesOnly(t *testing.T) {
	t.Parallel()
	r := lakePlan(components.Prod, components.DataLakeArgs{}).must(t)
	list := r.document("aws:s3/bucketPolicy:BucketPolicy", "lake-access-logs-policy", "policy")["Statement"].([]any)
	require.Len(t, list, 3)
	take := list[2].(map[string]any)
	assert.Equal(t, map[string]any{"Service": []any{"logging.s3.amazonaws.com"}}, take["Principal"])
	assert.Equal(t, []any{"s3:PutObject"}, take["Action"])
	sources := take["Condition"].(map[string]any)["ArnLike"].(map[string]any)["aws:SourceArn"].([]any)
	assert.Len(t, sources, len(components.Zones()))
	assert.Equal(t, "123456789012",
		take["Condition"].(map[string]any)["StringEquals"].(map[string]any)["aws:SourceAccount"].([]any)[0])
}

// rules are the ids of the lifecycle rules of a zone.
func rules(r recorded, zone string) []string {
	r.t.Helper()
	var ids []string
	token := "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	for _, rule := range r.inputs(token, "lake-"+zone+"-lifecycle")["rules"].([]any) {
		ids = append(ids, rule.(map[string]any)["id"].(string))
	}
	return ids
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	dev := lakePlan(components.Dev, components.DataLakeArgs{}).must(t)
	assert.Contains(t, rules(dev, "raw"), "expire")
	assert.NotContains(t, rules(dev, "models"), "expire", "something may serve a model")
	prod := lakePlan(components.Prod, components.DataLakeArgs{}).must(t)
	assert.NotContains(t, rules(prod, "raw"), "expire")
	assert.Contains(t, rules(prod, "raw"), "cool-down")
	for _, zone := range components.Zones() {
		assert.Contains(t, rules(prod, string(zone)), "end-broken-uploads")
		assert.Contains(t, rules(prod, string(zone)), "forget-old-versions")
	}
}

func TestKeysEncryptTheZonesButNotTheirLogs(t *testing.T) {
	t.Parallel()
	r := lakePlan(components.Prod, components.DataLakeArgs{Key: pulumi.String("arn:key")}).must(t)
	token := "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	for _, made := range r.Find(token) {
		rule := r.inputs(token, made.Name)["rules"].([]any)[0].(map[string]any)
		want := map[string]any{"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:key"}
		if made.Name == "lake-access-logs-encryption" {
			want = map[string]any{"sseAlgorithm": "AES256"} // the delivery of logs can use no other
		}
		assert.Equal(t, want, rule["applyServerSideEncryptionByDefault"], made.Name)
	}
}

func TestDataStaysInProdAndGoesInDev(t *testing.T) {
	t.Parallel()
	for e, stays := range map[components.Environment]bool{components.Dev: false, components.Prod: true} {
		for _, bucket := range lakePlan(e, components.DataLakeArgs{}).must(t).Find(bucketType) {
			assert.Equal(t, stays, bucket.Protect, bucket.Name)
			assert.Equal(t, stays, bucket.Retain, bucket.Name)
			assert.Equal(t, !stays, bucket.Inputs["forceDestroy"].BoolValue(), bucket.Name)
		}
	}
}

func TestEventsOfRawOnly(t *testing.T) {
	t.Parallel()
	token := "aws:s3/bucketNotification:BucketNotification"
	r := lakePlan(components.Dev, components.DataLakeArgs{}).must(t)
	assert.Equal(t, true, r.inputs(token, "lake-raw-events")["eventbridge"])
	assert.Len(t, r.Find(token), 1)
	off := lakePlan(components.Dev, components.DataLakeArgs{Events: new(false)}).must(t)
	assert.Empty(t, off.Find(token))
}

func TestBucketNamesGiveNobodyAway(t *testing.T) {
	t.Parallel()
	for _, bucket := range lakePlan(components.Dev, components.DataLakeArgs{}).must(t).Find(bucketType) {
		assert.NotContains(t, bucket.Inputs["bucket"].StringValue(), "123456789012")
	}
}

func TestResidency(t *testing.T) {
	t.Parallel()
	lakePlan(components.Dev, components.DataLakeArgs{Residency: "us-east-1"}).
		refused(t, components.ErrConflict, `want "eu-central-1"`)
}

func TestGrants(t *testing.T) {
	t.Parallel()
	build := func(access components.Access, key pulumi.StringInput) recorded {
		return plan{build: func(ctx *pulumi.Context, target components.Target) error {
			lake, err := components.NewDataLake(ctx, "lake", target, &components.DataLakeArgs{Key: key})
			if err != nil {
				return err
			}
			return lake.Grant(ctx, "trainer", pulumi.String("arn:aws:iam::123456789012:role/trainer"), access,
				components.Curated, components.Models)
		}}.must(t)
	}
	token := "aws:iam/rolePolicy:RolePolicy"
	read := build(components.Read, nil)
	assert.Len(t, read.Find(token), 1, "keys of S3 itself need no statement")
	assert.Equal(t, "trainer", read.inputs(token, "lake-trainer")["role"])
	list := read.document(token, "lake-trainer", "policy")["Statement"].([]any)
	assert.Equal(t, []any{"s3:GetBucketLocation", "s3:ListBucket"}, list[0].(map[string]any)["Action"])
	objects := list[1].(map[string]any)
	assert.Equal(t, []any{"s3:GetObject", "s3:GetObjectVersion"}, objects["Action"])
	for _, arn := range texts(objects["Resource"]) {
		assert.True(t, strings.HasPrefix(arn, "arn:aws:s3:::fraud-dev-lake-") && strings.HasSuffix(arn, "/*"), arn)
	}
	assert.Len(t, objects["Resource"], 2, "the zones of the grant and no other")

	write := build(components.Write, pulumi.String("arn:key"))
	list = write.document(token, "lake-trainer", "policy")["Statement"].([]any)
	require.Len(t, list, 1, "who only writes may not list")
	assert.False(t, slices.Contains(texts(list[0].(map[string]any)["Action"]), "s3:GetObject"))
	key := write.document(token, "lake-trainer-keys", "policy")["Statement"].([]any)[0].(map[string]any)
	assert.Equal(t, []any{"arn:key"}, key["Resource"])
	assert.Equal(t, map[string]any{"StringEquals": map[string]any{
		"kms:ViaService": []any{"s3.eu-central-1.amazonaws.com"},
	}}, key["Condition"])
}
