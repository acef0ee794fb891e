// Package train fits a model to the training rows, stops by the validation rows and writes the model as ONNX. The test
// rows are not looked at.
package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/candidate"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/linear"
	"github.com/mlpathway/mlpathway/training-image/mlp"
	"github.com/mlpathway/mlpathway/training-image/optimize"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Run does the step. Needed options: Run, Pipeline, Features, Models, Logs, Open.
func Run(ctx context.Context, o Options) error {
	o.ReadOnly = o.Place.Rank > 0 || o.Trial
	return step.Do(ctx, o.Options, "train", func(ctx context.Context, j *step.Job) (err error) {
		s := &session{o: o, Job: j}
		if s.spec, err = chosen(ctx, j, o.Place.Parameters); err != nil {
			return err
		}
		fitted, err := s.fit(ctx)
		defer s.set.Close()
		if err != nil {
			return errors.Join(err, s.close(ctx, false))
		}
		j.Say("%d rounds kept, validation %s %.5f", fitted.Rounds, family.LossName(j.Spec.Task), fitted.Loss)
		switch {
		case o.Trial:
			s.track(ctx, fitted)
			return o.Place.WriteMetric("loss", fitted.Loss, fitted.Rounds)
		case o.Place.Rank > 0:
			return nil
		}
		if err := Optimize(ctx, j, s.spec, s.set, fitted); err != nil {
			return err
		}
		if err := write(ctx, s, fitted); err != nil {
			return err
		}
		s.handOver(ctx)
		s.track(ctx, fitted)
		return s.close(ctx, true)
	})
}

// chosen gives the pipeline with the parameters that a search has found: that of the platform, or tune's.
func chosen(ctx context.Context, j *step.Job, platform map[string]string) (*pipeline.Spec, error) {
	if len(platform) > 0 {
		j.Say("the platform gives %s", words(platform))
		return j.Spec.With(platform)
	}
	if j.Spec.Tuning == nil {
		return j.Spec, nil
	}
	models, err := j.Zone(ctx, j.Models)
	if err != nil {
		return nil, err
	}
	best, err := candidate.New(models, j.Spec.Name, j.Record.ID).Tuned(ctx)
	if errors.Is(err, lake.ErrNotFound) {
		j.Say("note: pipeline.yaml has a section tuning, and tune has not run: model.parameters are taken as they are")
		return j.Spec, nil
	}
	if err != nil {
		return nil, err
	}
	j.Say("tune has found %s", words(best))
	return j.Spec.With(best)
}

// words writes parameters in the order of their names.
func words(parameters map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		all = append(all, name+" "+parameters[name])
	}
	return strings.Join(all, ", ")
}

// Family gives the family of a pipeline's model.
func Family(spec *pipeline.Spec, open func() (*xgboost.Library, error)) (family.Family, error) {
	switch spec.Model.Family {
	case pipeline.Trees:
		library, err := open()
		if err != nil {
			return nil, err
		}
		return trees.New(library), nil
	case pipeline.Linear, pipeline.MLP:
		b, err := blas.Open()
		if err != nil {
			return nil, err
		}
		if spec.Model.Family == pipeline.Linear {
			return linear.New(b), nil
		}
		return mlp.New(b), nil
	default:
		return nil, fmt.Errorf("the family %q is not known", spec.Model.Family)
	}
}

// Read reads a rank's share of the training and the validation rows of a run, with what all ranks must know about all
// rows, and refuses a feature set from which the classes cannot be learned. Close the set. Rank, World and Folds are
// taken from the selection.
func Read(ctx context.Context, j *step.Job, s featureset.Selection, exchange family.Exchange,
) (featureset.Set, *featureset.Facts, error) {
	zone, err := j.Zone(ctx, j.Features)
	if err != nil {
		return nil, nil, err
	}
	s.Parts, s.Scratch = []string{registry.TrainPart, registry.ValidationPart}, j.Spec.Model.ExternalMemory
	set, err := featureset.Read(ctx, zone, j.Record.Features, j.Spec, s)
	if err != nil {
		return nil, nil, err
	}
	facts, err := gatherFacts(set.Facts(j.Spec), exchange)
	if err == nil {
		err = checkClasses(j, facts)
	}
	if err != nil {
		set.Close()
		return nil, nil, err
	}
	return set, facts, nil
}

func gatherFacts(own *featureset.Facts, exchange family.Exchange) (*featureset.Facts, error) {
	data, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	if data, err = exchange(data, featureset.MergeFacts); err != nil {
		return nil, err
	}
	all := &featureset.Facts{}
	return all, json.Unmarshal(data, all)
}

