package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// treeNode is what is read of the NodeProto of a tree ensemble: its operator and its attributes by name.
type treeNode struct {
	op, domain string
	attributes map[string]*attribute
}

// attribute holds the values of an AttributeProto; one of the fields is used.
type attribute struct {
	ints    []int64
	floats  []float32
	strings []string
}

// known are the attributes that are understood. hitrates are statistics without a meaning for predictions.
var known = []string{
	"base_values", "class_ids", "class_nodeids", "class_treeids", "class_weights", "classlabels_strings", "n_targets",
	"nodes_falsenodeids", "nodes_featureids", "nodes_hitrates", "nodes_missing_value_tracks_true", "nodes_modes",
	"nodes_nodeids", "nodes_treeids", "nodes_truenodeids", "nodes_values", "post_transform", "aggregate_function",
	"target_ids", "target_nodeids", "target_treeids", "target_weights",
}

func (n *treeNode) parse(data []byte) error {
	n.attributes = map[string]*attribute{}
	// The operator is read first, so that a model of another kind is named as such and not by its attributes.
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case nodeOpType:
			n.op, err = f.text()
		case nodeDomain:
			n.domain, err = f.text()
		}
		return err
	})
	if err != nil {
		return err
	}
	if n.domain != domainTrees || n.op != opClassifier && n.op != opRegressor {
		return fmt.Errorf("the operator is %.60q of the domain %.60q, want %s or %s of %s",
			n.op, n.domain, opClassifier, opRegressor, domainTrees)
	}
	return fields(data, func(f field) error {
		if f.number != nodeAttribute {
			return nil
		}
		return f.nested("attribute", n.parseAttribute)
	})
}

func (n *treeNode) parseAttribute(data []byte) error {
	name, a := "", &attribute{}
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case attributeName:
			name, err = f.text()
		case attributeInt, attributeInts:
			a.ints, err = f.appendInts(a.ints)
		case attributeFloats:
			a.floats, err = f.appendFloats(a.floats)
		case attributeString, attributeStrings:
			var s string
			s, err = f.text()
			a.strings = append(a.strings, intern(s))
		}
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("%.60q: %w", name, err)
	case !slices.Contains(known, name):
		return fmt.Errorf("%.60q is not supported", name)
	case n.attributes[name] != nil:
		return fmt.Errorf("%q stands there twice", name)
	}
	n.attributes[name] = a
	return nil
}

// intern lets the millions of equal modes share two strings.
func intern(s string) string {
	switch s {
	case branchLess:
		return branchLess
	case leafMode:
		return leafMode
	default:
		return s
	}
}

func (n *treeNode) ints(name string) []int64 {
	if a := n.attributes[name]; a != nil {
		return a.ints
	}
	return nil
}

func (n *treeNode) floats(name string) []float32 {
	if a := n.attributes[name]; a != nil {
		return a.floats
	}
	return nil
}

func (n *treeNode) strings(name string) []string {
	if a := n.attributes[name]; a != nil {
		return a.strings
	}
	return nil
}

// ensemble builds the trees. Whether they are sound is left to Validate.
func (n *treeNode) ensemble(inputs []string) (*Ensemble, error) {
	e := &Ensemble{Inputs: inputs, Task: Regression, Base: n.floats("base_values")}
	prefix := "target"
	if n.op == opClassifier {
		prefix, e.Task, e.Classes = "class", Multiclass, n.strings("classlabels_strings")
		if len(e.Classes) == 2 {
			e.Task = Binary
		}
	} else if targets := n.ints("n_targets"); !slices.Equal(targets, []int64{1}) {
		return nil, fmt.Errorf("n_targets is %v, want 1", targets)
	}
	if err := n.checkTransforms(e.Task); err != nil {
		return nil, err
	}
	if err := n.nodes(e); err != nil {
		return nil, err
	}
	if err := n.leaves(e, prefix); err != nil {
		return nil, err
	}
	dropSignTree(e)
	return e, nil
}

func (n *treeNode) checkTransforms(task string) error {
	if got, want := n.strings("post_transform"), postTransform(task); !slices.Equal(got, []string{want}) {
		return fmt.Errorf("post_transform is %.60q, want %s for a %s model", got, want, task)
	}
	if got := n.strings("aggregate_function"); got != nil && !slices.Equal(got, []string{"SUM"}) {
		return fmt.Errorf("aggregate_function is %.60q, want SUM", got)
	}
	return nil
}

// openLeaf is the value of Node.Right that marks a leaf whose value has not been read yet.
const openLeaf = -1

