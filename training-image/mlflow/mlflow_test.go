package mlflow_test

import (
	"context"
	"math"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/mlflow"
	"github.com/mlpathway/mlpathway/training-image/mlflow/mlflowtest"
	"github.com/mlpathway/mlpathway/training-image/platform"
)

func serve(t *testing.T, s *mlflowtest.Server) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func report(steps int) mlflow.Report {
	r := mlflow.Report{Model: "fraud", Run: "20261122T123456.789Z", Tags: map[string]string{"family": "trees"},
		Parameters: map[string]string{"maxDepth": "6", "long": strings.Repeat("ü", 400)}}
	for i := range steps {
		r.Metrics = append(r.Metrics, mlflow.Metric{Name: "validation_loss", Value: 1 / float64(i+1), Step: i + 1})
	}
	return r
}

// The platform has made the run and ends it itself.
func TestTheRunOfThePlatform(t *testing.T) {
	t.Parallel()
	s := &mlflowtest.Server{Authorization: "Bearer secret", Prefix: "/mlflow/v1.0/workspaces/w"}
	s.Add("cool_frog_1")
	to := platform.Tracking{URI: serve(t, s) + s.Prefix + "/?is_remote=True", Run: "cool_frog_1", Token: "secret",
		User: "not", Password: "asked"}
	r := report(2500)
	r.Metrics = append(r.Metrics, mlflow.Metric{Name: "auc", Value: math.NaN()},
		mlflow.Metric{Name: "f1", Value: math.Inf(1)})
	require.NoError(t, mlflow.Send(t.Context(), to, r))
	require.NoError(t, mlflow.Send(t.Context(), to, r), "what is told again is no other value")
	run := s.Runs()["cool_frog_1"]
	require.Len(t, run.Metrics, 5000)
	loss, step, _ := run.Last("validation_loss")
	assert.InDelta(t, 1.0/2500, loss, 0)
	assert.Equal(t, 2500, step)
	assert.Equal(t, "6", run.Parameters["maxDepth"])
	assert.Equal(t, strings.Repeat("ü", 250), run.Parameters["long"])
	assert.Equal(t, "trees", run.Tags["family"])
	assert.Equal(t, "RUNNING", run.Status)
	assert.Len(t, s.Runs(), 1)
}

// Without a run of the platform the steps of one run of the pipeline share one.
func TestARunOfOurOwn(t *testing.T) {
	t.Parallel()
	s := &mlflowtest.Server{Authorization: "Basic bWU6c2VjcmV0"}
	to := platform.Tracking{URI: serve(t, s), User: "me", Password: "secret"}
	require.NoError(t, mlflow.Send(t.Context(), to, report(3)))
	require.NoError(t, mlflow.Send(t.Context(), to, mlflow.Report{Model: "fraud", Run: "20261122T123456.789Z",
		Metrics: []mlflow.Metric{{Name: "test_auc", Value: 0.9}}}))
	require.Len(t, s.Runs(), 1)
	run := s.Runs()["run-0"]
	assert.Len(t, run.Metrics, 4)
	assert.Equal(t, "FINISHED", run.Status)
	assert.Equal(t, "20261122T123456.789Z", run.Tags["mlflow.runName"])
	other := report(1)
	other.Run = "20261123T123456.789Z"
	require.NoError(t, mlflow.Send(t.Context(), to, other))
	assert.Len(t, s.Runs(), 2)
	assert.Equal(t, "0", s.Runs()["run-1"].Experiment, "the experiment of the model")
	to.ExperimentID = "17"
	require.NoError(t, mlflow.Send(t.Context(), to, report(1)))
	assert.Equal(t, "17", s.Runs()["run-2"].Experiment)
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := &mlflowtest.Server{Fail: 2}
	s.Add("r")
	require.NoError(t, mlflow.Send(t.Context(), platform.Tracking{URI: serve(t, s), Run: "r"}, mlflow.Report{}))
	assert.Equal(t, 3, s.Requests())
	s = &mlflowtest.Server{Fail: 100}
	err := mlflow.Send(t.Context(), platform.Tracking{URI: serve(t, s), Run: "r"}, mlflow.Report{})
	require.ErrorContains(t, err, "reporting to MLflow: the server answered 503: Service Unavailable")
	assert.Equal(t, 3, s.Requests())
}

func TestTroubleIsAnErrorAndEnds(t *testing.T) {
	t.Parallel()
	require.NoError(t, mlflow.Send(t.Context(), platform.Tracking{Run: "r"}, report(1)), "nobody asks")
	s := &mlflowtest.Server{}
	uri := serve(t, s)
	err := mlflow.Send(t.Context(), platform.Tracking{URI: uri, Run: "gone"}, report(1))
	require.ErrorContains(t, err, "the server answered 400: Run with id=gone not found")
	assert.Equal(t, 1, s.Requests(), "what is refused is not tried again")
	for _, uri := range []string{"file:///mlruns", "sqlite:///x.db", "databricks"} {
		require.ErrorContains(t, mlflow.Send(t.Context(), platform.Tracking{URI: uri}, report(1)), "MLFLOW_TRACKING_URI is")
	}
	closed := &mlflowtest.Server{Authorization: "Bearer x"}
	err = mlflow.Send(t.Context(), platform.Tracking{URI: serve(t, closed)}, report(1))
	require.ErrorContains(t, err, "the server answered 401")

	// A server that takes the connection and never answers.
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, mlflow.Send(ctx, platform.Tracking{URI: "http://" + silent.Addr().String(), Run: "r"},
		report(1)), "canceled")
}
