package onnx

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Kind is what a model file holds, as far as this package can compute it.
type Kind string

// The kinds.
const (
	Trees   Kind = "trees"   // for Unmarshal
	Dense   Kind = "network" // for UnmarshalNetwork
	Foreign Kind = "onnx"    // for an ONNX runtime
)

// Look says what a model file holds, and which operators it uses, without reading more of it than that.
func Look(data []byte) (Kind, []string, error) {
	var operators []string
	task := false
	node := func(data []byte) error {
		return fields(data, func(f field) error {
			if f.number != nodeOpType {
				return nil
			}
			op, err := f.text()
			if !slices.Contains(operators, op) && len(operators) < maxOperators {
				operators = append(operators, op)
			}
			return err
		})
	}
	graph := func(data []byte) error {
		return fields(data, func(f field) error {
			if f.number != graphNode {
				return nil
			}
			return f.nested("node", node)
		})
	}
	err := fields(data, func(f field) error {
		switch f.number {
		case modelGraph:
			return f.nested("graph", graph)
		case modelMetadata:
			return f.nested("metadata", func(data []byte) error {
				task = task || bytes.Contains(data, []byte(metaTask))
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("reading the ONNX model: %w: %w", ErrInvalid, err)
	case len(operators) == 0:
		return "", nil, fmt.Errorf("reading the ONNX model: %w: it has no operators", ErrInvalid)
	case task:
		return Dense, operators, nil
	case slices.Equal(operators, []string{opClassifier}) || slices.Equal(operators, []string{opRegressor}):
		return Trees, operators, nil
	default:
		return Foreign, operators, nil
	}
}

// maxOperators bounds how many operators Look lists.
const maxOperators = 100

// UnmarshalNetwork reads a network that Marshal wrote, with its metadata. It takes what it understood for the whole
// only where writing it again gives the same bytes; everything else is refused with an error that wraps ErrInvalid.
func UnmarshalNetwork(data []byte) (*Network, map[string]string, error) {
	n, meta, err := unmarshalNetwork(data)
	if err == nil {
		return n, meta, nil
	}
	if !errors.Is(err, ErrInvalid) {
		err = fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil, nil, fmt.Errorf("reading the ONNX model: %w", err)
}

// constant is an initializer of a graph.
type constant struct {
	dims    []int64
	element int64
	raw     []byte
}

type networkFile struct {
	model     // for its metadata
	constants map[string]constant
}

func unmarshalNetwork(data []byte) (*Network, map[string]string, error) {
	if len(data) > MaxBytes {
		return nil, nil, fmt.Errorf("it has %d bytes, more than %d", len(data), MaxBytes)
	}
	file := networkFile{model: model{meta: map[string]string{}}, constants: map[string]constant{}}
	err := fields(data, func(f field) error {
		switch f.number {
		case modelGraph:
			return f.nested("graph", file.parseGraph)
		case modelMetadata:
			return f.nested("metadata", file.parseEntry)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	n, err := file.network()
	if err != nil {
		return nil, nil, err
	}
	if err := n.Validate(); err != nil {
		return nil, nil, err
	}
	for _, key := range []string{metaInputs, metaTask, metaClasses} {
		delete(file.meta, key)
	}
	again, err := n.encode(file.meta)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(data, again) {
		return nil, nil, errors.New("it is a network, but not as this program writes it")
	}
	return n, file.meta, nil
}

func (file *networkFile) parseGraph(data []byte) error {
	return fields(data, func(f field) error {
		if f.number != graphInitializer {
			return nil
		}
		return f.nested("initializer", file.parseConstant)
	})
}

func (file *networkFile) parseConstant(data []byte) error {
	var c constant
	name := ""
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case tensorDims:
			c.dims, err = f.appendInts(c.dims)
		case tensorType:
			c.element, err = f.int()
		case tensorName:
			name, err = f.text()
		case tensorRaw:
			c.raw = f.bytes
		}
		return err
	})
	if _, twice := file.constants[name]; twice {
		return fmt.Errorf("%.60q stands there twice", name)
	}
	file.constants[name] = c
	return err
}

func (file *networkFile) network() (*Network, error) {
	n := &Network{Task: file.meta[metaTask]}
	for key, into := range map[string]*[]string{metaInputs: &n.Inputs, metaClasses: &n.Classes} {
		if err := json.Unmarshal([]byte(file.meta[key]), into); err != nil {
			return nil, fmt.Errorf("the metadata %q is not a JSON array of names: %w", key, err)
		}
	}
	if len(n.Classes) == 0 {
		n.Classes = nil
	}
	n.Source, n.Code = file.integers("source"), file.floats("code")
	n.Mean, n.Scale = file.floats("mean"), file.floats("scale")
	n.Low, n.High = file.floats("low"), file.floats("high")
	for i := 0; ; i++ {
		weights, ok := file.constants[numbered("weights", i)]
		if !ok {
			return n, nil
		}
		if i == MaxLayers || len(weights.dims) != 2 || weights.dims[1] < 1 || weights.dims[1] > MaxWidth {
			return nil, fmt.Errorf("layer %d: the weights have the shape %v", i, weights.dims)
		}
		l := Layer{Outputs: int(weights.dims[1]), Bias: file.floats(numbered("bias", i))}
		if weights.element == elementInt8 {
			var err error
			if l.Quantized, err = file.quantized(i, weights.raw); err != nil {
				return nil, err
			}
		} else {
			l.Weights = file.floats(numbered("weights", i))
		}
		n.Layers = append(n.Layers, l)
	}
}

func (file *networkFile) quantized(i int, weights []byte) (*Quantized, error) {
	scale, zero := file.floats(numbered("input_scale", i)), file.constants[numbered("input_zero", i)].raw
	q := &Quantized{Weights: make([]int8, len(weights)), Scales: file.floats(numbered("scales", i))}
	switch {
	case len(scale) == 0 && len(zero) == 0:
		q.Dynamic = true
	case len(scale) != 1 || len(zero) != 1:
		return nil, fmt.Errorf("layer %d: the scale or the zero of the inputs is missing", i)
	default:
		q.InputScale, q.InputZero = scale[0], zero[0]
	}
	for j, b := range weights {
		q.Weights[j] = int8(b)
	}
	return q, nil
}

// integers reads a constant of 64-bit integers; nil where there is none.
func (file *networkFile) integers(name string) []int {
	raw := file.constants[name].raw
	if len(raw) == 0 {
		return nil
	}
	values := make([]int, len(raw)/8)
	for i := range values {
		values[i] = int(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return values
}

// floats reads a constant of 32-bit floats; nil where there is none.
func (file *networkFile) floats(name string) []float32 {
	raw := file.constants[name].raw
	if len(raw) == 0 {
		return nil
	}
	values := make([]float32, len(raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return values
}
