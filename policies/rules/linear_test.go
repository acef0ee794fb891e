package rules_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/policies/rules/fixtures"
)

// TestJudgeIsLinear counts what the engine does for each resource, which no slow machine changes: properties read and
// memory taken. Eight copies of all examples
// may take a tenth more for each resource than one.
//
//nolint:paralleltest // testing.AllocsPerRun counts those of other tests too
func TestJudgeIsLinear(t *testing.T) {
	engine := rules.NewEngine(rules.Catalogue())
	work := func(n int) (reads, allocations float64) {
		resources, stack, err := fixtures.Synthetic(n)
		require.NoError(t, err)
		engine.Judge(rules.NewGraph(resources), stack, rules.Traced(func(_, _, _ string) { reads++ }))
		allocations = testing.AllocsPerRun(1, func() {
			engine.Judge(rules.NewGraph(resources), stack, rules.Options{})
		})
		return reads / float64(len(resources)), allocations / float64(len(resources))
	}
	size, err := fixtures.CopySize()
	require.NoError(t, err)
	fewReads, fewAllocations := work(size)
	manyReads, manyAllocations := work(8 * size)
	t.Logf("for each resource: %.1f properties read, %.1f allocations", manyReads, manyAllocations)
	assert.Less(t, manyReads, 1.1*fewReads)
	assert.Less(t, manyAllocations, 1.1*fewAllocations)
}

func BenchmarkJudge(b *testing.B) {
	engine := rules.NewEngine(rules.Catalogue())
	for _, n := range []int{1000, 10000, 100000} {
		resources, stack, err := fixtures.Synthetic(n)
		require.NoError(b, err)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				engine.Judge(rules.NewGraph(resources), stack, rules.Options{})
			}
		})
	}
}
