package tune

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/internal/pipeline"
)

func TestPruningIsSuccessiveHalving(t *testing.T) {
	t.Parallel()
	p := &pipeline.Pruning{Reduction: 2, MinRounds: 2}
	known := []Trial{{Curve: []float64{9, 4, 4, 3}}, {Curve: []float64{9, 2}}, {Curve: []float64{9, 6, 5, 1}},
		{Curve: []float64{9}}}
	prunes := func(curve ...float64) bool { return prune(p, &Trial{Curve: curve}, known) }
	assert.False(t, prunes(100), "no rung")
	assert.False(t, prunes(9, 1))
	assert.False(t, prunes(9, 3), "second of four")
	assert.True(t, prunes(9, 5), "two of three are better")
	assert.False(t, prunes(9, 5, 5), "no rung")
	assert.True(t, prunes(9, 5, 5, 3.5), "both that came so far are better")
	assert.True(t, prunes(9, 5, 5, 2), "one of two is better, and one goes on")
	assert.False(t, prunes(9, 5, 5, 0.5), "better than both")
	assert.False(t, prune(p, &Trial{Curve: []float64{9, 9}}, known[:1]), "too few to compare with")
}

func TestTheBestTrialHasEnded(t *testing.T) {
	t.Parallel()
	assert.Nil(t, Best([]Trial{{Status: Failed}, {Status: Pruned, Loss: 1}}))
	best := Best([]Trial{{Status: Done, Loss: 3}, {Number: 1, Status: Done, Loss: 2}, {Number: 2, Status: Done, Loss: 2},
		{Status: Failed}, {Status: Pruned, Loss: 1}})
	assert.Equal(t, 1, best.Number)
}

func TestThePageSurvivesWhatATrialMayBe(t *testing.T) {
	t.Parallel()
	page := string(Page("<m>", "log loss", []Trial{
		{Status: Failed, Parameters: map[string]string{"hidden": "<8>"}, Error: "no"},
		{Number: 1, Status: Done, Loss: 1, Parameters: map[string]string{"hidden": "64,32"}},
		{Number: 2, Status: Pruned, Loss: 1, Parameters: map[string]string{"hidden": "8"}}}))
	assert.Equal(t, 2, strings.Count(page, "<svg "))
	assert.Contains(t, page, ">trial; validation log loss</text>")
	assert.NotContains(t, page, "NaN")
	assert.NotContains(t, page, "<m>")
	assert.NotContains(t, page, "<8>")
	assert.NotEmpty(t, Page("m", "rmse", nil))
}
