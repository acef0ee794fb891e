// Package train fits a model to the training rows, stops by the validation rows and writes the model as ONNX. The test
// rows are not looked at.
package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/candidate"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/linear"
	"github.com/mlpathway/mlpathway/training-image/mlp"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/trees"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Run does the step. Needed options: Run, Pipeline, Features, Models, Logs. open gives the XGBoost library;
// xgboost.Open unless a test has its own.
func Run(ctx context.Context, o step.Options, open func() (*xgboost.Library, error)) error {
	return step.Do(ctx, o, "train", func(ctx context.Context, j *step.Job) error {
		f, err := Family(j.Spec, open)
		if err != nil {
			return err
		}
		set, err := Read(ctx, j)
		if err != nil {
			return err
		}
		fitted, err := f.Fit(ctx, Request(j.Spec, set, func(r family.Round) error { return tell(j, r) }))
		if err != nil {
			return err
		}
		j.Say("%d rounds kept, validation %s %.5f", fitted.Rounds, family.LossName(j.Spec.Task), fitted.Loss)
		return Write(ctx, j, set, fitted)
	})
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
	case pipeline.Linear:
		return linear.Linear{}, nil
	case pipeline.MLP:
		b, err := blas.Open()
		if err != nil {
			return nil, err
		}
		return mlp.New(b), nil
	default:
		return nil, fmt.Errorf("the family %q is not known", spec.Model.Family)
	}
}

// Read reads the feature set of a run and refuses one from which the classes cannot be learned.
func Read(ctx context.Context, j *step.Job) (featureset.Set, error) {
	zone, err := j.Zone(ctx, j.Features)
	if err != nil {
		return nil, err
	}
	set, err := featureset.Read(ctx, zone, j.Record.Features, j.Spec)
	if err != nil {
		return nil, err
	}
	return set, checkClasses(j, set)
}

// Request asks a family for a model of a pipeline. each may be nil.
func Request(spec *pipeline.Spec, set featureset.Set, each func(family.Round) error) *family.Request {
	return &family.Request{Spec: spec, Train: set[registry.TrainPart], Validation: set[registry.ValidationPart], Each: each}
}

// tell tells a person about some of the rounds.
func tell(j *step.Job, r family.Round) error {
	if r.Number == 1 || r.Number == 10 || r.Number%50 == 0 {
		j.Say("round %d: validation %s %.5f", r.Number, family.LossName(j.Spec.Task), r.Loss)
	}
	return nil
}

// checkClasses refuses training rows from which a class cannot be learned.
func checkClasses(j *step.Job, set featureset.Set) error {
	classes := j.Spec.Classes()
	count := make([]int, len(classes))
	for _, label := range set[registry.TrainPart].Labels {
		if len(classes) > 0 {
			count[int(label)]++
		}
	}
	for i, n := range count {
		switch {
		case n == 0 && j.Spec.Task == pipeline.Binary:
			return fmt.Errorf("no training row is %q: bring such rows, or change split in pipeline.yaml", classes[i])
		case n == 0:
			j.Say("note: no training row is %q, so the model cannot answer that", classes[i])
		}
	}
	return nil
}

// Write puts the candidate down.
func Write(ctx context.Context, j *step.Job, set featureset.Set, f *family.Fitted) error {
	data, err := f.Model.Marshal(map[string]string{ // no run id: the same run again gives the same bytes
		"dataVersion": j.Record.DataVersion, "pipelineHash": j.Record.PipelineHash})
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
	info := &candidate.Info{Inputs: inputs(j.Spec, set), Rows: map[string]int{}, Rounds: f.Rounds,
		ValidationLoss: f.Loss, Curve: f.Curve, Importance: f.Importance, Libraries: f.Libraries}
	for part, table := range set {
		info.Rows[part] = table.Rows()
	}
	loaded, err := f.Model.Load()
	if err != nil {
		return err
	}
	profile, err := family.Profile(j.Spec.Task, loaded, set[registry.TrainPart])
	if err != nil {
		return err
	}
	if err := candidate.New(models, j.Spec.Name, j.Record.ID).Write(ctx, data, profile, info); err != nil {
		return err
	}
	j.Say("the ONNX model has %d bytes", len(data))
	return nil
}

// inputs describes the inputs of the model. One may be missing where its column may be, or where it is in the data.
func inputs(spec *pipeline.Spec, set featureset.Set) []registry.Input {
	names := set[registry.TrainPart].Inputs
	out := make([]registry.Input, len(names))
	for i, name := range names {
		column, _ := spec.Column(name)
		out[i] = registry.Input{Name: name, Optional: column.Optional}
		if values := set.Category(spec, i); values != nil {
			out[i].Type, out[i].Values = registry.Category, values
		}
	}
	for _, t := range set {
		for i, x := range t.Values {
			if x != x { // NaN
				out[i%len(names)].Optional = true
			}
		}
	}
	return slices.Clip(out)
}
