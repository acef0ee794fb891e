package onnx

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Marshal writes the ensemble as an ONNX model with meta as its metadata. Equal ensembles and equal meta give equal
// bytes. The graph's input is "features", float [N, len(Inputs)]; a classifier's outputs are "label", string [N], and
// "probabilities", float [N, len(Classes)]; a regression's is "prediction", float [N, 1].
func (e *Ensemble) Marshal(meta map[string]string) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("writing the ONNX model: %w", err)
	}
	if _, taken := meta[metaInputs]; taken {
		return nil, fmt.Errorf("writing the ONNX model: the metadata key %q is used by the format itself", metaInputs)
	}
	data, err := e.encode(meta)
	if err != nil {
		return nil, fmt.Errorf("writing the ONNX model: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("writing the ONNX model: it has %d bytes, more than %d", len(data), MaxBytes)
	}
	return data, nil
}

// encode writes without a look at what it writes.
func (e *Ensemble) encode(meta map[string]string) ([]byte, error) {
	names, err := json.Marshal(e.Inputs)
	if err != nil {
		return nil, err
	}
	return encodeModel(e.graph, map[string]int64{"": opsetONNX, domainTrees: opsetTrees},
		[][2]string{{metaInputs, string(names)}}, meta), nil
}

// encodeModel writes a model of one graph, with the metadata of the format itself before that of the caller.
func encodeModel(graph func(*writer), opsets map[string]int64, own [][2]string, meta map[string]string) []byte {
	var w writer
	w.int(modelIRVersion, irVersion)
	w.string(modelProducer, producer)
	w.string(modelProducerVer, "1")
	w.message(modelGraph, graph)
	for _, domain := range slices.Sorted(maps.Keys(opsets)) {
		w.message(modelOpsetImport, opset(domain, opsets[domain]))
	}
	for _, pair := range own {
		w.message(modelMetadata, entry(pair[0], pair[1]))
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		w.message(modelMetadata, entry(key, meta[key]))
	}
	return w.data
}

func opset(domain string, version int64) func(*writer) {
	return func(w *writer) {
		w.string(opsetDomain, domain)
		w.int(opsetVersion, version)
	}
}

func entry(key, value string) func(*writer) {
	return func(w *writer) {
		w.string(entryKey, key)
		w.string(entryValue, value)
	}
}

func (e *Ensemble) graph(w *writer) {
	w.message(graphNode, e.node)
	w.string(graphName, graphTitle)
	w.message(graphInput, tensor(inputFeatures, elementFloat, len(e.Inputs)))
	if e.Task == Regression {
		w.message(graphOutput, tensor(outputPrediction, elementFloat, 1))
		return
	}
	w.message(graphOutput, tensor(outputLabel, elementString, 0))
	w.message(graphOutput, tensor(outputClasses, elementFloat, len(e.Classes)))
}

// tensor describes an input or output of N rows and width columns; a width of 0 is a vector.
func tensor(name string, element int64, width int) func(*writer) {
	shape := func(w *writer) {
		w.message(shapeDimension, func(w *writer) { w.string(dimensionParam, "N") })
		if width > 0 {
			w.message(shapeDimension, func(w *writer) { w.int(dimensionValue, int64(width)) })
		}
	}
	return func(w *writer) {
		w.string(valueName, name)
		w.message(valueType, func(w *writer) {
			w.message(typeTensor, func(w *writer) {
				w.int(tensorElementType, element)
				w.message(tensorShape, shape)
			})
		})
	}
}

func (e *Ensemble) node(w *writer) {
	w.string(nodeInput, inputFeatures)
	prefix, op := "class", opClassifier
	if e.Task == Regression {
		prefix, op = "target", opRegressor
		w.string(nodeOutput, outputPrediction)
	} else {
		w.string(nodeOutput, outputLabel)
		w.string(nodeOutput, outputClasses)
	}
	w.string(nodeName, graphTitle)
	w.string(nodeOpType, op)
	table := e.table()
	w.floats("base_values", e.Base)
	w.ints(prefix+"_ids", table.leafOutputs)
	w.ints(prefix+"_nodeids", table.leafNodes)
	w.ints(prefix+"_treeids", table.leafTrees)
	w.floats(prefix+"_weights", table.leafValues)
	if e.Task == Regression {
		w.attribute("n_targets", kindInt, func(w *writer) { w.int(attributeInt, 1) })
	} else {
		w.strings("classlabels_strings", slices.Values(e.Classes))
	}
	w.ints("nodes_falsenodeids", table.right)
	w.ints("nodes_featureids", table.features)
	w.ints("nodes_missing_value_tracks_true", table.missingLeft)
	w.strings("nodes_modes", table.modes())
	w.ints("nodes_nodeids", table.nodes)
	w.ints("nodes_treeids", table.trees)
	w.ints("nodes_truenodeids", table.left)
	w.floats("nodes_values", table.thresholds)
	w.attribute("post_transform", kindString, func(w *writer) { w.string(attributeString, postTransform(e.Task)) })
	w.string(nodeDomain, domainTrees)
}

