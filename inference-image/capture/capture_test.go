package capture_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
)

func row(i int) capture.Row {
	return capture.Row{At: time.Unix(int64(i), 0), Version: "v1", Prediction: []byte(`"yes"`),
		Features: []float32{float32(i), 0.25}, Output: []float32{0.1, 0.9}}
}

// flush writes what is waiting.
func flush(t *testing.T, r *capture.Recorder) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx)
}

func files(t *testing.T, l *inferencetest.Lake) []string {
	t.Helper()
	names, err := filepath.Glob(l.Path("logs", "capture/*.jsonl"))
	require.NoError(t, err)
	return names
}

func TestRowsOfManyGoroutines(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	var kept, dropped atomic.Int64
	r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 1, Files: 100, Interval: time.Millisecond,
		OnKept: func(n int) { kept.Add(int64(n)) }, OnDropped: func(n int) { dropped.Add(int64(n)) }})
	ctx, cancel := context.WithCancel(t.Context())
	var running, writing sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	for g := range 4 {
		writing.Go(func() {
			for i := range 500 {
				r.Record(row(g*500 + i))
			}
		})
	}
	writing.Wait()
	cancel()
	running.Wait()
	seen := map[int64]bool{}
	broken, err := capture.Read(t.Context(), l.Zone("logs"), func(c *capture.Record) error {
		seen[c.Time.Unix()] = true
		assert.InDelta(t, float64(c.Time.Unix()), float64(*c.Features[0]), 0, "time and row belong together")
		assert.Equal(t, "yes", c.Prediction)
		assert.Equal(t, []float32{0.1, 0.9}, c.Output)
		return nil
	})
	require.NoError(t, err)
	assert.Zero(t, broken)
	assert.Len(t, seen, 2000)
	assert.EqualValues(t, 2000, kept.Load())
	assert.Zero(t, dropped.Load())
}

func TestRotation(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	for i := range 12 {
		r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 1, Files: 5})
		r.Record(row(i))
		flush(t, r)
	}
	assert.Len(t, files(t, l), 5)
	var times []int64
	_, err := capture.Read(t.Context(), l.Zone("logs"), func(c *capture.Record) error {
		times = append(times, c.Time.Unix())
		return nil
	})
	require.NoError(t, err)
	assert.ElementsMatch(t, []int64{7, 8, 9, 10, 11}, times, "the newest stay, also across restarts")
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	var dropped, kept int
	r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 1, Files: 5,
		OnDropped: func(n int) { dropped += n }, OnKept: func(n int) { kept += n }})
	for i := range 10_000 { // nobody writes
		r.Record(row(i))
	}
	assert.Equal(t, 10_000-8192, dropped)
	flush(t, r)
	assert.Equal(t, 8192, kept)
	r.Record(row(1))
	flush(t, r)
	assert.Equal(t, 8193, kept, "it goes on afterwards")
}

func TestShare(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	kept := 0
	r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 0.25, Files: 5, OnKept: func(n int) { kept += n }})
	for i := range 8000 {
		r.Record(row(i))
	}
	flush(t, r)
	assert.InDelta(t, 2000, kept, 300)
}

func TestADiskThatFails(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	dropped, kept := 0, 0
	var log strings.Builder
	r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 1, Files: 5,
		Log:    slog.New(slog.NewTextHandler(io.Writer(&log), nil)),
		OnKept: func(n int) { kept += n }, OnDropped: func(n int) { dropped += n }})
	blocker := l.Path("logs", "capture") // a file where the directory should be
	require.NoError(t, os.WriteFile(blocker, nil, 0o600))
	for i := range 3 {
		r.Record(row(i))
		flush(t, r)
	}
	assert.Equal(t, 3, dropped)
	assert.Equal(t, 1, strings.Count(log.String(), "captured rows are lost"), "once, not each time")
	require.NoError(t, os.Remove(blocker))
	r.Record(row(3))
	flush(t, r)
	assert.Equal(t, 1, kept)
}

func TestReadStopsAtAnError(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	r := capture.New(capture.Options{Logs: l.Zone("logs"), Share: 1, Files: 5})
	r.Record(row(1))
	r.Record(row(2))
	flush(t, r)
	calls := 0
	_, err := capture.Read(t.Context(), l.Zone("logs"), func(*capture.Record) error {
		calls++
		return fmt.Errorf("enough")
	})
	require.ErrorContains(t, err, "enough")
	assert.Equal(t, 1, calls)
}
