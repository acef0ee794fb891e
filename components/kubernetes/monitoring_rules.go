package kubernetes

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/monitors"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// signal is how Prometheus sees a signal: an expression to compare with the threshold.
type signal struct {
	expr, during, unit, meaning string
}

// signals are those of a namespace and of its queue. The metrics are those of the images, of Argo Workflows and of
// Kueue.
func signals(namespace string) map[components.Signal]signal {
	of := fmt.Sprintf(`{namespace=%q}`, namespace)
	with := func(more string) string { return fmt.Sprintf(`{namespace=%q,%s}`, namespace, more) }
	return map[components.Signal]signal{
		components.ErrorRate: {
			expr: "100 * sum(rate(mlpathway_predict_requests_total" + with(`code=~"5.."`) + "[5m])) / " +
				"sum(rate(mlpathway_predict_requests_total" + of + "[5m]))",
			during: "5m", unit: "percent", meaning: "requests fail",
		},
		components.Latency: {
			expr: "1000 * histogram_quantile(0.95, sum by (le) (rate(mlpathway_predict_request_seconds_bucket" +
				of + "[5m])))",
			during: "5m", unit: "ms", meaning: "the slowest twentieth of the requests takes long",
		},
		components.TrainingFailure: {
			expr:   "sum(increase(argo_workflows_total_count" + with(`phase=~"Failed|Error"`) + "[1h]))",
			during: "1m", unit: "runs", meaning: "runs of the pipeline fail",
		},
		components.Drift: {
			expr:   "max(mlpathway_drift_status" + with(`status="drift"`) + ")",
			during: "1m", unit: "reports", meaning: "what is asked is not what was trained on",
		},
		components.QueueAge: {
			// Kueue tells how many wait and not since when: the least number over the time is above nothing.
			expr:   fmt.Sprintf("min_over_time(kueue_pending_workloads{cluster_queue=%q}[%%s])", namespace),
			during: "1m", unit: "minutes", meaning: "jobs wait for machines",
		},
	}
}

// idleAccelerators is true where an accelerator that a pod holds has done nothing for an hour.
const idleAccelerators = `max by (exported_pod, gpu) (` +
	`max_over_time(DCGM_FI_DEV_GPU_UTIL{exported_namespace=%q}[1h])) < 5`

func alarmName(s components.Signal) string {
	words := strings.Split(string(s), "-")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return "Mlpathway" + strings.Join(words, "")
}

// rules are the alarms that the layer was asked for, and one for accelerators that do nothing.
func (m *monitoring) rules() []monitors.Rule {
	known := signals(m.namespace)
	var rules []monitors.Rule
	for _, alert := range m.args.Alerts {
		s := known[alert.Signal]
		expr := fmt.Sprintf("%s > %v", s.expr, alert.Above)
		if alert.Signal == components.QueueAge {
			expr = fmt.Sprintf(s.expr, fmt.Sprintf("%dm", max(1, int(alert.Above)))) + " > 0"
		}
		rules = append(rules, m.rule(alarmName(alert.Signal), expr, s.during,
			fmt.Sprintf("%s: more than %v %s", s.meaning, alert.Above, s.unit)))
	}
	if m.there(charts.DCGMExporter) {
		rules = append(rules, m.rule("MlpathwayAcceleratorIdle", fmt.Sprintf(idleAccelerators, m.namespace), "10m",
			"an accelerator that a pod holds has done nothing for an hour"))
	}
	return rules
}

func (m *monitoring) rule(name, expr, during, summary string) monitors.Rule {
	severity := "warning"
	if m.options.Scope.Environment == components.Prod {
		severity = "critical"
	}
	return monitors.Rule{
		Alert: name, Expr: expr, For: during,
		Labels: map[string]string{
			"severity": severity, "team": m.options.Scope.Team, "environment": string(m.options.Scope.Environment),
		},
		Annotations: map[string]string{"summary": summary, "receivers": strings.Join(m.args.Receivers, " ")},
	}
}

// boardID is the id of the dashboard: Grafana takes 40 characters.
func (m *monitoring) boardID() string { return components.FitName(m.namespace+"-"+m.Component, 40) }

// dashboard is a ConfigMap that Grafana's sidecar finds by its label.
func (m *monitoring) dashboard() (pulumi.Resource, error) {
	data, err := json.Marshal(m.board())
	if err != nil {
		return nil, err
	}
	return m.named("v1", "ConfigMap", []string{"dashboard"}, object.Metadata{
		Name: m.Part("dashboard"), Labels: map[string]string{"grafana_dashboard": "1"},
	}, map[string]any{"data": map[string]string{"mlpathway.json": string(data)}})
}

// board is the dashboard: a panel for each signal, and how many pods there are and how busy the accelerators.
func (m *monitoring) board() map[string]any {
	namespace := m.namespace
	known, of := signals(namespace), fmt.Sprintf("{namespace=%q}", namespace)
	panels := []struct{ title, expr, unit string }{
		{"Requests per second", "sum(rate(mlpathway_predict_requests_total" + of + "[1m]))", "reqps"},
		{"Failed requests", known[components.ErrorRate].expr, "percent"},
		{"95th percentile", known[components.Latency].expr, "ms"},
		{"Pods that serve", "sum(kube_deployment_status_replicas_available" + of + ")", "short"},
		{"Stability of the features", "max by (feature) (mlpathway_drift_psi" + of + ")", "short"},
		{"Jobs that wait", fmt.Sprintf("sum by (status) (kueue_pending_workloads{cluster_queue=%q})", namespace), "short"},
		{"Failed runs", known[components.TrainingFailure].expr, "short"},
		{
			"Accelerators", fmt.Sprintf("avg by (exported_pod) (DCGM_FI_DEV_GPU_UTIL{exported_namespace=%q})", namespace),
			"percent",
		},
	}
	var made []any
	for i, p := range panels {
		made = append(made, map[string]any{
			"id": i + 1, "type": "timeseries", "title": p.title,
			"gridPos":     map[string]any{"x": 12 * (i % 2), "y": 8 * (i / 2), "w": 12, "h": 8},
			"targets":     []any{map[string]any{"expr": p.expr, "refId": "A"}},
			"fieldConfig": map[string]any{"defaults": map[string]any{"unit": p.unit, "min": 0}},
		})
	}
	return map[string]any{
		"uid": m.boardID(), "title": "mlpathway " + namespace, "tags": []string{"mlpathway", m.options.Scope.Team},
		"time": map[string]any{"from": "now-6h", "to": "now"}, "refresh": "30s", "schemaVersion": 39, "panels": made,
	}
}
