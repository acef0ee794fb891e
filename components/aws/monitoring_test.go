package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

const alarmType = "aws:cloudwatch/metricAlarm:MetricAlarm"

func monitoringPlan(change func(*components.MonitoringArgs)) plan {
	lake := pulumi.StringMap{}
	for _, zone := range components.Zones() {
		lake[string(zone)] = pulumi.String(values.Zone(zone))
	}
	args := &components.MonitoringArgs{
		Image: values.Inference, Model: "fraud", Lake: lake, DefinitionURI: pulumi.String("s3://models/pipeline.yaml"),
		Network: values.Place(), Receivers: []string{"a@example.com", "b@example.com"},
		Endpoint: pulumi.String("fraud-endpoint"), Pipeline: pulumi.String("arn:pipeline"),
		Queues: pulumi.StringMap{"one": pulumi.String("q1"), "two": pulumi.String("q2")},
	}
	if change != nil {
		change(args)
	}
	return plan{build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewMonitoring(ctx, "monitoring", target, args)
		return err
	}}
}

// queries are the metric queries of an alarm by id.
func queries(r recorded, signal string) map[string]map[string]any {
	r.t.Helper()
	all := map[string]map[string]any{}
	for _, q := range r.inputs(alarmType, "monitoring-"+signal)["metricQueries"].([]any) {
		all[q.(map[string]any)["id"].(string)] = q.(map[string]any)
	}
	return all
}

func TestAlarms(t *testing.T) {
	t.Parallel()
	r := monitoringPlan(nil).must(t)
	assert.Len(t, r.Find(alarmType), len(components.Signals()))
	errors := queries(r, "error-rate")
	assert.Equal(t, "IF(all > 0, 100 * failed / all, 0)", errors["result"]["expression"])
	metric := errors["failed"]["metric"].(map[string]any)
	assert.Equal(t, "Invocation5XXErrors", metric["metricName"])
	assert.Equal(t, map[string]any{"EndpointName": "fraud-endpoint", "VariantName": "production"}, metric["dimensions"])
	assert.InDelta(t, 500_000, r.inputs(alarmType, "monitoring-latency")["threshold"], 0, "microseconds")
	assert.Equal(t, "p95", queries(r, "latency")["latency"]["metric"].(map[string]any)["stat"])
	assert.Equal(t, "SUM([aborted, failed, late])", queries(r, "training-failure")["result"]["expression"])
	assert.Equal(t, "MAX([queue0, queue1])", queries(r, "queue-age")["result"]["expression"])
	assert.InDelta(t, 3600, r.inputs(alarmType, "monitoring-queue-age")["threshold"], 0, "an hour in seconds")
	for _, alarm := range r.Find(alarmType) {
		returned := 0
		for _, q := range r.inputs(alarmType, alarm.Name)["metricQueries"].([]any) {
			if q.(map[string]any)["returnData"] == true {
				returned++
			}
		}
		assert.Equal(t, 1, returned, "%s: CloudWatch watches one result", alarm.Name)
		assert.Len(t, r.inputs(alarmType, alarm.Name)["alarmActions"], 1)
	}
}

func TestNothingToWatch(t *testing.T) {
	t.Parallel()
	r := monitoringPlan(func(a *components.MonitoringArgs) { a.Endpoint, a.Pipeline, a.Queues = nil, nil, nil }).must(t)
	alarms := r.Find(alarmType)
	require.Len(t, alarms, 1)
	assert.Equal(t, "monitoring-drift", alarms[0].Name)
}

// TestDriftIsCounted: the filter finds the line that the check writes when something drifted, and the alarm the metric.
func TestDriftIsCounted(t *testing.T) {
	t.Parallel()
	r := monitoringPlan(nil).must(t)
	filter := r.inputs("aws:cloudwatch/logMetricFilter:LogMetricFilter", "")
	assert.Equal(t, `"drift in" -"no drift in"`, filter["pattern"])
	counted := filter["metricTransformation"].(map[string]any)
	watched := queries(r, "drift")["drift"]["metric"].(map[string]any)
	assert.Equal(t, counted["namespace"], watched["namespace"])
	assert.Equal(t, counted["name"], watched["metricName"])
	assert.Equal(t, filter["logGroupName"], r.inputs(functionType, "")["loggingConfig"].(map[string]any)["logGroup"])
	assert.Equal(t, map[string]any{"commands": []any{"monitor"}}, r.inputs(functionType, "")["imageConfig"])
	assert.Equal(t, "cron(*/15 * * * ? *)", r.inputs("aws:scheduler/schedule:Schedule", "")["scheduleExpression"])
}

func TestTopic(t *testing.T) {
	t.Parallel()
	r := monitoringPlan(func(a *components.MonitoringArgs) { a.Key = pulumi.String("arn:key") }).must(t)
	assert.Equal(t, "arn:key", r.inputs("aws:sns/topic:Topic", "")["kmsMasterKeyId"])
	assert.Len(t, r.Find("aws:sns/topicSubscription:TopicSubscription"), 2)
	list := r.document("aws:sns/topicPolicy:TopicPolicy", "", "policy")["Statement"].([]any)
	take := list[0].(map[string]any)
	assert.Equal(t, map[string]any{"Service": []any{"cloudwatch.amazonaws.com"}}, take["Principal"])
	assert.Equal(t, map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": []any{"123456789012"}}},
		take["Condition"])
}

// TestDashboard: one row per layer, nothing overlaps, every metric has its dimensions.
func TestDashboard(t *testing.T) {
	t.Parallel()
	r := monitoringPlan(nil).must(t)
	var titles []string
	taken := map[[2]int]bool{}
	for _, w := range r.document("aws:cloudwatch/dashboard:Dashboard", "", "dashboardBody")["widgets"].([]any) {
		widget := w.(map[string]any)
		x, y := int(widget["x"].(float64)), int(widget["y"].(float64))
		for dx := range int(widget["width"].(float64)) {
			for dy := range int(widget["height"].(float64)) {
				at := [2]int{x + dx, y + dy}
				assert.False(t, taken[at], "two widgets at %v", at)
				assert.Less(t, at[0], 24)
				taken[at] = true
			}
		}
		properties := widget["properties"].(map[string]any)
		if widget["type"] == "text" {
			titles = append(titles, properties["markdown"].(string))
			continue
		}
		for _, m := range properties["metrics"].([]any) {
			line := m.([]any)
			assert.Equal(t, 1, len(line)%2, "namespace, name, pairs, and how to show it: %v", line)
			assert.NotContains(t, line, "")
		}
	}
	assert.Equal(t, []string{"## Endpoint", "## Pipeline", "## Processing", "## Data lake", "## Monitoring"}, titles)
}
