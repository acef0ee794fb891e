package progress_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/progress"
)

// clock goes one second further each time that it is looked at.
func clock() func() time.Time {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func state(round int) progress.State {
	return progress.State{Round: round, Of: 40, Best: 1, Loss: 0.25, LossName: "log loss"}
}

func TestTheBar(t *testing.T) {
	t.Parallel()
	var terminal, log bytes.Buffer
	r, err := progress.New(t.Context(), progress.Options{Terminal: &terminal, Now: clock(),
		Log: slog.New(slog.NewJSONHandler(&log, nil))}, 0)
	require.NoError(t, err)
	r.Round(state(10))
	r.Round(state(40))
	require.NoError(t, r.Close())
	assert.Equal(t, "\r[######..................] 10/40  log loss 0.25000 (best: round 1)  10.0 rounds/s  3s left\x1b[K"+
		"\r[########################] 40/40  log loss 0.25000 (best: round 1)  20.0 rounds/s  0s left\x1b[K\n",
		terminal.String())
	assert.Empty(t, log.String(), "a person reads the bar")
}

func TestLinesAreStructuredAndRare(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r, err := progress.New(t.Context(), progress.Options{Log: slog.New(slog.NewJSONHandler(&log, nil)), Now: clock(),
		Every: 10 * time.Second}, 20)
	require.NoError(t, err)
	for round := 21; round <= 40; round++ {
		r.Round(state(round))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	assert.Len(t, lines, 2)
	var line struct {
		Msg                    string
		Round, Of, SecondsLeft int
		Loss, RoundsPerSecond  float64
	}
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &line))
	assert.Equal(t, "progress", line.Msg)
	assert.Equal(t, 31, line.Round)
	assert.Equal(t, 9, line.SecondsLeft)
	assert.InDelta(t, 1, line.RoundsPerSecond, 0, "a resumed training counts from where it went on")
}

func TestMetricsAreScrapedAndPushed(t *testing.T) {
	t.Parallel()
	pushed := make(chan string, 10)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		pushed <- r.Method + " " + r.URL.Path
	}))
	defer gateway.Close()
	r, err := progress.New(t.Context(), progress.Options{Address: "127.0.0.1:0", Push: gateway.URL, Now: clock(),
		Labels: map[string]string{"model": "tumour"}}, 0)
	require.NoError(t, err)
	r.Round(state(7))
	assert.Equal(t, "PUT /metrics/job/mlpathway_training", <-pushed)
	response, err := http.Get("http://" + r.Address() + "/metrics")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Contains(t, string(body), `mlpathway_training_round{model="tumour"} 7`)
	assert.Contains(t, string(body), `mlpathway_training_validation_loss{model="tumour"} 0.25`)
	require.NoError(t, r.Close())
	assert.NotEmpty(t, <-pushed, "the last state is pushed at the end")
	_, err = http.Get("http://" + r.Address() + "/metrics")
	require.Error(t, err)
}

func TestAGatewayThatIsAwayStopsNothing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r, err := progress.New(t.Context(), progress.Options{Push: "http://127.0.0.1:1", Now: clock(),
		Log: slog.New(slog.NewJSONHandler(&log, nil))}, 0)
	require.NoError(t, err)
	r.Round(state(1))
	require.NoError(t, r.Close())
	assert.Contains(t, log.String(), "could not be pushed")
}
