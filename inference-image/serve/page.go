package serve

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

//go:embed page.html
var pageText string

func parsePage() (*template.Template, error) { return template.New("page").Parse(pageText) }

// securityPolicy lets a page have its own styles, its frame and its form, and nothing else; no script above all.
const securityPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; " +
	"frame-src 'self'; frame-ancestors 'self'"

// pageData is what the page shows.
type pageData struct {
	Name, Alias, Address string
	Ready, Secret        bool
	Manifest             *registry.Manifest
	TestRows             int
	Metrics              []metricLine
	Current              string // the version that Metrics are compared with
	Positional, Named    string // bodies of example requests
	Drift                *monitor.Report
	Fields               []field
	Answer               string // to the form; empty before it was sent
	Wrong                bool   // the answer is a complaint
	Models               []string
}

type metricLine struct{ Name, Value, Before string }

// page answers GET / for a person.
func (s *server) page(w http.ResponseWriter, r *http.Request) { s.writePage(w, r, nil, "", false) }

// writePage writes the page, with the typed values and the answer of the form where it was sent.
func (s *server) writePage(w http.ResponseWriter, r *http.Request, typed url.Values, answer string, wrong bool) {
	d := s.first
	data := pageData{Name: d.name, Alias: d.arms[0].alias, Address: r.Host, Secret: !s.guard.open() && answer == "",
		Drift: s.metrics.drift.report.Load(), Answer: answer, Wrong: wrong}
	if len(s.deployments) > 1 {
		data.Models = slices.Sorted(maps.Keys(s.deployments))
	}
	if m := d.arms[0].current.Load(); m != nil {
		data.Ready, data.Manifest, data.TestRows = true, &m.Manifest, m.Metrics.Rows
		data.Current = m.Metrics.CurrentVersion
		data.Metrics = metricLines(&m.Metrics)
		data.Positional, data.Named = registry.ExampleBodies(&m.Manifest, &m.Profile)
		data.Fields = fields(m, typed)
	}
	var page bytes.Buffer
	if err := s.template.Execute(&page, data); err != nil {
		s.log.Error("writing the page", "error", err)
		writeError(w, http.StatusInternalServerError, "the page could not be written")
		return
	}
	writePage(w, page.Bytes())
}

func writePage(w http.ResponseWriter, page []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", securityPolicy)
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(page) // the caller may have gone
}

// driftPage answers GET /drift with the newest drift report.
func (s *server) driftPage(w http.ResponseWriter, r *http.Request) {
	if s.results == nil {
		writeError(w, http.StatusNotFound, "no results zone is configured (--results)")
		return
	}
	page, err := s.results.Read(r.Context(), monitor.Page)
	switch {
	case errors.Is(err, lake.ErrNotFound):
		writeError(w, http.StatusNotFound, "no drift report yet")
	case err != nil:
		s.log.Error("reading the drift report", "error", err)
		writeError(w, http.StatusInternalServerError, "the drift report could not be read")
	default:
		writePage(w, page)
	}
}

func metricLines(m *registry.Metrics) []metricLine {
	var lines []metricLine
	for _, name := range slices.Sorted(maps.Keys(m.Candidate)) {
		line := metricLine{Name: name, Value: short(m.Candidate[name])}
		if before, ok := m.Current[name]; ok {
			line.Before = short(before)
		}
		lines = append(lines, line)
	}
	return lines
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
