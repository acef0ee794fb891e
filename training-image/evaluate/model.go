package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnxruntime"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// predictor computes rows that lie one after the other.
type predictor interface {
	Outputs() int
	Predict(rows []float32, n int, out []float32) error
}

// model computes predictions from inputs with names.
type model struct {
	inputs []string
	predictor
}

// missingInput is an input of a model that the features lack.
type missingInput string

// Error implements error.
func (m missingInput) Error() string {
	return fmt.Sprintf("its input %q is not among today's features", string(m))
}

// open reads a model: our own by ourselves, any other with ONNX Runtime, where the program was built with it. inputs
// and classes are what is written beside the model; no classes is one number.
func open(data []byte, inputs []registry.Input, classes []string) (*model, error) {
	kind, operators, err := onnx.Look(data)
	if err != nil {
		return nil, err
	}
	if kind != onnx.Foreign {
		loaded, err := onnx.Load(data)
		if err != nil {
			return nil, err
		}
		return &model{loaded.Inputs, loaded}, nil
	}
	m := &model{}
	for _, input := range inputs {
		m.inputs = append(m.inputs, input.Name)
	}
	session, err := onnxruntime.Open(data, len(inputs), max(1, len(classes)))
	if err != nil {
		return nil, fmt.Errorf("its operators are %.300s, which this program does not compute by itself: %w (set %s to the "+
			"library of ONNX Runtime, 1.24 or later, in a program that was built with -tags onnxruntime, as the container is)",
			strings.Join(operators, ", "), err, onnxruntime.Variable)
	}
	m.predictor = session
	return m, nil
}

// predict computes the outputs for rows, Outputs of them for each. The inputs are found by name.
func (m *model) predict(rows *featureset.Table) ([]float32, error) {
	out := make([]float32, rows.Rows()*m.Outputs())
	if slices.Equal(m.inputs, rows.Inputs) {
		return out, m.Predict(rows.Values, rows.Rows(), out)
	}
	index := make([]int, len(m.inputs))
	for i, name := range m.inputs {
		if index[i] = slices.Index(rows.Inputs, name); index[i] < 0 {
			return nil, missingInput(name)
		}
	}
	values := make([]float32, 0, rows.Rows()*len(index))
	for r := range rows.Rows() {
		from := rows.Row(r)
		for _, at := range index {
			values = append(values, from[at])
		}
	}
	return out, m.Predict(values, rows.Rows(), out)
}
