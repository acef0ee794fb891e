package pipeline

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Parameters of training. Each family has its own; setting one of another family is an error.
type Parameters struct {
	// Rounds of trees is the largest number of boosting rounds. Default 200.
	Rounds int `yaml:"rounds,omitempty" json:"rounds,omitempty"`
	// EarlyStopping of trees and mlp ends training when the validation loss has not improved for so many rounds or
	// epochs; 0 never. Default 20 rounds, 5 epochs.
	EarlyStopping *int `yaml:"earlyStopping,omitempty" json:"earlyStopping,omitempty"`
	// MaxDepth of trees is the largest depth of a tree, 1 to 16. Default 6.
	MaxDepth int `yaml:"maxDepth,omitempty" json:"maxDepth,omitempty"`
	// LearningRate of trees is the weight of each new tree, that of mlp the step of Adam; above 0 up to 1. Default 0.1
	// for trees, 0.001 for mlp.
	LearningRate float64 `yaml:"learningRate,omitempty" json:"learningRate,omitempty"`
	// MinChildWeight of trees is the least sum of row weights in a leaf. Default 1.
	MinChildWeight *float64 `yaml:"minChildWeight,omitempty" json:"minChildWeight,omitempty"`
	// Subsample of trees is the share of rows that each tree sees, above 0 up to 1. Default 1.
	Subsample float64 `yaml:"subsample,omitempty" json:"subsample,omitempty"`
	// ColumnSample of trees is the share of features that each tree sees, above 0 up to 1. Default 1.
	ColumnSample float64 `yaml:"columnSample,omitempty" json:"columnSample,omitempty"`
	// L2 is the L2 regularization of leaf weights or of weights. Default 1 for trees and linear, 0.0001 for mlp.
	L2 *float64 `yaml:"l2,omitempty" json:"l2,omitempty"`
	// MinSplitLoss of trees prunes splits that lower the loss by less. Default 0.
	MinSplitLoss float64 `yaml:"minSplitLoss,omitempty" json:"minSplitLoss,omitempty"`
	// Iterations of linear is the largest number of Newton steps. Default 100.
	Iterations int `yaml:"iterations,omitempty" json:"iterations,omitempty"`
	// Hidden of mlp are the widths of the hidden layers. Default 128, 64.
	Hidden []int `yaml:"hidden,omitempty,flow" json:"hidden,omitempty"`
	// Epochs of mlp is the largest number of passes over the rows. Default 50.
	Epochs int `yaml:"epochs,omitempty" json:"epochs,omitempty"`
	// BatchSize of mlp is the number of rows of a step. Default 256.
	BatchSize int `yaml:"batchSize,omitempty" json:"batchSize,omitempty"`
}

// familyParameters names the parameters of each family.
var familyParameters = map[string][]string{
	Trees: {"rounds", "earlyStopping", "maxDepth", "learningRate", "minChildWeight", "subsample", "columnSample", "l2",
		"minSplitLoss"},
	Linear: {"l2", "iterations"},
	MLP:    {"hidden", "epochs", "batchSize", "learningRate", "l2", "earlyStopping"},
}

// ParametersOf names the parameters that a family has, as they stand in pipeline.yaml; none for an unknown family.
func ParametersOf(family string) []string { return slices.Clone(familyParameters[family]) }

func (p *Parameters) setDefaults(family string) {
	switch family {
	case Trees:
		setZero(&p.Rounds, 200)
		setZero(&p.MaxDepth, 6)
		setZero(&p.LearningRate, 0.1)
		setZero(&p.Subsample, 1)
		setZero(&p.ColumnSample, 1)
		setNil(&p.EarlyStopping, 20)
		setNil(&p.MinChildWeight, 1)
		setNil(&p.L2, 1)
	case Linear:
		setZero(&p.Iterations, 100)
		setNil(&p.L2, 1)
	case MLP:
		if len(p.Hidden) == 0 {
			p.Hidden = []int{128, 64}
		}
		setZero(&p.Epochs, 50)
		setZero(&p.BatchSize, 256)
		setZero(&p.LearningRate, 0.001)
		setNil(&p.EarlyStopping, 5)
		setNil(&p.L2, 0.0001)
	}
}

// validate checks the parameters that a family has, and that there are no others.
func (p *Parameters) validate(v *validator, family string) {
	allowed, value := familyParameters[family], reflect.ValueOf(*p)
	for i := range value.NumField() {
		name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("yaml"), ",")
		v.check(value.Field(i).IsZero() || slices.Contains(allowed, name), "model.parameters."+name,
			"the family %s has no such parameter; it has %s", family, strings.Join(allowed, ", "))
	}
	has := func(name string) bool { return slices.Contains(allowed, name) }
	whole := func(name string, x, most int) {
		v.check(!has(name) || x >= 1 && x <= most, "model.parameters."+name, "found %d, want 1 to %d", x, most)
	}
	share := func(name string, x float64) {
		v.check(!has(name) || x > 0 && x <= 1, "model.parameters."+name, "found %v, want above 0 up to 1", x)
	}
	least := func(name string, x *float64) {
		v.check(!has(name) || *x >= 0, "model.parameters."+name, "found %v, want at least 0", deref(x))
	}
	whole("rounds", p.Rounds, 100_000)
	whole("maxDepth", p.MaxDepth, 16)
	whole("iterations", p.Iterations, 10_000)
	whole("epochs", p.Epochs, 100_000)
	whole("batchSize", p.BatchSize, 1<<20)
	share("learningRate", p.LearningRate)
	share("subsample", p.Subsample)
	share("columnSample", p.ColumnSample)
	least("minChildWeight", p.MinChildWeight)
	least("l2", p.L2)
	least("minSplitLoss", &p.MinSplitLoss)
	v.check(!has("earlyStopping") || *p.EarlyStopping >= 0, "model.parameters.earlyStopping",
		"found %d, want at least 0", deref(p.EarlyStopping))
	v.check(len(p.Hidden) <= 16, "model.parameters.hidden", "found %d layers, want at most 16", len(p.Hidden))
	for _, width := range p.Hidden {
		v.check(width >= 1 && width <= 1<<14, "model.parameters.hidden", "found the width %d, want 1 to %d", width, 1<<14)
	}
}

// deref reads a number that may be absent.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// Families lists the families of models.
func Families() []string { return slices.Sorted(maps.Keys(familyParameters)) }