// nodes fills e.Trees but for the values of the leaves.
func (n *treeNode) nodes(e *Ensemble) error {
	trees, ids, modes := n.ints("nodes_treeids"), n.ints("nodes_nodeids"), n.strings("nodes_modes")
	features, thresholds := n.ints("nodes_featureids"), n.floats("nodes_values")
	left, right := n.ints("nodes_truenodeids"), n.ints("nodes_falsenodeids")
	tracks := n.ints("nodes_missing_value_tracks_true")
	if tracks == nil {
		tracks = make([]int64, len(trees))
	}
	lengths := []int{len(ids), len(modes), len(features), len(thresholds), len(left), len(right), len(tracks)}
	for _, length := range lengths {
		if length != len(trees) {
			return errors.New("the attributes nodes_* have different lengths")
		}
	}
	if len(trees) > MaxNodes {
		return fmt.Errorf("found %d nodes, more than %d", len(trees), MaxNodes)
	}
	for i, tree := range trees {
		switch last := int64(len(e.Trees)) - 1; {
		case tree == last+1 && ids[i] == 0:
			e.Trees = append(e.Trees, Tree{Output: -1})
		case tree != last || ids[i] != int64(len(e.Trees[last].Nodes)):
			return fmt.Errorf("node %d of tree %d is out of order", ids[i], tree)
		}
		node := Node{Left: -1, Right: openLeaf}
		switch modes[i] {
		case leafMode:
		case branchLess:
			if !small(features[i]) || !small(left[i]) || !small(right[i]) {
				return fmt.Errorf("node %d of tree %d points out of range", ids[i], tree)
			}
			node = Node{Feature: int32(features[i]), Threshold: thresholds[i], Left: int32(left[i]),
				Right: int32(right[i]), MissingLeft: tracks[i] != 0}
		default:
			return fmt.Errorf("node %d of tree %d has the mode %.40q, want %s or %s",
				ids[i], tree, modes[i], branchLess, leafMode)
		}
		t := &e.Trees[tree]
		t.Nodes = append(t.Nodes, node)
	}
	return nil
}

func small(index int64) bool { return index >= 0 && index < MaxNodes }

// leaves puts the values into the leaves, one into each.
func (n *treeNode) leaves(e *Ensemble, prefix string) error {
	trees, ids := n.ints(prefix+"_treeids"), n.ints(prefix+"_nodeids")
	outputs, values := n.ints(prefix+"_ids"), n.floats(prefix+"_weights")
	if len(ids) != len(trees) || len(outputs) != len(trees) || len(values) != len(trees) {
		return fmt.Errorf("the attributes %s_* have different lengths", prefix)
	}
	for i := range trees {
		if err := e.setLeaf(trees[i], ids[i], outputs[i], values[i]); err != nil {
			return fmt.Errorf("value %d: %w", i, err)
		}
	}
	for i := range e.Trees {
		for j := range e.Trees[i].Nodes {
			if leaf := &e.Trees[i].Nodes[j]; leaf.Left < 0 && leaf.Right == openLeaf {
				return fmt.Errorf("node %d of tree %d is a leaf without a value", j, i)
			}
		}
	}
	return nil
}

func (e *Ensemble) setLeaf(tree, node, output int64, value float32) error {
	if tree < 0 || tree >= int64(len(e.Trees)) || node < 0 || node >= int64(len(e.Trees[tree].Nodes)) {
		return fmt.Errorf("there is no node %d of tree %d", node, tree)
	}
	t := &e.Trees[tree]
	leaf := &t.Nodes[node]
	if leaf.Left >= 0 || leaf.Right != openLeaf {
		return fmt.Errorf("node %d of tree %d is no leaf or has a value", node, tree)
	}
	if t.Output >= 0 && int64(t.Output) != output || !small(output) {
		return fmt.Errorf("tree %d adds to outputs %d and %d, want one", tree, t.Output, output)
	}
	t.Output = int(output)
	leaf.Leaf, leaf.Right = value, 0
	return nil
}

// dropSignTree removes the tree that Marshal added, see signTree.
func dropSignTree(e *Ensemble) {
	last := len(e.Trees) - 1
	if e.Task != Binary || last < 1 {
		return
	}
	if t := e.Trees[last]; len(t.Nodes) != 1 || t.Nodes[0].Leaf != signTree {
		return
	}
	for _, t := range e.Trees[:last] {
		for _, n := range t.Nodes {
			if n.Left < 0 && n.Leaf < 0 {
				return
			}
		}
	}
	e.Trees = e.Trees[:last]
}
