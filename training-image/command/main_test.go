package command_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/command"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// asProgram lets the test binary stand for training-image, so that a test can kill a real process.
const asProgram = "MLPATHWAY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	p := &command.Program{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, OpenXGBoost: xgboost.Open,
		Place: platform.Here}
	code := p.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// steps in their order.
var steps = []string{"etl", "features", "train", "evaluate", "register"}

// variables is the environment of a run in a lake.
func variables(l *steptest.Lake, run string) map[string]string {
	o := l.Options(run)
	return map[string]string{"MLPATHWAY_PIPELINE": o.Pipeline, "MLPATHWAY_RAW": o.Raw, "MLPATHWAY_CURATED": o.Curated,
		"MLPATHWAY_FEATURES": o.Features, "MLPATHWAY_MODELS": o.Models, "MLPATHWAY_LOGS": o.Logs,
		"MLPATHWAY_METADATA": o.Metadata, "MLPATHWAY_ONLINE": o.Online, "MLPATHWAY_WAREHOUSE": o.Warehouse,
		"MLPATHWAY_RUN": run}
}

// call runs one command in this process.
func call(t *testing.T, environment map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	p := &command.Program{Stdout: &out, Stderr: &err, Getenv: getenv(environment),
		OpenXGBoost: func() (*xgboost.Library, error) { return xgboosttest.Open(t), nil }, Version: "test"}
	return p.Main(t.Context(), args), out.String(), err.String()
}

// getenv looks into a map where the program would ask the system.
func getenv(environment map[string]string) func(string) string {
	return func(name string) string { return environment[name] }
}

// pipelineRun runs all steps and gives the run record and what was said.
func pipelineRun(t *testing.T, l *steptest.Lake, run string) (*registry.Run, string) {
	t.Helper()
	var said strings.Builder
	for _, name := range steps {
		code, out, err := call(t, variables(l, run), name)
		require.Zero(t, code, "%s: %s", name, err)
		said.WriteString(out)
	}
	return l.Run(run), said.String()
}

const exampleDir = "../../examples/tumour"

// tumour is a lake with the pipeline of the example.
func tumour(t *testing.T) *steptest.Lake {
	t.Helper()
	spec, err := os.ReadFile(filepath.Join(exampleDir, "pipeline.yaml"))
	require.NoError(t, err)
	return steptest.New(t, string(spec))
}

// table reads the rows of the example, the header first.
func table(t *testing.T) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join(exampleDir, "breast_cancer.csv"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return records
}

// text writes records as CSV.
func text(t *testing.T, records [][]string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, csv.NewWriter(&b).WriteAll(records))
	return b.String()
}

// changed copies the example with other keys and whatever change does to a row.
func changed(t *testing.T, change func(row []string)) string {
	t.Helper()
	records := table(t)
	for i, row := range records[1:] {
		row = slices.Clone(row)
		id, err := strconv.Atoi(row[0])
		require.NoError(t, err)
		row[0] = fmt.Sprint(id + 100_000)
		change(row)
		records[i+1] = row
	}
	return text(t, records)
}

// production is the version that the alias stands for.
func production(t *testing.T, l *steptest.Lake, model string) string {
	t.Helper()
	alias, err := registry.New(l.Zone("models")).Resolve(t.Context(), model, registry.Production)
	require.NoError(t, err)
	return alias.Version
}
