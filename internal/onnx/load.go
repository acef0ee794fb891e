package onnx

import "fmt"

// Loaded is a model that this package computes, whatever its kind. It is safe for concurrent use.
type Loaded struct {
	// Task, Inputs and Classes of the model.
	Task    string
	Inputs  []string
	Classes []string

	outputs int
	predict func(rows []float32, n int, out []float32) error
}

// Load reads a model that Marshal of an Ensemble or a Network wrote, and lays it out for speed.
func Load(data []byte) (*Loaded, error) {
	kind, operators, err := Look(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case Trees:
		e, _, err := Unmarshal(data)
		if err != nil {
			return nil, err
		}
		return e.Load()
	case Dense:
		n, _, err := UnmarshalNetwork(data)
		if err != nil {
			return nil, err
		}
		return n.Load()
	default:
		return nil, fmt.Errorf("%w: its operators are %.300q, and this program computes its own models alone",
			ErrInvalid, operators)
	}
}

// Load lays the ensemble out for speed.
func (e *Ensemble) Load() (*Loaded, error) {
	c, err := e.Compile()
	if err != nil {
		return nil, err
	}
	inputs, outputs := c.Inputs(), c.Outputs()
	return &Loaded{Task: e.Task, Inputs: e.Inputs, Classes: e.Classes, outputs: outputs,
		predict: func(rows []float32, n int, out []float32) error {
			for i := range n {
				c.Predict(rows[i*inputs:(i+1)*inputs], out[i*outputs:(i+1)*outputs])
			}
			return nil
		}}, nil
}

// Load lays the network out for speed.
func (n *Network) Load() (*Loaded, error) {
	c, err := n.Compile()
	if err != nil {
		return nil, err
	}
	return &Loaded{Task: n.Task, Inputs: n.Inputs, Classes: n.Classes, outputs: c.Outputs(), predict: c.Predict}, nil
}

// Outputs is how many numbers Predict writes for each row.
func (l *Loaded) Outputs() int { return l.outputs }

// Predict computes n rows that lie one after the other.
func (l *Loaded) Predict(rows []float32, n int, out []float32) error { return l.predict(rows, n, out) }
