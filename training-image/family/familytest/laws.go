package familytest

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/quality"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// Case is a family under test.
type Case struct {
	// Family and its name in pipeline.yaml.
	Family family.Family
	Name   string
	// Parameters with which it learns quickly, as they stand in pipeline.yaml.
	Parameters string
	// Least is the accuracy, or the r2, that it reaches on the test rows of Set.
	Least map[pipeline.Task]float64
}

// Run tries all laws.
func Run(t *testing.T, c Case) {
	t.Helper()
	for _, task := range []pipeline.Task{pipeline.Binary, pipeline.Multiclass, pipeline.Regression} {
		t.Run("learns "+string(task), func(t *testing.T) { t.Parallel(); c.learns(t, task) })
		t.Run("repeats and resumes "+string(task), func(t *testing.T) { t.Parallel(); c.resumes(t, task) })
		t.Run("cross-validates "+string(task), func(t *testing.T) { t.Parallel(); c.folds(t, task) })
	}
	t.Run("weights count", func(t *testing.T) { t.Parallel(); c.weights(t) })
	t.Run("stops when told", func(t *testing.T) { t.Parallel(); c.stops(t) })
	t.Run("ends all folds", func(t *testing.T) { t.Parallel(); c.foldsStop(t) })
	t.Run("names the rounds", func(t *testing.T) { t.Parallel(); c.rounds(t) })
}

func (c *Case) fit(t *testing.T, r *family.Request) (*family.Fitted, []byte) {
	t.Helper()
	fitted, err := c.Family.Fit(t.Context(), r)
	require.NoError(t, err)
	data, err := fitted.Model.Marshal(map[string]string{"dataVersion": "d"})
	require.NoError(t, err)
	return fitted, data
}

// measure gives the metrics of a model file on rows, and checks that reading the file back changes nothing.
func measure(t *testing.T, spec *pipeline.Spec, f *family.Fitted, data []byte, rows *featureset.Table,
) map[string]float64 {
	t.Helper()
	loaded, err := onnx.Load(data)
	require.NoError(t, err)
	assert.Equal(t, spec.Classes(), loaded.Classes)
	assert.Equal(t, rows.Inputs, loaded.Inputs)
	n := loaded.Outputs()
	out, one := make([]float32, n*rows.Rows()), make([]float32, n)
	require.NoError(t, loaded.Predict(rows.Values, rows.Rows(), out))
	for i := range rows.Rows() {
		f.Model.Predict(rows.Row(i), one)
		for k := range one {
			require.Equal(t, math.Float32bits(one[k]), math.Float32bits(out[i*n+k]), "row %d", i)
		}
	}
	return quality.Measure(spec.Task, out, rows.Labels)
}

func (c *Case) learns(t *testing.T, task pipeline.Task) {
	t.Helper()
	spec, set := Spec(t, task, c.Name, c.Parameters), Set(task, 1500)
	f, data := c.fit(t, Request(spec, set))
	metrics := measure(t, spec, f, data, set[registry.TestPart])
	name := "accuracy"
	if task == pipeline.Regression {
		name = "r2"
	}
	assert.GreaterOrEqual(t, metrics[name], c.Least[task], "%s: %v", name, metrics)
	sum := 0.0
	for _, x := range f.Importance {
		sum += x
	}
	assert.InDelta(t, 1, sum, 1e-6, "the importance of the inputs are shares")
	assert.Greater(t, f.Importance["c"], 0.05, "the category says much")
	assert.NotEmpty(t, f.Libraries)
}

var errEnough = errors.New("enough")

// resumes stops a fit in the middle and goes on from its state.
func (c *Case) resumes(t *testing.T, task pipeline.Task) {
	t.Helper()
	spec, set := Spec(t, task, c.Name, c.Parameters), Set(task, 300)
	whole, want := c.fit(t, Request(spec, set))
	_, again := c.fit(t, Request(spec, set))
	require.Equal(t, registry.Sum(want), registry.Sum(again), "the same request gives the same model")
	for _, at := range []int{1, max(1, len(whole.Curve)/2), len(whole.Curve)} {
		r := Request(spec, set)
		var state []byte
		r.Each = func(round family.Round) error {
			if round.Number < at {
				return nil
			}
			var err error
			state, err = round.State()
			require.NoError(t, err)
			return errEnough
		}
		_, err := c.Family.Fit(t.Context(), r)
		require.ErrorIs(t, err, errEnough, "an error of Each ends the fit")
		r = Request(spec, set)
		r.Resume = state
		resumed, got := c.fit(t, r)
		require.Equal(t, registry.Sum(want), registry.Sum(got), "stopped after %d and resumed", at)
		assert.Equal(t, whole.Curve, resumed.Curve)
	}
	r := Request(spec, set)
	r.Resume = []byte("no checkpoint")
	_, err := c.Family.Fit(t.Context(), r)
	require.ErrorContains(t, err, "checkpoint")
}

// weights gives the rows of one class next to no weight, so that the other is answered.
func (c *Case) weights(t *testing.T) {
	t.Helper()
	spec, set := Spec(t, pipeline.Binary, c.Name, c.Parameters), Set(pipeline.Binary, 600)
	share := func() float64 {
		f, _ := c.fit(t, Request(spec, set))
		out, n := make([]float32, 2), 0
		rows := set[registry.TestPart]
		for i := range rows.Rows() {
			f.Model.Predict(rows.Row(i), out)
			if out[1] > 0.5 {
				n++
			}
		}
		return float64(n) / float64(rows.Rows())
	}
	assert.InDelta(t, 0.5, share(), 0.1)
	for _, part := range set {
		for _, label := range part.Labels {
			part.Weights = append(part.Weights, []float32{0.01, 1}[int(label)])
		}
	}
	assert.Greater(t, share(), 0.6)
}

func (c *Case) stops(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec := Spec(t, pipeline.Binary, c.Name, c.Parameters)
	_, err := c.Family.Fit(ctx, Request(spec, Set(pipeline.Binary, 50)))
	require.ErrorIs(t, err, context.Canceled)
}

func (c *Case) rounds(t *testing.T) {
	t.Helper()
	spec, set := Spec(t, pipeline.Binary, c.Name, c.Parameters), Set(pipeline.Binary, 300)
	r := Request(spec, set)
	var rounds []family.Round
	r.Each = func(round family.Round) error { rounds = append(rounds, round); return nil }
	f, _ := c.fit(t, r)
	require.Len(t, rounds, len(f.Curve))
	for i, round := range rounds {
		assert.Equal(t, i+1, round.Number)
		assert.LessOrEqual(t, round.Number, round.Of)
		assert.InDelta(t, f.Curve[i].Loss, round.Loss, 0)
	}
	assert.Equal(t, f.Rounds, rounds[len(rounds)-1].Best)
}
