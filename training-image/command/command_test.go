package command_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/command"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command": {[]string{"eat"}, `unknown command "eat"`},
		"unknown flag":    {[]string{"etl", "--rwa", "x"}, "unknown flag: --rwa"},
		"arguments":       {[]string{"etl", "x"}, `unknown command "x"`},
		"missing flags":   {[]string{"register"}, "missing: --pipeline (or $MLPATHWAY_PIPELINE), --run (or"},
		"launch":          {[]string{"launch"}, "missing: --job (or $MLPATHWAY_JOB)"},
		"launch run":      {[]string{"launch", "--job=file:///j.json"}, "missing: --run (or $MLPATHWAY_RUN)"},
		"watch":           {[]string{"watch"}, "missing: --pipeline (or $MLPATHWAY_PIPELINE), --raw"},
		"watch address":   {[]string{"watch", "--pipeline=a", "--raw=b", "--logs=c"}, "is no address such as http://"},
		"interval":        {[]string{"watch", "--interval", "soon"}, "invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, stderr := call(t, nil, c.args...)
			assert.Equal(t, 2, code)
			assert.Contains(t, stderr, c.want)
			assert.Contains(t, stderr, "--help")
			assert.Empty(t, out)
		})
	}
}

func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	code, out, _ := call(t, nil)
	assert.Zero(t, code)
	for _, name := range append(steps, "watch", "run-id") {
		assert.Contains(t, out, "\n  "+name+" ")
		code, help, _ := call(t, nil, name, "--help")
		assert.Zero(t, code)
		assert.Greater(t, len(help), 80, name)
	}
	_, help, _ := call(t, map[string]string{"MLPATHWAY_RAW": "file:///here"}, "etl", "--help")
	assert.Contains(t, help, "[$MLPATHWAY_RAW]")
	assert.Contains(t, help, `default "file:///here"`)
}

func TestRunIDs(t *testing.T) {
	t.Parallel()
	code, out, _ := call(t, nil, "run-id")
	assert.Zero(t, code)
	assert.Regexp(t, `^\d{8}T\d{6}\.\d{3}Z\n$`, out)
}

func TestAFlagBeatsItsVariable(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	variables := variables(l, "from-variable")
	code, _, stderr := call(t, variables, "etl", "--run", "from-flag", "--warehouse", "", "--metadata", "")
	require.Zero(t, code, stderr)
	assert.Equal(t, "from-flag", l.Run("from-flag").ID)
	assert.NotContains(t, strings.Join(l.Files("."), " "), "warehouse.duckdb")
}

func TestAFailureIsALogLineAndARow(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("bad.csv", "a,b\n1,2\n", 0)
	code, out, stderr := call(t, variables(l, "r1"), "etl")
	assert.Equal(t, 1, code)
	assert.Empty(t, out)
	var line struct{ Level, Msg, Command string }
	require.NoError(t, json.Unmarshal([]byte(stderr), &line), stderr)
	assert.Equal(t, "ERROR", line.Level)
	assert.Equal(t, "etl", line.Command)
	assert.Contains(t, line.Msg, `bad.csv:1: the header lacks "sample_id"`)
	for _, name := range steps[1:] {
		code, _, stderr := call(t, variables(l, "r1"), name)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "the run r1 has failed")
	}
	rows, err := metadata.Rows(t.Context(), l.Options("").Metadata)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	assert.Equal(t, "tumour-r1", rows[0].TrainingJobName)
	assert.Equal(t, metadata.Failed, rows[0].Status)
}

func TestWithoutXGBoostTrainSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	for _, name := range steps[:2] {
		code, _, stderr := call(t, variables(l, "r1"), name)
		require.Zero(t, code, stderr)
	}
	environment := variables(l, "r1")
	var stderr strings.Builder
	p := &command.Program{Stdout: io.Discard, Stderr: &stderr, Getenv: getenv(environment),
		OpenXGBoost: func() (*xgboost.Library, error) { return xgboost.OpenFile("/nowhere/libxgboost.so") }}
	assert.Equal(t, 1, p.Main(t.Context(), []string{"train"}))
	assert.Contains(t, stderr.String(), "the XGBoost library cannot be loaded")
	assert.Equal(t, registry.Failed, l.Run("r1").Status)
}

func TestWatchEndsWhenTold(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, "name: x\n")
	environment := variables(l, "")
	environment["MLPATHWAY_NOTIFY"] = "http://127.0.0.1:1/x"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr strings.Builder
	p := &command.Program{Stdout: io.Discard, Stderr: &stderr, Getenv: getenv(environment)}
	assert.Zero(t, p.Main(ctx, []string{"watch", "--interval", "1ms"}))
	assert.Contains(t, stderr.String(), `"msg":"stopped"`)
}
