package aws

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Monitoring is a drift check that the clock starts, alarms that tell a topic, and a dashboard.
func (t *Target) Monitoring(
	ctx *pulumi.Context, name string, args *components.MonitoringArgs, opts ...pulumi.ResourceOption,
) (*components.MonitoringOutputs, error) {
	l := t.layer(ctx, components.MonitoringLayer, name, opts)
	check, err := l.driftCheck(args)
	if err != nil {
		return nil, err
	}
	topic, err := l.newTopic(args)
	if err != nil {
		return nil, err
	}
	watched := l.watched(args, check)
	alarms := pulumi.StringMap{}
	for _, alert := range args.Alerts {
		alarm, ok := watched.alarm(alert)
		if !ok {
			continue // there is nothing to watch: no endpoint, no pipeline or no queue
		}
		made, err := l.newAlarm(alert.Signal, alarm, topic)
		if err != nil {
			return nil, err
		}
		alarms[string(alert.Signal)] = made.Arn
	}
	url, err := l.newDashboard(watched)
	return &components.MonitoringOutputs{
		DashboardURL: url, AlertIDs: alarms.ToStringMapOutput(), Identity: check.id.ARN,
	}, err
}

// Names of the metric that counts drifted runs of the check.
const driftMetric = "Drift"

func (t *Target) metricNamespace() string { return "mlpathway/" + t.options.Scope.Name(200) }

