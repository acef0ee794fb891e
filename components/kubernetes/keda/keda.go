// Package keda declares autoscalers that can go to zero, as of KEDA v2.20.1.
package keda

import "github.com/mlpathway/mlpathway/components/kubernetes/api"

// APIVersion and Kind of a ScaledObject.
const (
	APIVersion = "keda.sh/v1alpha1"
	Kind       = "ScaledObject"
)

// ScaledObject is the spec of a ScaledObject.
type ScaledObject struct {
	// ScaleTargetRef is what is scaled.
	ScaleTargetRef Target `json:"scaleTargetRef"`
	// MinReplicaCount and MaxReplicaCount bound the number of pods.
	MinReplicaCount int `json:"minReplicaCount"`
	// MaxReplicaCount is the upper bound.
	MaxReplicaCount int `json:"maxReplicaCount"`
	// PollingInterval in seconds, while there is no pod.
	PollingInterval int `json:"pollingInterval"`
	// CooldownPeriod in seconds, before the last pod goes.
	CooldownPeriod int `json:"cooldownPeriod"`
	// Advanced settings.
	Advanced Advanced `json:"advanced"`
	// Triggers to follow.
	Triggers []Trigger `json:"triggers"`
}

// Target names a Deployment.
type Target struct {
	// Name of the Deployment.
	Name string `json:"name"`
}

// Advanced settings.
type Advanced struct {
	// HorizontalPodAutoscalerConfig is for the autoscaler that KEDA makes.
	HorizontalPodAutoscalerConfig AutoscalerConfig `json:"horizontalPodAutoscalerConfig"`
}

// AutoscalerConfig is for the autoscaler that KEDA makes.
type AutoscalerConfig struct {
	// Behavior says how fast.
	Behavior api.Behavior `json:"behavior"`
}

// Trigger is something to follow.
type Trigger struct {
	// Type of the trigger.
	Type string `json:"type"`
	// Metadata of the trigger.
	Metadata map[string]string `json:"metadata"`
}
