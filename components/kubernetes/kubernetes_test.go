package kubernetes_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/kubernetes"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	componenttest.Run(t, harness(t))
}

func harness(t *testing.T) componenttest.Harness {
	t.Helper()
	missing := newTarget(t, componenttest.Scope(components.Dev), cluster()).Unsupported()
	return componenttest.Harness{
		New: func(t *testing.T, scope components.Scope) components.Target {
			t.Helper()
			return newTarget(t, scope, cluster())
		},
		Unsupported: slices.Sorted(maps.Keys(missing)), Values: &values, Invent: invent, CheckName: checkName,
		Golden: "testdata",
	}
}

func newTarget(t *testing.T, scope components.Scope, s settings.Settings) *kubernetes.Target {
	t.Helper()
	target, err := kubernetes.New(&kubernetes.Options{Scope: scope, Settings: s})
	require.NoError(t, err)
	return target
}

// cluster has everything, so that the suite sees every object.
func cluster() settings.Settings {
	return settings.Settings{
		Context: "onprem",
		Operators: []string{
			"jobset", "kueue", "trainer", "karpenter", "argo-workflows", "keda", "gateway-api", "prometheus",
			"prometheus-adapter", "dcgm-exporter",
		},
		Lake:     settings.Lake{URI: "s3://fraud-{zone}", Endpoint: "https://minio.minio.svc", Secret: "lake"},
		Identity: settings.Identity{Cloud: "aws", Accounts: map[string]string{"training": "arn:aws:iam::1:role/training"}},
		Access:   settings.Access{APIServers: []string{"10.0.0.1/32"}, LakeNamespace: "minio"},
		Gateway:  settings.Gateway{Host: "fraud.example.com", Class: "envoy", Certificate: "fraud-tls"},
		Registry: "registry.example.com/fraud",
		Prices:   settings.Prices{CPU: 0.003, MemoryGiB: 0.0004, Accelerator: 0.05},
	}
}

const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// values are what the layers get from each other.
var values = componenttest.Values{
	Training:  "registry.example.com/fraud/training-image@sha256:" + digest,
	Inference: "registry.example.com/fraud/inference-image@sha256:" + digest,
	Zone:      func(zone components.Zone) string { return "s3://fraud-" + string(zone) },
	Table:     "s3://fraud-logs/runs", Token: "file:///etc/mlpathway/security-endpoint/token",
	Definition:  "file:///etc/mlpathway/pipeline-0123abcd/pipeline.yaml",
	EventSource: "s3://fraud-raw", Network: "fraud-dev", Endpoint: "endpoint", Pipeline: "pipeline",
}
