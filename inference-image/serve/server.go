package serve

import (
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/internal/lake"
)

// server holds what the handlers share.
type server struct {
	o           Options
	log         *slog.Logger
	deployments map[string]*deployment // by the name of the model
	first       *deployment            // that the routes without a name mean
	gate        *gate
	draining    atomic.Bool
	metrics     *metrics
	recorder    *capture.Recorder // nil where nothing is captured
	tracer      *tracer           // nil where nothing is traced
	models      *lake.Zone        // nil where a fixed version is served
	results     *lake.Zone        // nil where there is no results zone
	template    *template.Template
	guard       guard
}

// methods are the handlers of one path.
type methods map[string]http.HandlerFunc

func get(h http.HandlerFunc) methods { return methods{http.MethodGet: h, http.MethodHead: h} }

// routes maps path and method to handlers. The standard multiplexer would answer 404 and 405 as text.
func (s *server) routes() map[string]methods {
	scrape := promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	post := func(choose func(*http.Request) (*form, error)) methods {
		return methods{http.MethodPost: s.guard.wrap(s.answering(s.first, choose))}
	}
	invocations := echoAttributes(s.guard.wrap(s.answering(s.first, invocationForm)))
	routes := map[string]methods{
		"/":                     get(s.alive),
		"/predict":              post(fixed(&predictForm)),
		"/model":                get(s.guard.wrap(func(w http.ResponseWriter, _ *http.Request) { s.card(w, s.first) })),
		"/healthz":              get(s.healthy),
		"/readyz":               get(s.ready),
		"/metrics":              get(scrape.ServeHTTP),
		"/drift":                get(s.driftPage),
		"/rates":                get(s.ratesPage),
		"/try":                  {http.MethodPost: s.guard.wrap(s.try)},
		"/openapi.json":         get(openAPI),
		"/ping":                 get(s.ready),
		"/invocations":          {http.MethodPost: invocations},
		"/execution-parameters": get(s.executionParameters),
		"/score":                post(fixed(&platformForm)),
		"/v2":                   get(s.v2Server),
		"/v2/health/live":       get(s.v2Live),
		"/v2/health/ready":      get(s.v2Ready),
	}
	if s.o.HealthRoute != "" {
		routes[s.o.HealthRoute] = get(s.ready)
	}
	if s.o.PredictRoute != "" {
		routes[s.o.PredictRoute] = post(fixed(&vertexForm))
	}
	for name, d := range s.deployments {
		routes["/models/"+name] = get(s.guard.wrap(func(w http.ResponseWriter, _ *http.Request) { s.card(w, d) }))
		routes["/models/"+name+"/predict"] = methods{
			http.MethodPost: s.guard.wrap(s.answering(d, fixed(&predictForm)))}
	}
	return routes
}

func (s *server) handler() http.Handler {
	routes := s.routes()
	v2 := s.guard.wrap(s.v2Model)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Content-Type-Options"] = nosniff
		methods, ok := routes[r.URL.Path]
		switch {
		case ok:
			s.dispatch(w, r, methods)
		case strings.HasPrefix(r.URL.Path, "/v2/models/"):
			v2(w, r)
		default:
			writeError(w, http.StatusNotFound, "no such page; see / for what there is")
		}
	})
}

var nosniff = []string{"nosniff"}

func (s *server) dispatch(w http.ResponseWriter, r *http.Request, handlers methods) {
	handle, ok := handlers[r.Method]
	if !ok {
		allow := "GET, HEAD"
		if _, post := handlers[http.MethodPost]; post {
			allow = "POST"
		}
		w.Header().Set("Allow", allow)
		writeError(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+allow)
		return
	}
	handle(w, r)
}

func (s *server) healthy(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// isReady reports whether every model can be asked.
func (s *server) isReady() bool {
	for _, d := range s.deployments {
		if !d.ready() {
			return false
		}
	}
	return !s.draining.Load()
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	switch {
	case s.draining.Load():
		writeError(w, http.StatusServiceUnavailable, "shutting down")
	case !s.isReady():
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable, "no model yet")
	default:
		answer := map[string]any{"status": "ready", "model": s.first.name, "version": s.first.versions()[0]}
		if len(s.deployments) > 1 || len(s.first.arms) > 1 {
			models := map[string][]string{}
			for name, d := range s.deployments {
				models[name] = d.versions()
			}
			answer["models"] = models
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// card answers GET /model with the manifest and the metrics of the served version.
func (s *server) card(w http.ResponseWriter, d *deployment) {
	m := d.arms[0].current.Load()
	if m == nil {
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable, "no model yet")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"manifest": m.Manifest, "metrics": m.Metrics})
}

func writeError(w http.ResponseWriter, code int, message string) {
	writeJSON(w, code, map[string]string{"error": message})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		code, data = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(code)
	_, _ = w.Write(append(data, '\n')) // the caller may have gone
}
