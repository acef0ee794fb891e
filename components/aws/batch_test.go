package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
)

const catalogTable = "aws:glue/catalogTable:CatalogTable"

func batchPlan(e components.Environment, change func(*components.BatchArgs)) plan {
	args := &components.BatchArgs{
		Image: server, Model: "fraud", Lake: testLake(), Network: testPlace(), Key: pulumi.String(lakeKey),
		RowKey:   "Transaction",
		Database: pulumi.String("fraud_prod_warehouse"), Columns: []components.Column{
			{Name: "Transaction", Type: components.TextColumn}, {Name: "prediction", Type: components.DoubleColumn},
			{Name: "time", Type: components.TimeColumn},
		},
	}
	if change != nil {
		change(args)
	}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewBatch(ctx, "batch", target, args)
		return err
	}}
}

func runBatch(t *testing.T, p plan, fails string) (*interpreter, string) {
	t.Helper()
	machine := p.must(t).document(machineType, "batch", "definition")
	checkStates(t, machine)
	in := &interpreter{t: t, answer: func(state string, _ object) (any, error) {
		if state == fails {
			return nil, assert.AnError
		}
		return object{"Body": `{"parts": ["batch/x/part-00000.parquet", "batch/x/part-00001.parquet"]}`}, nil
	}}
	return in, in.start(machine)
}

func TestBatchPredictsAndShows(t *testing.T) {
	t.Parallel()
	in, end := runBatch(t, batchPlan(components.Prod, nil), "")
	assert.Equal(t, "Succeed", end)
	job := in.calls["Predict"]
	sageMakerAPI(t).check(t, "CreateProcessingJob", job)
	assert.Equal(t, object{
		"ImageUri": server, "ContainerArguments": []any{"batch", "--workers", "1", "--key", "Transaction"},
	},
		job["AppSpecification"])
	assert.Equal(t, "s3://fraud-lake-features", job["Environment"].(object)["MLPATHWAY_FEATURES"])
	assert.Equal(t, object{
		"Bucket": "fraud-lake-results", "Key": "tables/batch/files", "ContentType": "text/plain",
		"Body": "s3://fraud-lake-results/batch/x/part-00000.parquet\ns3://fraud-lake-results/batch/x/part-00001.parquet",
	}, in.calls["Show the predictions"])
}

func TestBatchFailuresEndTheRun(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"Predict", "Look at the report", "Show the predictions"} {
		_, end := runBatch(t, batchPlan(components.Prod, nil), state)
		assert.Equal(t, "Fail", end, state)
	}
}

func TestBatchTable(t *testing.T) {
	t.Parallel()
	r := batchPlan(components.Prod, nil).must(t)
	table := r.inputs(catalogTable, "batch-predictions")
	assert.Equal(t, "fraud_batch_predictions", table["name"])
	storage := table["storageDescriptor"].(object)
	assert.Equal(t, "s3://fraud-lake-results/tables/batch/", storage["location"])
	assert.Equal(t, []any{
		object{"name": "transaction", "type": "string"}, object{"name": "prediction", "type": "double"},
		object{"name": "time", "type": "timestamp"},
	}, storage["columns"])
	for _, change := range []func(*components.BatchArgs){
		func(a *components.BatchArgs) { a.Database = nil }, func(a *components.BatchArgs) { a.Columns = nil },
	} {
		assert.Empty(t, batchPlan(components.Dev, change).must(t).Find(catalogTable))
		in, end := runBatch(t, batchPlan(components.Dev, change), "")
		assert.Equal(t, "Succeed", end)
		assert.NotContains(t, in.trace, "Show the predictions")
	}
}

func TestBatchWorkersShareAMachine(t *testing.T) {
	t.Parallel()
	in, _ := runBatch(t, batchPlan(components.Prod, func(a *components.BatchArgs) {
		a.Parallelism, a.Machine = 8, components.Machine{CPUs: 2, MemoryMiB: 4096}
	}), "")
	cluster := in.calls["Predict"]["ProcessingResources"].(object)["ClusterConfig"].(object)
	assert.Equal(t, "ml.c5.4xlarge", cluster["InstanceType"])
	batchPlan(components.Prod, func(a *components.BatchArgs) { a.Parallelism = 1000 }).
		refused(t, components.ErrRange, "machine times parallelism")
}

func TestBatchRoles(t *testing.T) {
	t.Parallel()
	r := batchPlan(components.Prod, nil).must(t)
	allowed := r.allowed("batch-runs")
	assert.Equal(t, []string{"arn:aws:s3:::fraud-lake-results/batch/latest.json"}, allowed["s3:GetObject"])
	assert.Equal(t, []string{"arn:aws:s3:::fraud-lake-results/tables/batch/*"}, allowed["s3:PutObject"])
	assert.NotContains(t, allowed, "sagemaker:CreateTrainingJob")
	assert.NotContains(t, r.allowed("batch-job"), "s3:PutObject", "what the job may do with data is granted")
}

func TestBatchUpdatesReplaceNothing(t *testing.T) {
	t.Parallel()
	checkUpdate(t, batchPlan(components.Prod, nil), batchPlan(components.Prod, func(a *components.BatchArgs) {
		a.Schedule, a.Parallelism, a.Logs.RetentionDays = "0 5 * * *", 4, 731
	}))
}
