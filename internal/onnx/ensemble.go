// Package onnx holds a decision-tree ensemble, writes it as an ONNX model, reads it back and computes its predictions.
//
// The file is a normal ONNX model with one node, TreeEnsembleClassifier or TreeEnsembleRegressor of ai.onnx.ml
// version 3, so that any ONNX runtime can run it too. Reading accepts exactly that kind of model and refuses all else.
package onnx

import (
	"errors"
	"fmt"
	"math"
)

// The tasks of an ensemble, the same words as in pipeline.yaml.
const (
	Binary     = "binary"
	Multiclass = "multiclass"
	Regression = "regression"
)

// Limits on what Validate and Unmarshal accept. They are far above what training makes, and keep a hostile file from
// taking the memory of a server.
const (
	MaxBytes   = 256 << 20 // size of a model file
	MaxTrees   = 1 << 20   // trees of an ensemble
	MaxNodes   = 8 << 20   // nodes of all trees together
	MaxInputs  = 1 << 16   // features
	MaxClasses = 1 << 12   // classes
	MaxName    = 1 << 10   // bytes of a feature's or a class's name
)

// ErrInvalid is wrapped by every error about a model that is not sound.
var ErrInvalid = errors.New("not a valid tree ensemble")

// Ensemble is a sum of decision trees. Its methods do not change it.
type Ensemble struct {
	// Task is Binary, Multiclass or Regression.
	Task string
	// Inputs are the names of the features in the order of a row.
	Inputs []string
	// Classes are the names of the classes in the order of the probabilities: two for Binary, three or more for
	// Multiclass, none for Regression.
	Classes []string
	// Base is where the sums start: one margin for Binary and Regression, one for each class for Multiclass.
	Base []float32
	// Trees in the order in which they are added.
	Trees []Tree
}

// Tree is one decision tree.
type Tree struct {
	// Output is the index in Base of the margin that the tree adds to.
	Output int
	// Nodes of the tree; the root is node 0, and every other node is the child of exactly one node.
	Nodes []Node
}

// Node is a split or a leaf.
type Node struct {
	// Feature is the index of the input that a split looks at.
	Feature int32
	// Threshold of a split: a row goes left where its value is below it.
	Threshold float32
	// Left and Right are the indices of the children in Tree.Nodes. A leaf has a negative Left.
	Left, Right int32
	// MissingLeft sends a missing value (NaN) left, otherwise it goes right.
	MissingLeft bool
	// Leaf is the value of a leaf.
	Leaf float32
}

// Outputs is the length of what Predict writes: the number of classes, or 1 for a regression.
func (e *Ensemble) Outputs() int { return max(1, len(e.Classes)) }

// Validate checks that the ensemble is sound: within the limits, with unique names, trees that are trees, and finite
// numbers. The error wraps ErrInvalid.
func (e *Ensemble) Validate() error {
	if err := e.validateShape(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	total := 0
	for i := range e.Trees {
		total += len(e.Trees[i].Nodes)
		if total > MaxNodes {
			return fmt.Errorf("%w: more than %d nodes", ErrInvalid, MaxNodes)
		}
		if err := e.Trees[i].validate(len(e.Inputs), len(e.Base)); err != nil {
			return fmt.Errorf("%w: tree %d: %w", ErrInvalid, i, err)
		}
	}
	return nil
}

func (e *Ensemble) validateShape() error {
	classes, margins := len(e.Classes), 1
	switch e.Task {
	case Binary:
		if classes != 2 {
			return fmt.Errorf("a binary model has 2 classes, found %d", classes)
		}
	case Multiclass:
		if classes < 3 || classes > MaxClasses {
			return fmt.Errorf("a multiclass model has 3 to %d classes, found %d", MaxClasses, classes)
		}
		margins = classes
	case Regression:
		if classes != 0 {
			return fmt.Errorf("a regression has no classes, found %d", classes)
		}
	default:
		return fmt.Errorf("the task is %q, want %s, %s or %s", e.Task, Binary, Multiclass, Regression)
	}
	if len(e.Base) != margins {
		return fmt.Errorf("a %s model of %d classes has %d base values, found %d",
			e.Task, classes, margins, len(e.Base))
	}
	for _, base := range e.Base {
		if !finite(base) {
			return fmt.Errorf("the base value %v is not finite", base)
		}
	}
	if len(e.Inputs) < 1 || len(e.Inputs) > MaxInputs {
		return fmt.Errorf("found %d inputs, want 1 to %d", len(e.Inputs), MaxInputs)
	}
	if len(e.Trees) < 1 || len(e.Trees) > MaxTrees {
		return fmt.Errorf("found %d trees, want 1 to %d", len(e.Trees), MaxTrees)
	}
	return errors.Join(validateNames("input", e.Inputs), validateNames("class", e.Classes))
}

func validateNames(what string, names []string) error {
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		if name == "" || len(name) > MaxName {
			return fmt.Errorf("the name of %s %d has %d bytes, want 1 to %d", what, i, len(name), MaxName)
		}
		if seen[name] {
			return fmt.Errorf("the %s %q stands there twice", what, name)
		}
		seen[name] = true
	}
	return nil
}

func (t *Tree) validate(inputs, margins int) error {
	if t.Output < 0 || t.Output >= margins {
		return fmt.Errorf("adds to output %d of %d", t.Output, margins)
	}
	if len(t.Nodes) == 0 {
		return errors.New("has no nodes")
	}
	hasParent := make([]bool, len(t.Nodes))
	hasParent[0] = true // nothing may point back to the root
	for i := range t.Nodes {
		if err := t.validateNode(i, inputs, hasParent); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	// No node has two parents, so the walk below meets each node once; what it does not meet hangs in the air.
	if met := t.reachable(); met != len(t.Nodes) {
		return fmt.Errorf("%d of %d nodes cannot be reached from the root", len(t.Nodes)-met, len(t.Nodes))
	}
	return nil
}

func (t *Tree) validateNode(i, inputs int, hasParent []bool) error {
	n := &t.Nodes[i]
	if n.Left < 0 {
		if !finite(n.Leaf) {
			return fmt.Errorf("the leaf value %v is not finite", n.Leaf)
		}
		return nil
	}
	if n.Feature < 0 || int(n.Feature) >= inputs {
		return fmt.Errorf("looks at feature %d of %d", n.Feature, inputs)
	}
	if n.Threshold != n.Threshold {
		return errors.New("the threshold is not a number")
	}
	for _, child := range [2]int32{n.Left, n.Right} {
		if child < 0 || int(child) >= len(t.Nodes) {
			return fmt.Errorf("points to node %d of %d", child, len(t.Nodes))
		}
		if hasParent[child] {
			return fmt.Errorf("points to node %d, which is the root or has another parent", child)
		}
		hasParent[child] = true
	}
	return nil
}

func (t *Tree) reachable() int {
	stack, met := []int32{0}, 0
	for len(stack) > 0 {
		n := &t.Nodes[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		met++
		if n.Left >= 0 {
			stack = append(stack, n.Left, n.Right)
		}
	}
	return met
}

func finite(x float32) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
