package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
)

func warehousePlan(e components.Environment, change func(*components.WarehouseArgs)) plan {
	args := &components.WarehouseArgs{
		Tables: []components.WarehouseTable{{Name: "card-fraud", Columns: []components.Column{
			{Name: "Id", Type: components.IntegerColumn}, {Name: "ok", Type: components.BooleanColumn},
			{Name: "at", Type: components.TimeColumn},
		}}},
		LoadFrom: pulumi.String("s3://fraud-curated"), ResultsTo: pulumi.String("s3://fraud-results"),
		Network: values.Place(),
	}
	if change != nil {
		change(args)
	}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewWarehouse(ctx, "warehouse", target, args)
		return err
	}}
}

func TestWarehouseOfDevIsPaidByTheQuery(t *testing.T) {
	t.Parallel()
	r := warehousePlan(components.Dev, func(a *components.WarehouseArgs) { a.MaxQueryGiB = 5 }).must(t)
	assert.Empty(t, r.Find("aws:redshiftserverless/workgroup:Workgroup"))
	configuration := r.inputs("aws:athena/workgroup:Workgroup", "")["configuration"].(map[string]any)
	assert.EqualValues(t, 5<<30, configuration["bytesScannedCutoffPerQuery"])
	assert.Equal(t, true, configuration["enforceWorkgroupConfiguration"])
	results := configuration["resultConfiguration"].(map[string]any)
	assert.Equal(t, "s3://fraud-results/queries/", results["outputLocation"])
	assert.Equal(t, map[string]any{"encryptionOption": "SSE_S3"}, results["encryptionConfiguration"])
	assert.Equal(t, "fraud_dev_warehouse_analytics", r.inputs("aws:glue/catalogDatabase:CatalogDatabase", "")["name"])
	table := r.inputs("aws:glue/catalogTable:CatalogTable", "warehouse-table-card-fraud")
	assert.Equal(t, []any{"card_fraud", "fraud_dev_warehouse_analytics"}, []any{table["name"], table["databaseName"]})
	descriptor := table["storageDescriptor"].(map[string]any)
	assert.Equal(t, "s3://fraud-curated/tables/card-fraud/", descriptor["location"], "where etl writes the list of files")
	assert.Equal(t, []any{
		map[string]any{"name": "id", "type": "bigint"}, map[string]any{"name": "ok", "type": "boolean"},
		map[string]any{"name": "at", "type": "timestamp"},
	}, descriptor["columns"])
	allowed := r.allowed("warehouse-analyst")
	assert.Equal(t, []string{"arn:aws:athena:eu-central-1:123456789012:workgroup/fraud-dev-warehouse"},
		allowed["athena:StartQueryExecution"])
	assert.Equal(t, []string{"arn:aws:s3:::fraud-results/queries/*"}, allowed["s3:PutObject"], "results, and no data")
}

func TestWarehouseOfProdIsPrivateAndCapped(t *testing.T) {
	t.Parallel()
	r := warehousePlan(components.Prod, func(a *components.WarehouseArgs) { a.Key = pulumi.String("arn:key") }).must(t)
	workgroup := r.inputs("aws:redshiftserverless/workgroup:Workgroup", "")
	assert.Equal(t, false, workgroup["publiclyAccessible"])
	assert.Equal(t, true, workgroup["enhancedVpcRouting"])
	assert.EqualValues(t, 8, workgroup["baseCapacity"])
	assert.EqualValues(t, 128, workgroup["maxCapacity"])
	assert.Contains(t, workgroup["configParameters"], map[string]any{
		"parameterKey": "require_ssl", "parameterValue": "true",
	})
	space := r.inputs("aws:redshiftserverless/namespace:Namespace", "")
	assert.Equal(t, true, space["manageAdminPassword"])
	assert.NotContains(t, space, "adminUserPassword")
	assert.Equal(t, "arn:key", space["kmsKeyId"])
	assert.Equal(t, []any{"connectionlog", "useractivitylog", "userlog"}, space["logExports"])
	assert.True(t, r.one("aws:redshiftserverless/namespace:Namespace", "").Protect)
	limits := map[string]any{}
	for _, limit := range r.Find("aws:redshiftserverless/usageLimit:UsageLimit") {
		limits[limit.Inputs["period"].StringValue()] = limit.Inputs["breachAction"].StringValue()
	}
	assert.Equal(t, map[string]any{"monthly": "deactivate", "daily": "emit-metric"}, limits)
	for name, sql := range map[string]string{
		"curated": `CREATE SCHEMA IF NOT EXISTS "curated"`, "loader": "CREATE ROLE loader",
		"curated-loader": `GRANT USAGE, CREATE ON SCHEMA "curated" TO ROLE loader`,
	} {
		statement := r.inputs("aws:redshiftdata/statement:Statement", "warehouse-schema-"+name)
		assert.Equal(t, sql, statement["sql"])
		assert.Contains(t, statement["secretArn"], ":secret:redshift!", "only the administrator may")
	}
}

func TestWarehouseRefuses(t *testing.T) {
	t.Parallel()
	warehousePlan(components.Dev, func(a *components.WarehouseArgs) { a.MinCapacity, a.MaxCapacity = new(9), 16 }).
		refused(t, components.ErrRange, "steps of 8")
	warehousePlan(components.Prod, func(a *components.WarehouseArgs) { a.Network = nil }).
		refused(t, components.ErrRequired, "Placement")
	warehousePlan(components.Prod, func(a *components.WarehouseArgs) { a.Network.Zones = 2 }).
		refused(t, components.ErrConflict, "found 2 zones, want 3")
	warehousePlan(components.Dev, func(a *components.WarehouseArgs) { a.ResultsTo = nil }).
		refused(t, components.ErrRequired, "resultsTo")
}
