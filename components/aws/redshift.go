package aws

import (
	"fmt"
	"math"
	"net/url"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/redshiftdata"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/redshiftserverless"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// checkCapacity accepts what Redshift Serverless has: 4 RPUs, or 8 to 512 in steps of 8.
func checkCapacity(low, high int) error {
	for name, value := range map[string]int{"minCapacity": low, "maxCapacity": high} {
		if value != 4 && (value < 8 || value > 512 || value%8 != 0) {
			return fmt.Errorf("%s: found %d, want 4, or 8 to 512 in steps of 8, the RPUs that Redshift Serverless has: %w",
				name, value, components.ErrRange)
		}
	}
	return nil
}

// redshift makes a warehouse that costs nothing while nobody queries it, and no more than its limits.
func (w *warehouse) redshift() (*components.WarehouseOutputs, error) {
	id, err := w.newRole(role{
		part: "load", does: "Loads the warehouse from the data lake",
		trust: []Statement{w.trust("redshift-serverless.amazonaws.com", "redshift.amazonaws.com")},
		may:   []Statement{w.readCatalog()},
	})
	if err != nil {
		return nil, err
	}
	space := w.physical(64)
	namespace, err := redshiftserverless.NewNamespace(w.Context, w.Part("namespace"), &redshiftserverless.NamespaceArgs{
		NamespaceName: pulumi.String(space), DbName: pulumi.String(w.args.Database), KmsKeyId: orNil(w.args.Key),
		// Redshift makes the administrator's password, keeps it in Secrets Manager and rotates it.
		AdminUsername: pulumi.String("admin"), ManageAdminPassword: pulumi.Bool(true),
		AdminPasswordSecretKmsKeyId: orNil(w.args.Key), DefaultIamRoleArn: id.ARN, IamRoles: pulumi.StringArray{id.ARN},
		LogExports: pulumi.ToStringArray([]string{"connectionlog", "useractivitylog", "userlog"}),
		Tags:       w.tags(confidential),
	}, w.kept(*w.args.Retain)...)
	if err != nil {
		return nil, err
	}
	workgroup, err := redshiftserverless.NewWorkgroup(w.Context, w.Part("workgroup"), &redshiftserverless.WorkgroupArgs{
		WorkgroupName: pulumi.String(space), NamespaceName: namespace.NamespaceName,
		BaseCapacity: pulumi.Int(*w.args.MinCapacity), MaxCapacity: pulumi.Int(w.args.MaxCapacity),
		PubliclyAccessible: pulumi.Bool(false), EnhancedVpcRouting: pulumi.Bool(true),
		SubnetIds: w.args.Network.Subnets, SecurityGroupIds: pulumi.StringArray{w.args.Network.Group},
		ConfigParameters: redshiftserverless.WorkgroupConfigParameterArray{
			parameter("enable_user_activity_logging", "true"), parameter("max_query_execution_time", "14400"),
			parameter("require_ssl", "true"),
		},
		Tags: w.tags(confidential),
	}, w.With()...)
	if err != nil {
		return nil, err
	}
	if err := w.limits(workgroup); err != nil {
		return nil, err
	}
	if err := w.schemas(space, namespace, workgroup); err != nil {
		return nil, err
	}
	uri := fmt.Sprintf("redshift-data://%s/%s?%s", space, w.args.Database,
		url.Values{"region": {w.options.Region}, "iam_role": {"default"}}.Encode())
	return &components.WarehouseOutputs{
		ConnectionURI: w.Known(uri, workgroup), Database: w.Known(w.catalog, w.database),
		Identity: id.ARN,
	}, nil
}

func parameter(key, value string) redshiftserverless.WorkgroupConfigParameterArgs {
	return redshiftserverless.WorkgroupConfigParameterArgs{
		ParameterKey: pulumi.String(key), ParameterValue: pulumi.String(value),
	}
}

// limits ends the work of a month, and tells on the way of a day that takes more than its share.
func (w *warehouse) limits(workgroup *redshiftserverless.Workgroup) error {
	for _, limit := range []struct {
		period, action string
		hours          int
	}{
		{"monthly", "deactivate", w.args.MonthlyCapacityHours},
		{"daily", "emit-metric", int(math.Ceil(float64(w.args.MonthlyCapacityHours) / 10))},
	} {
		_, err := redshiftserverless.NewUsageLimit(w.Context, w.Part(limit.period), &redshiftserverless.UsageLimitArgs{
			ResourceArn: workgroup.Arn, UsageType: pulumi.String("serverless-compute"), Amount: pulumi.Int(limit.hours),
			Period: pulumi.String(limit.period), BreachAction: pulumi.String(limit.action),
		}, w.With()...)
		if err != nil {
			return err
		}
	}
	return nil
}

// The role of the database whose members load tables. Redshift reads off the tag of an IAM role which roles of the
// database whoever comes as it has.
// Source: docs.aws.amazon.com/redshift, Defining database roles to grant to federated users in Redshift Serverless.
const (
	loaderRole  = "loader"
	rolesOfUser = "RedshiftDbRoles"
)

// schemas makes the schemas in which the loader may make tables, and one more in which the tables over the lake can be
// queried without loading them. Only the administrator may, whose password Redshift keeps; the statements follow each
// other.
func (w *warehouse) schemas(
	space string, namespace *redshiftserverless.Namespace, workgroup *redshiftserverless.Workgroup,
) error {
	statements := [][2]string{{"loader", "CREATE ROLE " + loaderRole}, {
		"lake", fmt.Sprintf("CREATE EXTERNAL SCHEMA IF NOT EXISTS lake FROM DATA CATALOG DATABASE '%s' IAM_ROLE default",
			w.catalog),
	}}
	for _, schema := range w.args.Schemas {
		statements = append(statements, [2]string{schema, fmt.Sprintf(`CREATE SCHEMA IF NOT EXISTS "%s"`, schema)},
			[2]string{schema + "-loader", fmt.Sprintf(`GRANT USAGE, CREATE ON SCHEMA "%s" TO ROLE %s`, schema, loaderRole)})
	}
	ready := []pulumi.Resource{workgroup, w.database}
	for _, s := range statements {
		made, err := redshiftdata.NewStatement(w.Context, w.Part("schema", s[0]), &redshiftdata.StatementArgs{
			WorkgroupName: pulumi.String(space), Database: pulumi.String(w.args.Database), Sql: pulumi.String(s[1]),
			SecretArn: namespace.AdminPasswordSecretArn,
		}, w.After(ready...)...)
		if err != nil {
			return err
		}
		ready = []pulumi.Resource{made}
	}
	return nil
}
