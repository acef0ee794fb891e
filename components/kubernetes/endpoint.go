package kubernetes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// The port that the inference image listens on, and that of its service.
const (
	servePort   = 8080
	servicePort = 80
	httpPort    = "http"
)

// Endpoint is a Deployment with a Service for each alias that gets traffic of its own, an autoscaler, a budget for
// drains, and a route of the gateway. Without a gateway one Deployment serves all aliases and splits requests itself.
func (t *Target) Endpoint(
	ctx *pulumi.Context, name string, args *components.EndpointArgs, opts ...pulumi.ResourceOption,
) (*components.EndpointOutputs, error) {
	e := &endpoint{layer: t.layer(ctx, components.EndpointLayer, name, opts), args: args}
	if err := e.check(); err != nil {
		return nil, err
	}
	identity, err := e.account()
	if err != nil {
		return nil, err
	}
	if err := e.policy("requests", e.allowed()); err != nil {
		return nil, err
	}
	for _, v := range e.variants() {
		if err := e.serve(v); err != nil {
			return nil, err
		}
	}
	route, err := e.route()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("http://%s.%s.svc.cluster.local", e.Component, t.namespace)
	if route != nil {
		address = "https://" + t.settings.Gateway.Host
	}
	return &components.EndpointOutputs{
		URL: e.Known(address, e.made...), EndpointID: e.Known(e.Component, e.made...),
		ScalingPolicyID: e.Known(e.Component, e.made...), Identity: identity,
	}, nil
}

// endpoint is what is made of an endpoint so far.
type endpoint struct {
	*layer
	args *components.EndpointArgs
	made []pulumi.Resource
}

// variant is a Deployment of its own.
type variant struct {
	name, alias string
	percent     int
	split       string // shares that the image itself splits by
}

func (e *endpoint) check() error {
	var needed []string
	if e.gateway() {
		needed = append(needed, charts.GatewayAPI)
	}
	if err := e.need(needed...); err != nil {
		return err
	}
	if e.args.Auth == components.AuthToken {
		return nil
	}
	return e.checkOpen()
}

// checkOpen refuses an endpoint that anybody could ask.
func (e *endpoint) checkOpen() error {
	if e.args.Auth == components.AuthNone && e.gateway() {
		return fmt.Errorf("auth: found none, want token or platform: the gateway leads to it from outside: %w",
			components.ErrConflict)
	}
	return nil
}

func (e *endpoint) gateway() bool { return e.settings.Gateway.Host != "" }

// variants are the Deployments of an endpoint, the one of the first alias under the endpoint's own name.
func (e *endpoint) variants() []variant {
	if len(e.args.Traffic) == 0 {
		return []variant{{name: e.Component, alias: e.args.Alias, percent: 100}}
	}
	aliases := slices.Sorted(maps.Keys(e.args.Traffic))
	if !e.gateway() {
		var shares []string
		for _, alias := range aliases {
			shares = append(shares, fmt.Sprintf("%s=%d", alias, e.args.Traffic[alias]))
		}
		return []variant{{name: e.Component, alias: e.args.Alias, percent: 100, split: strings.Join(shares, ",")}}
	}
	var all []variant
	for _, alias := range aliases {
		v := variant{name: e.Component + "-" + alias, alias: alias, percent: e.args.Traffic[alias]}
		if alias == e.args.Alias {
			v.name = e.Component
		}
		all = append(all, v)
	}
	return all
}

// allowed is who may ask: the gateway where there is one, else the namespace itself; and Prometheus.
func (e *endpoint) allowed() api.NetworkPolicy {
	from := []api.Peer{{PodSelector: &api.Selector{}}}
	if e.gateway() {
		from = []api.Peer{{NamespaceSelector: namespaceName(e.settings.Access.GatewayNamespace)}}
	}
	from = append(from, api.Peer{NamespaceSelector: namespaceName(e.settings.Access.MonitoringNamespace)})
	return api.NetworkPolicy{
		PodSelector: api.Selector{MatchLabels: map[string]string{instanceLabel: e.Component}},
		PolicyTypes: []string{"Ingress"},
		Ingress:     []api.Ingress{{From: from, Ports: []api.PolicyPort{{Protocol: "TCP", Port: servePort}}}},
	}
}