func postTransform(task string) string {
	switch task {
	case Binary:
		return transformLogistic
	case Multiclass:
		return transformSoftmax
	default:
		return transformNone
	}
}

// table holds the columns of ONNX's flat description of trees.
type table struct {
	trees, nodes, features, left, right, missingLeft []int64
	thresholds                                       []float32
	leaf                                             []bool
	leafTrees, leafNodes, leafOutputs                []int64
	leafValues                                       []float32
}

func (e *Ensemble) table() *table {
	t := &table{}
	negative := false
	for i := range e.Trees {
		for j := range e.Trees[i].Nodes {
			t.add(int64(i), int64(j), e.Trees[i].Output, &e.Trees[i].Nodes[j])
			n := &e.Trees[i].Nodes[j]
			negative = negative || n.Left < 0 && n.Leaf < 0
		}
	}
	if e.Task == Binary && !negative {
		t.add(int64(len(e.Trees)), 0, 0, &Node{Left: -1, Leaf: signTree})
	}
	return t
}

func (t *table) add(tree, index int64, output int, n *Node) {
	t.trees = append(t.trees, tree)
	t.nodes = append(t.nodes, index)
	t.leaf = append(t.leaf, n.Left < 0)
	if n.Left < 0 {
		n = &Node{Leaf: n.Leaf}
		t.leafTrees = append(t.leafTrees, tree)
		t.leafNodes = append(t.leafNodes, index)
		t.leafOutputs = append(t.leafOutputs, int64(output))
		t.leafValues = append(t.leafValues, n.Leaf)
	}
	t.features = append(t.features, int64(n.Feature))
	t.left = append(t.left, int64(n.Left))
	t.right = append(t.right, int64(n.Right))
	t.thresholds = append(t.thresholds, n.Threshold)
	tracks := int64(0)
	if n.MissingLeft {
		tracks = 1
	}
	t.missingLeft = append(t.missingLeft, tracks)
}

func (t *table) modes() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, leaf := range t.leaf {
			mode := branchLess
			if leaf {
				mode = leafMode
			}
			if !yield(mode) {
				return
			}
		}
	}
}

// writer appends protobuf fields.
type writer struct{ data []byte }

func (w *writer) int(field protowire.Number, value int64) {
	w.data = protowire.AppendTag(w.data, field, protowire.VarintType)
	w.data = protowire.AppendVarint(w.data, uint64(value))
}

func (w *writer) string(field protowire.Number, value string) {
	w.data = protowire.AppendTag(w.data, field, protowire.BytesType)
	w.data = protowire.AppendString(w.data, value)
}

func (w *writer) message(field protowire.Number, fill func(*writer)) {
	var inner writer
	fill(&inner)
	w.data = protowire.AppendTag(w.data, field, protowire.BytesType)
	w.data = protowire.AppendBytes(w.data, inner.data)
}

func (w *writer) attribute(name string, kind int64, fill func(*writer)) {
	w.message(nodeAttribute, func(w *writer) {
		w.string(attributeName, name)
		fill(w)
		w.int(attributeType, kind)
	})
}

func (w *writer) ints(name string, values []int64) {
	w.attribute(name, kindInts, func(w *writer) {
		w.message(attributeInts, func(w *writer) {
			for _, v := range values {
				w.data = protowire.AppendVarint(w.data, uint64(v))
			}
		})
	})
}

func (w *writer) floats(name string, values []float32) {
	w.attribute(name, kindFloats, func(w *writer) {
		w.message(attributeFloats, func(w *writer) {
			for _, v := range values {
				w.data = protowire.AppendFixed32(w.data, math.Float32bits(v))
			}
		})
	})
}

func (w *writer) strings(name string, values func(yield func(string) bool)) {
	w.attribute(name, kindStrings, func(w *writer) {
		for v := range values {
			w.string(attributeStrings, v)
		}
	})
}
