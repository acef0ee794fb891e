package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

const (
	readyPoll = 250 * time.Millisecond
	// promotedGrace is what the process gets to take up a finished run before the run is judged.
	promotedGrace = 30 * time.Second
	// busyAnswers is how many answers of the supervisor in a row may fail on a busy machine.
	busyAnswers = 10
)

// Reasons to stop waiting that a caller may test.
var (
	errRunFailed   = errors.New("the pipeline failed")
	errNotPromoted = errors.New("the new model was not promoted, so there is nothing to serve")
	errTimeout     = errors.New("no answer in time")
)

// waiter waits for the URL of one process.
type waiter struct {
	args   *ReadyArgs
	api    *client
	asker  *http.Client
	logs   *lake.Zone // nil without a pipeline
	report func(format string, args ...any)

	stale       string         // id of the newest run when the wait began, whose result is of an earlier attempt
	retried     bool           // the pipeline was started again because of an unfinished or failed stale run
	sawPipeline bool           // the pipeline was seen running in this wait
	restarts    map[string]int // of the processes when the wait began
	ended       time.Time      // when the newest run was first seen ended
	said        string         // the last progress
	unanswered  int            // answers of the supervisor that failed in a row
}

func newWaiter(ctx context.Context, args *ReadyArgs) (*waiter, error) {
	w := &waiter{args: args, api: newClient(args.Socket), asker: readyClient()}
	if args.Pipeline == "" {
		return w, nil
	}
	logs, err := lake.Open(ctx, args.LogsURI)
	if err != nil {
		return nil, err
	}
	w.logs = logs
	return w, nil
}

func (w *waiter) close() {
	if w.logs != nil {
		_ = w.logs.Close()
	}
}

// wait returns nil when the URL answers, and otherwise the best reason why it will not.
func (w *waiter) wait(ctx context.Context) error {
	timeout := time.Duration(w.args.TimeoutSeconds) * time.Second
	deadline := time.Now().Add(timeout)
	for {
		if answers(ctx, w.asker, w.args.URL) {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		states, err := w.look(ctx)
		if err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %s does not answer 200 after %s: %s: look at %s, or raise the time-out",
				errTimeout, w.args.Process, timeout, describe(states), w.logFile(ctx, w.args.Process))
		}
		if err := pause(ctx, readyPoll); err != nil {
			return err
		}
	}
}

// look asks for the states once, and fails when waiting longer makes no sense.
func (w *waiter) look(ctx context.Context) (map[string]processState, error) {
	states, err := w.api.processes(ctx)
	if err != nil {
		w.unanswered++
		if errors.Is(err, errNotRunning) || w.unanswered > busyAnswers {
			return nil, fmt.Errorf("%w: run `pulumi refresh` and then `pulumi up`", err)
		}
		return nil, nil
	}
	w.unanswered = 0
	run, err := w.latestRun(ctx)
	if err != nil {
		return nil, err
	}
	if w.restarts == nil {
		w.begin(states, run)
	}
	return states, errors.Join(w.judgeProcess(ctx, states), w.judgePipeline(ctx, states, run))
}

func (w *waiter) begin(states map[string]processState, run *registry.Run) {
	w.restarts = map[string]int{}
	for name, state := range states {
		w.restarts[name] = state.Restarts
	}
	if run != nil && !states[w.args.Pipeline].IsRunning {
		w.stale = run.ID
	}
}

func (w *waiter) latestRun(ctx context.Context) (*registry.Run, error) {
	if w.logs == nil {
		return nil, nil
	}
	run, err := registry.LatestRun(ctx, w.logs)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return run, err
}

// judgeProcess fails when the process that should answer cannot.
func (w *waiter) judgeProcess(ctx context.Context, states map[string]processState) error {
	name := w.args.Process
	state, ok := states[name]
	switch {
	case !ok:
		return fmt.Errorf("the supervisor has no process %s: %s", name, describe(states))
	case state.Status == statusError || state.Status == statusCompleted:
		return fmt.Errorf("%s: %w: its status is %s, exit code %d%s", name, errCrashed, state.Status, state.ExitCode,
			tail(w.logFile(ctx, name)))
	case state.Restarts-w.restarts[name] >= crashLoopRestarts:
		return fmt.Errorf("%s: %w: it ended %d times while waiting, last with exit code %d%s", name, errCrashed,
			state.Restarts-w.restarts[name], state.ExitCode, tail(w.logFile(ctx, name)))
	}
	return nil
}

