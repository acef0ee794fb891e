// Package tune searches for parameters of the model: it trains with many, and keeps those with the lowest loss on the
// validation rows. Trials lie in the models zone, one object each, written when a trial has ended: a search that was
// killed goes on where it was, and processes that share the zone share the work.
package tune

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/candidate"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/mlflow"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/search"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/train"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Options of the step.
type Options struct {
	step.Options
	// Open gives the XGBoost library.
	Open func() (*xgboost.Library, error)
	// Place is where it runs: each of several ranks takes its share of the trials.
	Place platform.Place
	// Trial is the only trial to run, counted from 0; negative for all.
	Trial int
	// Poll is the time between two looks for the trials of others. Default 1 second.
	Poll time.Duration
}

// Run does the step. Needed options: Run, Pipeline, Features, Models, Logs, Open; Metadata where there is such.
func Run(ctx context.Context, o Options) error {
	o.ReadOnly = o.Place.Rank > 0 || o.Trial >= 0
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	return step.Do(ctx, o.Options, "tune", func(ctx context.Context, j *step.Job) error {
		if j.Spec.Tuning == nil {
			j.Say("nothing to do: pipeline.yaml has no section tuning")
			return nil
		}
		r, err := newRun(ctx, o, j)
		if err != nil {
			return err
		}
		defer r.close()
		if err := r.all(ctx); err != nil || o.ReadOnly {
			return err
		}
		return r.finish(ctx)
	})
}

// run is a search at work.
type run struct {
	o Options
	*step.Job
	tuning *pipeline.Tuning
	search *search.Search
	apart  int // a trial is proposed from those that lie so many before it
	models *lake.Zone
	family family.Family
	sets   []featureset.Set // one with the validation part, or one for each fold
	turns  chan struct{}    // of the fits, to compute
	trials []Trial
	done   []chan struct{} // closed when a trial is known
	say    sync.Mutex
}

func newRun(ctx context.Context, o Options, j *step.Job) (*run, error) {
	t := j.Spec.Tuning
	s := search.New(t)
	n := t.Trials
	if t.Strategy == pipeline.GridSearch {
		n = min(n, s.Size())
	}
	if o.Trial >= n {
		return nil, fmt.Errorf("there is no trial %d: the search has %d, counted from 0", o.Trial, n)
	}
	r := &run{
		o: o, Job: j, tuning: t, search: s, apart: max(t.Parallel, o.Place.World), trials: make([]Trial, n),
		done: make([]chan struct{}, n),
	}
	for i := range r.done {
		r.done[i] = make(chan struct{})
	}
	var err error
	if r.models, err = j.Zone(ctx, j.Models); err != nil {
		return nil, err
	}
	if r.family, err = train.Family(j.Spec, o.Open); err != nil {
		return nil, err
	}
	return r, r.read(ctx)
}

// read reads the rows, and divides them into folds where there are such.
func (r *run) read(ctx context.Context) error {
	n := r.tuning.Folds
	set, _, err := train.Read(ctx, r.Job, featureset.Selection{Folds: n > 0}, family.Alone)
	if err != nil {
		return err
	}
	atATime := runtime.GOMAXPROCS(0) / trees.Threads(len(set[registry.TrainPart].Values))
	r.turns = make(chan struct{}, max(r.tuning.Parallel, atATime)) // at least one
	if n == 0 {
		r.sets = []featureset.Set{set}
		return nil
	}
	defer set.Close()
	if r.sets, err = set.Folds(n); err != nil {
		return err
	}
	if r.Spec.Task == pipeline.Binary {
		if err := checkFolds(r.Spec.Classes(), r.sets); err != nil {
			r.close()
			return err
		}
	}
	r.Say("%d rows in %d folds judge the trials", set[registry.TrainPart].Rows()+set[registry.ValidationPart].Rows(), n)
	return nil
}

