// Package trees fits gradient-boosted trees with XGBoost.
package trees

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/parallel"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Trees is the family.
type Trees struct {
	library *xgboost.Library
	few     int // see the constant
}

// few is so many values of validation rows that it is no work for the library to answer them after each round, and less
// than to take the round's trees out of it.
const few = 1 << 17

// New makes the family with a loaded library.
func New(l *xgboost.Library) *Trees { return &Trees{library: l, few: few} }

// Fit implements family.Family.
func (t *Trees) Fit(ctx context.Context, r *family.Request) (*family.Fitted, error) {
	if r.Spec.Model.Device == "cuda" {
		if err := t.library.CheckCUDA(); err != nil {
			return nil, err
		}
	}
	train, err := t.matrix(r)
	if err != nil {
		return nil, err
	}
	defer train.Close()
	f := &fit{Request: r, library: t.library, train: train}
	matrices := []*xgboost.Matrix{train}
	// Of all ranks: they make matrices together, or none does.
	if all := max(r.Validation.All, r.Validation.Rows()); all*len(r.Validation.Inputs) <= t.few {
		if f.validation, err = t.library.NewMatrix(rowsOf(r.Validation)); err != nil {
			return nil, fmt.Errorf("the validation rows: %w", err)
		}
		defer f.validation.Close()
		matrices = append(matrices, f.validation)
	}
	if f.booster, err = t.library.NewBooster(parameters(t.library, r), matrices...); err != nil {
		return nil, err
	}
	defer f.booster.Close()
	if err := f.resume(); err != nil {
		return nil, err
	}
	if err := f.boost(ctx); err != nil {
		return nil, err
	}
	return f.convert()
}

// matrix puts the rows to train from into the library: as bins, or in files of which only a page at a time is in
// memory.
func (t *Trees) matrix(r *family.Request) (*xgboost.Matrix, error) {
	m, err := t.keep(r)(rowsOf(r.Train))
	if err != nil {
		return nil, fmt.Errorf("the training rows: %w", err)
	}
	// With equal weights of the features the library draws columns anew in each round from its seed.
	if err = m.SetFeatureWeights(len(r.Train.Inputs)); err != nil {
		m.Close()
		return nil, fmt.Errorf("the training rows: %w", err)
	}
	return m, nil
}

func (t *Trees) keep(r *family.Request) func(xgboost.Rows) (*xgboost.Matrix, error) {
	switch {
	case r.Spec.Model.ExternalMemory:
		return func(rows xgboost.Rows) (*xgboost.Matrix, error) {
			return t.library.NewPages(rows, Threads(len(rows.Values)))
		}
	case r.Spec.Model.Device == "cuda":
		return t.library.NewMatrix // the bins are made on the device
	default:
		return func(rows xgboost.Rows) (*xgboost.Matrix, error) {
			return t.library.NewBins(rows, bins, Threads(len(rows.Values)))
		}
	}
}

func rowsOf(t *featureset.Table) xgboost.Rows {
	return xgboost.Rows{Columns: len(t.Inputs), Values: t.Values, Labels: t.Labels, Weights: t.Weights}
}

// fit is a training at work.
type fit struct {
	*family.Request
	family.Stopper
	library *xgboost.Library
	booster *xgboost.Booster
	train   *xgboost.Matrix
	// validation is nil where there are many rows.
	validation *xgboost.Matrix
	// margins of the validation rows after all rounds so far; nil before the first.
	margins []float32
	// idle are the rounds before which an idle round stands in the library's model; see warmUp.
	idle []int
}

// state is what a training resumes from.
type state struct {
	Stopper family.Stopper  `json:"stopper"`
	Idle    []int           `json:"idle,omitempty"`
	Model   json.RawMessage `json:"model"`
}

func (f *fit) state() ([]byte, error) {
	model, err := f.booster.JSON()
	if err != nil {
		return nil, err
	}
	return json.Marshal(state{Stopper: f.Stopper, Idle: f.idle, Model: model})
}

func (f *fit) resume() error {
	if f.Resume == nil {
		return nil
	}
	var s state
	if err := json.Unmarshal(f.Resume, &s); err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	f.Stopper, f.idle = s.Stopper, s.Idle
	if err := f.booster.Load(s.Model); err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	return f.warmUp()
}

// warmUp adds an idle round, whose leaves are 0. The library draws one random number in the first round of a process
// and none in the others; after the idle round the next one draws as it would have in the training that was stopped.
func (f *fit) warmUp() error {
	if err := f.booster.Set("eta", "0"); err != nil {
		return err
	}
	if err := f.booster.Update(0, f.train); err != nil {
		return err
	}
	f.idle = append(f.idle, len(f.Curve))
	return f.booster.Set("eta", number(f.Spec.Model.Parameters.LearningRate))
}

