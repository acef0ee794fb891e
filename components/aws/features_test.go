package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
)

func featuresPlan(e components.Environment, change func(*components.FeaturesArgs)) plan {
	args := &components.FeaturesArgs{
		Views:   []components.FeatureView{{Name: "payments", Key: "id", SQL: "SELECT * FROM curated"}},
		Offline: pulumi.String("s3://fraud-features"), Network: values.Place(),
	}
	if change != nil {
		change(args)
	}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewFeatures(ctx, "features", target, args)
		return err
	}}
}

const groupOfFeatures = "aws:sagemaker/featureGroup:FeatureGroup"

func TestEngineStopsAndIsCapped(t *testing.T) {
	t.Parallel()
	r := featuresPlan(components.Stage, nil).must(t)
	app := r.inputs("aws:emrserverless/application:Application", "")
	assert.Equal(t, map[string]any{"cpu": "20 vCPU", "memory": "80 GB", "disk": "100 GB"}, app["maximumCapacity"],
		"four workers and a driver")
	assert.Equal(t, map[string]any{"enabled": true, "idleTimeoutMinutes": 5.0}, app["autoStopConfiguration"])
	assert.NotContains(t, app, "initialCapacities", "capacity that is kept ready costs while nothing runs")
	assert.Equal(t, []any{"sg-0123456789abcdef0"}, app["networkConfiguration"].(map[string]any)["securityGroupIds"])
	script := r.inputs("aws:s3/bucketObjectv2:BucketObjectv2", "features-script")
	assert.Equal(t, []any{"fraud-features", "engine/features.py"}, []any{script["bucket"], script["key"]})
	assert.Contains(t, script["content"], "spark.sql(sql)")
	query := r.inputs("aws:s3/bucketObjectv2:BucketObjectv2", "features-query-payments")
	assert.Equal(t, []any{"engine/payments.sql", "SELECT * FROM curated"}, []any{query["key"], query["content"]})
}

func TestFeatureGroupKeepsItsShape(t *testing.T) {
	t.Parallel()
	r := featuresPlan(components.Dev, func(a *components.FeaturesArgs) {
		a.TTLDays, a.Key = 7, pulumi.String("arn:key")
	}).must(t)
	group := r.inputs(groupOfFeatures, "")
	assert.Equal(t, []any{
		map[string]any{"featureName": "record_id", "featureType": "String"},
		map[string]any{"featureName": "event_time", "featureType": "String"},
		map[string]any{"featureName": "features", "featureType": "String"},
	}, group["featureDefinitions"], "what the training image puts: a group must not be replaced for a new column")
	online := group["onlineStoreConfig"].(map[string]any)
	assert.Equal(t, map[string]any{"unit": "Days", "value": 7.0}, online["ttlDuration"])
	assert.Equal(t, map[string]any{"kmsKeyId": "arn:key"}, online["securityConfig"])
	offline := group["offlineStoreConfig"].(map[string]any)["s3StorageConfig"].(map[string]any)
	assert.Equal(t, map[string]any{"s3Uri": "s3://fraud-features/groups", "kmsKeyId": "arn:key"}, offline)
	table := r.inputs("aws:dynamodb/table:Table", "")
	assert.Equal(t, "PAY_PER_REQUEST", table["billingMode"])
	assert.Equal(t, map[string]any{"enabled": true, "attributeName": "expires"}, table["ttl"])
	assert.Equal(t, []string{"arn:aws:s3:::fraud-features/groups/*"}, r.allowed("features-store")["s3:PutObject"])
}

func TestOnlineStoreCanBeOff(t *testing.T) {
	t.Parallel()
	r := featuresPlan(components.Stage, func(a *components.FeaturesArgs) { a.Online = new(false) }).must(t)
	assert.Empty(t, r.Find("aws:dynamodb/table:Table"))
	assert.NotContains(t, r.inputs(groupOfFeatures, ""), "onlineStoreConfig")
}

func TestWorkersThatEMRLacks(t *testing.T) {
	t.Parallel()
	for text, worker := range map[string]components.Machine{
		"1, 2, 4, 8 or 16": {CPUs: 3, MemoryMiB: 8192},
		"8192 to 30720":    {CPUs: 4, MemoryMiB: 40960},
	} {
		featuresPlan(components.Dev, func(a *components.FeaturesArgs) { a.Worker = worker }).
			refused(t, components.ErrRange, text)
	}
}
