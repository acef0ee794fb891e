// Package gateway declares routes from outside, as of Gateway API v1.4.0.
package gateway

import "github.com/mlpathway/mlpathway/components/kubernetes/api"

// APIVersion and kinds.
const (
	APIVersion  = "gateway.networking.k8s.io/v1"
	GatewayKind = "Gateway"
	RouteKind   = "HTTPRoute"
)

// Gateway is the spec of a Gateway.
type Gateway struct {
	// GatewayClassName says who answers.
	GatewayClassName string `json:"gatewayClassName"`
	// Listeners of the gateway.
	Listeners []Listener `json:"listeners"`
}

// Listener is where a gateway listens.
type Listener struct {
	// Name of the listener.
	Name string `json:"name"`
	// Protocol is HTTP, HTTPS or TLS.
	Protocol string `json:"protocol"`
	// Port of the listener.
	Port int `json:"port"`
	// Hostname that requests ask for.
	Hostname string `json:"hostname"`
	// TLS of the listener.
	TLS TLS `json:"tls"`
	// AllowedRoutes may attach.
	AllowedRoutes AllowedRoutes `json:"allowedRoutes"`
}

// TLS of a listener.
type TLS struct {
	// Mode is Terminate or Passthrough.
	Mode string `json:"mode"`
	// CertificateRefs name Secrets.
	CertificateRefs []api.NameRef `json:"certificateRefs"`
}

// AllowedRoutes may attach to a listener.
type AllowedRoutes struct {
	// Namespaces of the routes.
	Namespaces From `json:"namespaces"`
}

// From says which namespaces.
type From struct {
	// From is Same, All or Selector.
	From string `json:"from"`
}

// Route is the spec of an HTTPRoute.
type Route struct {
	// ParentRefs name the gateways.
	ParentRefs []Parent `json:"parentRefs"`
	// Hostnames that requests ask for.
	Hostnames []string `json:"hostnames"`
	// Rules of the route.
	Rules []Rule `json:"rules"`
}

// Parent names a gateway.
type Parent struct {
	// Name of the gateway.
	Name string `json:"name"`
	// Namespace of the gateway; the route's own where it is empty.
	Namespace string `json:"namespace,omitempty"`
	// SectionName is the name of a listener.
	SectionName string `json:"sectionName"`
}

// Rule leads some requests somewhere.
type Rule struct {
	// Matches select requests.
	Matches []Match `json:"matches"`
	// BackendRefs are services with their shares.
	BackendRefs []Backend `json:"backendRefs"`
	// Timeouts of a request.
	Timeouts Timeouts `json:"timeouts"`
}

// Match selects requests.
type Match struct {
	// Path of the request.
	Path Path `json:"path"`
}

// Path of a request.
type Path struct {
	// Type is Exact or PathPrefix.
	Type string `json:"type"`
	// Value of the path.
	Value string `json:"value"`
}

// Backend is a service with its share.
type Backend struct {
	// Name of the service.
	Name string `json:"name"`
	// Port of the service.
	Port int `json:"port"`
	// Weight of its share.
	Weight int `json:"weight"`
}

// Timeouts of a request.
type Timeouts struct {
	// Request is the time for the whole.
	Request string `json:"request"`
}
