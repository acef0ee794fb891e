package pipeline_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
)

const tuned = `
name: m
task: regression
source: {columns: [{name: a, type: float}, {name: y, type: float}]}
label: y
gate: {metric: rmse, threshold: 1}
`

func TestTuningDefaults(t *testing.T) {
	t.Parallel()
	s, err := pipeline.Parse("pipeline.yaml", []byte(tuned+`tuning:
  pruning: {}
  space:
    maxDepth: {min: 3, max: 8}
    learningRate: {min: 0.01, max: 0.3, log: true, steps: 4}
    subsample: {values: [0.5, 1]}
`))
	require.NoError(t, err)
	assert.Equal(t, pipeline.BayesianSearch, s.Tuning.Strategy)
	assert.Equal(t, 20, s.Tuning.Trials)
	assert.Equal(t, 1, s.Tuning.Parallel)
	assert.Equal(t, pipeline.Pruning{Reduction: 3, MinRounds: 10}, *s.Tuning.Pruning)
	assert.Equal(t, 3, s.Tuning.Space["maxDepth"].Steps)
	assert.Equal(t, 4, s.Tuning.Space["learningRate"].Steps)
	assert.Equal(t, []string{"0.5", "1"}, s.Tuning.Space["subsample"].Values)
	data, err := s.Marshal()
	require.NoError(t, err)
	again, err := pipeline.Parse("pipeline.yaml", data)
	require.NoError(t, err)
	assert.Equal(t, s, again)

	without, err := pipeline.Parse("pipeline.yaml", []byte(tuned))
	require.NoError(t, err)
	assert.NotEqual(t, without.Hash(), s.Hash(), "a search leads to another model")
}

//nolint:lll // one case a line
func TestASpaceThatCannotBeSearchedIsRefused(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		"tuning: {}":          "tuning.space: it is empty: want at least one parameter of trees",
		"tuning: {space: {}}": "tuning.space: it is empty",
		"tuning: {space: {depth: {min: 1, max: 2}}}":                          "tuning.space.depth: the family trees has no such parameter; it has rounds",
		"tuning: {space: {hidden: {values: ['8']}}}":                          "tuning.space.hidden: the family trees has no such parameter",
		"tuning: {space: {maxDepth: {min: 1}}}":                               "tuning.space.maxDepth: want min and max, or values",
		"tuning: {space: {maxDepth: {}}}":                                     "tuning.space.maxDepth: want min and max, or values",
		"tuning: {space: {maxDepth: {min: 5, max: 5}}}":                       "min is not below max",
		"tuning: {space: {maxDepth: {min: 3, max: 99}}}":                      "tuning.space.maxDepth: the value 99 cannot be used: pipeline.yaml: model",
		"tuning: {space: {maxDepth: {values: [deep]}}}":                       "the value deep cannot be used",
		"tuning: {space: {maxDepth: {values: [2.5]}}}":                        "the value 2.5 cannot be used",
		"tuning: {space: {l2: {min: 0, max: 1, log: true}}}":                  "tuning.space.l2.min: a logarithmic scale begins above 0",
		"tuning: {strategy: genetic, space: {l2: {min: 0, max: 1}}}":          `tuning.strategy: found "genetic", want one of grid`,
		"tuning: {trials: 1001, space: {l2: {min: 0, max: 1}}}":               "tuning.trials: found 1001, want 1 to 1000",
		"tuning: {trials: 2, parallel: 3, space: {l2: {min: 0, max: 1}}}":     "tuning.parallel: found 3, want 1 to tuning.trials, 2",
		"tuning: {pruning: {reduction: 1}, space: {l2: {min: 0, max: 1}}}":    "tuning.pruning.reduction: found 1, want at least 2",
		"tuning: {folds: 1, space: {l2: {min: 0, max: 1}}}":                   "tuning.folds: found 1, want 2 to 20",
		"tuning: {folds: 21, space: {l2: {min: 0, max: 1}}}":                  "tuning.folds: found 21, want 2 to 20",
		"tuning: {folds: -5, space: {l2: {min: 0, max: 1}}}":                  "tuning.folds: found -5",
		"split: {time: a}\ntuning: {folds: 5, space: {l2: {min: 0, max: 1}}}": "tuning.folds: rows that split.time divides",
	} {
		_, err := pipeline.Parse("pipeline.yaml", []byte(tuned+text+"\n"))
		require.ErrorContains(t, err, message, text)
	}
}

func TestWithOtherParameters(t *testing.T) {
	t.Parallel()
	s, err := pipeline.Parse("pipeline.yaml", []byte(tuned))
	require.NoError(t, err)
	other, err := s.With(map[string]string{"maxDepth": "3", "learningRate": "0.25", "l2": "0", "rounds": "7.0"})
	require.NoError(t, err)
	assert.Equal(t, 3, other.Model.Parameters.MaxDepth)
	assert.InDelta(t, 0.25, other.Model.Parameters.LearningRate, 0)
	assert.InDelta(t, 0, *other.Model.Parameters.L2, 0)
	assert.Equal(t, 7, other.Model.Parameters.Rounds)
	assert.Equal(t, 6, s.Model.Parameters.MaxDepth, "the original stays")
	for name, value := range map[string]string{"maxDepth": "99", "depth": "1", "learningRate": "fast", "epochs": "3"} {
		_, err := s.With(map[string]string{name: value})
		require.ErrorContains(t, err, name)
	}
	network, err := pipeline.Parse("pipeline.yaml", []byte(tuned+"model: {family: mlp}\n"))
	require.NoError(t, err)
	network, err = network.With(map[string]string{"hidden": "64,32"})
	require.NoError(t, err)
	assert.Equal(t, []int{64, 32}, network.Model.Parameters.Hidden)
}

// Whole pipelines of the documents are accepted, and sections of the tuning can be added to the example.
func TestPipelinesOfTheDocuments(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../examples/tumour/pipeline.yaml")
	require.NoError(t, err)
	for path, blocks := range map[string]int{"../../docs/pipeline.md": 2, "../../examples/tumour/README.md": 1} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all := strings.Split(string(text), "```yaml\n")[1:]
		assert.Len(t, all, blocks, path)
		for _, block := range all {
			block, _, _ = strings.Cut(block, "```")
			if block = strings.TrimSpace(block); strings.HasPrefix(block, "tuning:") {
				block = string(example) + block
			} else {
				block = strings.ReplaceAll(block, "\n   ", "\n") // it stands in a list
			}
			s, err := pipeline.Parse("pipeline.yaml", []byte(block))
			require.NoError(t, err, "%s:\n%s", path, block)
			assert.True(t, s.Tuning == nil || s.Folds() == 5)
		}
	}
}
