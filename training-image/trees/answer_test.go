package trees

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family/familytest"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

func TestSomeRowsLieAtEqualDistances(t *testing.T) {
	t.Parallel()
	all := familytest.Set(pipeline.Binary, 101)[registry.TrainPart]
	assert.Same(t, all, some(all, all.Rows()))
	few := some(all, 10)
	every := (all.Rows() + 9) / 10
	assert.LessOrEqual(t, few.Rows(), 10)
	assert.Greater(t, few.Rows(), 5)
	for i := range few.Rows() {
		assert.Equal(t, all.Row(i*every), few.Row(i))
	}
}

// The margins that grow round by round are, bit for bit, those that the library computes of the whole model; also after
// an idle round, as a resumed training has one.
func TestMarginsAreTheLibrarys(t *testing.T) {
	t.Parallel()
	for _, task := range []pipeline.Task{pipeline.Binary, pipeline.Multiclass, pipeline.Regression} {
		t.Run(string(task), func(t *testing.T) {
			t.Parallel()
			library := xgboosttest.Open(t)
			r := familytest.Request(familytest.Spec(t, task, "trees", "rounds: 6"), familytest.Set(task, 600))
			nan := float32(math.NaN())
			for i := 0; i < len(r.Validation.Values); i += 7 {
				r.Validation.Values[i] = nan
			}
			train, err := New(library).matrix(r)
			require.NoError(t, err)
			defer train.Close()
			validation, err := library.NewMatrix(rowsOf(r.Validation))
			require.NoError(t, err)
			defer validation.Close()
			booster, err := library.NewBooster(parameters(library, r), train)
			require.NoError(t, err)
			defer booster.Close()
			f := &fit{Request: r, library: library, booster: booster, train: train}
			for round := range 6 {
				if round == 3 {
					require.NoError(t, f.warmUp())
				}
				require.NoError(t, booster.Update(round, train))
				require.NoError(t, f.answer())
				want, err := booster.Predict(validation, xgboost.Margins, 0)
				require.NoError(t, err)
				require.Equal(t, want, f.margins, "round %d", round)
				_, err = f.Add(1, math.NaN())
				require.NoError(t, err)
			}
			f.margins = nil // as in a process that resumes
			require.NoError(t, f.answer())
			want, err := booster.Predict(validation, xgboost.Margins, 0)
			require.NoError(t, err)
			assert.Equal(t, want, f.margins)
		})
	}
}
