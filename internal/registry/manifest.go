package registry

import (
	"slices"
	"time"
)

// Manifest says what a model version is and where it comes from.
type Manifest struct {
	// Name of the model, from pipeline.yaml.
	Name string `json:"name"`
	// Version sorts by the time of the run: 20261122T123456.789Z-<first 8 digits of the model's SHA-256>.
	Version string `json:"version"`
	// Created is the time of registration.
	Created time.Time `json:"created"`
	// Task is binary, multiclass or regression.
	Task string `json:"task"`
	// Family of the model: trees.
	Family string `json:"family"`
	// Inputs are the model's inputs in their order.
	Inputs []Input `json:"inputs"`
	// Label is the column that the model predicts.
	Label string `json:"label"`
	// Classes are the answers of a classifier in the order of their probabilities; none for a regression.
	Classes []string `json:"classes,omitempty"`
	// SHA256 holds the sums of the version's other files by their names.
	SHA256 map[string]string `json:"sha256"`
	// Run is the id of the pipeline run that made the version.
	Run string `json:"run"`
	// DataVersion is the SHA-256 over the accepted rows that it was trained from.
	DataVersion string `json:"dataVersion"`
	// PipelineHash identifies the training part of pipeline.yaml.
	PipelineHash string `json:"pipelineHash"`
	// Rows counts the rows of each part: train, validation, test.
	Rows map[string]int `json:"rows"`
	// Parameters and Seed of the training.
	Parameters any `json:"parameters"`
	// Seed of the training.
	Seed int64 `json:"seed"`
	// Ranks is the number of processes that trained together; 0 for one.
	Ranks int `json:"ranks,omitempty"`
	// Libraries are the versions of what computed the model, such as xgboost 1.7.4.
	Libraries map[string]string `json:"libraries"`
	// Optimization says what was done to make the model smaller and faster; nil where nothing was.
	Optimization *Optimization `json:"optimization,omitempty"`
	// Importance is the share of each input, of the gain of trees or of the weights; those that say nothing are left out.
	Importance map[string]float64 `json:"importance,omitempty"`
	// CodeVersion is the version of the training image.
	CodeVersion string `json:"codeVersion"`
	// Decision is the verdict of the promotion gate.
	Decision Decision `json:"decision"`
}

// Optimization is what making a model smaller and faster has brought.
type Optimization struct {
	// Done says what was done, such as "8 bits, static".
	Done string `json:"done"`
	// Accepted tells whether the model is the optimized one; Reason says why or why not.
	Accepted bool   `json:"accepted"`
	Reason   string `json:"reason"`
	// Before and After measure the model as it was trained and as it was optimized.
	Before Measured `json:"before"`
	After  Measured `json:"after"`
}

// Measured is a model with its size, its speed and how it did on the test rows.
type Measured struct {
	// SHA256 and Bytes of the file.
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
	// Microseconds for the prediction of one row alone, the median of some hundred, where the model was trained.
	Microseconds float64 `json:"microseconds"`
	// Metrics on the test rows.
	Metrics map[string]float64 `json:"metrics"`
}

// InputType is what a caller may send for an input.
type InputType string

// The types of inputs.
const (
	Number   InputType = ""         // any finite number
	Boolean  InputType = "boolean"  // true or false, or 1 or 0
	Category InputType = "category" // one of Values by its name, or its index
)

// Input is one input of a model. All inputs are 32-bit floats; a boolean is 0 or 1 and a category is its index.
type Input struct {
	// Name of the feature.
	Name string `json:"name"`
	// Type of the values; a number where there is none.
	Type InputType `json:"type,omitempty"`
	// Values are the names of a category in the order of their indices; none for the other types.
	Values []string `json:"values,omitempty"`
	// Optional inputs may be missing: null in JSON, NaN to the model.
	Optional bool `json:"optional,omitempty"`
}

// Equal reports whether two inputs take the same values under the same name.
func (in Input) Equal(other Input) bool {
	return in.Name == other.Name && in.Type == other.Type && in.Optional == other.Optional &&
		slices.Equal(in.Values, other.Values)
}

// Decision is the verdict of the promotion gate on a version.
type Decision struct {
	// Promoted tells whether the version was promoted.
	Promoted bool `json:"promoted"`
	// Reason says why or why not, in one sentence with the numbers.
	Reason string `json:"reason"`
}

// Metrics are measured on the test rows, which training never saw.
type Metrics struct {
	// Rows is the number of test rows.
	Rows int `json:"rows"`
	// Candidate holds the metrics of this version by name: accuracy, auc, f1, logloss, rmse, mae, r2.
	Candidate map[string]float64 `json:"candidate"`
	// Current holds those of the version that was served at the time, on the same rows; none for the first version.
	Current map[string]float64 `json:"current,omitempty"`
	// CurrentVersion is that version.
	CurrentVersion string `json:"currentVersion,omitempty"`
	// Confusion counts test rows by true class (outer) and predicted class (inner); none for a regression.
	Confusion [][]int `json:"confusion,omitempty"`
	// Calibration compares probabilities with what was the case, in bins of equally many rows: of the last class of a
	// binary model, of the predicted class of a multiclass model; none for a regression.
	Calibration []CalibrationBin `json:"calibration,omitempty"`
	// Importance is the share of the total gain that each feature brought.
	Importance map[string]float64 `json:"importance,omitempty"`
}

// CalibrationBin is some test rows with similar probabilities.
type CalibrationBin struct {
	// Rows of the bin.
	Rows int `json:"rows"`
	// Predicted is their mean probability, Observed the share of those for which it was so.
	Predicted float64 `json:"predicted"`
	Observed  float64 `json:"observed"`
}

// Profile is what the training rows looked like. Drift is measured against it.
type Profile struct {
	// Rows is the number of training rows.
	Rows int `json:"rows"`
	// Features holds the distribution of each input, in the order of the manifest's inputs.
	Features []Distribution `json:"features"`
	// Prediction is the distribution of the model's output on the training rows, or on 50,000 to 100,000 of them where
	// there are more: the probability of the last class of a binary model, the index of the predicted class, or the
	// predicted number.
	Prediction Distribution `json:"prediction"`
}

// Distribution is a histogram with its moments.
type Distribution struct {
	// Name of the feature; "prediction" for the output.
	Name string `json:"name"`
	// Edges are the inner bounds of the bins in rising order: bin i holds edge[i-1] <= x < edge[i]; the first and the
	// last bin are open. They are quantiles of the training rows, so that equal shares fall into the bins.
	Edges []float64 `json:"edges"`
	// Counts has one more entry than Edges.
	Counts []int `json:"counts"`
	// Missing counts NaN.
	Missing int `json:"missing"`
	// Mean of the values that are not missing.
	Mean float64 `json:"mean"`
	// StandardDeviation of the values that are not missing.
	StandardDeviation float64 `json:"standardDeviation"`
}
