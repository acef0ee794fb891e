package trees_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

func open(t *testing.T) *trees.Trees {
	t.Helper()
	return trees.New(xgboosttest.Open(t))
}

func TestLaws(t *testing.T) {
	t.Parallel()
	for name, family := range map[string]*trees.Trees{"few": open(t), "many": open(t).Many()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			familytest.Run(t, familytest.Case{Family: family, Name: "trees",
				Parameters: "rounds: 60, learningRate: 0.3, earlyStopping: 10, subsample: 0.7, columnSample: 0.7",
				Least: map[pipeline.Task]float64{pipeline.Binary: 0.85, pipeline.Multiclass: 0.78,
					pipeline.Regression: 0.8}})
		})
	}
}

// Who answers the validation rows changes nothing, also where random numbers are drawn.
func TestFewAndManyValidationRowsGiveTheSameModel(t *testing.T) {
	t.Parallel()
	s := familytest.Spec(t, pipeline.Multiclass, "trees",
		"rounds: 60, learningRate: 0.3, earlyStopping: 5, subsample: 0.7, columnSample: 0.7")
	set := familytest.Set(pipeline.Multiclass, 600)
	few, err := open(t).Fit(t.Context(), familytest.Request(s, set))
	require.NoError(t, err)
	many, err := open(t).Many().Fit(t.Context(), familytest.Request(s, set))
	require.NoError(t, err)
	assert.Equal(t, few.Model, many.Model)
	assert.Equal(t, few.Curve, many.Curve)
}

// Trees from external memory keep the same laws.
func TestLawsOfExternalMemory(t *testing.T) {
	t.Parallel()
	familytest.Run(t, familytest.Case{Family: external{open(t).Many()}, Name: "trees",
		Parameters: "rounds: 40, learningRate: 0.3, earlyStopping: 10, subsample: 0.7, columnSample: 0.7",
		Least: map[pipeline.Task]float64{pipeline.Binary: 0.85, pipeline.Multiclass: 0.78,
			pipeline.Regression: 0.8}})
}

// external trains from files whatever the pipeline says.
type external struct{ *trees.Trees }

func (e external) Fit(ctx context.Context, r *family.Request) (*family.Fitted, error) {
	spec := *r.Spec
	spec.Model.ExternalMemory = true
	copied := *r
	copied.Spec = &spec
	return e.Trees.Fit(ctx, &copied)
}

// While it trains, the rows lie in files where the pipeline says so, and in memory otherwise; afterwards there are
// none.
func TestExternalMemoryIsInFiles(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, external := range []bool{false, true} {
		s := familytest.Spec(t, pipeline.Binary, "trees", "rounds: 3")
		s.Model.ExternalMemory = external
		r := familytest.Request(s, familytest.Set(pipeline.Binary, 200))
		r.Each = func(family.Round) error {
			files, err := filepath.Glob(filepath.Join(temp, "mlpathway-pages-*"))
			require.NoError(t, err)
			assert.Len(t, files, map[bool]int{true: 1}[external], "the training rows")
			return nil
		}
		_, err := open(t).Fit(t.Context(), r)
		require.NoError(t, err)
		left, err := os.ReadDir(temp)
		require.NoError(t, err)
		assert.Empty(t, left)
	}
}

func TestTreesStopEarly(t *testing.T) {
	t.Parallel()
	s := familytest.Spec(t, pipeline.Binary, "trees", "rounds: 400, learningRate: 0.3, earlyStopping: 10, subsample: 0.7")
	set := familytest.Set(pipeline.Binary, 400)
	one, err := open(t).Fit(t.Context(), familytest.Request(s, set))
	require.NoError(t, err)
	assert.Less(t, one.Rounds, 100)
	assert.Len(t, one.Curve, one.Rounds+10, "training ends where it brings nothing")
	assert.Len(t, one.Model.(*onnx.Ensemble).Trees, one.Rounds, "later trees are cut off")

	s.Model.Seed = 2
	other, err := open(t).Fit(t.Context(), familytest.Request(s, set))
	require.NoError(t, err)
	assert.NotEqual(t, sum(t, one.Model), sum(t, other.Model), "the seed counts")
}

func sum(t *testing.T, m interface {
	Marshal(meta map[string]string) ([]byte, error)
}) string {
	t.Helper()
	data, err := m.Marshal(nil)
	require.NoError(t, err)
	return registry.Sum(data)
}

func TestWithoutEarlyStoppingAllRoundsAreKept(t *testing.T) {
	t.Parallel()
	s := familytest.Spec(t, pipeline.Regression, "trees", "rounds: 60, learningRate: 1, earlyStopping: 0")
	fit, err := open(t).Fit(t.Context(), familytest.Request(s, familytest.Set(pipeline.Regression, 200)))
	require.NoError(t, err)
	assert.Equal(t, 60, fit.Rounds)
	assert.InDelta(t, 50, fit.Model.(*onnx.Ensemble).Base[0], 5, "a regression starts at the mean")
}

func TestASplitThatBringsLittleIsPruned(t *testing.T) {
	t.Parallel()
	set := familytest.Set(pipeline.Binary, 400)
	nodes := func(parameters string) (n int) {
		s := familytest.Spec(t, pipeline.Binary, "trees", parameters)
		fit, err := open(t).Fit(t.Context(), familytest.Request(s, set))
		require.NoError(t, err)
		for _, tree := range fit.Model.(*onnx.Ensemble).Trees {
			n += len(tree.Nodes)
		}
		return n
	}
	assert.Less(t, 2*nodes("rounds: 20, earlyStopping: 0, minSplitLoss: 5"), nodes("rounds: 20, earlyStopping: 0"))
}

func TestErrorsOfTheLibraryReachTheCaller(t *testing.T) {
	t.Parallel()
	set := familytest.Set(pipeline.Binary, 50)
	set[registry.TrainPart].Labels[0] = 3
	s := familytest.Spec(t, pipeline.Binary, "trees", "rounds: 5")
	_, err := open(t).Fit(t.Context(), familytest.Request(s, set))
	require.ErrorContains(t, err, "label must be in [0,1]")
}

func TestADeviceThatTheLibraryLacks(t *testing.T) {
	t.Parallel()
	s := familytest.Spec(t, pipeline.Binary, "trees", "rounds: 5")
	s.Model.Device = "cuda"
	_, err := open(t).Fit(t.Context(), familytest.Request(s, familytest.Set(pipeline.Binary, 50)))
	if err != nil { // Debian's library; where there is a GPU the model is trained
		require.ErrorIs(t, err, xgboost.ErrNoCUDA)
		require.ErrorContains(t, err, "set model.device to cpu")
	}
}
