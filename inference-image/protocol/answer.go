package protocol

import (
	"encoding/json"
	"strconv"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// Answers writes the answers of one model version. It holds what does not change from answer to answer, and is safe
// for concurrent use.
type Answers struct {
	m       *model.Model
	classes [][]byte // the names of the classes as JSON
	keys    [][]byte // the same with the punctuation of an object before and after
	tail    []byte   // ,"model":...,"version":...}
}

// NewAnswers prepares the answers of a model.
func NewAnswers(m *model.Model) *Answers {
	a := &Answers{m: m}
	for i, class := range m.Manifest.Classes {
		text := quote(class)
		a.classes = append(a.classes, text)
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		a.keys = append(a.keys, append(append([]byte{separator}, text...), ':'))
	}
	a.tail = append(append([]byte(`,"model":`), quote(m.Manifest.Name)...), `,"version":`...)
	a.tail = append(append(a.tail, quote(m.Manifest.Version)...), '}', '\n')
	return a
}

// quote writes a string as JSON; any string can be.
func quote(s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return data
}

// Prediction is the JSON of the predicted class; nil for a regression.
func (a *Answers) Prediction(out []float32) []byte {
	if a.m.Regression() {
		return nil
	}
	return a.classes[model.Class(out)]
}

// Predict writes the answer of POST /predict: one object, or {"predictions": [...]} for a list, with the model and its
// version.
func (a *Answers) Predict(to []byte, q *Rows, out []float32) []byte {
	if !q.List {
		return append(a.one(to, out), a.tail...)
	}
	return append(a.list(to, q, out), a.tail...)
}

// Instances writes {"predictions": [...]} and nothing else, as Vertex AI demands.
func (a *Answers) Instances(to []byte, q *Rows, out []float32) []byte {
	return append(a.list(to, q, out), '}', '\n')
}

func (a *Answers) list(to []byte, q *Rows, out []float32) []byte {
	to = append(to, `{"predictions":[`...)
	outputs := a.m.Outputs()
	for i := range q.N {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(a.one(to, out[i*outputs:(i+1)*outputs]), '}')
	}
	return append(to, ']')
}

// Lines writes an object for each row on a line of its own.
func (a *Answers) Lines(to []byte, q *Rows, out []float32) []byte {
	outputs := a.m.Outputs()
	for i := range q.N {
		to = append(a.one(to, out[i*outputs:(i+1)*outputs]), a.tail...)
	}
	return to
}

// CSV writes a line for each row: the predicted number, or the predicted class and the probability of each class in
// their order.
func (a *Answers) CSV(to []byte, q *Rows, out []float32) []byte {
	outputs := a.m.Outputs()
	for i := range q.N {
		row := out[i*outputs : (i+1)*outputs]
		if !a.m.Regression() {
			to = appendField(to, a.m.Manifest.Classes[model.Class(row)])
			to = append(to, ',')
		}
		for j, x := range row {
			if j > 0 {
				to = append(to, ',')
			}
			to = appendFloat(to, x)
		}
		to = append(to, '\n')
	}
	return to
}

// appendField writes a field of a CSV file.
func appendField(to []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		switch s[i] {
		case '"', ',', '\r', '\n':
			plain = false
		}
	}
	if plain {
		return append(to, s...)
	}
	to = append(to, '"')
	for i := range len(s) {
		if s[i] == '"' {
			to = append(to, '"')
		}
		to = append(to, s[i])
	}
	return append(to, '"')
}

// one writes {"prediction":..., for a classifier "probability" and "probabilities", without the last brace.
func (a *Answers) one(to []byte, out []float32) []byte {
	to = append(to, `{"prediction":`...)
	if a.m.Regression() {
		return appendFloat(to, out[0])
	}
	class := model.Class(out)
	to = append(to, a.classes[class]...)
	to = append(to, `,"probability":`...)
	to = appendFloat(to, out[class])
	to = append(to, `,"probabilities":`...)
	for i, p := range out {
		to = append(to, a.keys[i]...)
		to = appendFloat(to, p)
	}
	return append(to, '}')
}

func appendFloat(to []byte, x float32) []byte {
	return strconv.AppendFloat(to, float64(x), 'g', -1, 32)
}
