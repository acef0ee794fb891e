package serve

import (
	"encoding/json"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// served is a model with all that does not change from answer to answer.
type served struct {
	*model.Model
	classes   [][]byte // the names of the classes as JSON
	keys      [][]byte // the same with the punctuation of an object before and after
	tail      []byte   // ,"model":...,"version":...}
	ok        prometheus.Counter
	seconds   prometheus.Observer
	predicted prometheus.Counter
}

func newServed(m *model.Model, metrics *metrics) *served {
	s := &served{Model: m}
	name, version := m.Manifest.Name, m.Manifest.Version
	for i, class := range m.Manifest.Classes {
		text := quote(class)
		s.classes = append(s.classes, text)
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		s.keys = append(s.keys, append(append([]byte{separator}, text...), ':'))
	}
	s.tail = append(append([]byte(`,"model":`), quote(name)...), `,"version":`...)
	s.tail = append(append(s.tail, quote(version)...), '}', '\n')
	s.ok = metrics.requests.WithLabelValues(name, version, "200")
	s.seconds = metrics.seconds.WithLabelValues(name, version, "200")
	s.predicted = metrics.rows.WithLabelValues(name, version)
	return s
}

// quote writes a string as JSON; any string can be.
func quote(s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return data
}

// prediction is the JSON of the predicted class; nil for a regression.
func (s *served) prediction(out []float32) []byte {
	if s.Regression() {
		return nil
	}
	return s.classes[model.Class(out)]
}

// appendAnswer writes {"prediction":..., for a classifier "probability" and "probabilities", without the last brace.
func (s *served) appendAnswer(to []byte, out []float32) []byte {
	to = append(to, `{"prediction":`...)
	if s.Regression() {
		return appendFloat(to, out[0])
	}
	class := model.Class(out)
	to = append(to, s.classes[class]...)
	to = append(to, `,"probability":`...)
	to = appendFloat(to, out[class])
	to = append(to, `,"probabilities":`...)
	for i, p := range out {
		to = append(to, s.keys[i]...)
		to = appendFloat(to, p)
	}
	return append(to, '}')
}

func appendFloat(to []byte, x float32) []byte {
	return strconv.AppendFloat(to, float64(x), 'g', -1, 32)
}
