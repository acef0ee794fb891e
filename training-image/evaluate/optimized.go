package evaluate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/quality"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/candidate"
)

// predictions are those of the candidate on the test rows: of its optimized form where that has lost little.
func (e *evaluation) predictions(ctx context.Context, info *candidate.Info) ([]float32, error) {
	data, err := e.store.Model(ctx, info)
	if err != nil {
		return nil, err
	}
	plain, before, err := e.measure(data, info.Inputs)
	if err != nil {
		return nil, err
	}
	data, err = e.store.Optimized(ctx, info)
	if err != nil || data == nil {
		return plain, err
	}
	optimized, after, err := e.measure(data, info.Inputs)
	if err != nil {
		return nil, err
	}
	o := Compare(e.Spec, info.Optimization, before, after)
	e.Say("optimized (%s): %d bytes instead of %d, %.1f us for a row instead of %.1f; %s", o.Done, after.Bytes,
		before.Bytes, after.Microseconds, before.Microseconds, o.Reason)
	if err := e.store.WriteOptimization(ctx, o); err != nil {
		return nil, err
	}
	if o.Accepted {
		return optimized, nil
	}
	return plain, nil
}

func (e *evaluation) measure(data []byte, inputs []registry.Input) ([]float32, *registry.Measured, error) {
	model, err := open(data, inputs, e.Spec.Classes())
	if err != nil {
		return nil, nil, err
	}
	predictions, err := model.predict(e.rows)
	if err != nil {
		return nil, nil, err
	}
	m := &registry.Measured{SHA256: registry.Sum(data), Bytes: len(data),
		Metrics: quality.Measure(e.Spec.Task, predictions, e.rows.Labels)}
	out := make([]float32, model.Outputs())
	var times []float64
	for i := range 300 {
		begun := time.Now()
		if err := model.Predict(e.rows.Row(i%e.rows.Rows()), 1, out); err != nil {
			return nil, nil, err
		}
		times = append(times, float64(time.Since(begun).Nanoseconds())/1000)
	}
	slices.Sort(times)
	m.Microseconds = times[len(times)/2]
	return predictions, m, nil
}

// Compare decides whether the optimized model takes the place of the one that was trained: its metric of the gate may
// be worse by no more than the tolerance, and must pass the gate's threshold where the other does.
func Compare(spec *pipeline.Spec, done string, before, after *registry.Measured) *registry.Optimization {
	o := &registry.Optimization{Done: done, Before: *before, After: *after}
	gate, tolerance := spec.Gate, *spec.Model.Optimize.Tolerance
	was, ok1 := before.Metrics[gate.Metric]
	is, ok2 := after.Metrics[gate.Metric]
	loss, passed, passes := was-is, was >= gate.Threshold, is >= gate.Threshold
	if !gate.HigherIsBetter() {
		loss, passed, passes = is-was, was <= gate.Threshold, is <= gate.Threshold
	}
	change := fmt.Sprintf("%s is %.4f and was %.4f; it may lose %v", gate.Metric, is, was, tolerance)
	switch {
	case !ok1 || !ok2:
		o.Reason = fmt.Sprintf("refused: %s cannot be computed on the test rows", gate.Metric)
	case loss > tolerance:
		o.Reason = "refused: " + change
	case passed && !passes:
		o.Reason = fmt.Sprintf("refused: %s, and the threshold %v of the gate is not reached any more", change,
			gate.Threshold)
	default:
		o.Accepted, o.Reason = true, "taken: "+change
	}
	return o
}
