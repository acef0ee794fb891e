package onnx

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

func small3() *Ensemble {
	leaf := func(x float32) Node { return Node{Left: -1, Leaf: x} }
	first := Node{Feature: 1, Threshold: 2, Left: 1, Right: 2}
	second := Node{Feature: 0, Threshold: 2, Left: 2, Right: 1, MissingLeft: true}
	return &Ensemble{
		Task: Multiclass, Inputs: []string{"a", "b"}, Classes: []string{"x", "y", "z"}, Base: make([]float32, 3),
		Trees: []Tree{
			{Output: 0, Nodes: []Node{first, leaf(1), leaf(-1)}},
			{Output: 2, Nodes: []Node{second, leaf(3), leaf(4)}},
		},
	}
}

func mustEncode(tb testing.TB, e *Ensemble) []byte {
	tb.Helper()
	data, err := e.encode(map[string]string{"version": "v"})
	require.NoError(tb, err)
	return data
}

func TestUnmarshalRefusesUnsoundTrees(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	for want, spoil := range map[string]func(e *Ensemble){
		"looks at feature 2 of 2":                 func(e *Ensemble) { e.Trees[0].Nodes[0].Feature = 2 },
		"looks at feature 8388607 of 2":           func(e *Ensemble) { e.Trees[0].Nodes[0].Feature = MaxNodes - 1 },
		"node 0 of tree 0 points out of range":    func(e *Ensemble) { e.Trees[0].Nodes[0].Feature = -1 },
		"points to node 3 of 3":                   func(e *Ensemble) { e.Trees[0].Nodes[0].Right = 3 },
		"tree 1: node 0: points to node 0, which": func(e *Ensemble) { e.Trees[1].Nodes[0].Left = 0 },
		"tree 1: node 0: points to node 2, which": func(e *Ensemble) { e.Trees[1].Nodes[0].Right = 2 },
		"adds to output 3 of 3":                   func(e *Ensemble) { e.Trees[1].Output = 3 },
		"tree 1 adds to outputs":                  func(e *Ensemble) { e.Trees[1].Output = -2 },
		"the leaf value NaN is not finite":        func(e *Ensemble) { e.Trees[1].Nodes[1].Leaf = nan },
		"the base value +Inf is not finite":       func(e *Ensemble) { e.Base[1] = float32(math.Inf(1)) },
		"has 3 base values, found 2":              func(e *Ensemble) { e.Base = e.Base[:2] },
		"found 0 trees":                           func(e *Ensemble) { e.Trees = nil },
		"post_transform is":                       func(e *Ensemble) { e.Task = Binary },
		`found "features" of shape [-1]`:          func(e *Ensemble) { e.Inputs = nil },
		`the input "a" stands there twice`:        func(e *Ensemble) { e.Inputs[1] = "a" },
		"node 0 of tree 1 is out of order":        func(e *Ensemble) { e.Trees[0].Nodes = nil },
		"4 of 7 nodes cannot be reached from the r": func(e *Ensemble) {
			e.Trees[0].Nodes = append(e.Trees[0].Nodes, ring()...)
		},
	} {
		e := small3()
		spoil(e)
		_, _, err := Unmarshal(mustEncode(t, e))
		require.ErrorIs(t, err, ErrInvalid, want)
		require.ErrorContains(t, err, want)
	}
}

// ring is two splits, 3 and 4, that hang in the air and point at each other: a cycle that the root cannot reach.
func ring() []Node {
	return []Node{{Left: 4, Right: 5}, {Left: 3, Right: 6}, {Left: -1}, {Left: -1}}
}

func TestUnmarshalRefusesBrokenFiles(t *testing.T) {
	t.Parallel()
	good := mustEncode(t, small3())
	replace := func(old, new string) []byte {
		require.Len(t, new, len(old))
		require.Contains(t, string(good), old)
		return bytes.ReplaceAll(good, []byte(old), []byte(new))
	}
	huge := protowire.AppendVarint(protowire.AppendTag(nil, modelGraph, protowire.BytesType), math.MaxInt64)
	graphs := protowire.AppendBytes(protowire.AppendTag(slices.Clone(good), modelGraph, protowire.BytesType), nil)
	twoNodes := (&writer{})
	twoNodes.message(modelGraph, func(w *writer) {
		w.message(graphNode, small3().node)
		w.message(graphNode, small3().node)
	})
	weights := (&writer{})
	weights.message(modelGraph, func(w *writer) { w.message(graphInitializer, func(*writer) {}) })
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":       {nil, "found 0 graphs"},
		"text":        {[]byte("hello, this is no model at all"), "which ONNX does not use"},
		"huge length": {huge, "truncated or broken in field 7"},
		"two graphs":  {graphs, "found 2 graphs"},
		"two nodes":   {twoNodes.data, "more than one node"},
		"weights":     {weights.data, "initializer"},
		"too large":   {make([]byte, MaxBytes+1), "more than 268435456"},
		"other operator": {replace(opClassifier, "SupportVectorMachineXX"),
			`the operator is "SupportVectorMachineXX" of the domain "ai.onnx.ml", want TreeEnsembleClassifier`},
		"other domain":      {replace(domainTrees, "ai.evil.ml"), `of the domain "ai.evil.ml"`},
		"other attribute":   {replace("nodes_values", "nodes_valuez"), `"nodes_valuez" is not supported`},
		"doubled attribute": {replace("class_nodeids", "class_treeids"), `"class_treeids" stands there twice`},
		"missing attribute": {replace("nodes_values", "target_ids\x20\x20"), "is not supported"},
		"lengths":           {replace("nodes_nodeids", "class_nodeids"), `"class_nodeids" stands there twice`},
		"mode":              {replace(branchLess, "BRANCH_EQ"), `has the mode "BRANCH_EQ", want BRANCH_LT or LEAF`},
		"transform":         {replace(transformSoftmax, "PROBITS"), `post_transform is ["PROBITS"], want SOFTMAX`},
		"input name":        {replace("features", "featurez"), `found "featurez" of shape [-1 2]`},
		"no input names":    {replace(metaInputs, "mlpathway.xxxxxx"), `"mlpathway.inputs" is not a JSON array`},
		"bad input names":   {replace(`["a","b"]`, `["a"    ]`), "names 1 features, the graph takes 2"},
		"version":           {bytes.Replace(good, opsetBytes(3), opsetBytes(4), 1), "has version 4, want 3"},
		"not UTF-8":         {replace("version", "vers\xffon"), "is no UTF-8 text"},
	} {
		_, _, err := Unmarshal(c.data)
		require.ErrorIs(t, err, ErrInvalid, name)
		require.ErrorContains(t, err, c.want, name)
	}
}

