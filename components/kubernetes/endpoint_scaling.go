package kubernetes

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/gateway"
	"github.com/mlpathway/mlpathway/components/kubernetes/keda"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// requestsMetric is the rate of requests of a pod, which prometheus-adapter makes of the image's counter
// (docs/kubernetes.md has the rule).
const requestsMetric = "mlpathway_predict_requests_per_second"

// scale lets the number of pods follow the requests. KEDA can go to zero, where a query sees requests that no pod
// answers yet; an autoscaler of the cluster keeps one pod at least. Without a source of rates it follows the CPU.
func (e *endpoint) scale(v variant, parts []string, of pulumi.Resource) error {
	m := object.Metadata{Name: v.name}
	target := api.ScaleTarget{APIVersion: "apps/v1", Kind: "Deployment", Name: v.name}
	on := pulumi.DependsOn([]pulumi.Resource{of})
	if e.has(charts.KEDA) {
		scaled := e.scaledObject(v)
		made, err := e.named(keda.APIVersion, keda.Kind, parts, m, spec(scaled), append(e.operated(charts.KEDA), on)...)
		e.made = append(e.made, made)
		return err
	}
	metric := api.Metric{Type: "Resource", Resource: &api.ResourceMetric{
		Name: "cpu", Target: api.MetricTarget{Type: "Utilization", AverageUtilization: 70},
	}}
	if e.has(charts.PrometheusAdapter) {
		metric = api.Metric{Type: "Pods", Pods: &api.PodsMetric{
			Metric: api.NameRef{Name: requestsMetric},
			Target: api.MetricTarget{Type: "AverageValue", AverageValue: strconv.Itoa(e.args.TargetRequestsPerSecond)},
		}}
	}
	made, err := e.named("autoscaling/v2", "HorizontalPodAutoscaler", parts, m, spec(api.Autoscaler{
		ScaleTargetRef: target, MinReplicas: max(1, *e.args.MinReplicas), MaxReplicas: e.args.MaxReplicas,
		Metrics: []api.Metric{metric}, Behavior: pace(),
	}), on)
	e.made = append(e.made, made)
	return err
}

// pace adds pods at once, up to twice as many each 15 seconds, and takes them away when five minutes were quiet.
func pace() api.Behavior {
	return api.Behavior{
		ScaleUp: api.ScalingRules{Policies: []api.ScalingPolicy{
			{Type: "Percent", Value: 100, PeriodSeconds: 15}, {Type: "Pods", Value: 4, PeriodSeconds: 15},
		}},
		ScaleDown: api.ScalingRules{
			StabilizationWindowSeconds: 300, Policies: []api.ScalingPolicy{{Type: "Percent", Value: 50, PeriodSeconds: 60}},
		},
	}
}

// scaledObject is what KEDA does for a variant.
func (e *endpoint) scaledObject(v variant) keda.ScaledObject {
	least := max(1, *e.args.MinReplicas)
	query := fmt.Sprintf(`sum(rate(mlpathway_predict_requests_total{namespace=%q, service=%q}[1m]))`,
		e.namespace, v.name)
	if e.settings.WakeQuery != "" {
		query = e.settings.WakeQuery
		if *e.args.ScaleToZero {
			least = 0
		}
	}
	behavior := pace()
	return keda.ScaledObject{
		ScaleTargetRef:  keda.Target{Name: v.name},
		MinReplicaCount: least, MaxReplicaCount: max(e.args.MaxReplicas, 1), PollingInterval: 5, CooldownPeriod: 300,
		Advanced: keda.Advanced{HorizontalPodAutoscalerConfig: keda.AutoscalerConfig{Behavior: behavior}},
		Triggers: []keda.Trigger{{Type: "prometheus", Metadata: map[string]string{
			"serverAddress": e.settings.Prometheus, "query": query,
			"threshold": strconv.Itoa(e.args.TargetRequestsPerSecond), "activationThreshold": "0",
		}}},
	}
}

// route leads requests of the gateway to the variants by their shares; nil without a gateway.
func (e *endpoint) route() (pulumi.Resource, error) {
	g := e.settings.Gateway
	if !e.gateway() {
		return nil, nil
	}
	parent := gateway.Parent{Name: g.Name, Namespace: e.settings.Access.GatewayNamespace, SectionName: "https"}
	var on []pulumi.Resource
	if g.Class != "" {
		parent = gateway.Parent{Name: e.Component, SectionName: "https"}
		made, err := e.object(gateway.APIVersion, gateway.GatewayKind, nil,
			spec(ownGateway(g)), e.operated(charts.GatewayAPI)...)
		if err != nil {
			return nil, err
		}
		on = append(on, made)
	}
	var backends []gateway.Backend
	for _, v := range e.variants() {
		backends = append(backends, gateway.Backend{Name: v.name, Port: servicePort, Weight: v.percent})
	}
	made, err := e.object(gateway.APIVersion, gateway.RouteKind, nil, spec(gateway.Route{
		ParentRefs: []gateway.Parent{parent}, Hostnames: []string{g.Host},
		Rules: []gateway.Rule{{
			Matches: matches("/predict", "/models", "/v2"), BackendRefs: backends, Timeouts: gateway.Timeouts{Request: "15s"},
		}},
	}), append(e.operated(charts.GatewayAPI), pulumi.DependsOn(append(on, e.made...)))...)
	e.made = append(e.made, made)
	return made, err
}

// ownGateway is a gateway of the stack, with TLS and for routes of its namespace alone.
func ownGateway(g settings.Gateway) gateway.Gateway {
	return gateway.Gateway{GatewayClassName: g.Class, Listeners: []gateway.Listener{{
		Name: "https", Protocol: "HTTPS", Port: 443, Hostname: g.Host,
		TLS:           gateway.TLS{Mode: "Terminate", CertificateRefs: []api.NameRef{{Name: g.Certificate}}},
		AllowedRoutes: gateway.AllowedRoutes{Namespaces: gateway.From{From: "Same"}},
	}}}
}

// matches selects requests by the beginning of their paths; all others, such as those for metrics, stay inside.
func matches(prefixes ...string) []gateway.Match {
	var all []gateway.Match
	for _, prefix := range prefixes {
		all = append(all, gateway.Match{Path: gateway.Path{Type: "PathPrefix", Value: prefix}})
	}
	return all
}
