package rules

import (
	"cmp"
	"slices"
	"sort"
)

// findings collects what one run finds. There may be several for each resource, and a finding is large: they stand in
// blocks that do not move, so that nothing is copied but once, into the report.
type findings struct {
	blocks [][]Finding
	count  int
}

// blockSize is how many findings stand in a block.
const blockSize = 256

func (all *findings) add(f *Finding) {
	last := len(all.blocks) - 1
	if last < 0 || len(all.blocks[last]) == cap(all.blocks[last]) {
		all.blocks = append(all.blocks, make([]Finding, 0, min(blockSize, max(1, 2*all.count))))
		last++
	}
	all.blocks[last] = append(all.blocks[last], *f)
	all.count++
}

// ranked is a finding and its rank: the severity, and behind it the place of the resource in the graph.
type ranked struct {
	rank    int
	finding *Finding
}

// sorted puts the findings of one environment into the order of CompareFindings and drops those that stand twice. URNs
// are long and begin alike, and the graph has sorted them already: the place of a resource there is compared instead.
func (all *findings) sorted(g *Graph) []Finding {
	order := make([]ranked, 0, all.count)
	urn, place := "", g.rank("")
	for _, block := range all.blocks {
		for i := range block {
			f := &block[i]
			if f.URN != urn { // the findings of a resource mostly follow each other
				urn, place = f.URN, g.rank(f.URN)
			}
			order = append(order, ranked{int(f.Severity)*(2*len(g.resources)+1) + place, f})
		}
	}
	slices.SortFunc(order, func(a, b ranked) int {
		if a.rank != b.rank {
			return cmp.Compare(a.rank, b.rank)
		}
		return CompareFindings(a.finding, b.finding)
	})
	sorted := make([]Finding, 0, len(order))
	for i, r := range order {
		if i == 0 || r.rank != order[i-1].rank || CompareFindings(r.finding, order[i-1].finding) != 0 {
			sorted = append(sorted, *r.finding)
		}
	}
	return sorted
}

// rank is where a URN stands among those of the graph: an odd number for a resource, and for every other the even one
// between its neighbours.
func (g *Graph) rank(urn string) int {
	if i, ok := g.places[urn]; ok {
		return 2*i + 1
	}
	return 2 * sort.Search(len(g.resources), func(i int) bool { return g.resources[i].URN > urn })
}
