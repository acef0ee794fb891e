package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// metric is one metric of CloudWatch.
type metric struct {
	namespace, name, stat string
	dimensions            pulumi.StringMap
}

// alarm says when to tell the topic.
type alarm struct {
	says       string
	seconds    int // length of a period
	above      float64
	metrics    map[string]metric
	expression string // over the ids of the metrics; "" for the only one itself
}

// alarm is what watches a signal; false where there is nothing to watch.
func (w *watched) alarm(alert components.Alert) (alarm, bool) {
	switch alert.Signal {
	case components.ErrorRate:
		return alarm{
			says: "The share of failed predictions in percent", seconds: 300, above: alert.Above,
			metrics: map[string]metric{
				"failed": w.endpointMetric("Invocation5XXErrors", "Sum"), "all": w.endpointMetric("Invocations", "Sum"),
			},
			expression: "IF(all > 0, 100 * failed / all, 0)",
		}, w.endpoint != nil
	case components.Latency:
		return alarm{
			says: "The 95th percentile of the answer time", seconds: 300, above: alert.Above * 1000, // microseconds
			metrics: map[string]metric{"latency": w.endpointMetric("ModelLatency", "p95")},
		}, w.endpoint != nil
	case components.TrainingFailure:
		return alarm{
			says: "Failed runs of the pipeline in an hour", seconds: 3600, above: alert.Above,
			metrics: map[string]metric{
				"aborted": w.pipelineMetric("ExecutionsAborted"), "failed": w.pipelineMetric("ExecutionsFailed"),
				"late": w.pipelineMetric("ExecutionsTimedOut"),
			},
			expression: "SUM([aborted, failed, late])",
		}, w.pipeline != nil
	case components.Drift:
		return alarm{
			says: "Checks that found drift in an hour", seconds: 3600, above: alert.Above,
			metrics: map[string]metric{"drift": {namespace: w.namespace, name: driftMetric, stat: "Sum"}},
		}, true
	case components.QueueAge:
		return w.queueAge(alert.Above)
	default:
		return alarm{}, false
	}
}

// queueAge watches the oldest message of all queues.
func (w *watched) queueAge(minutes float64) (alarm, bool) {
	a := alarm{
		says: "The age of the oldest waiting event", seconds: 300, above: minutes * 60, metrics: map[string]metric{},
	}
	var ids []string
	for i, name := range slices.Sorted(maps.Keys(w.queues)) {
		id := fmt.Sprintf("queue%d", i)
		ids = append(ids, id)
		a.metrics[id] = queueMetric("ApproximateAgeOfOldestMessage", w.queues[name])
	}
	if len(ids) > 1 {
		a.expression = "MAX([" + strings.Join(ids, ", ") + "])"
	}
	return a, len(ids) > 0
}

func (w *watched) endpointMetric(name, stat string) metric {
	return metric{"AWS/SageMaker", name, stat, pulumi.StringMap{
		"EndpointName": w.endpoint, "VariantName": pulumi.String(w.alias),
	}}
}

func (w *watched) pipelineMetric(name string) metric {
	return metric{"AWS/States", name, "Sum", pulumi.StringMap{"StateMachineArn": w.pipeline}}
}

func queueMetric(name string, queue pulumi.StringInput) metric {
	return metric{"AWS/SQS", name, "Maximum", pulumi.StringMap{"QueueName": queue}}
}
