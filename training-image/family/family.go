// Package family is what the families of models have in common: how one is fitted, and what comes out of it.
package family

import (
	"context"
	"errors"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// Family fits models of one kind. The same request on the same libraries gives the same model, byte for byte.
type Family interface {
	// Fit learns from the training rows and stops by the validation rows. The test rows are not given to it.
	Fit(ctx context.Context, r *Request) (*Fitted, error)
}

// Request is what a family learns from.
type Request struct {
	// Spec is the pipeline, with the parameters of the family in Spec.Model.
	Spec *pipeline.Spec
	// Train and Validation are the rows.
	Train, Validation *featureset.Table
	// Mean of the labels of all training rows, where Train is this rank's share of them; nil where it holds all.
	Mean *float64
	// Exchange between the ranks, or the folds; nil where this fit has all rows.
	Exchange Exchange
	// Resume is the state of an earlier fit of the same request, from Round.State; nil to begin.
	Resume []byte
	// Each is called after each round or epoch; nil for nobody. Its error ends the fit and is returned as it is.
	Each func(Round) error
}

// Round tells about a round of boosting, an epoch or an iteration that has ended.
type Round struct {
	// Number of the round, counted from 1, and the largest number of rounds.
	Number, Of int
	// Loss on the validation rows; see Loss.
	Loss float64
	// TrainLoss on the training rows; NaN where the family does not measure it.
	TrainLoss float64
	// Best is the round that would be kept now.
	Best int
	// State gives what a later fit resumes from, so that it ends with the same model as this one.
	State func() ([]byte, error)
}

// Model is a fitted model. onnx.Ensemble and onnx.Network are such.
type Model interface {
	// Marshal writes the model as ONNX with metadata.
	Marshal(meta map[string]string) ([]byte, error)
	// Outputs is how many numbers a prediction has.
	Outputs() int
	// Load lays the model out for speed.
	Load() (*onnx.Loaded, error)
	// Predict computes the prediction of one row.
	Predict(row, out []float32)
}

// Fitted is what a fit gives.
type Fitted struct {
	// Model that was kept: that of the best round.
	Model Model
	// Optimized is a smaller form of the model, and Optimization says what was done to it; nil where there is none.
	Optimized    Model
	Optimization string
	// Rounds that were kept.
	Rounds int
	// Loss on the validation rows after them.
	Loss float64
	// Curve holds the losses of all rounds that were run, also of those that were not kept.
	Curve []Point
	// Importance is the share of each input: of the gain for trees, of the absolute standardized weights otherwise.
	Importance map[string]float64
	// Libraries are the versions of what computed the model.
	Libraries map[string]string
}

// Point is one round of a learning curve.
type Point struct {
	// Round counted from 1.
	Round int `json:"round"`
	// Loss on the validation rows.
	Loss float64 `json:"loss"`
	// TrainLoss on the training rows; 0 where it was not measured.
	TrainLoss float64 `json:"trainLoss,omitempty"`
}

// ErrDiverged means that the loss is not a number any more.
var ErrDiverged = errors.New("the loss is no number any more: lower model.parameters.learningRate in pipeline.yaml")
