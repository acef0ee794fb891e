package evaluate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnxruntime"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/evaluate"
	"github.com/mlpathway/mlpathway/training-image/features"
	"github.com/mlpathway/mlpathway/training-image/register"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/train"
)

const fruit = `
name: fruit
task: binary
source:
  columns:
    - {name: size, type: float, optional: true}
    - {name: weight, type: float}
    - {name: kind, type: category, values: [apple, pear]}
label: kind
model: {family: mlp, parameters: {hidden: [4], epochs: 3, batchSize: 16}}
gate: {metric: accuracy, threshold: 0, mustBeatCurrent: true}
`

// run runs the steps up to and without evaluate, and gives the folder of the candidate.
func run(t *testing.T, l *steptest.Lake, id string) string {
	t.Helper()
	for _, work := range []func(context.Context, step.Options) error{etl.Run, features.Run} {
		require.NoError(t, work(t.Context(), l.Options(id)))
	}
	require.NoError(t, train.Run(t.Context(), train.Options{Options: l.Options(id)}))
	return filepath.Join(l.Dir, "models", "fruit", "candidates", id)
}

// disguise makes a model of the candidate that is none of ours, as one of a person's own image: the metadata by
// which we know ours is gone.
func disguise(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, registry.ModelFile)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data = bytes.ReplaceAll(data, []byte("mlpathway.task"), []byte("somebody.elses"))
	kind, _, err := onnx.Look(data)
	require.NoError(t, err)
	require.Equal(t, onnx.Foreign, kind)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	info := map[string]any{}
	text, err := os.ReadFile(filepath.Join(dir, "training.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &info))
	info["sha256"] = registry.Sum(data)
	text, err = json.Marshal(info)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "training.json"), text, 0o600))
}

func fruits(n int) string {
	var b strings.Builder
	b.WriteString("size,weight,kind\n")
	for i := range n {
		row := []string{"7,150,apple\n", "9,140,pear\n", ",160,apple\n", "8,135,pear\n", "6,141,apple\n"}[i%5]
		b.WriteString(strings.Replace(row, ",1", ","+[]string{"1", "2"}[i/5%2], 1))
	}
	return b.String()
}

// A model of a person's own image is evaluated, registered and compared with like any other where there is ONNX
// Runtime, and refused in words elsewhere.
func TestAModelOfOnesOwnImage(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, fruit)
	l.Drop("a.csv", fruits(300), 0)
	dir := run(t, l, "r1")
	require.NoError(t, evaluate.Run(t.Context(), l.Options("r1")))
	ours := decision(t, dir)
	disguise(t, dir)
	if !onnxruntime.Built {
		err := evaluate.Run(t.Context(), l.Options("r1"))
		require.ErrorIs(t, err, onnxruntime.ErrAbsent)
		require.ErrorContains(t, err, "the candidate: its operators are ")
		require.ErrorContains(t, err, "set ONNXRUNTIME_LIB to the library of ONNX Runtime")
		assert.Equal(t, registry.Failed, l.Run("r1").Status)
		return
	}
	require.NoError(t, evaluate.Run(t.Context(), l.Options("r1")))
	assert.Equal(t, ours, decision(t, dir), "the same numbers as those of the model that it was made from")
	require.NoError(t, register.Run(t.Context(), l.Options("r1")))
	require.Equal(t, registry.Registered, l.Run("r1").Status)

	l.Drop("b.csv", fruits(40), 1)
	dir = run(t, l, "r2")
	require.NoError(t, evaluate.Run(t.Context(), l.Options("r2")))
	m := decision(t, dir)
	assert.Equal(t, l.Run("r1").Version, m.CurrentVersion)
	assert.NotEmpty(t, m.Current, "the served model was computed on the same rows")
}

func decision(t *testing.T, dir string) registry.Metrics {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, registry.MetricsFile))
	require.NoError(t, err)
	var m registry.Metrics
	require.NoError(t, json.Unmarshal(data, &m))
	return m
}
