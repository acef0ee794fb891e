package command_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/train"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/tune"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

const tuningSection = `
tuning:
  strategy: bayesian
  trials: 16
  parallel: 2
  pruning: {reduction: 2, minRounds: 8}
  space:
    learningRate: {min: 0.02, max: 0.5, log: true}
    maxDepth: {min: 2, max: 8}
    subsample: {values: ["0.6", "0.8", "1"]}
`

// tunable is the lake of the example with a search, ready for it.
func tunable(t *testing.T, run, section string) *steptest.Lake {
	t.Helper()
	l := tumour(t)
	spec, err := os.ReadFile(filepath.Join(l.Dir, "pipeline.yaml"))
	require.NoError(t, err)
	l.SetPipeline(string(spec) + section)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	for _, name := range steps[:2] {
		code, _, stderr := call(t, variables(l, run), name)
		require.Zero(t, code, stderr)
	}
	return l
}

// trials reads what a search has found, without the times.
func trials(t *testing.T, l *steptest.Lake, run string) []tune.Trial {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.Dir, "models", "tumour", "tuning", run, "trials", "*.json"))
	require.NoError(t, err)
	var all []tune.Trial
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var trial tune.Trial
		require.NoError(t, json.Unmarshal(data, &trial))
		trial.Started, trial.Seconds = time.Time{}, 0
		all = append(all, trial)
	}
	return all
}

// trains runs the steps up to a version, which must have been trained with the parameters.
func trains(t *testing.T, l *steptest.Lake, want map[string]string, steps ...string) {
	t.Helper()
	for _, name := range steps {
		code, _, stderr := call(t, variables(l, "r1"), name)
		require.Zero(t, code, stderr)
	}
	m, err := registry.New(l.Zone("models")).Manifest(t.Context(), "tumour", l.Run("r1").Version)
	require.NoError(t, err)
	parameters, err := json.Marshal(m.Parameters)
	require.NoError(t, err)
	for _, name := range []string{"learningRate", "maxDepth"} {
		assert.Contains(t, string(parameters), fmt.Sprintf("%q:%s", name, want[name]))
	}
}

// forget removes what a search has found.
func forget(t *testing.T, l *steptest.Lake) {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(l.Dir, "models")))
	require.NoError(t, os.MkdirAll(filepath.Join(l.Dir, "models"), 0o700))
}

func TestTuneFindsTheSameHoweverItIsRun(t *testing.T) {
	t.Parallel()
	l := tunable(t, "r1", tuningSection)
	code, out, stderr := call(t, variables(l, "r1"), "tune")
	require.Zero(t, code, stderr)
	want := trials(t, l, "r1")
	require.Len(t, want, 16)
	states := map[tune.Status]int{}
	for _, trial := range want {
		states[trial.Status]++
	}
	assert.Positive(t, states[tune.Pruned], "bad trials are ended early")
	best := tune.Best(want)
	assert.Contains(t, out, fmt.Sprintf("best of 16 trials is %d with validation log loss %.5f", best.Number, best.Loss))
	page, err := os.ReadFile(filepath.Join(l.Dir, "models", "tumour", "tuning", "r1", "trials.html"))
	require.NoError(t, err)
	assert.Equal(t, 4, strings.Count(string(page), "<svg "), "one plot of all, and one for each parameter")
	assert.Equal(t, 4*16, strings.Count(string(page), "<circle "))

	//nolint:paralleltest // they share a lake
	t.Run("killed", func(t *testing.T) {
		forget(t, l)
		kills := 0
		for after := 60 * time.Millisecond; after < 800*time.Millisecond; after += 90 * time.Millisecond {
			if killed(t, variables(l, "r1"), "tune", after) {
				break
			}
			kills++
		}
		code, _, stderr := call(t, variables(l, "r1"), "tune")
		require.Zero(t, code, stderr)
		assert.Equal(t, want, trials(t, l, "r1"), "killed %d times", kills)
		assert.Positive(t, kills)
	})
	//nolint:paralleltest // they share a lake
	t.Run("two ranks", func(t *testing.T) {
		forget(t, l)
		var ranks []*program
		for rank := range 2 {
			environment := variables(l, "r1")
			environment["WORLD_SIZE"], environment["RANK"], environment["MASTER_ADDR"] = "2", fmt.Sprint(rank), "127.0.0.1"
			ranks = append(ranks, start(t, environment, "tune"))
		}
		require.Equal(t, []int{0, 0}, ended(ranks), "%s\n%s", &ranks[0].out, &ranks[1].out)
		assert.Equal(t, want, trials(t, l, "r1"))
		assert.NotContains(t, ranks[1].out.String(), "trial 2 ")
	})
	//nolint:paralleltest // they share a lake
	t.Run("a job for each trial", func(t *testing.T) {
		forget(t, l)
		var wait sync.WaitGroup
		for i := range 16 {
			wait.Go(func() {
				code, _, stderr := call(t, variables(l, "r1"), "tune", "--trial", fmt.Sprint(i))
				assert.Zero(t, code, stderr)
			})
		}
		wait.Wait()
		code, out, stderr := call(t, variables(l, "r1"), "tune")
		require.Zero(t, code, stderr)
		assert.NotContains(t, out, "trial 0 ", "all are there")
		assert.Equal(t, want, trials(t, l, "r1"))
	})

	trains(t, l, best.Parameters, steps[2:]...)
	rows, err := metadata.Rows(t.Context(), l.Options("r1").Metadata)
	require.NoError(t, err)
	require.Len(t, rows, 17, "16 trials and the model")
	for i, row := range rows[:16] {
		assert.Contains(t, row.TrainingJobName, "tumour-r1-trial-")
		assert.NotEmpty(t, row.Reason, i)
		assert.Positive(t, row.Metrics["validationLoss"])
	}
}

