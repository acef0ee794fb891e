package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/checkpoint"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/progress"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Options of the step.
type Options struct {
	step.Options
	// Open gives the XGBoost library; xgboost.Open unless a test has its own.
	Open func() (*xgboost.Library, error)
	// Place is where it runs.
	Place platform.Place
	// Checkpoints is the URI or the directory for checkpoints; that of the place where it is empty, and else the models
	// zone.
	Checkpoints string
	// CheckpointRounds saves a checkpoint after so many rounds; 0 does not.
	CheckpointRounds int
	// CheckpointEvery saves a checkpoint after so long; 0 does not.
	CheckpointEvery time.Duration
	// Join bounds the time until all ranks are there, Silence that without a sign of life of one.
	Join, Silence time.Duration
	// Distribution of several ranks: data, the only one that trees know.
	Distribution string
	// Trial measures parameters for a platform's own search and makes no candidate.
	Trial bool
	// Terminal takes the bar; nil where nobody looks.
	Terminal io.Writer
	// Log takes progress as structured lines; nil for none.
	Log *slog.Logger
	// MetricsAddress serves Prometheus metrics, MetricsPush is a Pushgateway; empty for none.
	MetricsAddress, MetricsPush string
	// Abort ends the process where the library does not return after the loss of a rank.
	Abort func(error)
}

// session is a training at work, with all that surrounds a fit.
type session struct {
	o Options
	*step.Job
	spec    *pipeline.Spec // with the parameters of the platform or of the search
	set     featureset.Set
	facts   *featureset.Facts
	profile *registry.Profile
	store   *checkpoint.Store // of rank 0
	request string            // identifies what is trained, for the checkpoint
	saved   time.Time
	team    *team // nil where it trains alone
	tell    *progress.Reporter
	stop    context.Context // ended when the process is told to stop
}

// fit trains, from the checkpoint on where there is one.
func (s *session) fit(ctx context.Context) (fitted *family.Fitted, err error) {
	s.stop = ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx)) // a fit is stopped between rounds, by each
	defer cancel(nil)
	open := s.o.Open
	if s.o.Place.World > 1 {
		if s.team, err = s.gather(s.stop, cancel); err != nil {
			return nil, err
		}
		defer func() { s.team.end(err) }()
		open = func() (*xgboost.Library, error) { return s.team.collective.Library(), nil }
	}
	f, err := Family(s.spec, open)
	if err != nil {
		return nil, err
	}
	mine := featureset.Selection{Rank: s.o.Place.Rank, World: s.o.Place.World}
	if s.set, s.facts, err = Read(s.stop, s.Job, mine, s.exchange); err != nil {
		return nil, s.explain(err)
	}
	r := Request(s.spec, s.set, s.each)
	mean := s.facts.Mean()
	r.Mean, r.Exchange = &mean, s.exchange
	round, err := s.resume(s.stop, r)
	if err != nil {
		return nil, s.explain(err)
	}
	if s.tell, err = s.reporter(s.stop, round); err != nil {
		return nil, err
	}
	fitted, err = f.Fit(ctx, r)
	if err = errors.Join(s.explain(err), s.tell.Close()); err != nil {
		return nil, err
	}
	if s.team != nil {
		if err := s.team.confirm(fitted); err != nil {
			return nil, err
		}
	}
	if s.o.Trial {
		return fitted, nil
	}
	return fitted, s.describe(fitted)
}

// exchange lets the ranks put together what each of them knows of its own rows.
func (s *session) exchange(own []byte, merge func([][]byte) ([]byte, error)) ([]byte, error) {
	if s.team == nil {
		return family.Alone(own, merge)
	}
	return s.team.group.Exchange(own, merge)
}

// describe makes the profile of the training rows, of which each rank counts its own.
func (s *session) describe(f *family.Fitted) error {
	loaded, err := f.Model.Load()
	if err != nil {
		return err
	}
	s.profile, err = family.Profile(s.spec.Task, loaded, s.set[registry.TrainPart], s.exchange)
	return s.explain(err)
}

