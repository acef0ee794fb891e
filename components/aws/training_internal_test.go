package aws

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGridFitsTheTrials(t *testing.T) {
	t.Parallel()
	for trials := 1; trials <= 1000; trials++ {
		combinations := 1
		for _, p := range grid(trials) {
			combinations *= len(p.Values)
		}
		assert.LessOrEqual(t, combinations, trials)
		assert.GreaterOrEqual(t, combinations*4, min(trials, 216*4), "a grid of %d trials leaves most of them out", trials)
	}
}
