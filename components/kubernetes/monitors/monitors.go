// Package monitors declares what Prometheus looks at and what it alarms for, as of prometheus-operator v0.93.0.
package monitors

import "github.com/mlpathway/mlpathway/components/kubernetes/api"

// APIVersion and kinds.
const (
	APIVersion  = "monitoring.coreos.com/v1"
	ServiceKind = "ServiceMonitor"
	RuleKind    = "PrometheusRule"
)

// ServiceMonitor is the spec of a ServiceMonitor.
type ServiceMonitor struct {
	// Selector of the services.
	Selector api.Selector `json:"selector"`
	// Endpoints of the services.
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is where metrics are.
type Endpoint struct {
	// Port of the service by its name.
	Port string `json:"port"`
	// Path of the metrics.
	Path string `json:"path"`
	// Interval between two looks.
	Interval string `json:"interval"`
}

// Rules is the spec of a PrometheusRule.
type Rules struct {
	// Groups of rules.
	Groups []Group `json:"groups"`
}

// Group is a group of rules that are looked at together.
type Group struct {
	// Name of the group.
	Name string `json:"name"`
	// Rules of the group.
	Rules []Rule `json:"rules"`
}

// Rule alarms, or records a value under a name.
type Rule struct {
	// Alert is the name of the alarm.
	Alert string `json:"alert,omitempty"`
	// Expr is what must hold.
	Expr string `json:"expr"`
	// For is how long it must hold.
	For string `json:"for,omitempty"`
	// Labels of the alarm.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the alarm.
	Annotations map[string]string `json:"annotations,omitempty"`
}