// serve makes what serves one variant.
func (e *endpoint) serve(v variant) error {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(v.name, e.Component), "-"), "-")
	if parts[0] == "" {
		parts = nil
	}
	m := object.Metadata{Name: v.name}
	later := object.Metadata{Name: v.name, Annotations: unawaited} // until the pipeline has made a model no pod is ready
	labels := e.selector(v.alias)
	deployment, err := e.named("apps/v1", "Deployment", parts, later, spec(e.deployment(v)))
	if err != nil {
		return err
	}
	service, err := e.named("v1", "Service", parts, later, spec(api.Service{
		Type: "ClusterIP", Selector: labels,
		Ports: []api.ServicePort{{Name: httpPort, Port: servicePort, TargetPort: httpPort}},
	}), pulumi.DependsOn([]pulumi.Resource{deployment}))
	if err != nil {
		return err
	}
	_, err = e.named("policy/v1", "PodDisruptionBudget", parts, m, spec(api.PodDisruptionBudget{
		MaxUnavailable: 1, Selector: api.Selector{MatchLabels: labels}, UnhealthyPodEvictionPolicy: "AlwaysAllow",
	}))
	if err != nil {
		return err
	}
	e.made = append(e.made, deployment, service)
	return e.scale(v, parts, deployment)
}

// deployment describes the pods of a variant. An update starts a new pod before it ends an old one, and the number of
// pods is the autoscaler's.
func (e *endpoint) deployment(v variant) api.Deployment {
	w := workload{
		part: v.alias, account: e.Component, image: e.args.Image, args: e.arguments(v), machine: e.args.Machine,
		environment: e.environment(v), graceSeconds: e.graceSeconds(), container: probed,
	}
	if e.args.Auth == components.AuthToken {
		w.files = append(w.files, mount{e.args.TokenURI, true})
	}
	template := e.pod(w)
	for _, key := range []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"} {
		template.Spec.TopologySpreadConstraints = append(template.Spec.TopologySpreadConstraints, api.TopologySpread{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: "ScheduleAnyway",
			LabelSelector: api.Selector{MatchLabels: e.selector(v.alias)},
		})
	}
	return api.Deployment{
		Selector: api.Selector{MatchLabels: e.selector(v.alias)}, MinReadySeconds: 5, RevisionHistoryLimit: 5,
		ProgressDeadlineSeconds: 600, Template: template,
		Strategy: api.Strategy{Type: "RollingUpdate", RollingUpdate: &api.RollingUpdate{MaxSurge: 1}},
	}
}

// arguments start the image. It takes requests for a while after it was told to end, until no load balancer sends any.
func (e *endpoint) arguments(v variant) []string {
	share := strconv.FormatFloat(float64(*e.args.CapturePercent)/100, 'g', -1, 64)
	args := []string{"serve", "--capture-share", share, "--drain-delay", fmt.Sprintf("%ds", e.drainSeconds())}
	if v.split != "" {
		args = append(args, "--traffic", v.split)
	}
	if e.args.Auth != components.AuthToken { // the network lets the gateway in alone, which knows who asks
		args = append(args, "--allow-anonymous")
	}
	return args
}

// drainSeconds is longer than the load balancer takes to hear that a pod ends.
func (e *endpoint) drainSeconds() int { return e.settings.Gateway.DrainSeconds + 5 }

// graceSeconds is the drain, the longest request (10 seconds), and time to write what was captured.
func (e *endpoint) graceSeconds() int { return e.drainSeconds() + 10 + 20 }

func (e *endpoint) environment(v variant) pulumi.StringMap {
	environment := components.ZoneVariables(e.args.Lake, components.Models, components.Logs, components.Results)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_MODEL": pulumi.String(e.args.Model), "MLPATHWAY_ALIAS": pulumi.String(v.alias),
		"MLPATHWAY_ADDRESS": pulumi.String(fmt.Sprintf(":%d", servePort)),
	})
	if e.args.Auth == components.AuthToken {
		environment["MLPATHWAY_TOKEN_FILE"] = part(e.args.TokenURI, pathOf)
	}
	return environment
}

// probed adds the port and the probes: ten minutes to load a model, then ready as soon as it answers, and a restart
// where the process itself does not for a minute.
func probed(c *api.Container) {
	get := func(path string, period, failures int) *api.Probe {
		return &api.Probe{
			HTTPGet: &api.HTTPGet{Path: path, Port: httpPort}, PeriodSeconds: period, TimeoutSeconds: 5,
			FailureThreshold: failures,
		}
	}
	c.Ports = []api.Port{{Name: httpPort, ContainerPort: servePort, Protocol: "TCP"}}
	c.StartupProbe = get("/healthz", 2, 300)
	c.ReadinessProbe = get("/readyz", 5, 2)
	c.LivenessProbe = get("/healthz", 10, 6)
}
