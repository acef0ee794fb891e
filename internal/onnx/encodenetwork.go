package onnx

import (
	"encoding/json"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Metadata of a network, beside metaInputs: an ensemble says the same in its graph.
const (
	metaTask    = "mlpathway.task"
	metaClasses = "mlpathway.classes"
)

const networkTitle = "network"

// Marshal writes the network as an ONNX model with meta as its metadata. Equal networks and equal meta give equal
// bytes. The graph's input is "features", float [N, len(Inputs)]; a classifier's output is "probabilities", float
// [N, len(Classes)], a regression's is "prediction", float [N, 1]. A quantized layer is QuantizeLinear and
// MatMulInteger.
func (n *Network) Marshal(meta map[string]string) ([]byte, error) {
	if err := n.Validate(); err != nil {
		return nil, fmt.Errorf("writing the ONNX model: %w", err)
	}
	for _, key := range []string{metaInputs, metaTask, metaClasses} {
		if _, taken := meta[key]; taken {
			return nil, fmt.Errorf("writing the ONNX model: the metadata key %q is used by the format itself", key)
		}
	}
	data, err := n.encode(meta)
	if err == nil && len(data) > MaxBytes {
		err = fmt.Errorf("it has %d bytes, more than %d", len(data), MaxBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("writing the ONNX model: %w", err)
	}
	return data, nil
}

func (n *Network) encode(meta map[string]string) ([]byte, error) {
	inputs, err := json.Marshal(n.Inputs)
	if err != nil {
		return nil, err
	}
	classes, err := json.Marshal(append([]string{}, n.Classes...))
	if err != nil {
		return nil, err
	}
	own := [][2]string{{metaInputs, string(inputs)}, {metaTask, n.Task}, {metaClasses, string(classes)}}
	return encodeModel(n.graph, map[string]int64{"": opsetONNX}, own, meta), nil
}

// graphWriter writes the nodes of a graph one after the other; each takes the output of the one before.
type graphWriter struct {
	*writer
	last string
}

// node adds a node whose first input is the last output; its own output has the name of the node.
func (g *graphWriter) node(name, op string, more []string, attributes ...func(*writer)) {
	g.raw(name, op, append([]string{g.last}, more...), attributes...)
	g.last = name
}

func (g *graphWriter) raw(name, op string, inputs []string, attributes ...func(*writer)) {
	g.message(graphNode, func(w *writer) {
		for _, input := range inputs {
			w.string(nodeInput, input)
		}
		w.string(nodeOutput, name)
		w.string(nodeName, name)
		w.string(nodeOpType, op)
		for _, a := range attributes {
			a(w)
		}
	})
}

// dynamic adds the node that quantizes the last output by its own range.
func (g *graphWriter) dynamic(integers, scale, zero string) {
	g.message(graphNode, func(w *writer) {
		w.string(nodeInput, g.last)
		for _, output := range []string{integers, scale, zero} {
			w.string(nodeOutput, output)
		}
		w.string(nodeName, integers)
		w.string(nodeOpType, "DynamicQuantizeLinear")
	})
	g.last = integers
}

func intAttribute(name string, value int64) func(*writer) { //nolint:unparam // an axis and a type that are both 1
	return func(w *writer) {
		w.attribute(name, kindInt, func(w *writer) { w.int(attributeInt, value) })
	}
}

func (n *Network) graph(w *writer) {
	g := &graphWriter{writer: w, last: inputFeatures}
	if n.Source != nil {
		g.node("gathered", "Gather", []string{"source"}, intAttribute("axis", 1))
		g.raw("equal", "Equal", []string{"gathered", "code"})
		g.raw("hot", "Cast", []string{"equal"}, intAttribute("to", elementFloat))
		g.raw("columns", "Where", []string{"coded", "hot", "gathered"})
		g.last = "columns"
	}
	columns := g.last
	g.raw("missing", "IsNaN", []string{columns})
	g.raw("filled", "Where", []string{"missing", "mean", columns})
	g.last = "filled"
	g.node("above", "Max", []string{"low"})
	g.node("within", "Min", []string{"high"})
	g.node("centred", "Sub", []string{"mean"})
	g.node("standardized", "Mul", []string{"scale"})
	for i := range n.Layers {
		n.layerNodes(g, i)
	}
	output, width := outputClasses, len(n.Classes)
	switch n.Task {
	case Binary:
		g.node("second", "Sigmoid", nil)
		g.raw("first", "Sub", []string{"one", "second"})
		g.raw(outputClasses, "Concat", []string{"first", "second"}, intAttribute("axis", 1))
	case Multiclass:
		g.node(outputClasses, "Softmax", nil, intAttribute("axis", 1))
	default:
		output, width = outputPrediction, 1
		g.node(outputPrediction, "Identity", nil)
	}
	w.string(graphName, networkTitle)
	n.constants(w)
	w.message(graphInput, tensor(inputFeatures, elementFloat, len(n.Inputs)))
	w.message(graphOutput, tensor(output, elementFloat, width))
}

// numbered is the name of a node or constant of a layer.
func numbered(name string, layer int) string { return fmt.Sprintf("%s%d", name, layer) }

func (n *Network) layerNodes(g *graphWriter, i int) {
	name := func(s string) string { return numbered(s, i) }
	if n.Layers[i].Quantized == nil {
		g.node(name("product"), "MatMul", []string{name("weights")})
	} else {
		if n.Layers[i].Quantized.Dynamic {
			g.dynamic(name("integers"), name("input_scale"), name("input_zero"))
		} else {
			g.node(name("integers"), "QuantizeLinear", []string{name("input_scale"), name("input_zero")})
		}
		g.node(name("sums"), "MatMulInteger", []string{name("weights"), name("input_zero")})
		g.node(name("numbers"), "Cast", nil, intAttribute("to", elementFloat))
		g.node(name("scaled"), "Mul", []string{name("input_scale")})
		g.node(name("product"), "Mul", []string{name("scales")})
	}
	g.node(name("margin"), "Add", []string{name("bias")})
	if i < len(n.Layers)-1 {
		g.node(name("active"), "Relu", nil)
	}
}

func (n *Network) constants(w *writer) {
	inputs := int64(n.Columns())
	n.columnConstants(w)
	for _, c := range []struct {
		name   string
		values []float32
	}{{"mean", n.Mean}, {"scale", n.Scale}, {"low", n.Low}, {"high", n.High}} {
		w.floatTensor(c.name, c.values, inputs)
	}
	if n.Task == Binary {
		w.floatTensor("one", []float32{1})
	}
	width := inputs
	for i := range n.Layers {
		l := &n.Layers[i]
		outputs := int64(l.Outputs)
		if q := l.Quantized; q != nil {
			weights := make([]byte, len(q.Weights))
			for j, x := range q.Weights {
				weights[j] = byte(x)
			}
			w.rawTensor(numbered("weights", i), elementInt8, weights, width, outputs)
			w.floatTensor(numbered("scales", i), q.Scales, outputs)
			if !q.Dynamic {
				w.floatTensor(numbered("input_scale", i), []float32{q.InputScale})
				w.rawTensor(numbered("input_zero", i), elementUint8, []byte{q.InputZero})
			}
		} else {
			w.floatTensor(numbered("weights", i), l.Weights, width, outputs)
		}
		w.floatTensor(numbered("bias", i), l.Bias, outputs)
		width = outputs
	}
}

func (n *Network) columnConstants(w *writer) {
	if n.Source == nil {
		return
	}
	columns := int64(len(n.Source))
	source, coded := make([]byte, 0, 8*columns), make([]byte, columns)
	for i, input := range n.Source {
		source = protowire.AppendFixed64(source, uint64(input))
		if n.Code[i] == n.Code[i] {
			coded[i] = 1
		}
	}
	w.rawTensor("source", elementInt64, source, columns)
	w.floatTensor("code", n.Code, columns)
	w.rawTensor("coded", elementBool, coded, columns)
}

func (w *writer) floatTensor(name string, values []float32, dims ...int64) {
	raw := make([]byte, 0, 4*len(values))
	for _, x := range values {
		raw = protowire.AppendFixed32(raw, math.Float32bits(x))
	}
	w.rawTensor(name, elementFloat, raw, dims...)
}

// rawTensor writes a constant; no dims make a scalar.
func (w *writer) rawTensor(name string, element int64, raw []byte, dims ...int64) {
	w.message(graphInitializer, func(w *writer) {
		for _, d := range dims {
			w.int(tensorDims, d)
		}
		w.int(tensorType, element)
		w.string(tensorName, name)
		w.data = protowire.AppendTag(w.data, tensorRaw, protowire.BytesType)
		w.data = protowire.AppendBytes(w.data, raw)
	})
}
