package serve

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/protocol"
)

// The Open Inference Protocol, version 2, over HTTP with JSON and the binary tensor extension.

const serverName = "mlpathway"

// extensions that the server has, in the words of the protocol.
var extensions = []string{"binary_tensor_data"}

func (s *server) v2Server(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK,
		map[string]any{"name": serverName, "version": s.o.CodeVersion, "extensions": extensions})
}

func (s *server) v2Live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]bool{"live": true})
}

func (s *server) v2Ready(w http.ResponseWriter, _ *http.Request) {
	ready, code := s.isReady(), http.StatusOK
	if !ready {
		code = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, code, map[string]bool{"ready": ready})
}

// v2Model answers what stands behind /v2/models/: NAME[/versions/VERSION][/ready or /infer].
func (s *server) v2Model(w http.ResponseWriter, r *http.Request) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/models/"), "/")
	d := s.deployments[name]
	if d == nil {
		writeError(w, http.StatusNotFound, fmt.Sprintf("unknown model %.100q", name))
		return
	}
	version := ""
	if after, ok := strings.CutPrefix(rest, "versions/"); ok {
		version, rest, _ = strings.Cut(after, "/")
	}
	methods, ok := map[string]map[string]http.HandlerFunc{
		"":      get(func(w http.ResponseWriter, _ *http.Request) { s.v2Metadata(w, d, version) }),
		"ready": get(func(w http.ResponseWriter, _ *http.Request) { s.v2ModelReady(w, d, version) }),
		"infer": {http.MethodPost: func(w http.ResponseWriter, r *http.Request) { s.v2Infer(w, r, d, version) }},
	}[rest]
	if !ok {
		writeError(w, http.StatusNotFound, "no such page; want /v2/models/NAME, with /ready or /infer")
		return
	}
	s.dispatch(w, r, methods)
}

// pick takes the named version of a model, or the one that the traffic gives where none is named.
func (d *deployment) pick(version string) *served {
	if version == "" {
		return d.choose()
	}
	return d.version(version)
}

func (s *server) v2Metadata(w http.ResponseWriter, d *deployment, version string) {
	m := d.pick(version)
	if m == nil {
		s.v2None(w, d, version)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"name": d.name, "versions": d.versions(), "platform": platformName(m),
		"inputs": protocol.Inputs(m.Model), "outputs": protocol.Outputs(m.Model),
	})
}

// platformName names the engine and the kind of model, in the way of the protocol.
func platformName(m *served) string { return "mlpathway_" + m.Manifest.Family }

// versions lists what is served now.
func (d *deployment) versions() []string {
	versions := []string{}
	for _, a := range d.arms {
		if m := a.current.Load(); m != nil {
			versions = append(versions, m.Manifest.Version)
		}
	}
	return versions
}

func (s *server) v2ModelReady(w http.ResponseWriter, d *deployment, version string) {
	m, code := d.pick(version), http.StatusOK
	if m == nil {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, map[string]any{"name": d.name, "ready": m != nil})
}

func (s *server) v2None(w http.ResponseWriter, d *deployment, version string) {
	if version != "" {
		writeError(w, http.StatusNotFound, fmt.Sprintf("the model %s has no version %.100q here; it has %s", d.name,
			version, strings.Join(d.versions(), ", ")))
		return
	}
	w.Header().Set("Retry-After", "1")
	writeError(w, http.StatusServiceUnavailable, "no model yet")
}

func (s *server) v2Infer(w http.ResponseWriter, r *http.Request, d *deployment, version string) {
	start := time.Now()
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	m := d.pick(version)
	if m == nil {
		s.count(d, nil, s.noModel(d), start)
		s.v2None(w, d, version)
		return
	}
	s.answer(w, r, d, m, v2Form, start)
}

// v2Form reads the length of the JSON from the header, where the body holds more than JSON.
func v2Form(r *http.Request) (*form, error) {
	header := -1
	if text := r.Header.Get("Inference-Header-Content-Length"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("Inference-Header-Content-Length is %.40q; want a number of bytes", text)
		}
		header = n
	}
	return &form{
		read: func(x *scratch, m *served) (err error) {
			x.v2, err = x.rows.ReadV2(x.body, header, m.Model)
			return err
		},
		write: func(x *scratch, m *served) (err error) {
			x.answer, x.header, err = m.answers.V2(x.answer[:0], x.v2, &x.rows, x.out)
			return err
		},
		contentType: jsonType,
	}, nil
}
