package onnx

import "math"

// Compiled is an ensemble laid out for speed. It is immutable and safe for concurrent use; Predict allocates nothing.
type Compiled struct {
	task    string
	inputs  int
	outputs int
	base    []float32
	nodes   []flatNode
	groups  []group
}

// flatNode is a node in one array for all trees; siblings stand side by side. A leaf has the threshold NaN and child
// = its own index - 1: no value is below NaN, so that a step from a leaf leads to child+1, the leaf itself, and trees
// of different depth can be walked in lock-step.
type flatNode struct {
	threshold float32
	feature   uint32 // the highest bit is set where a missing value goes left
	child     int32  // the left child; the right one follows it
	leaf      float32
}

const (
	missingLeft = 1 << 31
	lanes       = 8
)

// group is up to eight consecutive trees that are walked together, which hides the latency of memory.
type group struct {
	roots   [lanes]int32
	outputs [lanes]int32
	count   int32
	depth   int32
}

// Compile validates the ensemble and lays it out for speed.
func (e *Ensemble) Compile() (*Compiled, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	c := &Compiled{task: e.Task, inputs: len(e.Inputs), outputs: e.Outputs(), base: append([]float32(nil), e.Base...)}
	total := 0
	for i := range e.Trees {
		total += len(e.Trees[i].Nodes)
	}
	c.nodes = make([]flatNode, 0, total)
	for i := range e.Trees {
		if i%lanes == 0 {
			c.groups = append(c.groups, group{})
		}
		g := &c.groups[len(c.groups)-1]
		root, depth := c.flatten(&e.Trees[i])
		g.roots[g.count], g.outputs[g.count] = root, int32(e.Trees[i].Output)
		g.count++
		g.depth = max(g.depth, depth)
	}
	for i := range c.groups { // idle lanes walk the first tree again and are not added
		g := &c.groups[i]
		for lane := g.count; lane < lanes; lane++ {
			g.roots[lane] = g.roots[0]
		}
	}
	return c, nil
}

// flatten appends a tree level by level and returns the index of its root and its depth.
func (c *Compiled) flatten(t *Tree) (root, depth int32) {
	root = int32(len(c.nodes))
	level := []int32{0}
	next := root + 1 // where the next pair of siblings goes
	for ; len(level) > 0; depth++ {
		var below []int32
		for _, index := range level {
			n := &t.Nodes[index]
			if n.Left < 0 {
				self := int32(len(c.nodes))
				c.nodes = append(c.nodes, flatNode{threshold: float32(math.NaN()), child: self - 1, leaf: n.Leaf})
				continue
			}
			flat := flatNode{threshold: n.Threshold, feature: uint32(n.Feature), child: next}
			if n.MissingLeft {
				flat.feature |= missingLeft
			}
			c.nodes = append(c.nodes, flat)
			below = append(below, n.Left, n.Right)
			next += 2
		}
		level = below
	}
	return root, depth - 1
}

// Inputs is the length of a row.
func (c *Compiled) Inputs() int { return c.inputs }

// Outputs is the length of what Predict writes.
func (c *Compiled) Outputs() int { return c.outputs }

// Predict does what Ensemble.Predict does, with the same bits and without an allocation.
func (c *Compiled) Predict(row, out []float32) {
	row = row[:c.inputs]
	out = out[:c.outputs]
	margins := out
	if c.task == Binary {
		margins = out[1:2]
	}
	copy(margins, c.base)
	missing := false
	for _, x := range row {
		missing = missing || x != x
	}
	if missing {
		c.addWithMissing(row, margins)
	} else {
		c.add(row, margins)
	}
	transform(c.task, out)
}

// Add adds what the trees say of n rows that lie one after the other to their margins, in the order of the trees. A row
// has a margin for each class of several, and one for two classes or a number. It is for a few trees and many rows: the
// rows go through a tree in lock-step, and not the trees over a row.
func (c *Compiled) Add(rows []float32, n int, margins []float32) {
	const together = 64 // rows that stay in the fastest cache
	outputs := len(c.base)
	for first := 0; first < n; first += together {
		last := min(n, first+together)
		for g := range c.groups {
			for lane := range c.groups[g].count {
				tree, output := c.groups[g].roots[lane], int(c.groups[g].outputs[lane])
				i := first
				for ; i+abreast <= last; i += abreast {
					leaves := c.walk(rows[i*c.inputs:(i+abreast)*c.inputs], tree, c.groups[g].depth)
					for k, leaf := range leaves {
						margins[(i+k)*outputs+output] += leaf
					}
				}
				for ; i < last; i++ {
					margins[i*outputs+output] += c.leaf(tree, rows[i*c.inputs:(i+1)*c.inputs])
				}
			}
		}
	}
}