func opsetBytes(version int64) []byte {
	var w writer
	w.message(modelOpsetImport, opset(domainTrees, version))
	return w.data
}

func TestUnmarshalRefusesEveryTruncation(t *testing.T) {
	t.Parallel()
	good := mustEncode(t, small3())
	bare, err := small3().encode(nil)
	require.NoError(t, err)
	for n := range good {
		_, _, err := Unmarshal(good[:n])
		if n == len(bare) {
			continue // here only the entry of the metadata is lost, which leaves a whole model
		}
		require.ErrorIs(t, err, ErrInvalid, "%d of %d bytes", n, len(good))
	}
}

func TestUnmarshalOfLeafTables(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(n *treeNode){
		"nodes_* have different lengths":              func(n *treeNode) { delete(n.attributes, "nodes_values") },
		"class_* have different lengths":              func(n *treeNode) { delete(n.attributes, "class_ids") },
		"value 3: node 0 of tree 1 is no leaf":        func(n *treeNode) { n.attributes["class_nodeids"].ints[3] = 0 },
		"value 1: node 1 of tree 0 is no leaf or has": func(n *treeNode) { n.attributes["class_nodeids"].ints[1] = 1 },
		"value 0: there is no node -1 of tree 0":      func(n *treeNode) { n.attributes["class_nodeids"].ints[0] = -1 },
		"value 0: there is no node 1 of tree 9":       func(n *treeNode) { n.attributes["class_treeids"].ints[0] = 9 },
		"tree 1 adds to outputs 2 and 1, want one":    func(n *treeNode) { n.attributes["class_ids"].ints[3] = 1 },
		"node 2 of tree 1 is a leaf without a valu": func(n *treeNode) {
			for _, name := range []string{"class_ids", "class_nodeids", "class_treeids"} {
				n.attributes[name].ints = n.attributes[name].ints[:3]
			}
			n.attributes["class_weights"].floats = n.attributes["class_weights"].floats[:3]
		},
	} {
		var w writer
		small3().node(&w)
		var n treeNode
		require.NoError(t, n.parse(w.data))
		_, err := n.ensemble([]string{"a", "b"})
		require.NoError(t, err)
		spoil(&n)
		_, err = n.ensemble([]string{"a", "b"})
		require.ErrorContains(t, err, want)
	}
}

// Python's onnx writes repeated numbers unpacked.
func TestUnmarshalTakesUnpackedNumbers(t *testing.T) {
	t.Parallel()
	var w writer
	small3().node(&w)
	var n, unpacked treeNode
	require.NoError(t, n.parse(w.data))
	unpacked.attributes = map[string]*attribute{}
	for name, a := range n.attributes {
		var w writer
		w.string(attributeName, name)
		for _, v := range a.ints {
			w.int(attributeInts, v)
		}
		for _, v := range a.floats {
			w.data = protowire.AppendTag(w.data, attributeFloats, protowire.Fixed32Type)
			w.data = protowire.AppendFixed32(w.data, math.Float32bits(v))
		}
		for _, v := range a.strings {
			w.string(attributeStrings, v)
		}
		require.NoError(t, unpacked.parseAttribute(w.data))
	}
	assert.Equal(t, n.attributes, unpacked.attributes)
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(mustEncode(f, small3()))
	e := small3()
	e.Task, e.Classes, e.Base, e.Trees[0].Output, e.Trees[1].Output = Regression, nil, []float32{1}, 0, 0
	f.Add(mustEncode(f, e))
	e.Task, e.Classes = Binary, []string{"n", "y"}
	f.Add(mustEncode(f, e))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, meta, err := Unmarshal(data)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			return
		}
		// What was accepted can be predicted with and survives another trip.
		out := make([]float32, e.Outputs())
		e.Predict(make([]float32, len(e.Inputs)), out)
		c, err := e.Compile()
		require.NoError(t, err)
		c.Predict(make([]float32, len(e.Inputs)), out)
		again, err := e.Marshal(meta)
		require.NoError(t, err)
		got, _, err := Unmarshal(again)
		require.NoError(t, err)
		require.Len(t, got.Trees, len(e.Trees))
	})
}