// judgePipeline fails when the newest run has ended without a model to serve. The result of a run from before this
// wait is old news: the pipeline gets another chance, because what made it fail may have been mended since.
func (w *waiter) judgePipeline(ctx context.Context, states map[string]processState, run *registry.Run) error {
	if w.logs == nil {
		return nil
	}
	state, ok := states[w.args.Pipeline]
	switch {
	case !ok:
		return fmt.Errorf("the supervisor has no process %s: %s", w.args.Pipeline, describe(states))
	case state.IsRunning:
		w.sawPipeline, w.ended = true, time.Time{}
		w.progress(run)
		return nil
	case run == nil || run.ID == w.stale:
		return w.judgeStale(ctx, state, run)
	}
	return w.judgeRun(ctx, state, run)
}

// judgeStale deals with a pipeline that does not run and has left no new record.
func (w *waiter) judgeStale(ctx context.Context, state processState, run *registry.Run) error {
	if w.sawPipeline && (state.Status == statusError || state.ExitCode != 0) {
		return fmt.Errorf("%w before it could record a run: exit code %d: mend the cause and run again%s", errRunFailed,
			state.ExitCode, tail(w.logFile(ctx, w.args.Pipeline)))
	}
	if run == nil || w.retried || run.Status == registry.Registered && run.Decision != nil && run.Decision.Promoted {
		return nil
	}
	w.retried = true
	w.report("the last run, %s, made no model to serve: starting the pipeline again", run.ID)
	if err := w.api.start(ctx, w.args.Pipeline); err != nil {
		// Somebody else may have started it in this moment; if not, the time-out tells.
		w.report("starting the pipeline: %v", err)
	}
	return nil
}

// judgeRun deals with a run of this wait after the pipeline has ended.
func (w *waiter) judgeRun(ctx context.Context, state processState, run *registry.Run) error {
	switch run.Status {
	case registry.Failed:
		return fmt.Errorf("%w in run %s: %s\nThe log is %s. Mend the cause and run again", errRunFailed, run.ID, run.Error,
			w.logFile(ctx, w.args.Pipeline))
	case registry.Running:
		if state.ExitCode == 0 {
			return nil // its last record is on its way
		}
		return fmt.Errorf("%w in run %s after the steps [%s]: exit code %d: mend the cause and run again%s", errRunFailed,
			run.ID, stepNames(run), state.ExitCode, tail(w.logFile(ctx, w.args.Pipeline)))
	case registry.Registered, registry.Unchanged:
	}
	if w.ended.IsZero() {
		w.ended = time.Now()
	}
	if run.Decision != nil && run.Decision.Promoted || time.Since(w.ended) < promotedGrace {
		return nil
	}
	reason := "it found nothing new to train"
	if run.Decision != nil {
		reason = run.Decision.Reason
	}
	return fmt.Errorf("%w: run %s: %s: improve the data or the model, or change the promotion gate in pipeline.yaml, "+
		"and run again", errNotPromoted, run.ID, reason)
}

func (w *waiter) progress(run *registry.Run) {
	if run == nil || run.ID == w.stale {
		w.say("waiting for the first step of the pipeline")
		return
	}
	w.say("the pipeline has done: " + stepNames(run))
}

// say reports what is new, because it is called with every look.
func (w *waiter) say(progress string) {
	if progress != w.said {
		w.report("%s", progress)
	}
	w.said = progress
}

func stepNames(run *registry.Run) string {
	names := make([]string, len(run.Steps))
	for i, step := range run.Steps {
		names[i] = step.Name
	}
	return strings.Join(names, ", ")
}

// describe names the state of every process.
func describe(states map[string]processState) string {
	lines := make([]string, 0, len(states))
	for name, state := range states {
		line := name + " " + strings.ToLower(state.Status)
		if state.ExitCode != 0 {
			line += fmt.Sprintf(" (exit code %d)", state.ExitCode)
		}
		if state.Restarts > 0 {
			line += fmt.Sprintf(" (%d restarts)", state.Restarts)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// logFile gives the path of a process's log, as the supervisor knows it.
func (w *waiter) logFile(ctx context.Context, process string) string {
	info, err := w.api.info(ctx, process)
	if err != nil {
		return "logs/" + process + ".log"
	}
	return info.LogLocation
}