// checkFolds refuses folds of which one leaves only one of two classes to the others.
func checkFolds(classes []string, sets []featureset.Set) error {
	for i, set := range sets {
		labels := set[registry.TrainPart].Labels
		for class, name := range classes {
			if !slices.Contains(labels, float32(class)) {
				return fmt.Errorf("all rows that are %q lie in fold %d of %d, so that they cannot be learned without it: "+
					"bring more such rows, or leave tuning.folds out of pipeline.yaml", name, i, len(sets))
			}
		}
	}
	return nil
}

func (r *run) close() {
	for _, set := range r.sets {
		set.Close()
	}
}

// mine tells whether this process runs a trial.
func (r *run) mine(trial int) bool {
	if r.o.Trial >= 0 {
		return trial == r.o.Trial
	}
	return trial%r.o.Place.World == r.o.Place.Rank
}

// all runs the trials of this process and, where the result is made, waits for the others. A trial begins when all that
// lie tuning.parallel or more before it are known.
func (r *run) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	last := len(r.trials)
	if r.o.Trial >= 0 {
		last = r.o.Trial + 1
	}
	var group sync.WaitGroup
	for i := range last {
		group.Go(func() {
			if err := r.one(ctx, i); err != nil {
				cancel(err)
				return
			}
			close(r.done[i])
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// one makes a trial known: it is read, run, or waited for.
func (r *run) one(ctx context.Context, i int) error {
	for before := range max(0, i-r.apart+1) {
		select {
		case <-r.done[before]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		t, err := readTrial(ctx, r.models, r.Spec.Name, r.Record.ID, i)
		if err == nil {
			r.trials[i] = *t
			return nil
		}
		if !errors.Is(err, lake.ErrNotFound) {
			return err
		}
		if r.mine(i) {
			return r.try(ctx, i)
		}
		select {
		case <-time.After(r.o.Poll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// known are the trials that a trial is proposed from.
func (r *run) known(i int) []Trial { return r.trials[:max(0, i-r.apart+1)] }

// try runs a trial and writes it down.
func (r *run) try(ctx context.Context, i int) error {
	var seen []search.Observation
	for _, t := range r.known(i) {
		if t.Status != Failed {
			seen = append(seen, search.Observation{Point: t.Parameters, Loss: t.Loss})
		}
	}
	t := Trial{Number: i, Parameters: r.search.Propose(i, seen), Started: time.Now().UTC()}
	if err := r.fit(ctx, &t); err != nil {
		return err
	}
	t.Seconds = time.Since(t.Started).Seconds()
	if err := writeTrial(ctx, r.models, r.Spec.Name, r.Record.ID, &t); err != nil {
		return err
	}
	r.trials[i] = t
	r.tell(&t)
	return r.putRow(ctx, &t)
}

// errPruned ends a fit that a rung has stopped.
var errPruned = errors.New("pruned")

// fit trains with the parameters of a trial. What makes a training fail makes the trial fail, and not the search.
func (r *run) fit(ctx context.Context, t *Trial) error {
	spec, err := r.Spec.With(t.Parameters)
	if err != nil {
		return fmt.Errorf("trial %d: %w", t.Number, err)
	}
	known := r.known(t.Number)
	rounds, loss, err := r.judge(ctx, spec, func(round family.Round) error {
		t.Curve = append(t.Curve, round.Loss)
		if r.tuning.Pruning != nil && prune(r.tuning.Pruning, t, known) {
			return errPruned
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errPruned):
		t.Status, t.Loss, t.Rounds = Pruned, slices.Min(t.Curve), len(t.Curve)
	case err != nil:
		t.Status, t.Error = Failed, err.Error()
	default:
		t.Status, t.Loss, t.Rounds = Done, loss, rounds
	}
	return nil
}

// judge trains with parameters, and gives the rounds that would be kept and the loss after them.
func (r *run) judge(ctx context.Context, spec *pipeline.Spec, each func(family.Round) error) (int, float64, error) {
	var folds []*family.Request
	for _, set := range r.sets { // one fold where the validation rows judge
		folds = append(folds, train.Request(spec, set, nil))
	}
	return family.CrossValidate(ctx, r.family, folds, r.turns, each)
}

// prune is successive halving: at a rung a trial must be among the best of those before it.
func prune(p *pipeline.Pruning, t *Trial, known []Trial) bool {
	rung := p.MinRounds
	for rung < len(t.Curve) {
		rung *= p.Reduction
	}
	if rung != len(t.Curve) {
		return false
	}
	own, better, n := slices.Min(t.Curve), 0, 0
	for _, other := range known {
		if len(other.Curve) >= rung {
			n++
			if slices.Min(other.Curve[:rung]) < own {
				better++
			}
		}
	}
	return n >= p.Reduction && better >= int(math.Ceil(float64(n)/float64(p.Reduction)))
}

// tell says what came of a trial.
func (r *run) tell(t *Trial) {
	r.say.Lock()
	defer r.say.Unlock()
	switch t.Status {
	case Failed:
		r.Say("trial %d failed: %s (%s)", t.Number, t.Error, words(t.Parameters))
	default:
		r.Say("trial %d %s: validation %s %.5f after %d rounds: %s", t.Number, t.Status, family.LossName(r.Spec.Task), t.Loss,
			t.Rounds, words(t.Parameters))
	}
}

func (r *run) putRow(ctx context.Context, t *Trial) error {
	if r.Metadata == "" {
		return nil
	}
	row := metadata.Row{TrainingJobName: fmt.Sprintf("%s-trial-%03d", step.JobName(r.Record), t.Number),
		Timestamp: t.Started, Status: metadata.Trial, DataVersion: r.Record.DataVersion,
		Reason: words(t.Parameters), Metrics: map[string]float64{"validationLoss": t.Loss, "rounds": float64(t.Rounds)}}
	switch t.Status {
	case Pruned:
		row.Status = metadata.Pruned
	case Failed:
		row.Status, row.Reason, row.Metrics = metadata.Failed, row.Reason+": "+t.Error, nil
	case Done:
	}
	return metadata.Put(ctx, r.Metadata, row)
}

// finish puts down the best parameters, the plot and, again, the rows of all trials: a process may have been killed
// between a trial and its row.
func (r *run) finish(ctx context.Context) error {
	best := Best(r.trials)
	if best == nil {
		return fmt.Errorf("all %d trials have failed, the first one so: %s", len(r.trials), r.trials[0].Error)
	}
	for i := range r.trials {
		if err := r.putRow(ctx, &r.trials[i]); err != nil {
			return err
		}
	}
	key := prefix(r.Spec.Name, r.Record.ID) + "trials.html"
	page := Page(r.Spec.Name+", run "+r.Record.ID, family.LossName(r.Spec.Task), r.trials)
	if err := r.models.Write(ctx, key, page); err != nil {
		return err
	}
	if err := candidate.New(r.models, r.Spec.Name, r.Record.ID).WriteTuned(ctx, best.Parameters); err != nil {
		return err
	}
	r.Say("best of %d trials is %d with validation %s %.5f: %s", len(r.trials), best.Number,
		family.LossName(r.Spec.Task), best.Loss, words(best.Parameters))
	r.track(ctx)
	return nil
}

// track tells MLflow the losses of the trials, where there is a server. That it cannot be told is no reason to fail.
func (r *run) track(ctx context.Context) {
	report := mlflow.Report{Model: r.Spec.Name, Run: r.Record.ID}
	for i := range r.trials {
		if t := &r.trials[i]; t.Status == Done {
			report.Metrics = append(report.Metrics, mlflow.Metric{Name: "trial_loss", Value: t.Loss, Step: t.Number})
		}
	}
	if err := mlflow.Send(ctx, r.Tracking, report); err != nil {
		r.Say("note: %s", err)
	}
}

// words writes parameters in the order of their names.
func words(parameters map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		all = append(all, name+" "+parameters[name])
	}
	return strings.Join(all, ", ")
}
