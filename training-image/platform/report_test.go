package platform_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/platform"
)

func TestTheReasonOfAFailure(t *testing.T) {
	t.Parallel()
	p := platform.Place{FailureFile: filepath.Join(t.TempDir(), "output", "failure")}
	require.NoError(t, p.WriteFailure(errors.New("no rows"+strings.Repeat("!", 2000))))
	data, err := os.ReadFile(p.FailureFile)
	require.NoError(t, err)
	assert.Len(t, data, 1024)
	assert.True(t, strings.HasPrefix(string(data), "no rows!"))
	require.NoError(t, (&platform.Place{}).WriteFailure(errors.New("x")), "a platform that does not ask")
}

func TestTheMetricOfATrial(t *testing.T) {
	t.Parallel()
	p := platform.Place{Trial: "7", MetricFile: filepath.Join(t.TempDir(), "hypertune", "output.metrics")}
	require.NoError(t, p.WriteMetric("loss", 0.25, 30))
	require.NoError(t, p.WriteMetric("loss", 0.125, 31))
	data, err := os.ReadFile(p.MetricFile)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	require.Len(t, lines, 2)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &line))
	assert.Positive(t, line["timestamp"])
	delete(line, "timestamp")
	// As the package cloudml-hypertune writes them: texts all.
	assert.Equal(t, map[string]any{"trial": "7", "loss": "0.125", "global_step": "31"}, line)
	require.NoError(t, (&platform.Place{}).WriteMetric("loss", 1, 1))
}
