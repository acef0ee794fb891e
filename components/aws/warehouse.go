package aws

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/athena"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/glue"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// warehouse is what is made of a warehouse so far.
type warehouse struct {
	*layer
	args *components.WarehouseArgs
	// database of the Glue catalogue, in which both engines see what lies in the lake.
	database *glue.CatalogDatabase
	catalog  string
}

// Warehouse is Athena over the lake where nothing is to be paid for an idle one, and Redshift Serverless where some
// capacity is asked for.
func (t *Target) Warehouse(
	ctx *pulumi.Context, name string, args *components.WarehouseArgs, opts ...pulumi.ResourceOption,
) (*components.WarehouseOutputs, error) {
	w := &warehouse{layer: t.layer(ctx, components.WarehouseLayer, name, opts), args: args}
	if *args.MinCapacity > 0 {
		if err := checkCapacity(*args.MinCapacity, args.MaxCapacity); err != nil {
			return nil, err
		}
		if args.Network == nil {
			return nil, fmt.Errorf("network: found nothing, want the Placement of a network for Redshift: %w",
				components.ErrRequired)
		}
		if zones := args.Network.Zones; zones > 0 && zones < warehouseZones {
			return nil, fmt.Errorf("network: found %d zones, want 3 for Redshift Serverless: set zones of the network to 3, or "+
				"minCapacity of the warehouse to 0 for Athena: %w", zones, components.ErrConflict)
		}
	}
	if args.LoadFrom == nil || args.ResultsTo == nil {
		return nil, fmt.Errorf("loadFrom, resultsTo: found nothing, want the addresses of two zones: %w",
			components.ErrRequired)
	}
	if err := w.newCatalog(); err != nil {
		return nil, err
	}
	if *args.MinCapacity > 0 {
		return w.redshift()
	}
	return w.athena()
}

// warehouseZones is the number of zones in which Redshift Serverless wants a subnet each.
// Source: docs.aws.amazon.com/redshift, Considerations when using Amazon Redshift Serverless (looked up on 2026-11-25).
const warehouseZones = 3

// newCatalog makes the database in which tables over the lake are listed. Its name is one word: SQL knows no hyphens.
func (w *warehouse) newCatalog() (err error) {
	w.catalog = strings.ReplaceAll(w.physical(200, w.args.Database), "-", "_")
	w.database, err = glue.NewCatalogDatabase(w.Context, w.Part("catalog"), &glue.CatalogDatabaseArgs{
		Name: pulumi.String(w.catalog), Description: pulumi.String("Tables over the data lake"),
		LocationUri: pulumi.Sprintf("%s/", w.args.LoadFrom), Tags: w.tags(internal),
	}, w.With()...)
	if err != nil {
		return err
	}
	for _, table := range w.args.Tables {
		err := w.newLinkTable(linkTable{
			part: "table-" + table.Name, name: strings.ReplaceAll(table.Name, "-", "_"),
			does: "The accepted rows of " + table.Name, database: w.database.Name, columns: table.Columns,
			location: pulumi.Sprintf("%s/tables/%s/", w.args.LoadFrom, table.Name), // etl writes the list there
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readCatalog lets a role see and keep tables of the database.
func (w *warehouse) readCatalog() Statement {
	return Statement{
		Sid: "KeepTables",
		Actions: []string{
			"glue:BatchCreatePartition", "glue:CreateTable", "glue:DeleteTable", "glue:GetDatabase", "glue:GetPartition",
			"glue:GetPartitions", "glue:GetTable", "glue:GetTables", "glue:UpdateTable",
		},
		Resources: here(w.arn("glue", "catalog"), w.arn("glue", "database/%s", w.catalog),
			w.arn("glue", "table/%s/*", w.catalog)),
	}
}

// athena makes a workgroup that bills by the scanned byte and ends queries that scan too much.
func (w *warehouse) athena() (*components.WarehouseOutputs, error) {
	name := w.physical(128)
	results := pulumi.Sprintf("%s/queries/", w.args.ResultsTo)
	encryption := &athena.WorkgroupConfigurationResultConfigurationEncryptionConfigurationArgs{
		EncryptionOption: pulumi.String("SSE_S3"),
	}
	if w.args.Key != nil {
		encryption.EncryptionOption, encryption.KmsKeyArn = pulumi.String("SSE_KMS"), orNil(w.args.Key)
	}
	workgroup, err := athena.NewWorkgroup(w.Context, w.Part("queries"), &athena.WorkgroupArgs{
		Name: pulumi.String(name), Description: pulumi.String("Queries over the data lake"),
		ForceDestroy: pulumi.Bool(!*w.args.Retain), State: pulumi.String("ENABLED"),
		Configuration: &athena.WorkgroupConfigurationArgs{
			EnforceWorkgroupConfiguration: pulumi.Bool(true), PublishCloudwatchMetricsEnabled: pulumi.Bool(true),
			BytesScannedCutoffPerQuery: pulumi.Int(w.args.MaxQueryGiB << 30),
			ResultConfiguration: &athena.WorkgroupConfigurationResultConfigurationArgs{
				OutputLocation: results, EncryptionConfiguration: encryption,
			},
		},
		Tags: w.tags(internal),
	}, w.With()...)
	if err != nil {
		return nil, err
	}
	arn := w.arn("athena", "workgroup/%s", name)
	id, err := w.analyst([]Statement{{
		Sid: "Query", Resources: here(arn), Actions: []string{
			"athena:BatchGetQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup",
			"athena:ListQueryExecutions", "athena:StartQueryExecution", "athena:StopQueryExecution",
		},
	}, w.readCatalog()})
	if err != nil {
		return nil, err
	}
	uri := fmt.Sprintf("athena://%s/%s?%s", name, w.catalog, url.Values{"region": {w.options.Region}}.Encode())
	return &components.WarehouseOutputs{
		ConnectionURI: w.Known(uri, workgroup, w.database), Database: w.Known(w.catalog, w.database),
		Identity: id.ARN,
	}, nil
}

// analyst makes the role that people of the account and the pipeline take to query.
func (w *warehouse) analyst(may []Statement) (*identity, error) {
	results := w.args.ResultsTo.ToStringOutput().ApplyT(bucketOf).(pulumi.StringOutput)
	arn := pulumi.Sprintf("arn:%s:s3:::%s", w.region.partition, results)
	may = append(may, Statement{
		Sid: "KeepResults", Resources: pulumi.StringArray{pulumi.Sprintf("%s/queries/*", arn)},
		Actions: []string{"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"},
	}, Statement{
		Sid: "FindResults", Resources: pulumi.StringArray{arn}, Actions: []string{"s3:GetBucketLocation", "s3:ListBucket"},
	})
	return w.newRole(role{
		part: "analyst", does: "Queries the warehouse", may: may, keys: w.useKey(w.args.Key, encrypts, "s3"),
		trust: []Statement{{
			Sid: "TakeRole", Principals: &Principals{AWS: []string{w.globalARN("iam", "root")}},
			Actions: []string{"sts:AssumeRole"},
			// Whoever takes it must belong to the account and be allowed to by a policy of his own.
			Conditions: Conditions{"StringEquals": {"aws:PrincipalAccount": {w.options.Account}}},
		}},
	})
}
