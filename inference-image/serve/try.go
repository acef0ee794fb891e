package serve

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/protocol"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// field is one input of the form on the page.
type field struct {
	Name, Value, Hint string
	Values            []string // of a category
	Optional          bool
}

// fields makes the form: one field for each input with a value from the middle of the training data, or what was typed.
func fields(m *served, typed url.Values) []field {
	middle := registry.ExampleValues(&m.Manifest, &m.Profile)
	all := make([]field, len(m.Manifest.Inputs))
	for i, in := range m.Manifest.Inputs {
		all[i] = field{Name: in.Name, Value: middle[i], Values: in.Values, Optional: in.Optional}
		if typed != nil {
			all[i].Value = typed.Get(in.Name)
		}
	}
	return all
}

// formBody bounds what a form may send.
const formBody = 1 << 20

// try answers the form of the page with the page and the prediction on it.
func (s *server) try(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	m := s.first.choose()
	if m == nil {
		s.refuse(w, s.first, nil, s.noModel(s.first), start)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, formBody)
	if err := r.ParseForm(); err != nil {
		writeError(w, http.StatusBadRequest, "this takes the form of the page at /")
		return
	}
	x := scratches.Get().(*scratch)
	defer x.release()
	bad := s.predict(r.Context(), s.first, m, x, func(x *scratch, m *served) error { return readForm(x, m, r.PostForm) },
		start)
	if bad != nil {
		s.count(s.first, m, bad, start)
		s.writePage(w, r, r.PostForm, bad.err.Error(), true)
		return
	}
	s.done(s.first, m, x, start)
	s.writePage(w, r, r.PostForm, pretty(m.answers.Predict(nil, &x.rows, x.out)), false)
}

// readForm reads the fields as those of a CSV file.
func readForm(x *scratch, m *served, typed url.Values) error {
	x.rows.Reset()
	for i := range m.Manifest.Inputs {
		in := &m.Manifest.Inputs[i]
		value, err := protocol.FromText(in, strings.TrimSpace(typed.Get(in.Name)), 0)
		if err != nil {
			return err
		}
		x.rows.Values = append(x.rows.Values, value)
	}
	x.rows.N = 1
	return nil
}

func pretty(answer []byte) string {
	var v any
	if json.Unmarshal(answer, &v) != nil {
		return string(answer)
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return string(answer)
	}
	return string(data)
}
