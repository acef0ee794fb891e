package serve

import (
	"net/http"
	"time"
)

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
