// Package evaluate measures a candidate on the test rows, beside the version that is served now, and decides whether
// it may be promoted.
package evaluate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlpathway/mlpathway/internal/quality"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/candidate"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/mlflow"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// Run does the step. Needed options: Run, Pipeline, Features, Models, Logs, Alias.
func Run(ctx context.Context, o step.Options) error {
	return step.Do(ctx, o, "evaluate", func(ctx context.Context, j *step.Job) error {
		models, err := j.Zone(ctx, j.Models)
		if err != nil {
			return err
		}
		features, err := j.Zone(ctx, j.Features)
		if err != nil {
			return err
		}
		set, err := featureset.Read(ctx, features, j.Record.Features, j.Spec,
			featureset.Selection{Parts: []string{registry.TestPart}})
		if err != nil {
			return err
		}
		e := &evaluation{Job: j, rows: set[registry.TestPart], store: candidate.New(models, j.Spec.Name, j.Record.ID)}
		return e.run(ctx, registry.New(models))
	})
}

// evaluation is the step at work.
type evaluation struct {
	*step.Job
	rows  *featureset.Table
	store *candidate.Store
}

func (e *evaluation) run(ctx context.Context, reg *registry.Registry) error {
	info, err := e.store.Info(ctx)
	if err != nil {
		return err
	}
	predictions, err := e.predictions(ctx, info)
	if err != nil {
		return fmt.Errorf("the candidate: %w", err)
	}
	m := &registry.Metrics{Rows: e.rows.Rows(), Importance: info.Importance,
		Candidate:   quality.Measure(e.Spec.Task, predictions, e.rows.Labels),
		Calibration: quality.Calibration(e.Spec.Task, len(e.Spec.Classes()), predictions, e.rows.Labels),
		Confusion:   quality.Confusion(e.Spec.Task, len(e.Spec.Classes()), predictions, e.rows.Labels)}
	against, err := e.current(ctx, reg, m)
	if err != nil {
		return err
	}
	if err := e.store.WriteMetrics(ctx, m); err != nil {
		return err
	}
	decision := Decide(e.Spec.Gate, m, against)
	e.Record.Decision = &decision
	e.Say("on %d test rows: %s", m.Rows, words(m.Candidate))
	if m.Current != nil {
		e.Say("%s, which is served now, on the same rows: %s", m.CurrentVersion, words(m.Current))
	}
	e.Say("%s: %s", map[bool]string{true: "promote", false: "do not promote"}[decision.Promoted], decision.Reason)
	e.track(ctx, m, decision)
	return nil
}

// track tells MLflow what was measured, where there is a server. That it cannot be told is no reason to fail.
func (e *evaluation) track(ctx context.Context, m *registry.Metrics, decision registry.Decision) {
	r := mlflow.Report{Model: e.Spec.Name, Run: e.Record.ID,
		Tags: map[string]string{"promoted": strconv.FormatBool(decision.Promoted), "reason": decision.Reason}}
	for name, value := range m.Candidate {
		r.Metrics = append(r.Metrics, mlflow.Metric{Name: "test_" + name, Value: value})
	}
	if err := mlflow.Send(ctx, e.Tracking, r); err != nil {
		e.Say("note: %s", err)
	}
}

// current measures the served version on the same rows. against says why that cannot be done; it is empty where it
// was done, or where no version is served.
func (e *evaluation) current(ctx context.Context, reg *registry.Registry, m *registry.Metrics,
) (against string, err error) {
	alias, err := reg.Resolve(ctx, e.Spec.Name, e.Alias)
	if errors.Is(err, registry.ErrNoAlias) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	m.CurrentVersion = alias.Version
	v, err := reg.Open(ctx, e.Spec.Name, alias.Version)
	if err != nil {
		return "", fmt.Errorf("opening the version that is served now: %w", err)
	}
	if v.Manifest.Label != e.Spec.Label || !slices.Equal(v.Manifest.Classes, e.Spec.Classes()) ||
		v.Manifest.Task != string(e.Spec.Task) {
		return "it answers another question (its label, classes or task differ)", nil
	}
	served, err := open(v.Model, v.Manifest.Inputs, v.Manifest.Classes)
	if err != nil {
		return "", fmt.Errorf("reading the version that is served now: %w", err)
	}
	predictions, err := served.predict(e.rows)
	if missing := missingInput(""); errors.As(err, &missing) {
		return missing.Error(), nil // another set of inputs is a reason not to compare, no failure
	}
	if err != nil {
		return "", fmt.Errorf("computing the version that is served now: %w", err)
	}
	m.Current = quality.Measure(e.Spec.Task, predictions, e.rows.Labels)
	return "", nil
}

// words writes metrics in the order of their names.
func words(metrics map[string]float64) string {
	var parts []string
	for name, value := range metrics {
		parts = append(parts, fmt.Sprintf("%s %.4f", name, value))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
