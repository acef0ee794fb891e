package optimize

import (
	"container/heap"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// Trees replaces splits by leaves until a share of the splits is gone. The next one is always that which changes the
// margins of the training rows least, in the mean of squares; the leaf gets the mean of what it replaces.
func Trees(e *onnx.Ensemble, rows *featureset.Table, share float64) (*onnx.Ensemble, error) {
	p := &pruner{}
	for i := range e.Trees {
		p.add(&e.Trees[i], rows)
	}
	heap.Init(&p.queue)
	for left := int(share * float64(p.splits)); left > 0 && len(p.queue) > 0; left-- {
		p.collapse(heap.Pop(&p.queue).(*node))
	}
	pruned := *e
	pruned.Trees = nil
	for i, root := range p.roots {
		t := onnx.Tree{Output: e.Trees[i].Output}
		root.write(&t)
		pruned.Trees = append(pruned.Trees, t)
	}
	return &pruned, pruned.Validate()
}

// node is a node of a tree that is pruned.
type node struct {
	onnx.Node
	left, right, parent *node
	rows                float64 // of the training rows that pass it
	cost                float64 // of making it a leaf, where both its children are leaves
	order               int     // decides among equal costs
}

type pruner struct {
	roots  []*node
	queue  costs
	splits int
}

func (p *pruner) add(t *onnx.Tree, rows *featureset.Table) {
	nodes := make([]node, len(t.Nodes))
	for i := range nodes {
		n := &nodes[i]
		n.Node = t.Nodes[i]
		if n.Left < 0 {
			continue
		}
		n.left, n.right = &nodes[n.Left], &nodes[n.Right]
		n.left.parent, n.right.parent = n, n
	}
	for r := range rows.Rows() {
		row := rows.Row(r)
		for n := &nodes[0]; ; {
			n.rows++
			if n.Left < 0 {
				break
			}
			if x := row[n.Feature]; x < n.Threshold || x != x && n.MissingLeft {
				n = n.left
			} else {
				n = n.right
			}
		}
	}
	for i := range nodes {
		if nodes[i].Left >= 0 {
			nodes[i].order = p.splits
			p.splits++
			p.offer(&nodes[i])
		}
	}
	p.roots = append(p.roots, &nodes[0])
}

// offer queues a split whose children are leaves.
func (p *pruner) offer(n *node) {
	if n.left.left != nil || n.right.left != nil {
		return
	}
	a, b := n.left, n.right
	d := float64(a.Leaf) - float64(b.Leaf)
	if n.rows > 0 {
		n.cost = a.rows * b.rows / n.rows * d * d
	}
	heap.Push(&p.queue, n)
}

func (p *pruner) collapse(n *node) {
	value := float64(n.left.Leaf)
	if n.rows > 0 {
		value = (n.left.rows*float64(n.left.Leaf) + n.right.rows*float64(n.right.Leaf)) / n.rows
	}
	n.Node = onnx.Node{Left: -1, Right: -1, Leaf: float32(value)}
	n.left, n.right = nil, nil
	if n.parent != nil {
		p.offer(n.parent)
	}
}

// write appends the nodes level by level.
func (n *node) write(t *onnx.Tree) {
	order := []*node{n}
	for i := 0; i < len(order); i++ {
		from := order[i]
		out := from.Node
		if from.left != nil {
			out.Left, out.Right = int32(len(order)), int32(len(order))+1
			order = append(order, from.left, from.right)
		}
		t.Nodes = append(t.Nodes, out)
	}
}

// costs is a heap of splits, the cheapest first.
type costs []*node

func (c costs) Len() int      { return len(c) }
func (c costs) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c costs) Less(i, j int) bool {
	if c[i].cost != c[j].cost {
		return c[i].cost < c[j].cost
	}
	return c[i].order < c[j].order
}

// Push implements heap.Interface.
func (c *costs) Push(x any) { *c = append(*c, x.(*node)) }

// Pop implements heap.Interface.
func (c *costs) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}
