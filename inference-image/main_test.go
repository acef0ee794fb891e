package main

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	models, results := "--models="+l.URI("models"), "--results="+l.URI("results")
	features, logs := "--features="+l.URI("features"), "--logs="+l.URI("logs")
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	for _, c := range []struct {
		args []string
		want int
	}{
		{nil, exitUsage}, {[]string{"nonsense"}, exitUsage}, {[]string{"serve", "extra"}, exitUsage},
		{[]string{"batch", "--nonsense"}, exitUsage}, {[]string{"serve"}, exitUsage},
		{[]string{"serve", models}, exitUsage},
		{[]string{"serve", models, "--model=tumour", "--address=0.0.0.0:0"}, exitUsage},
		{[]string{"serve", models, "--model=tumour", "--capture-share=2"}, exitUsage},
		{[]string{"serve", "--models=file:///no/such", "--model=tumour", "--address=127.0.0.1:0"}, exitFailed},
		{[]string{"batch", models, features, results}, exitUsage},
		{[]string{"batch", models, features, results, "--model=tumour"}, exitFailed}, // no features yet
		{[]string{"batch", models, features, results, "--model=other"}, exitFailed},  // no model yet
		{[]string{"monitor", models, logs, results, "--model=tumour"}, 0},            // no rows yet
		{[]string{"monitor", models, logs, results, "--model=tumour", "--fail-on-drift"}, 0},
		{[]string{"monitor", models, logs, results, "--pipeline=file:///no/such.yaml"}, exitFailed},
		{[]string{"--help"}, 0}, {[]string{"serve", "--help"}, 0},
	} {
		assert.Equal(t, c.want, run(t.Context(), c.args), c.args)
	}
	l.FeatureSet(e, onnxtest.Rows(1, e, 10, 0))
	assert.Zero(t, run(t.Context(), []string{"batch", models, features, results, "--model=tumour"}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Zero(t, run(ctx, []string{"serve", models, "--model=tumour", "--address=127.0.0.1:0"}))
}

func TestDriftHasItsOwnExitCode(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	var lines bytes.Buffer
	const line = `{"time":"2026-11-22T12:00:00Z","version":"v1","features":[9],"prediction":"no","output":[1,0]}` + "\n"
	for range 100 {
		lines.WriteString(line)
	}
	require.NoError(t, os.Mkdir(l.Path("logs", "capture"), 0o700))
	require.NoError(t, os.WriteFile(l.Path("logs", "capture/a.jsonl"), lines.Bytes(), 0o600))
	args := []string{"monitor", "--models=" + l.URI("models"), "--logs=" + l.URI("logs"),
		"--results=" + l.URI("results"), "--model=tumour"}
	assert.Zero(t, run(t.Context(), args))
	assert.Equal(t, exitDrift, run(t.Context(), append(args, "--fail-on-drift")))
}

// The environment belongs to the process, so this test runs alone.
func TestFlagsFallBackToTheEnvironment(t *testing.T) {
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	l.FeatureSet(e, onnxtest.Rows(1, e, 10, 0))
	t.Setenv("MLPATHWAY_MODELS", l.URI("models"))
	t.Setenv("MLPATHWAY_FEATURES", l.URI("features"))
	t.Setenv("MLPATHWAY_RESULTS", l.URI("results"))
	t.Setenv("MLPATHWAY_MODEL", "other")
	assert.Equal(t, exitFailed, run(t.Context(), []string{"batch"}))
	assert.Zero(t, run(t.Context(), []string{"batch", "--model", "tumour"}), "a flag beats the environment")
	t.Setenv("MLPATHWAY_MODEL", "tumour")
	assert.Zero(t, run(t.Context(), []string{"batch"}))
	t.Setenv("MLPATHWAY_ALIAS", "staging")
	assert.Equal(t, exitFailed, run(t.Context(), []string{"batch"}))
}
