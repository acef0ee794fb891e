package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Unmarshal reads a model that Marshal wrote, with its metadata. It trusts nothing: a file that is truncated, too
// large, of another operator or with trees that are no trees is refused with an error that wraps ErrInvalid, and the
// memory that it takes is bounded by a small multiple of the size of the file.
func Unmarshal(data []byte) (*Ensemble, map[string]string, error) {
	e, meta, err := unmarshal(data)
	if err == nil {
		return e, meta, nil
	}
	if !errors.Is(err, ErrInvalid) {
		err = fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil, nil, fmt.Errorf("reading the ONNX model: %w", err)
}

func unmarshal(data []byte) (*Ensemble, map[string]string, error) {
	if len(data) > MaxBytes {
		return nil, nil, fmt.Errorf("it has %d bytes, more than %d", len(data), MaxBytes)
	}
	m, err := parseModel(data)
	if err != nil {
		return nil, nil, err
	}
	var names []string
	if err := json.Unmarshal([]byte(m.meta[metaInputs]), &names); err != nil {
		return nil, nil, fmt.Errorf("the metadata %q is not a JSON array of feature names: %w", metaInputs, err)
	}
	delete(m.meta, metaInputs)
	if len(names) != m.width {
		return nil, nil, fmt.Errorf("the metadata names %d features, the graph takes %d", len(names), m.width)
	}
	e, err := m.node.ensemble(names)
	if err != nil {
		return nil, nil, err
	}
	if err := e.Validate(); err != nil {
		return nil, nil, err
	}
	return e, m.meta, nil
}

// model is what is read of a ModelProto.
type model struct {
	node  *treeNode
	width int // the width of the graph's input; -1 before it is read
	meta  map[string]string
}

func parseModel(data []byte) (*model, error) {
	m := &model{meta: map[string]string{}, width: -1}
	version, graphs := int64(0), 0
	err := fields(data, func(f field) error {
		switch f.number {
		case modelGraph:
			graphs++
			return f.nested("graph", m.parseGraph)
		case modelOpsetImport:
			domain, v, err := parseOpset(f)
			if domain == domainTrees {
				version = v
			}
			return err
		case modelMetadata:
			return f.nested("metadata", m.parseEntry)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case graphs != 1 || m.node == nil:
		return nil, fmt.Errorf("found %d graphs, want one graph of one node", graphs)
	case version != opsetTrees:
		return nil, fmt.Errorf("the operator set %s has version %d, want %d", domainTrees, version, opsetTrees)
	case m.width < 0:
		return nil, fmt.Errorf("the graph has no input %q of shape [N, features]", inputFeatures)
	}
	return m, nil
}

func parseOpset(f field) (domain string, version int64, err error) {
	err = f.nested("opset_import", func(data []byte) error {
		return fields(data, func(f field) error {
			var err error
			switch f.number {
			case opsetDomain:
				domain, err = f.text()
			case opsetVersion:
				version, err = f.int()
			}
			return err
		})
	})
	return domain, version, err
}

func (m *model) parseEntry(data []byte) error {
	var key, value string
	err := fields(data, func(f field) error {
		var err error
		switch f.number {
		case entryKey:
			key, err = f.text()
		case entryValue:
			value, err = f.text()
		}
		return err
	})
	if _, twice := m.meta[key]; twice {
		return fmt.Errorf("the key %q stands there twice", key)
	}
	m.meta[key] = value
	return err
}

func (m *model) parseGraph(data []byte) error {
	return fields(data, func(f field) error {
		switch f.number {
		case graphNode:
			if m.node != nil {
				return errors.New("the graph has more than one node")
			}
			m.node = &treeNode{}
			return f.nested("node", m.node.parse)
		case graphInput:
			return f.nested("input", m.parseInput)
		case graphInitializer:
			return errors.New("the graph has an initializer, which a tree ensemble does not need")
		}
		return nil
	})
}

// parseInput reads the width of the graph's only input.
func (m *model) parseInput(data []byte) error {
	if m.width >= 0 {
		return errors.New("the graph has more than one input")
	}
	name, dimensions := "", []int64(nil)
	descend := func(want int, then func([]byte) error) func([]byte) error {
		return func(data []byte) error {
			return fields(data, func(f field) error {
				if f.number != want {
					return nil
				}
				return f.nested("type", then)
			})
		}
	}
	dimension := func(data []byte) error {
		size := int64(-1)
		err := fields(data, func(f field) (err error) {
			if f.number == dimensionValue {
				size, err = f.int()
			}
			return err
		})
		if len(dimensions) < 3 {
			dimensions = append(dimensions, size)
		}
		return err
	}
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case valueName:
			name, err = f.text()
		case valueType:
			return f.nested("type", descend(typeTensor, descend(tensorShape, descend(shapeDimension, dimension))))
		}
		return err
	})
	if err != nil {
		return err
	}
	if name != inputFeatures || len(dimensions) != 2 || dimensions[1] < 1 || dimensions[1] > MaxInputs {
		return fmt.Errorf("found %.40q of shape %v, want %q of shape [N, 1 to %d]",
			name, dimensions, inputFeatures, MaxInputs)
	}
	m.width = int(dimensions[1])
	return nil
}

