package aws

import (
	_ "embed"
	"fmt"
	"net/url"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/emrserverless"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sagemaker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// sparkRelease is the EMR release of the batch engine: Spark 3.5.5 on Amazon Linux 2023.
// Source: docs.aws.amazon.com/emr, EMR Serverless 7.9.0 (looked up on 2026-11-25).
const sparkRelease = "emr-7.9.0"

// sparkScript runs the SQL of a feature view on Spark.
//
//go:embed features.py
var sparkScript string

// Where the batch engine finds its script and the SQL of a view, below the features zone, and where it leaves results.
const (
	enginePrefix = "engine"
	sparkKey     = enginePrefix + "/features.py"
)

// queryKey is where the SQL of a view lies.
func queryKey(view string) string { return enginePrefix + "/" + view + ".sql" }

// Features are made by an EMR Serverless application that stops when it is idle, and kept in feature groups for
// training and a DynamoDB table for endpoints.
func (t *Target) Features(
	ctx *pulumi.Context, name string, args *components.FeaturesArgs, opts ...pulumi.ResourceOption,
) (*components.FeaturesOutputs, error) {
	l := t.layer(ctx, components.FeaturesLayer, name, opts)
	if err := checkWorker(args.Worker); err != nil {
		return nil, err
	}
	logs, err := l.newLogGroup("spark-logs", "/mlpathway/"+l.physical(100, "spark"), args.Logs)
	if err != nil {
		return nil, err
	}
	engine, err := l.newEngine(args)
	if err != nil {
		return nil, err
	}
	id, err := l.sparkRole(logs)
	if err != nil {
		return nil, err
	}
	if err := l.putScripts(args); err != nil {
		return nil, err
	}
	outputs := &components.FeaturesOutputs{EngineID: engine.ID().ToStringOutput(), Identity: id.ARN, OnlineURI: text("")}
	if outputs.GroupIDs, err = l.featureGroups(args); err != nil {
		return nil, err
	}
	if *args.Online {
		if outputs.OnlineURI, err = l.onlineTable(args); err != nil {
			return nil, err
		}
	}
	return outputs, nil
}

// workerMemory gives the least and the most memory, in GiB, of a worker by its processors.
// Source: docs.aws.amazon.com/emr, EMR Serverless, application properties.
var workerMemory = map[float64][2]int{1: {2, 8}, 2: {4, 16}, 4: {8, 30}, 8: {16, 60}, 16: {32, 120}}

func checkWorker(m components.Machine) error {
	bounds, ok := workerMemory[m.CPUs]
	if !ok {
		return fmt.Errorf("worker.cpus: found %v, want 1, 2, 4, 8 or 16, the workers that EMR Serverless has: %w",
			m.CPUs, components.ErrRange)
	}
	if gib := m.MemoryMiB / 1024; gib < bounds[0] || gib > bounds[1] {
		return fmt.Errorf("worker.memoryMiB: found %d, want %d to %d with %v processors: %w",
			m.MemoryMiB, bounds[0]*1024, bounds[1]*1024, m.CPUs, components.ErrRange)
	}
	return nil
}

// newEngine makes the Spark application. It costs nothing while no job runs, and jobs never take more than its cap: the
// workers, and one more machine of the same size for the driver.
func (l *layer) newEngine(args *components.FeaturesArgs) (*emrserverless.Application, error) {
	machines := args.MaxWorkers + 1
	app := &emrserverless.ApplicationArgs{
		Name: pulumi.String(l.physical(64)), Type: pulumi.String("SPARK"), ReleaseLabel: pulumi.String(sparkRelease),
		Architecture:           pulumi.String("X86_64"),
		AutoStartConfiguration: &emrserverless.ApplicationAutoStartConfigurationArgs{Enabled: pulumi.Bool(true)},
		AutoStopConfiguration: &emrserverless.ApplicationAutoStopConfigurationArgs{
			Enabled: pulumi.Bool(true), IdleTimeoutMinutes: pulumi.Int(args.IdleMinutes),
		},
		MaximumCapacity: &emrserverless.ApplicationMaximumCapacityArgs{
			Cpu:    pulumi.String(fmt.Sprintf("%d vCPU", machines*int(args.Worker.CPUs))),
			Memory: pulumi.String(fmt.Sprintf("%d GB", machines*args.Worker.MemoryMiB/1024)),
			Disk:   pulumi.String(fmt.Sprintf("%d GB", machines*20)),
		},
		Tags: l.tags(confidential),
	}
	if args.Network != nil {
		app.NetworkConfiguration = &emrserverless.ApplicationNetworkConfigurationArgs{
			SubnetIds: args.Network.Subnets, SecurityGroupIds: pulumi.StringArray{args.Network.Group},
		}
	}
	return emrserverless.NewApplication(l.Context, l.Part("engine"), app, l.With()...)
}

// sparkRole is what the jobs of the engine run as. What they may do in the lake is granted.
func (l *layer) sparkRole(logs *logGroup) (*identity, error) {
	return l.newRole(role{
		part: "spark", does: "Makes features on Spark", trust: []Statement{l.trust("emr-serverless.amazonaws.com")},
		may: []Statement{{
			Sid: "WriteLogs", Resources: here(logs.arn, logs.arn+":*"),
			Actions: []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
		}, {
			Sid: "FindLogs", Actions: []string{"logs:DescribeLogGroups"}, Resources: here(l.arn("logs", "log-group:*")),
		}},
	})
}

// putScripts puts the script of the engine and the SQL of the views into the features zone.
func (l *layer) putScripts(args *components.FeaturesArgs) error {
	put := func(part, key, content, kind string) error {
		_, err := s3.NewBucketObjectv2(l.Context, l.Part(part), &s3.BucketObjectv2Args{
			Bucket: args.Offline.ToStringOutput().ApplyT(bucketOf).(pulumi.StringOutput), Key: pulumi.String(key),
			Content: pulumi.String(content), ContentType: pulumi.String(kind), Tags: l.objectTags(internal),
		}, l.With()...)
		return err
	}
	if err := put("script", sparkKey, sparkScript, "text/x-python"); err != nil {
		return err
	}
	for _, view := range args.Views {
		query := view.SQL
		if query == "" {
			query = "SELECT * FROM curated"
		}
		if err := put("query-"+view.Name, queryKey(view.Name), query, "application/sql"); err != nil {
			return err
		}
	}
	return nil
}

// The features of every group, as the training image fills them: the key of a row, when it was made, and its columns as
// one JSON object, so that a group never has to be replaced for a new column.
const (
	eventTime   = "event_time"
	recordID    = "record_id"
	columnsJSON = "features"
)

// featureGroups makes a group for each view.
func (l *layer) featureGroups(args *components.FeaturesArgs) (pulumi.StringMapOutput, error) {
	zone := args.Offline.ToStringOutput().ApplyT(bucketOf).(pulumi.StringOutput)
	arn := pulumi.Sprintf("arn:%s:s3:::%s", l.region.partition, zone)
	id, err := l.newRole(role{
		part: "store", does: "Keeps the feature groups", trust: []Statement{l.trust("sagemaker.amazonaws.com")},
		may: []Statement{{
			Sid: "KeepFeatures", Resources: pulumi.StringArray{pulumi.Sprintf("%s/groups/*", arn)},
			Actions: []string{"s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"},
		}, {
			Sid: "FindFeatures", Resources: pulumi.StringArray{arn},
			Actions: []string{"s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket"},
		}, {
			Sid: "KeepTables", Actions: []string{"glue:GetTable", "glue:UpdateTable"},
			Resources: here(l.arn("glue", "catalog"), l.arn("glue", "database/sagemaker_featurestore"),
				l.arn("glue", "table/sagemaker_featurestore/*")),
		}},
		keys: l.useKey(args.Key, encrypts, "s3"),
	})
	if err != nil {
		return pulumi.StringMapOutput{}, err
	}
	groups := pulumi.StringMap{}
	for _, view := range args.Views {
		group, err := l.newGroupFor(view.Name, args, zone, id)
		if err != nil {
			return pulumi.StringMapOutput{}, err
		}
		groups[view.Name] = l.Known(l.arn("sagemaker", "feature-group/%s", l.groupName(view.Name)), group)
	}
	return groups.ToStringMapOutput(), nil
}

func (l *layer) groupName(view string) string { return l.physical(64, view) }

func (l *layer) newGroupFor(
	view string, args *components.FeaturesArgs, zone pulumi.StringOutput, id *identity,
) (*sagemaker.FeatureGroup, error) {
	feature := func(name, kind string) sagemaker.FeatureGroupFeatureDefinitionArgs {
		return sagemaker.FeatureGroupFeatureDefinitionArgs{
			FeatureName: pulumi.String(name), FeatureType: pulumi.String(kind),
		}
	}
	group := &sagemaker.FeatureGroupArgs{
		FeatureGroupName: pulumi.String(l.groupName(view)), Description: pulumi.String("Features of " + view),
		RecordIdentifierFeatureName: pulumi.String(recordID), EventTimeFeatureName: pulumi.String(eventTime),
		FeatureDefinitions: sagemaker.FeatureGroupFeatureDefinitionArray{
			feature(recordID, "String"), feature(eventTime, "String"), feature(columnsJSON, "String"),
		},
		OfflineStoreConfig: &sagemaker.FeatureGroupOfflineStoreConfigArgs{
			TableFormat: pulumi.String("Glue"), DisableGlueTableCreation: pulumi.Bool(false),
			S3StorageConfig: &sagemaker.FeatureGroupOfflineStoreConfigS3StorageConfigArgs{
				S3Uri: pulumi.Sprintf("s3://%s/groups", zone), KmsKeyId: orNil(args.Key),
			},
		},
		RoleArn: id.ARN, Tags: l.tags(confidential),
	}
	if *args.Online {
		online := &sagemaker.FeatureGroupOnlineStoreConfigArgs{
			EnableOnlineStore: pulumi.Bool(true), StorageType: pulumi.String("Standard"),
		}
		if args.Key != nil {
			online.SecurityConfig = &sagemaker.FeatureGroupOnlineStoreConfigSecurityConfigArgs{KmsKeyId: orNil(args.Key)}
		}
		if args.TTLDays > 0 {
			online.TtlDuration = &sagemaker.FeatureGroupOnlineStoreConfigTtlDurationArgs{
				Unit: pulumi.String("Days"), Value: pulumi.Int(args.TTLDays),
			}
		}
		group.OnlineStoreConfig = online
	}
	// Features that a team has added are no reason to make a new group.
	added := pulumi.IgnoreChanges([]string{"featureDefinitions"})
	return sagemaker.NewFeatureGroup(l.Context, l.Part("group", view), group, l.kept(*args.Retain, added)...)
}

// onlineTable makes the table that an endpoint looks features up in.
func (l *layer) onlineTable(args *components.FeaturesArgs) (pulumi.StringOutput, error) {
	name := l.physical(255, "online")
	made, err := l.newTable(table{
		part: "online", name: name, hash: "key", key: args.Key, ttl: "expires", class: confidential,
		recoverable: *args.Retain, retain: *args.Retain,
	})
	query := url.Values{"partition_key": {"key"}, "region": {l.options.Region}}
	if args.TTLDays > 0 {
		query.Set("ttl_days", fmt.Sprint(args.TTLDays))
	}
	return l.Known("dynamodb://"+name+"?"+query.Encode(), made), err
}

// table describes a DynamoDB table that is paid by the request.
type table struct {
	part, name  string
	hash, sort  string // the attributes of the key, all texts; no sort for ""
	key         pulumi.StringInput
	ttl         string // attribute with the second at which a row goes; "" for never
	recoverable bool   // to any second of the last 35 days
	retain      bool
	class       sensitivity
}

func (l *layer) newTable(t table) (*dynamodb.Table, error) {
	attributes := dynamodb.TableAttributeArray{}
	for _, name := range slices.DeleteFunc([]string{t.hash, t.sort}, func(s string) bool { return s == "" }) {
		attributes = append(attributes, dynamodb.TableAttributeArgs{
			Name: pulumi.String(name), Type: pulumi.String("S"),
		})
	}
	args := &dynamodb.TableArgs{
		Name: pulumi.String(t.name), BillingMode: pulumi.String("PAY_PER_REQUEST"), Attributes: attributes,
		HashKey: pulumi.String(t.hash), DeletionProtectionEnabled: pulumi.Bool(t.retain), Tags: l.tags(t.class),
		PointInTimeRecovery: &dynamodb.TablePointInTimeRecoveryArgs{Enabled: pulumi.Bool(t.recoverable)},
	}
	if t.sort != "" {
		args.RangeKey = pulumi.String(t.sort)
	}
	if t.key != nil {
		args.ServerSideEncryption = &dynamodb.TableServerSideEncryptionArgs{
			Enabled: pulumi.Bool(true), KmsKeyArn: orNil(t.key),
		}
	}
	if t.ttl != "" {
		args.Ttl = &dynamodb.TableTtlArgs{Enabled: pulumi.Bool(true), AttributeName: pulumi.String(t.ttl)}
	}
	return dynamodb.NewTable(l.Context, l.Part(t.part), args, l.kept(t.retain)...)
}
