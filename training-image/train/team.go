package train

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/ranks"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// grace is the time that the library has to return after the loss of a rank.
const grace = 15 * time.Second

// team is this rank's membership in a distributed training.
type team struct {
	group      *ranks.Group
	collective *xgboost.Collective
	tracker    *xgboost.Tracker // of rank 0
	rank       int
	ended      chan struct{}
}

// gather brings the ranks together. stop is called when one is lost; where that does not help, the process is aborted.
func (s *session) gather(ctx context.Context, stop context.CancelCauseFunc) (*team, error) {
	if s.spec.Model.Family != pipeline.Trees {
		return nil, fmt.Errorf("the family %s trains in one process: ask for one node", s.spec.Model.Family)
	}
	if s.o.Distribution != "" && s.o.Distribution != "data" {
		return nil, fmt.Errorf("the distribution %q is not known to trees: ask for data", s.o.Distribution)
	}
	library, err := s.o.Open()
	if err != nil {
		return nil, err
	}
	t := &team{rank: s.o.Place.Rank, ended: make(chan struct{})}
	t.group, err = ranks.Join(ctx, ranks.Options{Rank: s.o.Place.Rank, World: s.o.Place.World,
		Coordinator: s.o.Place.Coordinator, Join: s.o.Join, Silence: s.o.Silence,
		Job: s.Record.ID + " on XGBoost " + library.Version()}, func() (int, error) { return t.track(library, &s.o) })
	if err != nil {
		if t.tracker != nil {
			t.tracker.Close()
		}
		if errors.Is(err, ranks.ErrLost) {
			return nil, fmt.Errorf("%w: %w", step.ErrStopped, err)
		}
		return nil, err
	}
	go t.guard(stop, s.o.Abort)
	t.collective, err = library.Join(t.group.TrackerHost, t.group.TrackerPort, s.o.Place.Rank, s.o.Place.World)
	if err != nil {
		err = t.explain(err)
		t.end(err)
		return nil, err
	}
	s.Say("rank %d of %d", s.o.Place.Rank, s.o.Place.World)
	return t, nil
}

// track starts the tracker at the address by which the others know rank 0.
func (t *team) track(library *xgboost.Library, o *Options) (int, error) {
	host, _, err := net.SplitHostPort(o.Place.Coordinator)
	if err != nil {
		return 0, err
	}
	addresses, err := net.LookupHost(host)
	if err != nil {
		return 0, fmt.Errorf("starting the tracker: %w", err)
	}
	t.tracker, err = library.NewTracker(addresses[0], o.Place.World)
	if err != nil {
		return 0, err
	}
	return t.tracker.Port, nil
}

// guard ends a training that has lost a rank, if need be with the process: the library may wait for ever.
func (t *team) guard(stop context.CancelCauseFunc, abort func(error)) {
	select {
	case <-t.ended:
		return
	case <-t.group.Lost():
	}
	stop(t.group.Err())
	select {
	case <-t.ended:
	case <-time.After(grace):
		if abort != nil {
			abort(fmt.Errorf("%w: %w", step.ErrStopped, t.group.Err()))
		}
	}
}

// agree makes sure after each round that all ranks are as far and have the same loss, and lets all of them stop where
// one was told to.
func (t *team) agree(r family.Round, stop bool) (bool, error) {
	halt, err := t.group.Agree(r.Number, strconv.FormatFloat(r.Loss, 'x', -1, 64), stop)
	return halt, t.explain(err)
}

// confirm makes sure that all ranks hold the same model, byte for byte, and that none is lost. Nothing is kept
// otherwise.
func (t *team) confirm(f *family.Fitted) error {
	data, err := f.Model.Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := t.group.Agree(-1, registry.Sum(data), false); err != nil {
		return t.explain(err)
	}
	_ = t.collective.Leave() // the model is agreed on; whoever is lost from now on does not matter
	t.collective = nil
	return nil
}

// explain gives the loss of a rank as the reason of an error.
func (t *team) explain(err error) error {
	if err == nil {
		return nil
	}
	if err = t.group.Explain(err); errors.Is(err, ranks.ErrLost) {
		return fmt.Errorf("%w: %w", step.ErrStopped, err)
	}
	return err
}

// end leaves the others: in good order after confirm; without a word where this rank has failed, so that they know.
func (t *team) end(err error) {
	if err == nil || errors.Is(err, step.ErrStopped) && t.group.Err() == nil {
		t.group.Leave()
	} else {
		t.group.Break()
	}
	close(t.ended)
	if t.tracker != nil {
		t.tracker.Close()
	}
}
