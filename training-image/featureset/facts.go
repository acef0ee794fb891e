package featureset

import (
	"encoding/json"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Facts are what a training must know about all rows that it learns from, of which a rank has only a share.
type Facts struct {
	// Classes counts the training rows of each class.
	Classes []int `json:"classes,omitempty"`
	// Labels is the weighted sum of the labels of the training rows, Weights is the sum of their weights.
	Labels  float64 `json:"labels"`
	Weights float64 `json:"weights"`
	// Missing tells of each input whether a row lacks it, Odd whether a row has something else than an index of the
	// values of its category.
	Missing []bool `json:"missing"`
	Odd     []bool `json:"odd"`
}

// Facts looks at the rows that were read.
func (s Set) Facts(spec *pipeline.Spec) *Facts {
	train := s[registry.TrainPart]
	width := len(train.Inputs)
	f := &Facts{Missing: make([]bool, width), Odd: make([]bool, width)}
	if classes := spec.Classes(); classes != nil {
		f.Classes = make([]int, len(classes))
		for _, label := range train.Labels {
			f.Classes[int(label)]++
		}
	}
	for i, label := range train.Labels {
		weight := 1.0
		if train.Weights != nil {
			weight = float64(train.Weights[i])
		}
		f.Labels, f.Weights = f.Labels+weight*float64(label), f.Weights+weight
	}
	for _, t := range s {
		for i := range width {
			f.Odd[i] = f.Odd[i] || t.Category(spec, i) == nil
		}
		for i := range t.Rows() {
			for c, x := range t.Row(i) {
				if x != x { // NaN
					f.Missing[c] = true
				}
			}
		}
	}
	return f
}

// Mean of the labels.
func (f *Facts) Mean() float64 { return f.Labels / f.Weights }

// MergeFacts adds up what the ranks know, in the order of the ranks.
func MergeFacts(all [][]byte) ([]byte, error) {
	var sum Facts
	for rank, data := range all {
		var f Facts
		if err := json.Unmarshal(data, &f); err != nil {
			return nil, err
		}
		if rank == 0 {
			sum = f
			continue
		}
		for i, n := range f.Classes {
			sum.Classes[i] += n
		}
		sum.Labels, sum.Weights = sum.Labels+f.Labels, sum.Weights+f.Weights
		for i := range f.Missing {
			sum.Missing[i], sum.Odd[i] = sum.Missing[i] || f.Missing[i], sum.Odd[i] || f.Odd[i]
		}
	}
	return json.Marshal(&sum)
}
