package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// metricsService is the name under which the API server calls the metrics, and their certificate's.
const metricsService = "metrics.kube-system.svc"

// Metrics answers the autoscaler in the place of an adapter to Prometheus: what a test says is measured.
type Metrics struct {
	plane *ControlPlane

	mu     sync.Mutex
	values map[string]resource.Quantity
}

// Set says what is measured: of an external metric the value, of a metric of pods the sum over the pods.
func (m *Metrics) Set(name, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[name] = resource.MustParse(value)
}

// ServeMetrics serves external metrics and metrics of pods through the aggregation layer until the control plane stops:
// while an API is announced that nobody serves, no namespace can be deleted.
func (c *ControlPlane) ServeMetrics(ctx context.Context) (*Metrics, error) {
	cert := c.pki.leaf(metricsService, x509.ExtKeyUsageServerAuth)
	cert.DNSNames = []string{metricsService}
	if err := c.pki.issue("metrics", cert); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(c.pki.path("metrics.crt"), c.pki.path("metrics.key"))
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Metrics{plane: c, values: map[string]resource.Quantity{}}
	server := &http.Server{Handler: m.handler(), ReadHeaderTimeout: time.Second}
	c.closers = append(c.closers, func() { _ = server.Close() })
	go func() {
		_ = server.Serve(tls.NewListener(listener, &tls.Config{ // it ends with Close
			Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12,
		}))
	}()
	return m, c.offerMetrics(ctx, listener.Addr().(*net.TCPAddr).Port)
}

// offerMetrics tells the API server where the metrics are, and lets the autoscaler read them.
func (c *ControlPlane) offerMetrics(ctx context.Context, port int) error {
	objects, err := Decode(fmt.Appendf(nil, metricsObjects, port, base64.StdEncoding.EncodeToString(c.pki.authority())))
	if err != nil {
		return err
	}
	if err := c.applyAll(ctx, objects); err != nil {
		return err
	}
	return c.Wait(ctx, "the metrics to be served", func(ctx context.Context) (bool, error) {
		for _, object := range objects {
			if object.GetKind() != "APIService" {
				continue
			}
			found, err := c.Get(ctx, object.GetAPIVersion(), "APIService", "", object.GetName())
			if err != nil || Condition(found, "Available") != "True" {
				return false, err
			}
		}
		return true, nil
	})
}

// metricsObjects take the port and the authority. A Service with the name of a host needs no proxy.
const metricsObjects = `
apiVersion: v1
kind: Service
metadata: {name: metrics, namespace: kube-system}
spec: {type: ExternalName, externalName: localhost, ports: [{port: %[1]d}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %[2]s
  service: {name: metrics, namespace: kube-system, port: %[1]d}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta2.custom.metrics.k8s.io}
spec:
  group: custom.metrics.k8s.io
  version: v1beta2
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %[2]s
  service: {name: metrics, namespace: kube-system, port: %[1]d}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: read-metrics}
rules:
  - {apiGroups: [external.metrics.k8s.io, custom.metrics.k8s.io], resources: ["*"], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: read-metrics}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: read-metrics}
subjects: [{kind: ServiceAccount, name: horizontal-pod-autoscaler, namespace: kube-system}]
`

func (m *Metrics) handler() http.Handler {
	mux := http.NewServeMux()
	list := func(version, name, kind string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			answer(w, map[string]any{
				"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version,
				"resources": []any{map[string]any{
					"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": []any{"get"},
				}},
			})
		}
	}
	const external, custom = "external.metrics.k8s.io/v1beta1", "custom.metrics.k8s.io/v1beta2"
	mux.HandleFunc("GET /apis/"+external, list(external, "externalmetrics", "ExternalMetricValueList"))
	mux.HandleFunc("GET /apis/"+custom, list(custom, "pods/metric", "MetricValueList"))
	mux.HandleFunc("GET /apis/"+external+"/namespaces/{namespace}/{metric}", func(w http.ResponseWriter, r *http.Request) {
		items := []any{}
		if value, ok := m.value(r.PathValue("metric")); ok {
			items = append(items, map[string]any{
				"metricName": r.PathValue("metric"), "metricLabels": map[string]any{}, "timestamp": now(), "value": value.String(),
			})
		}
		answer(w, map[string]any{
			"kind": "ExternalMetricValueList", "apiVersion": external, "metadata": map[string]any{}, "items": items,
		})
	})
	ofPods := "GET /apis/" + custom + "/namespaces/{namespace}/pods/{pod}/{metric}"
	mux.HandleFunc(ofPods, func(w http.ResponseWriter, r *http.Request) {
		items, err := m.ofPods(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, map[string]any{
			"kind": "MetricValueList", "apiVersion": custom, "metadata": map[string]any{}, "items": items,
		})
	})
	return mux
}

func (m *Metrics) value(name string) (resource.Quantity, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[name]
	return value, ok
}

// ofPods shares the value of a metric among the pods that are asked for.
func (m *Metrics) ofPods(r *http.Request) ([]any, error) {
	value, ok := m.value(r.PathValue("metric"))
	if !ok {
		return []any{}, nil
	}
	found, err := m.plane.List(r.Context(), "v1", "Pod", r.PathValue("namespace"), r.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, err
	}
	items := []any{}
	for i := range found {
		share := resource.NewMilliQuantity(value.MilliValue()/int64(len(found)), resource.DecimalSI)
		items = append(items, map[string]any{
			"describedObject": map[string]any{
				"apiVersion": "v1", "kind": "Pod", "namespace": found[i].GetNamespace(), "name": found[i].GetName(),
			},
			"metric": map[string]any{"name": r.PathValue("metric")}, "timestamp": now(), "value": share.String(),
		})
	}
	return items, nil
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func answer(w http.ResponseWriter, object map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) // who asked has gone
}