// driftCheck makes the function that compares captured requests with the training data.
func (l *layer) driftCheck(args *components.MonitoringArgs) (*madeFunction, error) {
	environment := components.ZoneVariables(args.Lake, components.Logs, components.Models, components.Results)
	environment["MLPATHWAY_MODEL"] = pulumi.String(args.Model)
	environment["MLPATHWAY_ALIAS"] = pulumi.String(args.Alias)
	environment["MLPATHWAY_PIPELINE"] = args.DefinitionURI
	f, err := l.newFunction(&function{
		part: "drift", does: "Compares live data with the training data", image: args.Image,
		command: []string{"monitor"}, environment: environment, memoryMiB: 2048, timeout: 900, concurrency: 1,
		place: args.Network, key: args.Key,
		logs: components.Logging{RetentionDays: args.RetentionDays, Key: args.Key},
	})
	if err != nil {
		return nil, err
	}
	// A check that failed is not repeated: the next one comes soon.
	_, err = lambda.NewFunctionEventInvokeConfig(l.Context, l.Part("drift"), &lambda.FunctionEventInvokeConfigArgs{
		FunctionName: f.Name, MaximumRetryAttempts: pulumi.Int(0), MaximumEventAgeInSeconds: pulumi.Int(900),
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	// The check writes one line: "drift in ..." or "no drift in ...".
	_, err = cloudwatch.NewLogMetricFilter(l.Context, l.Part("drift"), &cloudwatch.LogMetricFilterArgs{
		Name: pulumi.String(l.physical(512, "drift")), LogGroupName: l.Known(f.logs.name, f.logs.resource),
		Pattern: pulumi.String(`"drift in" -"no drift in"`),
		MetricTransformation: &cloudwatch.LogMetricFilterMetricTransformationArgs{
			Namespace: pulumi.String(l.metricNamespace()), Name: pulumi.String(driftMetric), Value: pulumi.String("1"),
			DefaultValue: pulumi.String("0"), Unit: pulumi.String("Count"),
		},
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	return f, l.newSchedule(schedule{
		cron: args.Schedule, does: "Starts the drift check", target: f.arn, action: "lambda:InvokeFunction",
		ready: []pulumi.Resource{f.Function},
	})
}

// newTopic makes the topic that alarms tell, with its receivers.
func (l *layer) newTopic(args *components.MonitoringArgs) (*sns.Topic, error) {
	name := l.physical(256, "alarms")
	arn := l.arn("sns", "%s", name)
	topic, err := sns.NewTopic(l.Context, l.Part("alarms"), &sns.TopicArgs{
		Name: pulumi.String(name), KmsMasterKeyId: orNil(args.Key), Tags: l.tags(internal),
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	_, err = sns.NewTopicPolicy(l.Context, l.Part("alarms"), &sns.TopicPolicyArgs{
		Arn: topic.Arn, Policy: document(Statement{
			Sid: "TakeAlarms", Principals: &Principals{Service: []string{"cloudwatch.amazonaws.com"}},
			Actions: []string{"sns:Publish"}, Resources: here(arn), Conditions: l.ownAccount(),
		}, Statement{
			Sid: "RefusePlainHTTP", Effect: Deny, Principals: &Principals{AWS: []string{"*"}},
			Actions: []string{"sns:Publish"}, Resources: here(arn),
			Conditions: Conditions{"Bool": {"aws:SecureTransport": {"false"}}},
		}),
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	for _, receiver := range slices.Sorted(slices.Values(args.Receivers)) {
		logical := components.FitName(l.Part("to", receiver), 60)
		_, err := sns.NewTopicSubscription(l.Context, logical, &sns.TopicSubscriptionArgs{
			Topic: topic.Arn, Protocol: pulumi.String("email"), Endpoint: pulumi.String(receiver),
		}, l.With()...)
		if err != nil {
			return nil, err
		}
	}
	return topic, nil
}

// watched is what metrics are about.
type watched struct {
	region, namespace, alias string
	endpoint, pipeline       pulumi.StringInput // nil for none
	queues                   pulumi.StringMap
	functions                pulumi.StringMap
	lake                     pulumi.StringMapInput
}

func (l *layer) watched(args *components.MonitoringArgs, check *madeFunction) *watched {
	endpoint := args.Endpoint
	if l.options.ServeOnCluster { // CloudWatch does not see its requests
		endpoint = nil
	}
	return &watched{
		region: l.options.Region, namespace: l.metricNamespace(), alias: args.Alias, endpoint: endpoint,
		pipeline: args.Pipeline, queues: args.Queues, lake: args.Lake,
		functions: pulumi.StringMap{"drift": pulumi.String(check.name)},
	}
}

// newAlarm makes an alarm that tells the topic when it begins and when it ends.
func (l *layer) newAlarm(signal components.Signal, a alarm, topic *sns.Topic) (*cloudwatch.MetricAlarm, error) {
	args := &cloudwatch.MetricAlarmArgs{
		Name: pulumi.String(l.physical(255, string(signal))), AlarmDescription: pulumi.String(a.says),
		ComparisonOperator: pulumi.String("GreaterThanThreshold"), Threshold: pulumi.Float64(a.above),
		EvaluationPeriods: pulumi.Int(1), TreatMissingData: pulumi.String("notBreaching"),
		AlarmActions: pulumi.Array{topic.Arn}, OkActions: pulumi.Array{topic.Arn}, Tags: l.tags(internal),
	}
	queries := cloudwatch.MetricAlarmMetricQueryArray{}
	for _, id := range slices.Sorted(maps.Keys(a.metrics)) {
		m := a.metrics[id]
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String(id), ReturnData: pulumi.Bool(a.expression == ""),
			Metric: &cloudwatch.MetricAlarmMetricQueryMetricArgs{
				Namespace: pulumi.String(m.namespace), MetricName: pulumi.String(m.name), Stat: pulumi.String(m.stat),
				Period: pulumi.Int(a.seconds), Dimensions: m.dimensions,
			},
		})
	}
	if a.expression != "" {
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String("result"), Expression: pulumi.String(a.expression), Label: pulumi.String(string(signal)),
			ReturnData: pulumi.Bool(true),
		})
	}
	args.MetricQueries = queries
	return cloudwatch.NewMetricAlarm(l.Context, l.Part(string(signal)), args, l.With()...)
}
