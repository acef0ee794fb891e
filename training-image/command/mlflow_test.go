package command_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/command"
	"github.com/mlpathway/mlpathway/training-image/mlflow/mlflowtest"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// tracked runs a step where Azure ML, or a person, has set MLflow's variables.
func tracked(t *testing.T, l *steptest.Lake, environ []string, args ...string) (code int, stdout string) {
	t.Helper()
	var out, err strings.Builder
	place, e := platform.Detect(environ, fstest.MapFS{})
	require.NoError(t, e)
	p := &command.Program{Stdout: &out, Stderr: &err, Getenv: getenv(variables(l, "r1")), Version: "v1",
		Place: func() (platform.Place, error) { return place, nil }}
	code = p.Main(t.Context(), args)
	return code, out.String() + err.String()
}

// Parameters, the loss of each round and the metrics on the test rows reach MLflow, and a server that is gone stops
// nothing.
func TestMLflow(t *testing.T) {
	t.Parallel()
	s := &mlflowtest.Server{Authorization: "Bearer secret"}
	s.Add("cool_frog_1")
	server := httptest.NewServer(s)
	defer server.Close()
	azure := []string{"AZUREML_RUN_ID=cool_frog_1", "MLFLOW_TRACKING_URI=" + server.URL, "MLFLOW_TRACKING_TOKEN=secret"}
	l := steptest.New(t, strings.Replace(small, "{family: linear}",
		"{family: mlp, parameters: {hidden: [4, 3], epochs: 3}}", 1))
	l.Drop("a.csv", smallRows(200, func(int, []string) {}), 0)
	for _, step := range []string{"etl", "features"} {
		code, out := tracked(t, l, azure, step)
		require.Zero(t, code, out)
	}
	assert.Zero(t, s.Requests())

	// A trial of a sweep tells the loss, which is what Azure ML looks for.
	code, out := tracked(t, l, append(azure, "AZUREML_PARAMETER_epochs=2"), "train")
	require.Zero(t, code, out)
	run := s.Runs()["cool_frog_1"]
	_, step, ok := run.Last("loss")
	assert.True(t, ok, "the metric of the search")
	assert.LessOrEqual(t, step, 2)
	assert.Equal(t, "2", run.Parameters["epochs"])
	delete(run.Parameters, "epochs") // another job

	for _, step := range []string{"train", "evaluate"} {
		code, out = tracked(t, l, azure, step)
		require.Zero(t, code, out)
		assert.NotContains(t, out, "note:")
	}
	assert.Equal(t, "3", run.Parameters["epochs"])
	assert.Equal(t, "4,3", run.Parameters["hidden"])
	assert.Equal(t, "1", run.Parameters["seed"])
	assert.Equal(t, "v1", run.Tags["codeVersion"])
	assert.Equal(t, l.Run("r1").DataVersion, run.Tags["dataVersion"])
	assert.Equal(t, "true", run.Tags["promoted"])
	for _, name := range []string{"validation_loss", "loss", "rounds", "test_accuracy", "test_auc"} {
		_, _, ok := run.Last(name)
		assert.True(t, ok, name)
	}
	assert.Equal(t, 200, l.Run("r1").Rows.Accepted)

	server.Close()
	code, out = tracked(t, l, azure, "train")
	require.Zero(t, code, out)
	assert.Contains(t, out, "note: reporting to MLflow: ")
}
