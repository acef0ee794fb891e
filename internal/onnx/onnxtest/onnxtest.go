// Package onnxtest makes random tree ensembles and rows for tests.
package onnxtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/mlpathway/mlpathway/internal/onnx"
)

// Shape says how large a random ensemble is.
type Shape struct {
	// Task is one of the tasks of package onnx. Default binary.
	Task string
	// Inputs, Trees and Depth are the numbers of features and trees and the largest depth. Default 5, 20 and 4.
	Inputs, Trees, Depth int
	// Classes of a multiclass ensemble. Default 3.
	Classes int
}

// Ensemble makes a valid random ensemble; the same seed gives the same one.
func Ensemble(seed uint64, s Shape) *onnx.Ensemble {
	r := rand.New(rand.NewPCG(seed, 1))
	setZero(&s.Inputs, 5)
	setZero(&s.Trees, 20)
	setZero(&s.Depth, 4)
	setZero(&s.Classes, 3)
	if s.Task == "" {
		s.Task = onnx.Binary
	}
	e := &onnx.Ensemble{Task: s.Task, Base: []float32{float32(r.NormFloat64())}}
	switch s.Task {
	case onnx.Binary:
		e.Classes = []string{"no", "yes"}
	case onnx.Multiclass:
		e.Base = make([]float32, s.Classes)
		for i := range s.Classes {
			e.Classes = append(e.Classes, fmt.Sprintf("class-%d", i))
			e.Base[i] = float32(r.NormFloat64())
		}
	}
	for i := range s.Inputs {
		e.Inputs = append(e.Inputs, fmt.Sprintf("x%d", i))
	}
	for i := range s.Trees {
		tree := onnx.Tree{Output: i % len(e.Base)}
		grow(r, &tree, s, 0)
		e.Trees = append(e.Trees, tree)
	}
	return e
}

func setZero(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// grow appends a random subtree and returns the index of its root. Its children lie in either order, as after pruning.
func grow(r *rand.Rand, t *onnx.Tree, s Shape, depth int) int32 {
	at := int32(len(t.Nodes))
	if depth == s.Depth || depth > 0 && r.IntN(6) == 0 {
		t.Nodes = append(t.Nodes, onnx.Node{Left: -1, Leaf: float32(r.NormFloat64() / 4)})
		return at
	}
	t.Nodes = append(t.Nodes, onnx.Node{})
	first, second := grow(r, t, s, depth+1), grow(r, t, s, depth+1)
	if r.IntN(2) == 0 {
		first, second = second, first
	}
	t.Nodes[at] = onnx.Node{Feature: int32(r.IntN(s.Inputs)), Threshold: float32(r.NormFloat64()),
		Left: first, Right: second, MissingLeft: r.IntN(2) == 0}
	return at
}

// Rows makes n random rows; each value is missing with the given probability, and some hit thresholds exactly.
func Rows(seed uint64, e *onnx.Ensemble, n int, missing float64) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	rows := make([][]float32, n)
	for i := range rows {
		row := make([]float32, len(e.Inputs))
		for j := range row {
			row[j] = float32(r.NormFloat64())
			if r.Float64() < missing {
				row[j] = float32(math.NaN())
			}
		}
		tree := e.Trees[r.IntN(len(e.Trees))]
		if node := tree.Nodes[r.IntN(len(tree.Nodes))]; node.Left >= 0 && row[node.Feature] == row[node.Feature] {
			row[node.Feature] = node.Threshold
		}
		rows[i] = row
	}
	return rows
}

// Network makes a valid random network with layers of the given widths before the last; the same seed gives the same
// one.
func Network(seed uint64, s Shape, hidden ...int) *onnx.Network {
	r := rand.New(rand.NewPCG(seed, 3))
	e := Ensemble(seed, s) // for the names
	n := &onnx.Network{Task: e.Task, Inputs: e.Inputs, Classes: e.Classes}
	for range n.Inputs {
		n.Mean = append(n.Mean, float32(r.NormFloat64()))
		n.Scale = append(n.Scale, float32(0.5+r.Float64()))
		n.Low, n.High = append(n.Low, -3), append(n.High, 3)
	}
	width := len(n.Inputs)
	for _, outputs := range append(append([]int(nil), hidden...), len(e.Base)) {
		l := onnx.Layer{Outputs: outputs}
		for range width * outputs {
			l.Weights = append(l.Weights, float32(r.NormFloat64()/math.Sqrt(float64(width))))
		}
		for range outputs {
			l.Bias = append(l.Bias, float32(r.NormFloat64()/4))
		}
		n.Layers = append(n.Layers, l)
		width = outputs
	}
	return n
}

// Vectors makes n random rows of normal values; each is missing with the given probability.
func Vectors(seed uint64, inputs, n int, missing float64) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 4))
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, inputs)
		for j := range rows[i] {
			rows[i][j] = float32(2 * r.NormFloat64())
			if r.Float64() < missing {
				rows[i][j] = float32(math.NaN())
			}
		}
	}
	return rows
}

// Categories makes the first input of a network a category of so many values, one column each.
func Categories(seed uint64, n *onnx.Network, values int) {
	r := rand.New(rand.NewPCG(seed, 5))
	columns := len(n.Inputs) - 1 + values
	for i := range columns {
		n.Source = append(n.Source, max(0, i-values+1))
		code := float32(math.NaN())
		if i < values {
			code = float32(i)
		}
		n.Code = append(n.Code, code)
	}
	l := &n.Layers[0]
	for range (values - 1) * l.Outputs {
		l.Weights = append(l.Weights, float32(r.NormFloat64()/math.Sqrt(float64(columns))))
	}
	for range values - 1 {
		n.Mean, n.Scale = append(n.Mean, 0), append(n.Scale, 1)
		n.Low, n.High = append(n.Low, -3), append(n.High, 3)
	}
}
