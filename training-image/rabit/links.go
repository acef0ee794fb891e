package rabit

import "slices"

// links say which ranks a rank talks to: its neighbours in a binary tree, and those before and after it in a ring.
type links struct {
	parent     int // -1 at the root
	tree       []int
	prev, next int
}

// topology gives the links of each rank. Ranks are numbered along the ring, as the library expects it: the ring visits
// the tree so that neighbours in the ring are close in the tree.
func topology(n int) []links {
	neighbours := make([][]int, n)
	for r := range n {
		if r > 0 {
			neighbours[r] = append(neighbours[r], parent(r))
		}
		for _, child := range []int{2*r + 1, 2*r + 2} {
			if child < n {
				neighbours[r] = append(neighbours[r], child)
			}
		}
	}
	ring := walk(neighbours, 0)
	place := make([]int, n) // of a node of the tree in the ring
	for i, node := range ring {
		place[node] = i
	}
	all := make([]links, n)
	for node := range n {
		l := links{parent: -1, prev: (place[node] + n - 1) % n, next: (place[node] + 1) % n}
		if node > 0 {
			l.parent = place[parent(node)]
		}
		for _, other := range neighbours[node] {
			l.tree = append(l.tree, place[other])
		}
		all[place[node]] = l
	}
	return all
}

func parent(node int) int { return (node+1)/2 - 1 }

// walk lists a node and everything below it; the last branch is walked backwards, so that its end is near the node.
func walk(neighbours [][]int, node int) []int {
	list := []int{node}
	var children []int
	for _, other := range neighbours[node] {
		if other != parent(node) || node == 0 {
			children = append(children, other)
		}
	}
	for i, child := range children {
		below := walk(neighbours, child)
		if i == len(children)-1 {
			slices.Reverse(below)
		}
		list = append(list, below...)
	}
	return list
}