// explain gives the loss of a rank as the reason of an error, where it is.
func (s *session) explain(err error) error {
	if err == nil || s.team == nil || errors.Is(err, step.ErrStopped) {
		return err
	}
	return s.team.explain(err)
}

func (s *session) reporter(ctx context.Context, round int) (*progress.Reporter, error) {
	o := progress.Options{Labels: map[string]string{"model": s.spec.Name, "run": s.Record.ID}}
	if s.o.Place.Rank == 0 {
		o.Terminal, o.Log, o.Address, o.Push = s.o.Terminal, s.o.Log, s.o.MetricsAddress, s.o.MetricsPush
	}
	return progress.New(ctx, o, round)
}

// resume puts the state of the checkpoint into a request. Rank 0 reads it and gives it to the others.
func (s *session) resume(ctx context.Context, r *family.Request) (round int, err error) {
	s.saved = time.Now()
	if s.o.Place.Rank == 0 && !s.o.Trial {
		if err := s.openStore(ctx); err != nil {
			return 0, err
		}
		var note string
		if round, r.Resume, note, err = s.store.Load(ctx, s.request); err != nil {
			return 0, err
		}
		if note != "" {
			s.Say("the checkpoint is not used: %s", note)
		}
	}
	if s.team != nil {
		if r.Resume, err = s.team.collective.Broadcast(r.Resume); err != nil {
			return 0, err
		}
	}
	if round > 0 {
		s.Say("goes on after round %d, from a checkpoint", round)
	}
	return round, nil
}

// openStore finds the place of the checkpoint and what it must be of.
func (s *session) openStore(ctx context.Context) (err error) {
	address := s.o.Checkpoints
	if address == "" {
		address = s.o.Place.Checkpoints
	}
	if address == "" {
		address = s.Models
	}
	s.store, err = checkpoint.Open(ctx, address, s.spec.Name+"/candidates/"+s.Record.ID+"/checkpoint")
	if err != nil {
		return err
	}
	version := ""
	if s.spec.Model.Family == pipeline.Trees {
		library, err := s.o.Open()
		if err != nil {
			return err
		}
		version = library.Version()
	}
	data, err := json.Marshal([]any{s.Record.DataVersion, s.Record.PipelineHash, s.Record.Features,
		s.spec.Model.Parameters, s.spec.Model.Seed, s.o.Place.World, version})
	s.request = registry.Sum(data)
	return err
}

// each is called after each round: it tells about it, saves checkpoints, and stops where the process was told to.
func (s *session) each(r family.Round) error {
	if s.o.Terminal == nil { // the bar says it there
		tell(s.Job, r)
	}
	s.tell.Round(progress.State{Round: r.Number, Of: r.Of, Best: r.Best, Loss: r.Loss,
		LossName: family.LossName(s.spec.Task)})
	stop := s.stop.Err() != nil
	if s.team != nil {
		var err error
		if stop, err = s.team.agree(r, stop); err != nil {
			return err
		}
	}
	if !stop && !s.due(r.Number) {
		return nil
	}
	if s.store != nil {
		state, err := r.State()
		if err != nil {
			return err
		}
		if err := s.store.Save(context.WithoutCancel(s.stop), s.request, r.Number, state); err != nil {
			return err
		}
		s.saved = time.Now()
	}
	if stop {
		s.Say("stops after round %d", r.Number)
		return fmt.Errorf("%w (a checkpoint holds the %d rounds so far)", step.ErrStopped, r.Number)
	}
	return nil
}

// due tells whether it is time for a checkpoint.
func (s *session) due(round int) bool {
	return s.o.CheckpointRounds > 0 && round%s.o.CheckpointRounds == 0 ||
		s.o.CheckpointEvery > 0 && time.Since(s.saved) >= s.o.CheckpointEvery
}

// close removes the checkpoint of a training that has come to its end, and releases the place.
func (s *session) close(ctx context.Context, done bool) error {
	if s.store == nil {
		return nil
	}
	var err error
	if done {
		err = s.store.Remove(ctx)
	}
	return errors.Join(err, s.store.Close())
}