// field is one field of a protobuf message.
type field struct {
	number int
	wire   protowire.Type
	bytes  []byte // of a length-delimited field
	value  uint64 // of any other
}

// fields calls visit for each field of a message.
func fields(data []byte, visit func(field) error) error {
	for len(data) > 0 {
		number, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("truncated or broken: %w", protowire.ParseError(n))
		}
		data = data[n:]
		f := field{number: int(number), wire: wire}
		switch wire {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(data)
			f.value = uint64(v)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(data)
		default:
			return fmt.Errorf("field %d has the wire type %d, which ONNX does not use", number, wire)
		}
		if n < 0 {
			return fmt.Errorf("truncated or broken in field %d: %w", number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func (f field) nested(what string, parse func([]byte) error) error {
	if f.wire != protowire.BytesType {
		return fmt.Errorf("%s: field %d is no message", what, f.number)
	}
	if err := parse(f.bytes); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (f field) text() (string, error) {
	if f.wire != protowire.BytesType || !utf8.Valid(f.bytes) {
		return "", fmt.Errorf("field %d is no UTF-8 text", f.number)
	}
	return string(f.bytes), nil
}

func (f field) int() (int64, error) {
	if f.wire != protowire.VarintType {
		return 0, fmt.Errorf("field %d is no integer", f.number)
	}
	return int64(f.value), nil
}

// appendInts takes a repeated integer in its packed and its unpacked form.
func (f field) appendInts(to []int64) ([]int64, error) {
	if f.wire != protowire.BytesType {
		v, err := f.int()
		return append(to, v), err
	}
	for data := f.bytes; len(data) > 0; {
		v, n := protowire.ConsumeVarint(data)
		if n < 0 {
			return nil, fmt.Errorf("integers: %w", protowire.ParseError(n))
		}
		to, data = append(to, int64(v)), data[n:]
	}
	return to, nil
}

// appendFloats takes a repeated float in its packed and its unpacked form.
func (f field) appendFloats(to []float32) ([]float32, error) {
	switch f.wire {
	case protowire.Fixed32Type:
		return append(to, math.Float32frombits(uint32(f.value))), nil
	case protowire.BytesType:
		for data := f.bytes; len(data) > 0; {
			v, n := protowire.ConsumeFixed32(data)
			if n < 0 {
				return nil, fmt.Errorf("floats: %w", protowire.ParseError(n))
			}
			to, data = append(to, math.Float32frombits(v)), data[n:]
		}
		return to, nil
	default:
		return nil, fmt.Errorf("field %d holds no floats", f.number)
	}
}