// With folds a trial's loss is that on the rows of all folds, and the search is as repeatable.
func TestTuneByFolds(t *testing.T) {
	t.Parallel()
	l := tunable(t, "r1", `
tuning:
  trials: 8
  parallel: 2
  folds: 4
  pruning: {reduction: 2, minRounds: 8}
  space:
    learningRate: {min: 0.02, max: 0.5, log: true}
    maxDepth: {min: 1, max: 4}
`)
	code, out, stderr := call(t, variables(l, "r1"), "tune")
	require.Zero(t, code, stderr)
	assert.Contains(t, out, "464 rows in 4 folds judge the trials")
	want := trials(t, l, "r1")
	require.Len(t, want, 8)
	best := tune.Best(want)

	spec, err := pipeline.Load(filepath.Join(l.Dir, "pipeline.yaml"))
	require.NoError(t, err)
	set, err := featureset.Read(t.Context(), l.Zone("features"), l.Run("r1").Features, spec,
		featureset.Selection{Folds: true})
	require.NoError(t, err)
	sets, err := set.Folds(4)
	require.NoError(t, err)
	spec, err = spec.With(best.Parameters)
	require.NoError(t, err)
	var folds []*family.Request
	for _, set := range sets {
		folds = append(folds, train.Request(spec, set, nil))
	}
	var curve []float64
	rounds, loss, err := family.CrossValidate(t.Context(), trees.New(xgboosttest.Open(t)), folds, make(chan struct{}, 1),
		func(r family.Round) error {
			curve = append(curve, r.Loss)
			return nil
		})
	require.NoError(t, err)
	assert.Equal(t, best.Rounds, rounds)
	assert.InDelta(t, best.Loss, loss, 0)
	assert.Equal(t, best.Curve, curve)
	states := map[tune.Status]int{}
	for _, trial := range want {
		if states[trial.Status]++; trial.Status == tune.Pruned {
			assert.InDelta(t, slices.Min(trial.Curve), trial.Loss, 0)
		}
	}
	assert.Positive(t, states[tune.Pruned], "bad trials are ended early, in all folds")

	forget(t, l)
	for i := range 8 { // one job for each
		code, _, stderr := call(t, variables(l, "r1"), "tune", "--trial", fmt.Sprint(i))
		require.Zero(t, code, stderr)
	}
	assert.Equal(t, want, trials(t, l, "r1"))
	trains(t, l, best.Parameters, append([]string{"tune"}, steps[2:]...)...)
}

// A class of two that lies in one fold alone cannot be learned without it.
func TestTuneRefusesAFoldWithAllRowsOfAClass(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	spec, err := os.ReadFile(filepath.Join(l.Dir, "pipeline.yaml"))
	require.NoError(t, err)
	l.SetPipeline(string(spec) + "tuning: {folds: 2, space: {maxDepth: {min: 1, max: 4}}}\n")
	records := table(t)
	kept := records[:1]
	malignant := 0
	for _, record := range records[1:] {
		if record[len(record)-1] == "malignant" {
			if malignant++; malignant > 2 {
				continue
			}
		}
		kept = append(kept, record)
	}
	l.Drop("breast_cancer.csv", text(t, kept), 0)
	for _, name := range steps[:2] {
		code, _, stderr := call(t, variables(l, "r1"), name)
		require.Zero(t, code, stderr)
	}
	code, _, stderr := call(t, variables(l, "r1"), "tune")
	assert.Equal(t, 1, code)
	assert.Regexp(t, `all rows that are \\?"malignant\\?" lie in fold [01] of 2`, stderr)
	assert.Equal(t, registry.Failed, l.Run("r1").Status)
	assert.Empty(t, l.Files("models"))
}

func TestTrainTakesTheParametersOfThePlatform(t *testing.T) {
	t.Parallel()
	l := tunable(t, "r1", tuningSection)
	code, out, stderr := call(t, variables(l, "r1"), "train", "--maxDepth", "3", "--learningRate=0.25")
	require.Zero(t, code, stderr)
	assert.Contains(t, out, "the platform gives learningRate 0.25, maxDepth 3")
	environment := variables(l, "r1")
	require.NoError(t, os.RemoveAll(filepath.Join(l.Dir, "models", "tumour")))
	environment["MLPATHWAY_TRIAL"] = "true"
	code, out, stderr = call(t, environment, "train", "--maxDepth", "3")
	require.Zero(t, code, stderr)
	// components/aws finds the metric of a trial in this line.
	assert.Regexp(t, `rounds kept, validation (?:log loss|rmse) ([0-9.]+)`, out)
	assert.Empty(t, l.Files("models"), "a trial makes no candidate")
	code, _, stderr = call(t, variables(l, "r1"), "train", "--maxDepth", "99")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "model.parameters.maxDepth: found 99, want 1 to 16")
}