// Request asks a family for a model of a pipeline. each may be nil.
func Request(spec *pipeline.Spec, set featureset.Set, each func(family.Round) error) *family.Request {
	return &family.Request{
		Spec: spec, Train: set[registry.TrainPart], Validation: set[registry.ValidationPart], Each: each,
	}
}

// tell tells a person about some of the rounds.
func tell(j *step.Job, r family.Round) {
	if r.Number == 1 || r.Number == 10 || r.Number%50 == 0 {
		j.Say("round %d: validation %s %.5f", r.Number, family.LossName(j.Spec.Task), r.Loss)
	}
}

// checkClasses refuses training rows from which a class cannot be learned.
func checkClasses(j *step.Job, facts *featureset.Facts) error {
	classes := j.Spec.Classes()
	for i, n := range facts.Classes {
		switch {
		case n == 0 && j.Spec.Task == pipeline.Binary:
			return fmt.Errorf("no training row is %q: bring such rows, or change split in pipeline.yaml", classes[i])
		case n == 0:
			j.Say("note: no training row is %q, so the model cannot answer that", classes[i])
		}
	}
	return nil
}

// Optimize makes the smaller form of a fitted model that pipeline.yaml asks for.
func Optimize(ctx context.Context, j *step.Job, spec *pipeline.Spec, set featureset.Set, f *family.Fitted) (err error) {
	if spec.Model.Optimize == nil {
		return nil
	}
	f.Optimized, f.Optimization, err = optimize.Model(ctx, Request(spec, set, nil), f.Model)
	if err != nil {
		return err
	}
	j.Say("optimized: %s", f.Optimization)
	return nil
}

// encode writes a model and its smaller form, if it has one. They hold no run id: the same run again gives the same
// bytes.
func encode(j *step.Job, f *family.Fitted) (model, optimized []byte, err error) {
	meta := map[string]string{"dataVersion": j.Record.DataVersion, "pipelineHash": j.Record.PipelineHash}
	if model, err = f.Model.Marshal(meta); err == nil && f.Optimized != nil {
		optimized, err = f.Optimized.Marshal(meta)
	}
	return model, optimized, err
}

// write puts the candidate down.
func write(ctx context.Context, s *session, f *family.Fitted) error {
	j, set := s.Job, s.set
	data, optimized, err := encode(j, f)
	if err != nil {
		return err
	}
	models, err := j.Zone(ctx, j.Models)
	if err != nil {
		return err
	}
	if err := candidate.RemoveOthers(ctx, models, j.Spec.Name, j.Record.ID); err != nil {
		return err
	}
	info := &candidate.Info{Inputs: inputs(j.Spec, set, s.facts), Rows: map[string]int{}, Rounds: f.Rounds,
		Parameters: &s.spec.Model.Parameters, ValidationLoss: f.Loss, Curve: f.Curve, Importance: f.Importance,
		Libraries: f.Libraries, Optimization: f.Optimization}
	if s.team != nil {
		info.Ranks = s.o.Place.World
	}
	for part, table := range set {
		info.Rows[part] = table.All
	}
	if err := candidate.New(models, j.Spec.Name, j.Record.ID).Write(ctx, data, optimized, s.profile, info); err != nil {
		return err
	}
	j.Say("the ONNX model has %d bytes", len(data))
	return nil
}

// inputs describes the inputs of the model. One may be missing where its column may be, or where it is in the data.
func inputs(spec *pipeline.Spec, set featureset.Set, facts *featureset.Facts) []registry.Input {
	names := set[registry.TrainPart].Inputs
	out := make([]registry.Input, len(names))
	for i, name := range names {
		column, _ := spec.Column(name)
		out[i] = registry.Input{Name: name, Optional: column.Optional || facts.Missing[i]}
		if !facts.Odd[i] {
			out[i].Type, out[i].Values = registry.Category, column.Values
		}
	}
	return slices.Clip(out)
}

// handOver puts a copy of the candidate where the platform keeps models. The candidate itself is safe in the models
// zone: a place that cannot be written is no reason to fail.
func (s *session) handOver(ctx context.Context) {
	if s.o.Place.Model == "" {
		return
	}
	err := func() (err error) {
		models, err := s.Zone(ctx, s.Models)
		if err != nil {
			return err
		}
		to, err := lake.OpenAt(ctx, s.o.Place.Model)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, to.Close()) }()
		return candidate.New(models, s.Job.Spec.Name, s.Record.ID).Copy(ctx, to)
	}()
	if err != nil {
		s.Say("note: the platform gets no copy of the model: %s", err)
		return
	}
	s.Say("a copy lies in %s", s.o.Place.Model)
}
