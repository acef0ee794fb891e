package rules_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/policies/rules/fixtures"
)

// TestJudgeIsLinear counts what the engine does for each resource, which no slow machine changes: properties read,
// allocations and the bytes in them. Eight copies of all examples may take a twentieth more for each resource than one.
//
//nolint:paralleltest // what other tests allocate would be counted too
func TestJudgeIsLinear(t *testing.T) {
	engine := rules.NewEngine(rules.Catalogue())
	work := func(n int) (reads, allocations, bytes float64) {
		resources, stack, err := fixtures.Synthetic(n)
		require.NoError(t, err)
		engine.Judge(rules.NewGraph(resources), stack, rules.Traced(func(_, _, _ string) { reads++ }))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		engine.Judge(rules.NewGraph(resources), stack, rules.Options{})
		runtime.ReadMemStats(&after)
		each := float64(len(resources))
		return reads / each, float64(after.Mallocs-before.Mallocs) / each,
			float64(after.TotalAlloc-before.TotalAlloc) / each
	}
	size, err := fixtures.CopySize()
	require.NoError(t, err)
	fewReads, fewAllocations, fewBytes := work(size)
	manyReads, manyAllocations, manyBytes := work(8 * size)
	t.Logf("%d resources, for each: %.1f properties read, %.1f allocations, %.0f bytes", size, fewReads, fewAllocations,
		fewBytes)
	t.Logf("%d resources, for each: %.1f properties read, %.1f allocations, %.0f bytes", 8*size, manyReads,
		manyAllocations, manyBytes)
	assert.Less(t, manyReads, 1.05*fewReads)
	assert.Less(t, manyAllocations, 1.05*fewAllocations)
	assert.Less(t, manyBytes, 1.05*fewBytes)
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
