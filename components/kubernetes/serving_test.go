package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

func newWith(s settings.Settings) (*kubernetes.Target, error) {
	return kubernetes.New(&kubernetes.Options{Scope: components.Scope{
		Project: "mlpathway", Team: "fraud", Environment: components.Dev,
	}, Settings: s})
}

func endpointPlan(change func(*components.EndpointArgs), set func(*settings.Settings)) plan {
	return plan{change: set, build: func(ctx *pulumi.Context, target components.Target) error {
		args := &components.EndpointArgs{
			Image: values.Inference, Model: "tumour", Lake: zones(), Auth: components.AuthToken,
			TokenURI: pulumi.String(values.Token),
		}
		if change != nil {
			change(args)
		}
		_, err := components.NewEndpoint(ctx, "endpoint", target, args)
		return err
	}}
}

func without(operator string) func(*settings.Settings) {
	return func(s *settings.Settings) {
		var left []string
		for _, o := range s.Operators {
			if o != operator {
				left = append(left, o)
			}
		}
		s.Operators = left
	}
}

func TestWhoScalesAnEndpoint(t *testing.T) {
	t.Parallel()
	r := endpointPlan(nil, without("keda")).must(t)
	hpa := r.object("HorizontalPodAutoscaler", "endpoint")
	assert.InDelta(t, 1, at(hpa, "spec.minReplicas"), 0, "an autoscaler of the cluster cannot wake from zero")
	assert.Equal(t, "100", at(hpa, "spec.metrics.0.pods.target.averageValue"))
	assert.Empty(t, r.Find("kubernetes:keda.sh/v1alpha1:ScaledObject"))

	r = endpointPlan(nil, func(s *settings.Settings) { s.Operators = []string{"gateway-api"} }).must(t)
	assert.Equal(t, "cpu", at(r.object("HorizontalPodAutoscaler", "endpoint"), "spec.metrics.0.resource.name"))

	r = endpointPlan(nil, nil).must(t)
	assert.InDelta(t, 1, at(r.object("ScaledObject", "endpoint"), "spec.minReplicaCount"), 0,
		"pods that are not there count no requests: nothing would wake them")
	assert.Empty(t, r.Find("kubernetes:autoscaling/v2:HorizontalPodAutoscaler"), "two would fight")

	r = endpointPlan(nil, func(s *settings.Settings) { s.WakeQuery = "sum(rate(envoy_requests[1m]))" }).must(t)
	scaled := r.object("ScaledObject", "endpoint")
	assert.InDelta(t, 0, at(scaled, "spec.minReplicaCount"), 0)
	assert.Equal(t, "sum(rate(envoy_requests[1m]))", at(scaled, "spec.triggers.0.metadata.query"))
}

func TestACanaryHasItsShareAtTheGateway(t *testing.T) {
	t.Parallel()
	canary := func(a *components.EndpointArgs) { a.Traffic = map[string]int{"production": 90, "staging": 10} }
	r := endpointPlan(canary, nil).must(t)
	route := r.object("HTTPRoute", "endpoint")
	assert.Equal(t, []any{"fraud.example.com"}, at(route, "spec.hostnames"))
	assert.Equal(t, "https", at(route, "spec.parentRefs.0.sectionName"))
	for i, want := range []struct {
		name  string
		share float64
	}{{"endpoint", 90}, {"endpoint-staging", 10}} {
		backend := at(route, "spec.rules.0.backendRefs").([]any)[i]
		assert.Equal(t, want.name, at(backend, "name"))
		assert.InDelta(t, want.share, at(backend, "weight"), 0)
		deployment := r.object("Deployment", want.name)
		assert.Equal(t, at(deployment, "spec.selector.matchLabels"), at(r.object("Service", want.name), "spec.selector"))
	}
	assert.Equal(t, "staging", variable(at(r.object("Deployment", "endpoint-staging"), "spec.template.spec.containers.0"),
		"MLPATHWAY_ALIAS"))

	r = endpointPlan(canary, func(s *settings.Settings) { s.Gateway = settings.Gateway{} }).must(t)
	args := at(r.object("Deployment", "endpoint"), "spec.template.spec.containers.0.args").([]any)
	assert.Contains(t, args, "production=90,staging=10", "without a gateway the image splits requests itself")
	assert.Len(t, r.Find("kubernetes:apps/v1:Deployment"), 1)
}

