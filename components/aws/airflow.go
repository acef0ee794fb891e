package aws

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/mwaa"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// airflowVersion is one that Amazon MWAA runs.
// Source: docs.aws.amazon.com/mwaa/latest/API, Environment (looked up on 2026-11-25).
const airflowVersion = "2.10.3"

// airflowDAG is the workflow that starts the pipeline. Airflow reads it off a bucket.
//
//go:embed airflow.py
var airflowDAG string

// Where the workflow lies in the bucket of Airflow.
const (
	airflowPart = "airflow"
	airflowDags = "dags"
)

// makeAirflow makes an environment of Amazon MWAA whose clock starts the pipeline, for teams that keep all of their
// workflows in Airflow. It costs by the hour. The steps stay those of the state machine.
func (p *pipeline) makeAirflow() error {
	name := p.physical(80, airflowPart)
	access, err := p.newLogBucket(airflowPart+"-"+accessLogs, p.args.Logs.RetentionDays, false, airflowPart)
	if err != nil {
		return err
	}
	source, err := p.newBucket(bucket{
		part: airflowPart, class: internal, key: p.args.Key, versioned: true, logs: access,
	})
	if err != nil {
		return err
	}
	logs, err := p.airflowLogs(name)
	if err != nil {
		return err
	}
	dag, err := s3.NewBucketObjectv2(p.Context, p.Part(airflowPart, "dag"), &s3.BucketObjectv2Args{
		Bucket: p.Known(source.name, source.ready...), Key: pulumi.String(airflowDags + "/pipeline.py"),
		Content: pulumi.String(p.dag()), ContentType: pulumi.String("text/x-python"), KmsKeyId: orNil(p.args.Key),
		Tags: p.objectTags(internal),
	}, p.With()...)
	if err != nil {
		return err
	}
	id, err := p.newRole(role{
		part: airflowPart, does: "Starts the pipeline from Airflow", may: p.runAirflow(name, source.name),
		trust: []Statement{p.trust("airflow.amazonaws.com", "airflow-env.amazonaws.com")},
		keys:  p.useKey(p.args.Key, encrypts, "s3", "sqs"),
	})
	if err != nil {
		return err
	}
	_, err = mwaa.NewEnvironment(p.Context, p.Part(airflowPart), &mwaa.EnvironmentArgs{
		Name: pulumi.String(name), AirflowVersion: pulumi.String(airflowVersion),
		EnvironmentClass: pulumi.String("mw1.small"),
		SourceBucketArn:  p.Known(p.bucketARN("%s", source.name), source.ready...), DagS3Path: pulumi.String(airflowDags),
		ExecutionRoleArn: id.ARN, KmsKey: orNil(p.args.Key), WebserverAccessMode: pulumi.String("PRIVATE_ONLY"),
		MinWorkers: pulumi.Int(1), MaxWorkers: pulumi.Int(2), LoggingConfiguration: airflowLogging(),
		NetworkConfiguration: &mwaa.EnvironmentNetworkConfigurationArgs{
			SecurityGroupIds: pulumi.StringArray{p.args.Network.Group},
			SubnetIds:        firstTwo(p.args.Network.Subnets),
		},
		Tags: p.tags(confidential),
	}, p.After(append(append(id.ready, dag), logs...)...)...)
	return err
}

// dag is the workflow of this pipeline.
func (p *pipeline) dag() string {
	return strings.NewReplacer(`"PIPELINE"`, fmt.Sprintf("%q", p.physical(80)), `"SCHEDULE"`,
		fmt.Sprintf("%q", p.args.Schedule), `"MACHINE"`, fmt.Sprintf("%q", p.machineARN)).Replace(airflowDAG)
}

// firstTwo are the subnets of an environment of Airflow, which takes exactly two.
func firstTwo(subnets pulumi.StringArrayInput) pulumi.StringArrayOutput {
	return subnets.ToStringArrayOutput().ApplyT(func(all []string) ([]string, error) {
		if len(all) < 2 {
			return nil, fmt.Errorf("network: found %d private subnets, want 2 for Airflow: %w", len(all), components.ErrRange)
		}
		return all[:2], nil
	}).(pulumi.StringArrayOutput)
}