// boost adds rounds until the loss on the validation rows has not improved for a while.
func (f *fit) boost(ctx context.Context) error {
	p := &f.Spec.Model.Parameters
	for round := len(f.Curve); round < p.Rounds && !f.Stop(*p.EarlyStopping); round++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.booster.Update(round, f.train); err != nil {
			return err
		}
		if err := f.answer(); err != nil {
			return err
		}
		loss, err := f.Loss(f.margins)
		if err != nil {
			return err
		}
		if _, err := f.Add(loss, math.NaN()); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
		if err := f.Tell(&f.Stopper, p.Rounds, f.state); err != nil {
			return err
		}
	}
	return nil
}

// answer adds the trees of the last round to the margins of the validation rows. The library can do it too, and looks
// at every value of every row to put it in order first.
func (f *fit) answer() (err error) {
	if f.validation != nil {
		f.margins, err = f.booster.Predict(f.validation, xgboost.Margins, 0)
		return err
	}
	var data []byte
	if f.margins == nil {
		data, err = f.booster.JSON() // a resumed model has more rounds than the last
	} else {
		data, err = f.booster.Round(len(f.Curve) + len(f.idle))
	}
	if err != nil {
		return err
	}
	model, err := xgboost.ParseModel(data)
	if err != nil {
		return err
	}
	ensemble, err := f.ensemble(model)
	if err != nil {
		return err
	}
	compiled, err := ensemble.Compile()
	if err != nil {
		return err
	}
	rows, outputs := f.Validation, len(ensemble.Base)
	if f.margins == nil {
		f.margins = slices.Repeat(ensemble.Base, rows.Rows())
	}
	return parallel.Blocks(rows.Rows(), 4096, func(_, from, to int) error {
		compiled.Add(rows.Values[from*compiled.Inputs():to*compiled.Inputs()], to-from, f.margins[from*outputs:to*outputs])
		return nil
	})
}

// convert makes the ONNX ensemble and proves that it answers as XGBoost does.
func (f *fit) convert() (*family.Fitted, error) {
	data, err := f.booster.JSON()
	if err != nil {
		return nil, err
	}
	model, err := xgboost.ParseModel(data)
	if err != nil {
		return nil, err
	}
	rounds, loss := f.Kept(&f.Spec.Model.Parameters)
	idle := model.Drop(f.idle, rounds, family.Margins(f.Spec))
	ensemble, err := f.ensemble(model)
	if err != nil {
		return nil, err
	}
	if err := f.verify(ensemble, rounds+idle); err != nil {
		return nil, err
	}
	return &family.Fitted{Model: ensemble, Rounds: rounds, Loss: loss, Curve: f.Curve,
		Importance: model.Importance(f.Validation.Inputs),
		Libraries:  family.Libraries(map[string]string{"xgboost": f.library.Version()})}, nil
}

func (f *fit) ensemble(m *xgboost.Model) (*onnx.Ensemble, error) {
	return m.Ensemble(string(f.Spec.Task), f.Validation.Inputs, f.Spec.Classes())
}

// verifiedValues is how many values of validation rows the two programs are compared by, at most.
const verifiedValues = 1 << 20

// verify compares the ensemble with what XGBoost predicts for the exact values of validation rows.
func (f *fit) verify(e *onnx.Ensemble, rounds int) error {
	rows, m := f.Validation, f.validation
	if m == nil {
		rows = some(rows, max(1, verifiedValues/len(rows.Inputs)))
		var err error
		if m, err = f.library.NewMatrix(rowsOf(rows)); err != nil {
			return fmt.Errorf("the validation rows: %w", err)
		}
		defer m.Close()
	}
	want, err := f.booster.Predict(m, xgboost.Probabilities, rounds)
	if err != nil {
		return err
	}
	return verify(e, rows, want)
}

// some are so many rows at most, at equal distances.
func some(t *featureset.Table, most int) *featureset.Table {
	every := (t.Rows() + most - 1) / most
	if every <= 1 {
		return t
	}
	few := &featureset.Table{Inputs: t.Inputs}
	for i := 0; i < t.Rows(); i += every {
		few.Values, few.Labels = append(few.Values, t.Row(i)...), append(few.Labels, t.Labels[i])
	}
	return few
}

// tolerance is the largest relative difference between the two programs: the exponential function may differ in its
// last digit.
const tolerance = 1e-6

var errDiffers = errors.New("the ONNX model does not answer as XGBoost does; it is not used")

// verify compares the ensemble with XGBoost's own predictions.
func verify(e *onnx.Ensemble, rows *featureset.Table, want []float32) error {
	loaded, err := e.Load()
	if err != nil {
		return err
	}
	each, outputs, width := len(want)/rows.Rows(), loaded.Outputs(), len(rows.Inputs)
	return parallel.Blocks(rows.Rows(), 4096, func(_, from, to int) error {
		out := make([]float32, (to-from)*outputs)
		if err := loaded.Predict(rows.Values[from*width:to*width], to-from, out); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			got := out[(i-from+1)*outputs-each:] // XGBoost gives only the second probability of two
			for k, w := range want[i*each : (i+1)*each] {
				if diff := math.Abs(float64(got[k] - w)); !(diff <= tolerance*math.Max(1, math.Abs(float64(w)))) {
					return fmt.Errorf("%w: validation row %d, output %d: %v and %v", errDiffers, i, k, got[k], w)
				}
			}
		}
		return nil
	})
}
