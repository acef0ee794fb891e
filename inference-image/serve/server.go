package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/internal/lake"
)

// server holds what the handlers share.
type server struct {
	o        Options
	log      *slog.Logger
	current  atomic.Pointer[served] // nil before the first model
	draining atomic.Bool
	metrics  *metrics
	recorder *capture.Recorder // nil where nothing is captured
	models   *lake.Zone
	results  *lake.Zone // nil where there is no results zone
	template *template.Template
	token    []byte // the SHA-256 of the token; nil where none is required
}

// routes maps path and method to handlers. The standard multiplexer would answer 404 and 405 as text.
func (s *server) routes() map[string]map[string]http.HandlerFunc {
	get := func(h http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{http.MethodGet: h, http.MethodHead: h}
	}
	scrape := promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return map[string]map[string]http.HandlerFunc{
		"/":        get(s.page),
		"/predict": {http.MethodPost: s.authorized(s.predict)},
		"/model":   get(s.authorized(s.model)),
		"/healthz": get(s.healthy),
		"/readyz":  get(s.ready),
		"/metrics": get(scrape.ServeHTTP),
		"/drift":   get(s.driftPage),
	}
}

func (s *server) handler() http.Handler {
	routes := s.routes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		methods, ok := routes[r.URL.Path]
		if !ok {
			writeError(w, http.StatusNotFound, "no such page; see / for what there is")
			return
		}
		handle, ok := methods[r.Method]
		if !ok {
			allow := "GET, HEAD"
			if _, post := methods[http.MethodPost]; post {
				allow = "POST"
			}
			w.Header().Set("Allow", allow)
			writeError(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+allow)
			return
		}
		handle(w, r)
	})
}

// authorized demands the bearer token where one is set.
func (s *server) authorized(next http.HandlerFunc) http.HandlerFunc {
	if s.token == nil {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		sum := sha256.Sum256([]byte(token)) // of equal length whatever the caller sent
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sum[:], s.token) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="mlpathway"`)
			writeError(w, http.StatusUnauthorized, "want the header Authorization: Bearer <token>")
			return
		}
		next(w, r)
	}
}

func (s *server) healthy(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	m := s.current.Load()
	switch {
	case s.draining.Load():
		writeError(w, http.StatusServiceUnavailable, "shutting down")
	case m == nil:
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable, "no model yet")
	default:
		writeJSON(w, http.StatusOK,
			map[string]string{"status": "ready", "model": m.Manifest.Name, "version": m.Manifest.Version})
	}
}

// model answers GET /model with the manifest and the metrics of the served version.
func (s *server) model(w http.ResponseWriter, _ *http.Request) {
	m := s.current.Load()
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

// logged writes one line per request, without what was asked or answered.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, counted := time.Now(), &countingWriter{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(counted, r)
		s.log.Info("request", "method", r.Method, "path", r.URL.Path, "code", counted.code, "bytes", counted.bytes,
			"milliseconds", float64(time.Since(start).Microseconds())/1000, "remote", r.RemoteAddr)
	})
}

type countingWriter struct {
	http.ResponseWriter
	code, bytes int
}

// WriteHeader implements http.ResponseWriter.
func (w *countingWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *countingWriter) Write(data []byte) (int, error) {
	n, err := w.ResponseWriter.Write(data)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController find what is wrapped.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