func TestAnEndpointEndsAfterItsLoadBalancerKnows(t *testing.T) {
	t.Parallel()
	r := endpointPlan(nil, func(s *settings.Settings) { s.Gateway.DrainSeconds = 40 }).must(t)
	pod := at(r.object("Deployment", "endpoint"), "spec.template.spec")
	args := at(pod, "containers.0.args").([]any)
	assert.Contains(t, args, "45s")
	assert.InDelta(t, 75, at(pod, "terminationGracePeriodSeconds"), 0)
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		assert.NotNil(t, at(pod, "containers.0."+probe), probe)
	}
	assert.Equal(t, "/readyz", at(pod, "containers.0.readinessProbe.httpGet.path"))
	assert.Equal(t, "/healthz", at(pod, "containers.0.startupProbe.httpGet.path"), "it starts without a model")
	assert.InDelta(t, 0, at(r.object("Deployment", "endpoint"), "spec.strategy.rollingUpdate.maxUnavailable"), 0)
	assert.Nil(t, at(r.object("Deployment", "endpoint"), "spec.replicas"), "the number is the autoscaler's")
}

// A drain of nodes and the loss of a zone leave pods that answer, and the gateway ends TLS.
func TestAnEndpointSurvivesANodeAndAZone(t *testing.T) {
	t.Parallel()
	r := endpointPlan(nil, nil).must(t)
	deployment := r.object("Deployment", "endpoint")
	budget := r.object("PodDisruptionBudget", "endpoint")
	assert.InDelta(t, 1, at(budget, "spec.maxUnavailable"), 0)
	assert.Equal(t, at(deployment, "spec.selector.matchLabels"), at(budget, "spec.selector.matchLabels"))
	var apart []any
	for _, spread := range at(deployment, "spec.template.spec.topologySpreadConstraints").([]any) {
		apart = append(apart, at(spread, "topologyKey"))
	}
	assert.Equal(t, []any{"topology.kubernetes.io/zone", "kubernetes.io/hostname"}, apart)
	assert.Equal(t, "Terminate", at(r.object("Gateway", "endpoint"), "spec.listeners.0.tls.mode"))
}

func TestBatchJobsWaitInTheQueue(t *testing.T) {
	t.Parallel()
	queued := clusterPlan(nil, nil)
	r := plan{change: queued.change, build: func(ctx *pulumi.Context, target components.Target) error {
		if err := queued.build(ctx, target); err != nil {
			return err
		}
		_, err := components.NewBatch(ctx, "batch", target, &components.BatchArgs{Image: values.Inference, Model: "tumour",
			Lake: zones()})
		return err
	}}.must(t)
	labels := at(r.object("CronJob", "batch"), "spec.jobTemplate.metadata.labels").(map[string]any)
	assert.Equal(t, "jobs", labels["kueue.x-k8s.io/queue-name"])
	assert.NotEmpty(t, labels["kueue.x-k8s.io/priority-class"])
}

func TestATokenIsMountedAndNeverInTheEnvironment(t *testing.T) {
	t.Parallel()
	r := endpointPlan(nil, nil).must(t)
	pod := at(r.object("Deployment", "endpoint"), "spec.template.spec")
	container := at(pod, "containers.0")
	assert.Equal(t, "/etc/mlpathway/security-endpoint/token", variable(container, "MLPATHWAY_TOKEN_FILE"))
	found := false
	for _, volume := range at(pod, "volumes").([]any) {
		found = found || at(volume, "secret.secretName") == "security-endpoint"
	}
	assert.True(t, found, "the Secret is mounted")
	assert.NotContains(t, at(container, "args").([]any), "--allow-anonymous")

	open := func(a *components.EndpointArgs) { a.Auth, a.TokenURI = components.AuthNone, nil }
	_, err := endpointPlan(open, nil).run(t)
	require.ErrorIs(t, err, components.ErrConflict, "a gateway leads to it")
}

