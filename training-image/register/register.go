// Package register turns a judged candidate into a version of the model registry.
package register

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/candidate"
	"github.com/mlpathway/mlpathway/training-image/card"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// Run does the step. Needed options: Run, Pipeline, Models, Logs, Alias; Metadata where there is such.
//
// The version becomes visible with its manifest; what follows (metadata row, alias, candidate) can be done again, so a
// step that was killed is completed by running it again, and by the etl of the next run.
func Run(ctx context.Context, o step.Options) error {
	return step.Do(ctx, o, "register", func(ctx context.Context, j *step.Job) error {
		models, err := j.Zone(ctx, j.Models)
		if err != nil {
			return err
		}
		reg := registry.New(models)
		store := candidate.New(models, j.Spec.Name, j.Record.ID)
		manifest, err := write(ctx, j, reg, store)
		if err != nil {
			return err
		}
		return Complete(ctx, j, reg, manifest)
	})
}

// write registers the candidate, or finds it registered by this run already.
func write(ctx context.Context, j *step.Job, reg *registry.Registry, store *candidate.Store,
) (*registry.Manifest, error) {
	if done, err := reg.Trained(ctx, j.Spec.Name, j.Record.DataVersion, j.Record.PipelineHash); err != nil ||
		done != nil && done.Run == j.Record.ID {
		return done, err
	}
	v, err := version(ctx, j, store)
	if err != nil {
		return nil, err
	}
	if err := reg.Register(ctx, v); err != nil {
		return nil, err
	}
	j.Say("registered %s %s", v.Manifest.Name, v.Manifest.Version)
	return &v.Manifest, nil
}

func version(ctx context.Context, j *step.Job, store *candidate.Store) (*registry.Version, error) {
	info, err := store.Info(ctx)
	if err != nil {
		return nil, err
	}
	model, optimization, err := chosen(ctx, store, info)
	if err != nil {
		return nil, err
	}
	metrics, err := store.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	profile, err := store.Profile(ctx)
	if err != nil {
		return nil, err
	}
	if j.Record.Decision == nil {
		return nil, errors.New("the gate has not decided: run evaluate first")
	}
	spec, run := j.Spec, j.Record
	v := &registry.Version{Model: model, Metrics: *metrics, Profile: *profile, Manifest: registry.Manifest{
		Name: spec.Name, Version: Name(run, registry.Sum(model)), Created: time.Now().UTC(), Task: string(spec.Task),
		Family: spec.Model.Family, Inputs: info.Inputs, Label: spec.Label, Classes: spec.Classes(), Run: run.ID,
		DataVersion: run.DataVersion, PipelineHash: run.PipelineHash, Rows: info.Rows, Parameters: parameters(spec, info),
		Seed: spec.Model.Seed, Libraries: info.Libraries, Ranks: info.Ranks, CodeVersion: j.Code,
		Optimization: optimization, Importance: info.Importance, Decision: *run.Decision,
	}}
	c := card.Card{Manifest: &v.Manifest, Metrics: metrics, Profile: profile, Curve: info.Curve, Kept: info.Rounds,
		LossName: family.LossName(spec.Task)}
	v.Files, err = c.Write()
	return v, err
}

// chosen reads the model that is registered: the optimized one where evaluate has taken it.
func chosen(ctx context.Context, store *candidate.Store, info *candidate.Info) ([]byte, *registry.Optimization, error) {
	if info.Optimized == "" {
		model, err := store.Model(ctx, info)
		return model, nil, err
	}
	o, err := store.Optimization(ctx)
	if err != nil {
		return nil, nil, err
	}
	read := store.Model
	if o.Accepted {
		read = store.Optimized
	}
	model, err := read(ctx, info)
	return model, o, err
}

// parameters are those that the model was trained with.
func parameters(spec *pipeline.Spec, info *candidate.Info) pipeline.Parameters {
	if info.Parameters != nil {
		return *info.Parameters
	}
	return spec.Model.Parameters
}

// Name makes the name of a version out of the start of its run and the sum of its model, so that a run that registers
// twice gives the same name.
func Name(run *registry.Run, sum string) string {
	return run.Started.UTC().Format("20060102T150405.000Z") + "-" + sum[:8]
}

// Complete does what follows the registration of a version: the metadata row, the alias, the removal of the
// candidate, the end of the run record. Where all of that is done it changes nothing.
func Complete(ctx context.Context, j *step.Job, reg *registry.Registry, m *registry.Manifest) error {
	record := j.Record
	if m.Run != record.ID {
		var err error
		if record, err = registry.ReadRun(ctx, j.Logs(), m.Run); err != nil {
			return err
		}
		if record == nil || record.Status == registry.Registered {
			return nil // that run has ended as it should
		}
		record.Error = ""
	}
	if err := putRow(ctx, j, reg, m); err != nil {
		return err
	}
	if err := promote(ctx, j, reg, m); err != nil {
		return err
	}
	models, err := j.Zone(ctx, j.Models)
	if err != nil {
		return err
	}
	if err := candidate.New(models, m.Name, m.Run).Remove(ctx); err != nil {
		return err
	}
	record.Status, record.Version, record.Decision = registry.Registered, m.Version, &m.Decision
	record.Ended = time.Now().UTC()
	return registry.WriteRun(ctx, j.Logs(), record) // last: a run that has ended is not looked at again
}

func promote(ctx context.Context, j *step.Job, reg *registry.Registry, m *registry.Manifest) error {
	if !m.Decision.Promoted {
		j.Say("%s stays as it is: %s", j.Alias, m.Decision.Reason)
		return nil
	}
	current, err := reg.Resolve(ctx, m.Name, j.Alias)
	switch {
	case errors.Is(err, registry.ErrNoAlias):
	case err != nil:
		return err
	case current.Version == m.Version:
		return nil
	case m.Run != j.Record.ID && current.Version > m.Version:
		return nil // a later version was promoted since that run was stopped
	}
	if err := reg.Promote(ctx, m.Name, j.Alias, m.Version); err != nil {
		return err
	}
	j.Say("%s is now %s: %s", j.Alias, m.Version, m.Decision.Reason)
	return nil
}

func putRow(ctx context.Context, j *step.Job, reg *registry.Registry, m *registry.Manifest) error {
	if j.Metadata == "" {
		return nil
	}
	v, err := reg.Open(ctx, m.Name, m.Version)
	if err != nil {
		return fmt.Errorf("reading back the version: %w", err)
	}
	status := metadata.NotPromoted
	if m.Decision.Promoted {
		status = metadata.Promoted
	}
	return metadata.Put(ctx, j.Metadata, metadata.Row{TrainingJobName: m.Name + "-" + m.Run, ModelVersion: m.Version,
		Metrics: v.Metrics.Candidate, Timestamp: m.Created, Status: status, DataVersion: m.DataVersion,
		Reason: m.Decision.Reason})
}
