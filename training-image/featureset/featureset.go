// Package featureset reads a feature set of the lake into memory.
package featureset

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

// Table is one part of a feature set.
type Table struct {
	// Inputs are the names of the inputs in their order.
	Inputs []string
	// Values holds the rows one after the other, len(Inputs) values each; NaN is a missing value.
	Values []float32
	// Labels holds one label for each row: the index of the class, or the number of a regression.
	Labels []float32
	// Weights holds one weight for each row; nil where all rows count the same.
	Weights []float32
}

// Rows is the number of rows.
func (t *Table) Rows() int { return len(t.Labels) }

// Row is one row; the slice is part of the table.
func (t *Table) Row(i int) []float32 { return t.Values[i*len(t.Inputs) : (i+1)*len(t.Inputs)] }

// Set is a feature set by its parts: train, validation, test.
type Set map[string]*Table

// Read reads the feature set at a key.
func Read(ctx context.Context, zone *lake.Zone, key string, spec *pipeline.Spec) (Set, error) {
	path, release, err := zone.Fetch(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("the feature set is gone, start a new run: %w", err)
	}
	defer release()
	r := &reader{classWeights: classWeights(spec), spec: spec, set: Set{}, label: -1, split: -1, weight: -1}
	if err := parquetfile.Read(path, r.begin, r.row); err != nil {
		return nil, err
	}
	return r.set, nil
}

type reader struct {
	spec         *pipeline.Spec
	set          Set
	label, split int
	weight       int // -1 where rows have no weights
	classWeights []float32
	inputs       []int
}

func (r *reader) begin(columns []string) error {
	var names []string
	for i, name := range columns {
		switch name {
		case r.spec.Source.Key:
		case r.spec.Label:
			r.label = i
		case registry.SplitColumn:
			r.split = i
		case r.spec.Weight:
			r.weight = i
		default:
			r.inputs, names = append(r.inputs, i), append(names, name)
		}
	}
	if r.label < 0 || r.split < 0 || len(names) == 0 {
		return fmt.Errorf("the feature set has the columns %q and lacks label, %s or inputs: start a new run",
			columns, registry.SplitColumn)
	}
	for _, part := range []string{registry.TrainPart, registry.ValidationPart, registry.TestPart} {
		r.set[part] = &Table{Inputs: names}
	}
	return nil
}

func (r *reader) row(values []any) error {
	part, _ := values[r.split].(string)
	t := r.set[part]
	if t == nil {
		return fmt.Errorf("the feature set has a row of the unknown part %q: start a new run", part)
	}
	for _, i := range r.inputs {
		x, ok := values[i].(float64)
		if !ok {
			x = math.NaN()
		}
		t.Values = append(t.Values, float32(x))
	}
	weight := float32(1)
	if r.weight >= 0 {
		x, _ := values[r.weight].(float64)
		weight = float32(x)
	}
	switch label := values[r.label].(type) {
	case float64:
		t.Labels = append(t.Labels, float32(label))
	case string:
		class := slices.Index(r.spec.Classes(), label)
		if class < 0 {
			return fmt.Errorf("the feature set has the unknown label %q: start a new run", label)
		}
		t.Labels = append(t.Labels, float32(class))
		if r.classWeights != nil {
			weight *= r.classWeights[class]
		}
	default:
		return fmt.Errorf("the feature set has the label %v: start a new run", label)
	}
	if r.weight >= 0 || r.classWeights != nil {
		t.Weights = append(t.Weights, weight)
	}
	return nil
}

// classWeights are the weights of the classes by their indices; nil where there are none.
func classWeights(spec *pipeline.Spec) []float32 {
	if len(spec.Model.ClassWeights) == 0 {
		return nil
	}
	var weights []float32
	for _, class := range spec.Classes() {
		weight, ok := spec.Model.ClassWeights[class]
		if !ok {
			weight = 1
		}
		weights = append(weights, float32(weight))
	}
	return weights
}

// Category gives the values of an input that is a category, nil for any other: a query may give the name of a category
// to something else.
func (s Set) Category(spec *pipeline.Spec, input int) []string {
	for _, part := range s {
		if part.Category(spec, input) == nil {
			return nil
		}
	}
	column, _ := spec.Column(s[registry.TrainPart].Inputs[input])
	return column.Values
}

// Category is that of a set for one of its parts.
func (t *Table) Category(spec *pipeline.Spec, input int) []string {
	column, _ := spec.Column(t.Inputs[input])
	if column.Type != pipeline.Category {
		return nil
	}
	for i := input; i < len(t.Values); i += len(t.Inputs) {
		x := t.Values[i]
		if x == x && (x < 0 || x != float32(int(x)) || int(x) >= len(column.Values)) {
			return nil
		}
	}
	return column.Values
}
