package aws

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/glue"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// linkTable describes a table over Parquet files that a list names. Whoever writes the files replaces the list in one
// go: a query sees the rows of one run, never of two, and nobody has to ask a service for it.
type linkTable struct {
	part, name, does string
	database         pulumi.StringInput
	location         pulumi.StringInput // of the list
	columns          []components.Column
}

// columnTypes are those of Hive.
var columnTypes = map[components.ColumnType]string{
	components.TextColumn: "string", components.BooleanColumn: "boolean", components.IntegerColumn: "bigint",
	components.FloatColumn: "float", components.DoubleColumn: "double", components.TimeColumn: "timestamp",
}

func (l *layer) newLinkTable(t linkTable) error {
	columns := glue.CatalogTableStorageDescriptorColumnArray{}
	for _, column := range t.columns {
		columns = append(columns, glue.CatalogTableStorageDescriptorColumnArgs{
			Name: pulumi.String(strings.ToLower(column.Name)), Type: pulumi.String(columnTypes[column.Type]),
		})
	}
	_, err := glue.NewCatalogTable(l.Context, l.Part(t.part), &glue.CatalogTableArgs{
		Name: pulumi.String(t.name), DatabaseName: t.database, TableType: pulumi.String("EXTERNAL_TABLE"),
		Description: pulumi.String(t.does),
		Parameters:  pulumi.StringMap{"EXTERNAL": pulumi.String("TRUE"), "classification": pulumi.String("parquet")},
		StorageDescriptor: &glue.CatalogTableStorageDescriptorArgs{
			Columns: columns, Location: t.location.ToStringOutput().ToStringPtrOutput(),
			InputFormat:  pulumi.String("org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"),
			OutputFormat: pulumi.String("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
			SerDeInfo: &glue.CatalogTableStorageDescriptorSerDeInfoArgs{
				SerializationLibrary: pulumi.String("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"),
			},
		},
	}, l.With()...)
	return err
}