func TestAlarmsAndTheirThresholds(t *testing.T) {
	t.Parallel()
	build := func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewMonitoring(ctx, "monitoring", target, &components.MonitoringArgs{
			Image: values.Inference, Model: "tumour", Lake: pulumi.StringMap{}, DefinitionURI: pulumi.String(values.Definition),
			Alerts: []components.Alert{{Signal: components.Latency, Above: 250}, {Signal: components.QueueAge, Above: 30}},
		})
		return err
	}
	r := plan{environment: components.Prod, build: build}.must(t)
	rules := at(r.object("PrometheusRule", "monitoring"), "spec.groups.0.rules").([]any)
	require.Len(t, rules, 3, "the two, and idle accelerators")
	assert.Equal(t, "MlpathwayLatency", at(rules[0], "alert"))
	assert.True(t, strings.HasSuffix(at(rules[0], "expr").(string), "> 250"))
	assert.Contains(t, at(rules[1], "expr"), `kueue_pending_workloads{cluster_queue="fraud-prod"}[30m]`)
	assert.Contains(t, at(rules[2], "expr"), "max by (exported_pod, gpu) (max_over_time(DCGM_FI_DEV_GPU_UTIL")
	assert.Equal(t, "critical", at(rules[0], "labels.severity"))
	board := r.object("ConfigMap", "monitoring-dashboard")
	assert.Contains(t, at(board, "data").(map[string]any)["mlpathway.json"], "mlpathway_predict_requests_total")

	bare := plan{build: build, change: without("prometheus")}.must(t)
	assert.Empty(t, bare.Find("kubernetes:monitoring.coreos.com/v1:PrometheusRule"))
	assert.Len(t, bare.Find("kubernetes:batch/v1:CronJob"), 1, "the drift check needs no Prometheus")
}

func TestAnIdentityIsOfAWorkload(t *testing.T) {
	t.Parallel()
	p := endpointPlan(nil, func(s *settings.Settings) {
		s.Identity.Cloud = "gcp"
		s.Identity.Accounts = map[string]string{"endpoint": "serving@fraud.iam.gserviceaccount.com"}
	})
	account := p.must(t).object("ServiceAccount", "endpoint")
	assert.Equal(t, map[string]any{"iam.gke.io/gcp-service-account": "serving@fraud.iam.gserviceaccount.com"},
		at(account, "metadata.annotations"))
	assert.Equal(t, false, account["automountServiceAccountToken"])
	for cloud, key := range map[string]string{
		"aws": "eks.amazonaws.com/role-arn", "azure": "azure.workload.identity/client-id",
	} {
		r := endpointPlan(nil, func(s *settings.Settings) {
			s.Identity.Cloud, s.Identity.Accounts = cloud, map[string]string{"endpoint": "x"}
		}).must(t)
		assert.Equal(t, map[string]any{key: "x"}, at(r.object("ServiceAccount", "endpoint"), "metadata.annotations"))
		labels := at(r.object("Deployment", "endpoint"), "spec.template.metadata.labels").(map[string]any)
		assert.Equal(t, cloud == "azure", labels["azure.workload.identity/use"] == "true", "a label: %s", cloud)
	}

	build := p.build
	p.change = func(s *settings.Settings) { s.Identity.Accounts = map[string]string{"endpiont": "x"} }
	p.build = func(ctx *pulumi.Context, target components.Target) error {
		if err := build(ctx, target); err != nil {
			return err
		}
		_, err := target.Finish(ctx, "platform")
		return err
	}
	_, err := p.run(t)
	require.ErrorIs(t, err, components.ErrChoice)
	require.ErrorContains(t, err, `"endpiont", want one of endpoint`)
}
