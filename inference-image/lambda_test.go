package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/internal/lambda"
	"github.com/mlpathway/mlpathway/internal/lambda/lambdatest"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// The drift check as a function of Lambda: one process, a check for each event. The environment belongs to the process,
// so this test runs alone.
func TestMonitorInLambda(t *testing.T) {
	l, f := inferencetest.New(t), lambdatest.New(t)
	t.Setenv(lambda.Variable, f.API)
	t.Setenv("MLPATHWAY_MODELS", l.URI("models"))
	t.Setenv("MLPATHWAY_LOGS", l.URI("logs"))
	t.Setenv("MLPATHWAY_RESULTS", l.URI("results"))
	t.Setenv("MLPATHWAY_MODEL", "tumour")
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"monitor"}) }()
	assert.Equal(t, lambdatest.Answer{Body: "null"}, f.Invoke(t, `{}`), "there is no model yet")
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	const line = `{"time":"2026-11-22T12:00:00Z","version":"v1","features":[9],"prediction":"no","output":[1,0]}` + "\n"
	require.NoError(t, os.Mkdir(l.Path("logs", "capture"), 0o700))
	require.NoError(t, os.WriteFile(l.Path("logs", "capture/a.jsonl"), []byte(strings.Repeat(line, 100)), 0o600))
	for range 2 {
		assert.Equal(t, lambdatest.Answer{Body: "null"}, f.Invoke(t, `{}`))
	}
	data, err := os.ReadFile(l.Path("results", monitor.LatestReport))
	require.NoError(t, err)
	var report monitor.Report
	require.NoError(t, json.Unmarshal(data, &report))
	assert.Equal(t, 100, report.Rows)
	cancel()
	assert.Zero(t, <-code)
}
