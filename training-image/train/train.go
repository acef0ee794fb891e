// Package train fits gradient-boosted trees to the training rows, stops by the validation rows and writes the model as
// ONNX. The test rows are not looked at.
package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/candidate"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Run does the step. Needed options: Run, Pipeline, Features, Models, Logs. open gives the XGBoost library;
// xgboost.Open unless a test has its own.
func Run(ctx context.Context, o step.Options, open func() (*xgboost.Library, error)) error {
	return step.Do(ctx, o, "train", func(ctx context.Context, j *step.Job) error {
		library, err := open()
		if err != nil {
			return err
		}
		zone, err := j.Zone(ctx, j.Features)
		if err != nil {
			return err
		}
		set, err := featureset.Read(ctx, zone, j.Record.Features, j.Spec)
		if err != nil {
			return err
		}
		if err := checkClasses(j, set); err != nil {
			return err
		}
		fit, err := Fit(ctx, library, j.Spec, set, j.Say)
		if err != nil {
			return err
		}
		return write(ctx, j, library, set, fit)
	})
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

// Fitted is a trained model.
type Fitted struct {
	// Ensemble is the model, cut down to the best round.
	Ensemble *onnx.Ensemble
	// Rounds that were kept.
	Rounds int
	// Loss on the validation rows after them.
	Loss float64
	// Importance is the share of the gain of each feature.
	Importance map[string]float64
}

// Fit trains with the parameters of a pipeline. The same rows, parameters, seed and library version give the same
// model on any machine. say takes the progress.
func Fit(ctx context.Context, library *xgboost.Library, spec *pipeline.Spec, set featureset.Set,
	say func(format string, args ...any)) (*Fitted, error) {
	rows, held := set[registry.TrainPart], set[registry.ValidationPart]
	matrix, err := library.NewMatrix(rows.Values, len(rows.Inputs), rows.Labels)
	if err != nil {
		return nil, err
	}
	defer matrix.Close()
	validation, err := library.NewMatrix(held.Values, len(held.Inputs), held.Labels)
	if err != nil {
		return nil, err
	}
	defer validation.Close()
	booster, err := library.NewBooster(parameters(spec, rows), matrix, validation)
	if err != nil {
		return nil, err
	}
	defer booster.Close()
	f := &fit{booster: booster, train: matrix, validation: validation, held: held, spec: spec, say: say}
	rounds, loss, err := f.boost(ctx)
	if err != nil {
		return nil, err
	}
	return f.convert(rounds, loss)
}

// fit is a training at work.
type fit struct {
	booster           *xgboost.Booster
	train, validation *xgboost.Matrix
	held              *featureset.Table // the validation rows
	spec              *pipeline.Spec
	say               func(format string, args ...any)
}

// boost adds rounds until the loss on the validation rows has not improved for a while, and gives the best number of
// rounds.
func (f *fit) boost(ctx context.Context) (rounds int, best float64, err error) {
	p := f.spec.Model.Parameters
	best = math.Inf(1)
	loss := best
	for round := range p.Rounds {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		if err := f.booster.Update(round, f.train); err != nil {
			return 0, 0, err
		}
		margins, err := f.booster.Predict(f.validation, xgboost.Margins, 0)
		if err != nil {
			return 0, 0, err
		}
		loss = Loss(f.spec.Task, margins, f.held.Labels)
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return 0, 0, fmt.Errorf("the loss is %v after round %d: lower model.parameters.learningRate in pipeline.yaml",
				loss, round+1)
		}
		if loss < best {
			rounds, best = round+1, loss
		}
		if n := round + 1; n == 1 || n == 10 || n%50 == 0 {
			f.say("round %d: validation %s %.5f", n, lossName(f.spec.Task), loss)
		}
		if *p.EarlyStopping > 0 && round+1-rounds >= *p.EarlyStopping {
			break
		}
	}
	if *p.EarlyStopping == 0 {
		rounds, best = p.Rounds, loss
	}
	f.say("%d rounds kept, validation %s %.5f", rounds, lossName(f.spec.Task), best)
	return rounds, best, nil
}

// convert makes the ONNX ensemble and proves that it answers as XGBoost does.
func (f *fit) convert(rounds int, loss float64) (*Fitted, error) {
	data, err := f.booster.JSON()
	if err != nil {
		return nil, err
	}
	model, err := xgboost.ParseModel(data)
	if err != nil {
		return nil, err
	}
	outputs := 1
	if f.spec.Task == pipeline.Multiclass {
		outputs = len(f.spec.Classes())
	}
	model.Keep(rounds, outputs)
	ensemble, err := model.Ensemble(string(f.spec.Task), f.held.Inputs, f.spec.Classes())
	if err != nil {
		return nil, err
	}
	want, err := f.booster.Predict(f.validation, xgboost.Probabilities, rounds)
	if err != nil {
		return nil, err
	}
	if err := verify(ensemble, f.held, want); err != nil {
		return nil, err
	}
	return &Fitted{Ensemble: ensemble, Rounds: rounds, Loss: loss, Importance: model.Importance(f.held.Inputs)}, nil
}

// tolerance is the largest relative difference between the two programs: the exponential function may differ in its
// last digit.
const tolerance = 1e-6

var errDiffers = errors.New("the ONNX model does not answer as XGBoost does; it is not used")

// verify compares the ensemble with XGBoost's own predictions.
func verify(e *onnx.Ensemble, rows *featureset.Table, want []float32) error {
	out := make([]float32, e.Outputs())
	each := len(want) / rows.Rows()
	for i := range rows.Rows() {
		e.Predict(rows.Row(i), out)
		got := out[len(out)-each:] // XGBoost gives only the second probability of two
		for k, w := range want[i*each : (i+1)*each] {
			if diff := math.Abs(float64(got[k] - w)); !(diff <= tolerance*math.Max(1, math.Abs(float64(w)))) {
				return fmt.Errorf("%w: validation row %d, output %d: %v and %v", errDiffers, i, k, got[k], w)
			}
		}
	}
	return nil
}

// write puts the candidate down.
func write(ctx context.Context, j *step.Job, library *xgboost.Library, set featureset.Set, f *Fitted) error {
	data, err := f.Ensemble.Marshal(map[string]string{ // no run id: the same run again gives the same bytes
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
		ValidationLoss: f.Loss, Importance: f.Importance, Libraries: libraries(library)}
	for part, table := range set {
		info.Rows[part] = table.Rows()
	}
	profile := Profile(f.Ensemble, set[registry.TrainPart])
	if err := candidate.New(models, j.Spec.Name, j.Record.ID).Write(ctx, data, profile, info); err != nil {
		return err
	}
	j.Say("the ONNX model (%d trees, %d bytes) answers as XGBoost %s does on %d validation rows",
		len(f.Ensemble.Trees), len(data), library.Version(), set[registry.ValidationPart].Rows())
	return nil
}

// inputs describes the inputs of the model. One may be missing where its column may be, or where it is in the data.
func inputs(spec *pipeline.Spec, set featureset.Set) []registry.Input {
	names := set[registry.TrainPart].Inputs
	out := make([]registry.Input, len(names))
	for i, name := range names {
		column, _ := spec.Column(name)
		out[i] = registry.Input{Name: name, Optional: column.Optional}
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
