// Package watch starts a pipeline run when the raw zone or pipeline.yaml has changed since the last one.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/source"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// Options of the watcher.
type Options struct {
	// Raw, Pipeline and Logs are URIs as in step.Options.
	Raw      string
	Pipeline string
	Logs     string
	// Notify is what starts a run: http://host/path or unix:///path/to.sock:/path.
	Notify string
	// TokenFile holds the bearer token that Notify asks for. Default none.
	TokenFile string
	// State is a file that remembers what a run was last asked for. With it the watcher looks at all objects of Raw, and
	// at no pipeline and no run record: for a process that is no pipeline.
	State string
	// Interval between two looks.
	Interval time.Duration
	// Log takes a line for each change of state.
	Log *slog.Logger
}

// maxPause is the longest wait between two attempts to start the same run.
const maxPause = time.Minute

// Run watches until ctx ends. Trouble (a zone that is away, a supervisor that does not answer) is logged once and
// tried again; only wrong options are an error.
func Run(ctx context.Context, o Options) error {
	if o.Interval <= 0 {
		return fmt.Errorf("watch: the interval %v must be above 0", o.Interval)
	}
	notify, err := newNotifier(o.Notify)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	notify.token = o.TokenFile
	w := &watcher{Options: o, notify: notify.post, now: time.Now}
	ticker := time.NewTicker(o.Interval)
	defer ticker.Stop()
	for {
		w.poll(ctx)
		select {
		case <-ctx.Done():
			o.Log.Info("stopped")
			return nil
		case <-ticker.C:
		}
	}
}

// watcher is what is known between two looks.
type watcher struct {
	Options
	notify func(ctx context.Context) error
	now    func() time.Time

	state    string // the last one that was logged
	last     string // the fingerprint of the last look
	asked    string // the fingerprint for which a run was asked
	attempts int    // how often it was asked
	next     time.Time
}

// poll looks once and asks for a run where one is due.
func (w *watcher) poll(ctx context.Context) {
	fingerprint, reason, err := w.look(ctx)
	settled := fingerprint == w.last
	w.last = fingerprint
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.enter(slog.LevelWarn, "cannot look, will try again", "error", err.Error())
	case fingerprint == "":
		w.enter(slog.LevelInfo, "the zone holds nothing to run on: waiting", "zone", w.Raw)
	case reason == "":
		w.asked, w.attempts = "", 0
		w.enter(slog.LevelInfo, "up to date")
	case !settled:
		w.enter(slog.LevelInfo, "something has changed: waiting until it is settled", "reason", reason)
	default:
		w.ask(ctx, fingerprint, reason)
	}
}

// look gives the fingerprint of what is there now, empty where there is nothing to train from, and the reason for a
// run, empty where none is due.
func (w *watcher) look(ctx context.Context) (fingerprint, reason string, err error) {
	raw, err := lake.Open(ctx, w.Raw)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = raw.Close() }()
	if w.State != "" {
		return w.lookZone(ctx, raw)
	}
	spec, err := step.ReadPipeline(ctx, w.Pipeline)
	if err != nil {
		return "", "", err
	}
	files, _, err := source.List(ctx, raw, step.Format(spec))
	if err != nil || len(files) == 0 {
		return "", "", err
	}
	logs, err := lake.Open(ctx, w.Logs)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = logs.Close() }()
	run, err := registry.LatestRun(ctx, logs)
	if err != nil {
		return "", "", err
	}
	fingerprint = step.Fingerprint(files, spec)
	switch {
	case run == nil:
		reason = "nothing has been trained yet"
	case run.Fingerprint != fingerprint:
		reason = "the raw zone or pipeline.yaml has changed"
	case run.Status == registry.Running:
		reason = "the run " + run.ID + " has not ended"
	}
	return fingerprint, reason, nil
}

// ask starts a run, and waits longer after each attempt for the same fingerprint: a run may be under way already, or
// may die before it leaves a record.
func (w *watcher) ask(ctx context.Context, fingerprint, reason string) {
	if w.asked != fingerprint {
		w.asked, w.attempts, w.next = fingerprint, 0, time.Time{}
	}
	if w.now().Before(w.next) {
		return
	}
	w.attempts++
	w.next = w.now().Add(min(maxPause, w.Interval<<min(w.attempts, 16)))
	err := w.notify(ctx)
	if err == nil {
		err = w.remember(fingerprint)
	}
	switch {
	case err == nil:
		w.enter(slog.LevelInfo, "asked for a run", "reason", reason)
	case errors.Is(err, errRefused):
		w.enter(slog.LevelInfo, "a run cannot start now (most likely one is under way): will ask again", "reason", reason,
			"answer", err.Error())
	default:
		w.enter(slog.LevelWarn, "cannot ask for a run, will try again", "reason", reason, "error", err.Error())
	}
}

// enter logs a state unless it was the last one that was logged.
func (w *watcher) enter(level slog.Level, message string, args ...any) {
	state := fmt.Sprint(append([]any{message}, args...)...)
	if state == w.state {
		return
	}
	w.state = state
	w.Log.Log(context.Background(), level, message, args...)
}
