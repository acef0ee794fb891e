// Package monitor compares what the endpoint was asked with what the model was trained on, and writes a drift report:
// numbers as JSON and a page for a person.
package monitor

import (
	"sort"
	"time"
)

// Keys in the results zone. Each report also stays under its time, monitoring/<time>.json.
const (
	Prefix       = "monitoring/"
	LatestReport = Prefix + "latest.json"
	Page         = Prefix + "index.html"
)

// Status is the verdict of a report or about one feature.
type Status string

// The verdicts.
const (
	OK           Status = "ok"
	Drift        Status = "drift"
	Insufficient Status = "insufficient" // too few rows for a judgement
)

// Report is one comparison.
type Report struct {
	// Time of the comparison.
	Time time.Time `json:"time"`
	// Model and Version whose training profile is the yardstick; Version is empty before the first model.
	Model   string `json:"model"`
	Version string `json:"version"`
	// Status is drift where the prediction or any feature drifted.
	Status Status `json:"status"`
	// Message says the same in one sentence.
	Message string `json:"message"`
	// Drifted are the names of what drifted, the largest index first.
	Drifted []string `json:"drifted"`
	// Rows that were compared, of From to To. Broken lines of the captured files were left out.
	Rows   int       `json:"rows"`
	Broken int       `json:"broken,omitempty"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	// Thresholds that were applied.
	Thresholds Thresholds `json:"thresholds"`
	// Quality on live rows whose labels came later; none where no label came.
	Quality *Quality `json:"quality,omitempty"`
	// Prediction compares the model's output.
	Prediction *Comparison `json:"prediction,omitempty"`
	// Features compares each input, in the order of the model.
	Features []Comparison `json:"features"`
}

// Thresholds are those of pipeline.yaml.
type Thresholds struct {
	// PSI above which something drifted.
	PSI float64 `json:"psi"`
	// MissingRise is the largest tolerated rise of the share of missing values.
	MissingRise float64 `json:"missingRise"`
	// MinRows is the least number of rows for a judgement.
	MinRows int `json:"minRows"`
	// KS and JS above which something drifted; 0 does not judge by them.
	KS float64 `json:"ks,omitempty"`
	JS float64 `json:"js,omitempty"`
	// NewCategories is the tolerated share of requests with a category that training did not know.
	NewCategories float64 `json:"newCategories,omitempty"`
	// Metric must reach Quality on live rows whose labels came later; none where Quality is not judged.
	Metric  string   `json:"metric,omitempty"`
	Quality *float64 `json:"quality,omitempty"`
}

// Quality is how good the predictions were.
type Quality struct {
	// Status is drift where the metric does not reach its threshold.
	Status Status `json:"status"`
	// Rows that have a label, of Labels that came.
	Rows   int `json:"rows"`
	Labels int `json:"labels"`
	// Metrics by name: accuracy, auc, f1, logloss, rmse, mae, r2.
	Metrics map[string]float64 `json:"metrics"`
}

// Comparison is one feature, or the prediction, in training and live.
type Comparison struct {
	// Name of the feature; "prediction" for the output.
	Name string `json:"name"`
	// Status of it alone.
	Status Status `json:"status"`
	// PSI is the population stability index; none where there are too few values to compute it.
	PSI *float64 `json:"psi"`
	// KS is the Kolmogorov-Smirnov statistic of the bins and JS their Jensen-Shannon distance; none where PSI is none.
	KS *float64 `json:"ks,omitempty"`
	JS *float64 `json:"js,omitempty"`
	// NewCategories is the share of requests that were refused for a category that training did not know.
	NewCategories float64 `json:"newCategories,omitempty"`
	// MissingTraining and MissingLive are shares of missing values, and MissingRise is their difference.
	MissingTraining float64 `json:"missingTraining"`
	MissingLive     float64 `json:"missingLive"`
	MissingRise     float64 `json:"missingRise"`
	// MeanTraining and MeanLive are the means of the values that are not missing, and MeanShift is their difference in
	// standard deviations of the training rows, 0 where these do not vary.
	MeanTraining float64 `json:"meanTraining"`
	MeanLive     float64 `json:"meanLive"`
	MeanShift    float64 `json:"meanShift"`
	// Edges are the inner bounds of the bins, and Training and Live the shares of the values in each. Bins of the
	// profile are merged where too few rows would fall into one.
	Edges    []float64 `json:"edges"`
	Training []float64 `json:"training"`
	Live     []float64 `json:"live"`
}

// All lists the prediction, where there is one, and the features.
func (r *Report) All() []Comparison {
	all := make([]Comparison, 0, len(r.Features)+1)
	if r.Prediction != nil {
		all = append(all, *r.Prediction)
	}
	return append(all, r.Features...)
}

// Sorted lists the features with the drifted ones first, and then by falling index.
func (r *Report) Sorted() []Comparison {
	sorted := append([]Comparison(nil), r.Features...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].before(&sorted[j]) })
	return sorted
}

func (c *Comparison) before(other *Comparison) bool {
	if (c.Status == Drift) != (other.Status == Drift) {
		return c.Status == Drift
	}
	return c.psi() > other.psi()
}

// psi is the index, and -1 where there is none.
func (c *Comparison) psi() float64 {
	if c.PSI == nil {
		return -1
	}
	return *c.PSI
}
