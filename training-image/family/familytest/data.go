// Package familytest holds the laws that every family of models keeps, and rows to try them on.
package familytest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

var (
	labels = map[pipeline.Task]string{pipeline.Binary: "type: category, values: [no, yes]",
		pipeline.Multiclass: "type: category, values: [x, y, z]", pipeline.Regression: "type: float"}
	metrics = map[pipeline.Task]string{pipeline.Binary: "accuracy", pipeline.Multiclass: "accuracy",
		pipeline.Regression: "rmse"}
)

// Spec is a pipeline of the inputs a, b (which may be missing) and c (a category of four), and the label y.
func Spec(tb testing.TB, task pipeline.Task, name, parameters string) *pipeline.Spec {
	tb.Helper()
	s, err := pipeline.Parse("pipeline.yaml", fmt.Appendf(nil, `
name: m
task: %s
source:
  columns:
    - {name: a, type: float}
    - {name: b, type: float, optional: true}
    - {name: c, type: category, values: [p, q, r, s]}
    - {name: y, %s}
label: y
model: {family: %s, parameters: {%s}}
gate: {metric: %s, threshold: 0}
`, task, labels[task], name, parameters, metrics[task]))
	require.NoError(tb, err)
	return s
}

// Label computes the label of a row: a class, or the number of a regression.
func Label(task pipeline.Task, a, b float64, c int) float64 {
	x := a + b + []float64{0, 2, -2, 0}[c]
	switch task {
	case pipeline.Binary:
		return map[bool]float64{true: 1}[x > 0]
	case pipeline.Multiclass:
		return map[bool]float64{true: 1}[x > -1] + map[bool]float64{true: 1}[x > 1]
	default:
		return 50 + 10*x
	}
}

// Set makes rows to train, half as many to validate and a third as many to test; one b in ten is missing.
func Set(task pipeline.Task, rows int) featureset.Set {
	random := rand.New(rand.NewPCG(3, 4))
	s := featureset.Set{}
	for i, part := range []string{registry.TrainPart, registry.ValidationPart, registry.TestPart} {
		t := &featureset.Table{Inputs: []string{"a", "b", "c"}}
		for range rows / (i + 1) {
			a, b, c := random.NormFloat64(), random.NormFloat64(), random.IntN(4)
			t.Labels = append(t.Labels, float32(Label(task, a, b, c)))
			if random.Float64() < 0.1 {
				b = math.NaN()
			}
			t.Values = append(t.Values, float32(a), float32(b), float32(c))
		}
		s[part] = t
	}
	return s
}

// Request asks for a model.
func Request(spec *pipeline.Spec, set featureset.Set) *family.Request {
	return &family.Request{Spec: spec, Train: set[registry.TrainPart], Validation: set[registry.ValidationPart]}
}