// abreast is how many rows walk takes through a tree.
const abreast = 4

func (c *Compiled) walk(rows []float32, root, depth int32) [abreast]float32 {
	nodes, width := c.nodes, c.inputs
	r0, r1, r2, r3 := rows[:width], rows[width:2*width], rows[2*width:3*width], rows[3*width:4*width]
	n0, n1, n2, n3 := &nodes[root], &nodes[root], &nodes[root], &nodes[root]
	for ; depth > 0; depth-- {
		n0, n1 = &nodes[n0.next(r0[n0.feature&^missingLeft])], &nodes[n1.next(r1[n1.feature&^missingLeft])]
		n2, n3 = &nodes[n2.next(r2[n2.feature&^missingLeft])], &nodes[n3.next(r3[n3.feature&^missingLeft])]
	}
	return [abreast]float32{n0.leaf, n1.leaf, n2.leaf, n3.leaf}
}

// next is the node below for a value, which may be missing; for a leaf it is the leaf.
func (n *flatNode) next(x float32) int32 {
	step := right(x, n.threshold)
	if x != x && n.feature&missingLeft != 0 {
		step = 0
	}
	return n.child + step
}

// add is for rows without a missing value.
func (c *Compiled) add(row, margins []float32) {
	nodes := c.nodes
	for i := range c.groups {
		g := &c.groups[i]
		n0, n1, n2, n3 := &nodes[g.roots[0]], &nodes[g.roots[1]], &nodes[g.roots[2]], &nodes[g.roots[3]]
		n4, n5, n6, n7 := &nodes[g.roots[4]], &nodes[g.roots[5]], &nodes[g.roots[6]], &nodes[g.roots[7]]
		for d := g.depth; d > 0; d-- {
			n0 = &nodes[n0.child+right(row[n0.feature&^missingLeft], n0.threshold)]
			n1 = &nodes[n1.child+right(row[n1.feature&^missingLeft], n1.threshold)]
			n2 = &nodes[n2.child+right(row[n2.feature&^missingLeft], n2.threshold)]
			n3 = &nodes[n3.child+right(row[n3.feature&^missingLeft], n3.threshold)]
			n4 = &nodes[n4.child+right(row[n4.feature&^missingLeft], n4.threshold)]
			n5 = &nodes[n5.child+right(row[n5.feature&^missingLeft], n5.threshold)]
			n6 = &nodes[n6.child+right(row[n6.feature&^missingLeft], n6.threshold)]
			n7 = &nodes[n7.child+right(row[n7.feature&^missingLeft], n7.threshold)]
		}
		leaves := [lanes]float32{n0.leaf, n1.leaf, n2.leaf, n3.leaf, n4.leaf, n5.leaf, n6.leaf, n7.leaf}
		for lane := range g.count {
			margins[g.outputs[lane]] += leaves[lane]
		}
	}
}

// right is 0 where x is below the threshold and 1 otherwise.
func right(x, threshold float32) int32 {
	step := int32(1)
	if x < threshold {
		step = 0
	}
	return step
}

// addWithMissing is add for any row.
func (c *Compiled) addWithMissing(row, margins []float32) {
	nodes := c.nodes
	for i := range c.groups {
		g := &c.groups[i]
		n0, n1, n2, n3 := &nodes[g.roots[0]], &nodes[g.roots[1]], &nodes[g.roots[2]], &nodes[g.roots[3]]
		n4, n5, n6, n7 := &nodes[g.roots[4]], &nodes[g.roots[5]], &nodes[g.roots[6]], &nodes[g.roots[7]]
		for d := g.depth; d > 0; d-- {
			n0, n1 = &nodes[n0.next(row[n0.feature&^missingLeft])], &nodes[n1.next(row[n1.feature&^missingLeft])]
			n2, n3 = &nodes[n2.next(row[n2.feature&^missingLeft])], &nodes[n3.next(row[n3.feature&^missingLeft])]
			n4, n5 = &nodes[n4.next(row[n4.feature&^missingLeft])], &nodes[n5.next(row[n5.feature&^missingLeft])]
			n6, n7 = &nodes[n6.next(row[n6.feature&^missingLeft])], &nodes[n7.next(row[n7.feature&^missingLeft])]
		}
		leaves := [lanes]float32{n0.leaf, n1.leaf, n2.leaf, n3.leaf, n4.leaf, n5.leaf, n6.leaf, n7.leaf}
		for lane := range g.count {
			margins[g.outputs[lane]] += leaves[lane]
		}
	}
}

func (c *Compiled) leaf(at int32, row []float32) float32 {
	for {
		n := &c.nodes[at]
		if n.child < at { // only a leaf points back
			return n.leaf
		}
		at = n.next(row[n.feature&^missingLeft])
	}
}