// airflowLogs makes the log groups of an environment, which would make them itself and leave them behind.
func (p *pipeline) airflowLogs(name string) ([]pulumi.Resource, error) {
	var made []pulumi.Resource
	for _, kind := range []string{"DAGProcessing", "Scheduler", "Task", "WebServer", "Worker"} {
		logs, err := p.newLogGroup(airflowPart+"-"+strings.ToLower(kind), "airflow-"+name+"-"+kind, p.args.Logs)
		if err != nil {
			return nil, err
		}
		made = append(made, logs.resource)
	}
	return made, nil
}

func airflowLogging() *mwaa.EnvironmentLoggingConfigurationArgs {
	on, warn, info := pulumi.Bool(true), pulumi.String("WARNING"), pulumi.String("INFO")
	return &mwaa.EnvironmentLoggingConfigurationArgs{
		DagProcessingLogs: mwaa.EnvironmentLoggingConfigurationDagProcessingLogsArgs{Enabled: on, LogLevel: warn},
		SchedulerLogs:     mwaa.EnvironmentLoggingConfigurationSchedulerLogsArgs{Enabled: on, LogLevel: warn},
		TaskLogs:          mwaa.EnvironmentLoggingConfigurationTaskLogsArgs{Enabled: on, LogLevel: info},
		WebserverLogs:     mwaa.EnvironmentLoggingConfigurationWebserverLogsArgs{Enabled: on, LogLevel: warn},
		WorkerLogs:        mwaa.EnvironmentLoggingConfigurationWorkerLogsArgs{Enabled: on, LogLevel: warn},
	}
}

// runAirflow is what an environment needs to run, and to start the pipeline.
// Source: docs.aws.amazon.com/mwaa, Amazon MWAA execution role.
func (p *pipeline) runAirflow(name, source string) []Statement {
	logs := p.arn("logs", "log-group:airflow-%s-*", name)
	return []Statement{{
		Sid: "StartPipeline", Actions: []string{"states:StartExecution"}, Resources: here(p.machineARN),
	}, {
		Sid: "FollowRuns", Actions: []string{"states:DescribeExecution"},
		Resources: here(p.arn("states", "execution:%s:*", p.physical(80))),
	}, {
		Sid: "ReadWorkflows", Resources: here(p.bucketARN("%s", source), p.bucketARN("%s/*", source)),
		Actions: []string{
			"s3:GetBucketLocation", "s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration",
			"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions",
		},
	}, {
		Sid: "CheckAccount", Actions: []string{"s3:GetAccountPublicAccessBlock"}, Resources: here("*"), // knows no resource
	}, {
		Sid: "WriteLogs", Resources: here(logs, logs+":*"), Actions: []string{
			"logs:CreateLogGroup", "logs:CreateLogStream", "logs:GetLogEvents", "logs:GetLogGroupFields", "logs:GetLogRecord",
			"logs:GetQueryResults", "logs:PutLogEvents",
		},
	}, {
		Sid: "FindLogs", Actions: []string{"logs:DescribeLogGroups"}, Resources: here(p.arn("logs", "log-group:*")),
	}, {
		Sid: "PublishHealth", Actions: []string{"airflow:PublishMetrics"},
		Resources: here(p.arn("airflow", "environment/%s", name)),
	}, {
		Sid: "WriteMetrics", Actions: []string{"cloudwatch:PutMetricData"}, Resources: here("*"), // knows no resource
		Conditions: Conditions{"StringEquals": {"cloudwatch:namespace": {"AmazonMWAA"}}},
	}, {
		// The queue belongs to Amazon's own account.
		Sid:       "HandOutTasks",
		Resources: here(fmt.Sprintf("arn:%s:sqs:%s:*:airflow-celery-*", p.region.partition, p.options.Region)),
		Actions: []string{
			"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
			"sqs:ReceiveMessage", "sqs:SendMessage",
		},
	}}
}
