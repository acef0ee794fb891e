package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// row is one row of the dashboard: what a layer shows.
type row struct {
	title  string
	graphs []graph
}

// graph shows metrics over time.
type graph struct {
	title   string
	metrics []metric
}

// rows are the rows of the dashboard, one for each layer that has something to show.
func (w *watched) rows() []row {
	var rows []row
	if w.endpoint != nil {
		rows = append(rows, row{"Endpoint", []graph{
			{"Requests", []metric{w.endpointMetric("Invocations", "Sum")}},
			{"Failures", []metric{
				w.endpointMetric("Invocation4XXErrors", "Sum"), w.endpointMetric("Invocation5XXErrors", "Sum"),
			}},
			{"Answer time in microseconds", []metric{
				w.endpointMetric("ModelLatency", "p50"), w.endpointMetric("ModelLatency", "p95"),
			}},
		}})
	}
	if w.pipeline != nil {
		rows = append(rows, row{"Pipeline", []graph{
			{"Runs", []metric{w.pipelineMetric("ExecutionsStarted"), w.pipelineMetric("ExecutionsSucceeded")}},
			{"Failed runs", []metric{w.pipelineMetric("ExecutionsFailed"), w.pipelineMetric("ExecutionsTimedOut")}},
			{"Length of a run in milliseconds", []metric{w.pipelineMetric("ExecutionTime")}},
		}})
	}
	if len(w.queues) > 0 {
		waiting, age := graph{title: "Waiting events"}, graph{title: "Age of the oldest event in seconds"}
		for _, name := range slices.Sorted(maps.Keys(w.queues)) {
			waiting.metrics = append(waiting.metrics, queueMetric("ApproximateNumberOfMessagesVisible", w.queues[name]))
			age.metrics = append(age.metrics, queueMetric("ApproximateAgeOfOldestMessage", w.queues[name]))
		}
		rows = append(rows, row{"Processing", []graph{waiting, age}})
	}
	size := graph{title: "Bytes by zone"}
	for _, zone := range components.Zones() {
		bucket := components.ZoneURI(w.lake, zone).ApplyT(bucketOf).(pulumi.StringOutput)
		size.metrics = append(size.metrics, metric{"AWS/S3", "BucketSizeBytes", "Average", pulumi.StringMap{
			"BucketName": bucket, "StorageType": pulumi.String("StandardStorage"),
		}})
	}
	checks := graph{title: "Checks and drift", metrics: []metric{
		{w.namespace, driftMetric, "Sum", nil},
		{"AWS/Lambda", "Errors", "Sum", pulumi.StringMap{"FunctionName": w.functions["drift"]}},
		{"AWS/Lambda", "Invocations", "Sum", pulumi.StringMap{"FunctionName": w.functions["drift"]}},
	}}
	return append(rows, row{"Data lake", []graph{size}}, row{"Monitoring", []graph{checks}})
}

// newDashboard makes the dashboard and gives its address.
func (l *layer) newDashboard(w *watched) (pulumi.StringOutput, error) {
	rows := w.rows()
	var dimensions []any
	for _, r := range rows {
		for _, g := range r.graphs {
			for _, m := range g.metrics {
				dimensions = append(dimensions, m.dimensions)
			}
		}
	}
	body := pulumi.All(dimensions...).ApplyT(func(resolved []any) (string, error) {
		return dashboardBody(w.region, rows, resolved)
	}).(pulumi.StringOutput)
	name := l.physical(255)
	made, err := cloudwatch.NewDashboard(l.Context, l.Part("dashboard"), &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(name), DashboardBody: body,
	}, l.With()...)
	url := fmt.Sprintf("https://%[1]s.console.aws.amazon.com/cloudwatch/home?region=%[1]s#dashboards:name=%[2]s",
		w.region, name)
	return l.Known(url, made), err
}

// The grid of a dashboard is 24 columns wide.
const (
	gridColumns = 24
	titleHeight = 1
	graphHeight = 6
)

// dashboardBody writes the rows as CloudWatch reads them. dimensions are the resolved dimensions of the metrics, in
// their order.
func dashboardBody(region string, rows []row, dimensions []any) (string, error) {
	widgets, y, next := []any{}, 0, 0
	for _, r := range rows {
		widgets = append(widgets, map[string]any{
			"type": "text", "x": 0, "y": y, "width": gridColumns, "height": titleHeight,
			"properties": map[string]any{"markdown": "## " + r.title},
		})
		y += titleHeight
		width := gridColumns / len(r.graphs)
		for i, g := range r.graphs {
			lines := make([]any, len(g.metrics))
			for j, m := range g.metrics {
				lines[j] = dashboardMetric(m, dimensions[next])
				next++
			}
			widgets = append(widgets, map[string]any{
				"type": "metric", "x": i * width, "y": y, "width": width, "height": graphHeight,
				"properties": map[string]any{
					"title": g.title, "region": region, "view": "timeSeries", "period": 300, "metrics": lines,
				},
			})
		}
		y += graphHeight
	}
	data, err := json.Marshal(map[string]any{"widgets": widgets})
	return string(data), err
}

// dashboardMetric writes a metric as namespace, name, pairs of dimensions and how to show it.
func dashboardMetric(m metric, resolved any) []any {
	line := []any{m.namespace, m.name}
	dimensions, _ := resolved.(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(dimensions)) {
		line = append(line, key, dimensions[key])
	}
	return append(line, map[string]any{"stat": m.stat})
}
