package familytest

import (
	"context"
	"math"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// folds cross-validates: the loss after a round is that on the rows of all folds, whichever fold computes first.
func (c *Case) folds(t *testing.T, task pipeline.Task) {
	t.Helper()
	spec := Spec(t, task, c.Name, c.Parameters)
	folds := c.unequal(t, spec)
	alone := make([][]float64, len(folds)) // the losses of each fold for itself, beyond where all stop together
	for i, fold := range folds {
		other := *fold
		endless, none := *spec, 0
		endless.Model.Parameters.EarlyStopping = &none
		other.Spec = &endless
		f, err := c.Family.Fit(t.Context(), &other)
		require.NoError(t, err)
		for _, point := range f.Curve {
			alone[i] = append(alone[i], point.Loss)
		}
	}
	var first []float64
	for _, turns := range []int{1, 2, 8} {
		var curve []float64
		rounds, loss, err := family.CrossValidate(t.Context(), c.Family, folds, make(chan struct{}, turns),
			func(r family.Round) error {
				assert.Equal(t, len(curve)+1, r.Number, "each round is told once")
				curve = append(curve, r.Loss)
				return nil
			})
		require.NoError(t, err)
		require.NotEmpty(t, curve)
		for round, got := range curve {
			require.InDelta(t, pooled(task, folds, alone, round), got, 1e-6*(1+got), "round %d, %d turns", round+1, turns)
		}
		if c.Name != pipeline.Linear {
			best := 0
			for i, x := range curve {
				if x < curve[best] {
					best = i
				}
			}
			assert.Equal(t, best+1, rounds)
			assert.InDelta(t, curve[best], loss, 0)
			stop := *spec.Model.Parameters.EarlyStopping
			assert.True(t, len(curve) == best+1+stop || len(curve) == max(spec.Model.Parameters.Rounds,
				spec.Model.Parameters.Epochs), "all stop when the loss of all has not improved: %d, best %d", len(curve), best+1)
		} else {
			assert.InDelta(t, curve[len(curve)-1], loss, 0)
			assert.Len(t, curve, rounds)
			for _, losses := range alone {
				assert.LessOrEqual(t, len(losses), rounds, "until the last one has ended")
			}
		}
		if first == nil {
			first = curve
		}
		assert.Equal(t, first, curve, "%d turns", turns)
	}
}

// unequal are three folds of unequal sizes, the last one with weights.
func (c *Case) unequal(t *testing.T, spec *pipeline.Spec) []*family.Request {
	t.Helper()
	rows := Set(spec.Task, 600)[registry.TrainPart]
	var folds []*family.Request
	for i, cut := range [][2]int{{0, 50}, {50, 250}, {250, 600}} {
		r := &family.Request{Spec: spec, Train: &featureset.Table{Inputs: rows.Inputs},
			Validation: &featureset.Table{Inputs: rows.Inputs}}
		for row := range rows.Rows() {
			table := r.Train
			if row >= cut[0] && row < cut[1] {
				table = r.Validation
				if i == 2 {
					table.Weights = append(table.Weights, float32(1+row%3))
				}
			}
			table.Values, table.Labels = append(table.Values, rows.Row(row)...), append(table.Labels, rows.Labels[row])
		}
		folds = append(folds, r)
	}
	return folds
}

// pooled puts together the losses of the folds after a round, with the last one of a fold that has ended before.
func pooled(task pipeline.Task, folds []*family.Request, alone [][]float64, round int) float64 {
	sum, total := 0.0, 0.0
	for i, losses := range alone {
		weight := 0.0
		for row := range folds[i].Validation.Rows() {
			if weights := folds[i].Validation.Weights; weights != nil {
				weight += float64(weights[row])
			} else {
				weight++
			}
		}
		x := losses[min(round, len(losses)-1)]
		if task == pipeline.Regression {
			x *= x
		}
		sum, total = sum+weight*x, total+weight
	}
	if task == pipeline.Regression {
		return math.Sqrt(sum / total)
	}
	return sum / total
}

// failing fails in one of the fits.
type failing struct {
	family.Family
	fits *atomic.Int32
	fail int32
}

func (f failing) Fit(ctx context.Context, r *family.Request) (*family.Fitted, error) {
	if f.fits.Add(1) == f.fail {
		return nil, errEnough
	}
	return f.Family.Fit(ctx, r)
}

// foldsStop ends all folds where one fails, where somebody has heard enough, and where the process is told to stop.
func (c *Case) foldsStop(t *testing.T) {
	t.Helper()
	spec := Spec(t, pipeline.Binary, c.Name, c.Parameters)
	folds := c.unequal(t, spec)
	for _, turns := range []int{1, 8} {
		for fail := range int32(len(folds)) {
			f := failing{Family: c.Family, fits: &atomic.Int32{}, fail: fail + 1}
			_, _, err := family.CrossValidate(t.Context(), f, folds, make(chan struct{}, turns), nil)
			require.ErrorIs(t, err, errEnough)
		}
		told := 0
		_, _, err := family.CrossValidate(t.Context(), c.Family, folds, make(chan struct{}, turns),
			func(r family.Round) error {
				if told = r.Number; told == 2 {
					return errEnough
				}
				return nil
			})
		require.ErrorIs(t, err, errEnough)
		assert.Equal(t, 2, told)
		ctx, cancel := context.WithCancel(t.Context())
		_, _, err = family.CrossValidate(ctx, c.Family, folds, make(chan struct{}, turns), func(family.Round) error {
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		cancel()
	}
}
