package command_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

func decode[T any](t *testing.T, data []byte) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

// source writes the columns of a test file for pipeline.yaml; the label is the last column.
func source(t *testing.T, file, label string) (columns, content string) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	header, _, _ := strings.Cut(string(data), "\n")
	names := strings.Split(strings.TrimSpace(header), ",")
	for _, name := range names[:len(names)-1] {
		columns += "    - {name: " + name + ", type: float}\n"
	}
	return columns + "    - {name: " + names[len(names)-1] + ", " + label + "}\n", string(data)
}

func TestMulticlass(t *testing.T) {
	t.Parallel()
	columns, content := source(t, "digits.csv", `type: category, values: ["0","1","2","3","4","5","6","7","8","9"]`)
	l := steptest.New(t, "name: digits\ntask: multiclass\nsource:\n  columns:\n"+columns+
		"label: digit\nmodel: {parameters: {rounds: 60, maxDepth: 4, learningRate: 0.3}}\n"+
		"gate: {metric: accuracy, threshold: 0.9}\n")
	l.Drop("digits.csv", content, 0)
	r, _ := pipelineRun(t, l, "r1")
	assert.True(t, r.Decision.Promoted, r.Decision.Reason)
	v, err := registry.New(l.Zone("models")).Open(t.Context(), "digits", r.Version)
	require.NoError(t, err)
	assert.Len(t, v.Manifest.Classes, 10)
	assert.Len(t, v.Metrics.Confusion, 10)
	assert.Greater(t, v.Metrics.Candidate["accuracy"], 0.93)
	assert.InDelta(t, v.Metrics.Candidate["accuracy"], answers(t, l, v, r.Features), 1e-9)
	assert.Len(t, v.Profile.Prediction.Edges, 9, "ten classes")
}

func TestRegression(t *testing.T) {
	t.Parallel()
	columns, content := source(t, "diabetes.csv", "type: float")
	l := steptest.New(t, "name: diabetes\ntask: regression\nsource:\n  columns:\n"+columns+
		"label: progression\nmodel: {parameters: {maxDepth: 2, learningRate: 0.05}}\ngate: {metric: rmse, threshold: 65}\n")
	l.Drop("diabetes.csv", content, 0)
	r, _ := pipelineRun(t, l, "r1")
	assert.True(t, r.Decision.Promoted, r.Decision.Reason)
	v, err := registry.New(l.Zone("models")).Open(t.Context(), "diabetes", r.Version)
	require.NoError(t, err)
	assert.Empty(t, v.Manifest.Classes)
	assert.Nil(t, v.Metrics.Confusion)
	assert.Greater(t, v.Metrics.Candidate["r2"], 0.25)
	assert.Contains(t, v.Metrics.Importance, "bmi")
}

func TestAnotherSetOfInputsCannotBeCompared(t *testing.T) {
	t.Parallel()
	columns, content := source(t, "diabetes.csv", "type: float")
	spec := "name: diabetes\ntask: regression\nsource:\n  columns:\n" + columns +
		"label: progression\nmodel: {parameters: {rounds: 50, maxDepth: 2}}\ngate: {metric: rmse, threshold: 70}\n"
	l := steptest.New(t, spec)
	l.Drop("diabetes.csv", content, 0)
	first, _ := pipelineRun(t, l, "r1")
	l.SetPipeline(spec + "features: SELECT * EXCLUDE (sex) FROM curated\n")
	second, _ := pipelineRun(t, l, "r2")
	assert.Contains(t, second.Decision.Reason, first.Version+` could not be compared: its input "sex" is not among`)
	assert.Equal(t, second.Version, production(t, l, "diabetes"))
	// Back again: the served version has fewer inputs, which are all there, so it is compared.
	l.SetPipeline(spec + "split: {seed: 3}\n")
	third, _ := pipelineRun(t, l, "r3")
	assert.Contains(t, third.Decision.Reason, "of "+second.Version+" on the same rows")
}
