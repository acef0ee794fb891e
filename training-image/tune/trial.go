package tune

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// Status is what came of a trial.
type Status string

// The states of a trial that has ended.
const (
	Done   Status = "done"
	Pruned Status = "pruned"
	Failed Status = "failed"
)

// Trial is one training of a search.
type Trial struct {
	// Number of the trial, from 0.
	Number int `json:"number"`
	// Parameters by their names in model.parameters.
	Parameters map[string]string `json:"parameters"`
	// Status says what came of it.
	Status Status `json:"status"`
	// Loss on the validation rows of the round that would be kept, and that round.
	Loss   float64 `json:"loss"`
	Rounds int     `json:"rounds"`
	// Curve holds the loss after each round.
	Curve []float64 `json:"curve,omitempty"`
	// Error is why it failed.
	Error string `json:"error,omitempty"`
	// Started and Seconds are when it ran and for how long.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
}

// prefix is where the trials of a run lie.
func prefix(model, run string) string { return model + "/tuning/" + run + "/" }

func trialKey(model, run string, number int) string {
	return fmt.Sprintf("%strials/%04d.json", prefix(model, run), number)
}

func readTrial(ctx context.Context, models *lake.Zone, model, run string, number int) (*Trial, error) {
	key := trialKey(model, run, number)
	data, err := models.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	var t Trial
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("reading %s: delete it, and tune runs the trial again: %w", key, err)
	}
	return &t, nil
}

func writeTrial(ctx context.Context, models *lake.Zone, model, run string, t *Trial) error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return models.Write(ctx, trialKey(model, run, t.Number), append(data, '\n'))
}

// Best is the trial with the lowest loss, the first of several; nil where all have failed. A pruned one cannot be it:
// what stopped it was a better one.
func Best(trials []Trial) *Trial {
	var best *Trial
	for i := range trials {
		if t := &trials[i]; t.Status == Done && (best == nil || t.Loss < best.Loss) {
			best = t
		}
	}
	return best
}
