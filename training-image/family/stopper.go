package family

import (
	"math"

	"github.com/mlpathway/mlpathway/internal/pipeline"
)

// Stopper keeps the learning curve, finds the best round and tells when to stop. It is part of a fit's state.
type Stopper struct {
	// Curve of all rounds so far.
	Curve []Point `json:"curve"`
	// Best is the round with the lowest loss, counted from 1; 0 before the first.
	Best int `json:"best"`
}

// Add takes the losses of a round; trainLoss is NaN where it was not measured. improved tells whether it is the best.
func (s *Stopper) Add(loss, trainLoss float64) (improved bool, err error) {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return false, ErrDiverged
	}
	p := Point{Round: len(s.Curve) + 1, Loss: loss}
	if !math.IsNaN(trainLoss) {
		p.TrainLoss = trainLoss
	}
	s.Curve = append(s.Curve, p)
	if s.Best == 0 || loss < s.Curve[s.Best-1].Loss {
		s.Best = p.Round
		return true, nil
	}
	return false, nil
}

// Stop tells whether the loss has not improved for so many rounds; never for 0.
func (s *Stopper) Stop(after int) bool { return after > 0 && len(s.Curve)-s.Best >= after }

// Kept is the round that is kept and its loss: the best, or the last where early stopping is off.
func (s *Stopper) Kept(p *pipeline.Parameters) (round int, loss float64) {
	round = s.Best
	if p.EarlyStopping == nil || *p.EarlyStopping == 0 {
		round = len(s.Curve)
	}
	return round, s.Curve[round-1].Loss
}

// Tell gives a round to whoever wants to know.
func (r *Request) Tell(s *Stopper, of int, state func() ([]byte, error)) error {
	if r.Each == nil {
		return nil
	}
	last := s.Curve[len(s.Curve)-1]
	best, _ := s.Kept(&r.Spec.Model.Parameters)
	round := Round{Number: last.Round, Of: of, Loss: last.Loss, TrainLoss: last.TrainLoss, Best: best, State: state}
	if last.TrainLoss == 0 {
		round.TrainLoss = math.NaN()
	}
	return r.Each(round)
}
