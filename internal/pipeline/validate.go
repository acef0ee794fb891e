package pipeline

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/schedule"
	"github.com/mlpathway/mlpathway/internal/strict"
)

var (
	namePattern = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)
	types       = []Type{Float, Integer, Boolean, Text, Category, Timestamp}
	metrics     = map[Task][]string{
		Binary:     {"accuracy", "auc", "f1", "logloss"},
		Multiclass: {"accuracy", "f1", "logloss"},
		Regression: {"rmse", "mae", "r2"},
	}
)

func (s *Spec) setDefaults() {
	setZero(&s.Source.Format, CSV)
	setZero(&s.Split.Validation, 0.15)
	setZero(&s.Split.Test, 0.2)
	setZero(&s.Split.Seed, 1)
	setZero(&s.Model.Family, Trees)
	setZero(&s.Model.Seed, 1)
	s.Model.Parameters.setDefaults(s.Model.Family)
	if s.Tuning != nil {
		s.Tuning.setDefaults()
	}
	if s.Model.Optimize != nil {
		setNil(&s.Model.Optimize.Tolerance, 0.005)
	}
	setNil(&s.Gate.MustBeatCurrent, true)
	setZero(&s.Schedules.Train, Never)
	setZero(&s.Schedules.Batch, "0 2 * * *")
	setZero(&s.Schedules.Monitor, "*/15 * * * *")
	setZero(&s.Drift.PSI, 0.2)
	setZero(&s.Drift.Missing, 0.1)
	setZero(&s.Drift.MinRows, 100)
	setZero(&s.Drift.NewCategories, 0.01)
}

func setZero[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setNil[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// validator collects everything that is wrong with the values of a file.
type validator struct {
	file     string
	problems []error
}

func (v *validator) check(ok bool, key, format string, args ...any) {
	if !ok {
		v.problems = append(v.problems, &strict.Problem{File: v.file, Key: key, Message: fmt.Sprintf(format, args...)})
	}
}

func (s *Spec) validate(file string) error {
	v := &validator{file: file}
	v.check(namePattern.MatchString(s.Name), "name",
		"found %q, want 1 to 40 lower-case letters, digits and hyphens, beginning with a letter", s.Name)
	s.validateSource(v)
	s.validateLabel(v)
	s.validateModel(v)
	s.validateTuning(v)
	s.validateGate(v)
	s.validateSchedules(v)
	v.check(s.Drift.PSI > 0, "drift.psi", "found %v, want a number above 0", s.Drift.PSI)
	v.check(s.Drift.Missing > 0 && s.Drift.Missing <= 1, "drift.missing",
		"found %v, want a share above 0 up to 1", s.Drift.Missing)
	for key, share := range map[string]float64{"drift.ks": s.Drift.KS, "drift.js": s.Drift.JS} {
		v.check(share >= 0 && share <= 1, key, "found %v, want a number from 0 to 1", share)
	}
	v.check(s.Drift.NewCategories > 0 && s.Drift.NewCategories <= 1, "drift.newCategories",
		"found %v, want a share above 0 up to 1", s.Drift.NewCategories)
	v.check(s.Drift.MinRows > 0, "drift.minRows", "found %d, want at least 1", s.Drift.MinRows)
	return errors.Join(v.problems...)
}

func (s *Spec) validateSource(v *validator) {
	v.check(slices.Contains([]string{CSV, JSONLines, Parquet}, s.Source.Format), "source.format",
		"found %q, want one of csv, jsonl, parquet", s.Source.Format)
	v.check(len(s.Source.Columns) > 0, "source.columns", "want at least one column")
	v.check(s.Source.Data == "" || !filepath.IsAbs(s.Source.Data), "source.data",
		"found %q, want a path relative to %s", s.Source.Data, filepath.Base(v.file))
	seen := map[string]bool{}
	for i, c := range s.Source.Columns {
		key := fmt.Sprintf("source.columns[%d]", i)
		v.check(c.Name != "", key+".name", "a column needs a name")
		v.check(!seen[c.Name], key+".name", "the column %q stands here twice", c.Name)
		seen[c.Name] = true
		v.check(slices.Contains(types, c.Type), key+".type", "found %q, want one of %s", c.Type, list(types))
		v.check(c.Type == Category || len(c.Values) == 0, key+".values", "only a category has values")
		v.check(c.Type != Category || len(c.Values) >= 2, key+".values", "a category needs at least two values")
		number := c.Type == Float || c.Type == Integer
		v.check(number || c.Min == nil && c.Max == nil, key, "only numbers have min and max")
		v.check(c.Min == nil || c.Max == nil || *c.Min <= *c.Max, key+".min", "min is above max")
	}
	if s.Source.Key != "" {
		key, ok := s.Column(s.Source.Key)
		v.check(ok, "source.key", "found %q, want one of source.columns", s.Source.Key)
		v.check(!ok || !key.Optional, "source.key", "the key column %q must not be optional", s.Source.Key)
	}
}

func (s *Spec) validateLabel(v *validator) {
	tasks := []Task{Binary, Multiclass, Regression}
	v.check(slices.Contains(tasks, s.Task), "task", "found %q, want one of %s", s.Task, list(tasks))
	label, ok := s.Column(s.Label)
	v.check(ok, "label", "found %q, want one of source.columns", s.Label)
	v.check(s.Label != s.Source.Key || s.Label == "", "label", "the label is also the key")
	v.check(!label.Optional, "label", "the label column %q must not be optional", s.Label)
	switch {
	case !ok:
	case s.Task == Binary:
		v.check(label.Type == Category && len(label.Values) == 2, "label", "a binary task needs a category of two values")
	case s.Task == Multiclass:
		v.check(label.Type == Category && len(label.Values) > 2, "label",
			"a multiclass task needs a category of three or more values")
	case s.Task == Regression:
		v.check(label.Type == Float || label.Type == Integer, "label", "a regression needs a float or an integer")
	}
}

func (s *Spec) validateModel(v *validator) {
	families := []string{Trees, Linear, MLP}
	known := slices.Contains(families, s.Model.Family)
	v.check(known, "model.family", "found %q, want one of %s", s.Model.Family, list(families))
	if known {
		s.Model.Parameters.validate(v, s.Model.Family)
	}
	device := s.Model.Device
	v.check(device == "" || device == "cpu" || device == "cuda", "model.device", "found %q, want cpu or cuda", device)
	v.check(device != "cuda" || s.Model.Family == Trees, "model.device", "only trees are trained on cuda")
	v.check(!s.Model.ExternalMemory || s.Model.Family == Trees, "model.externalMemory", "only trees train from files")
	v.check(!s.Model.ExternalMemory || device != "cuda", "model.externalMemory", "the device cuda trains from memory")
	s.validateOptimize(v)
	for class, weight := range s.Model.ClassWeights {
		v.check(slices.Contains(s.Classes(), class), "model.classWeights", "%q is not a class of the label", class)
		v.check(weight > 0, "model.classWeights."+class, "found %v, want a number above 0", weight)
	}
	s.validateSplit(v)
}

func (s *Spec) validateOptimize(v *validator) {
	if o := s.Model.Optimize; o != nil {
		v.check(o.Quantize == "" || o.Quantize == Static || o.Quantize == Dynamic, "model.optimize.quantize",
			"found %q, want static or dynamic", o.Quantize)
		v.check(o.Quantize == "" || s.Model.Family == MLP, "model.optimize.quantize", "only an mlp is put into 8 bits")
		v.check(o.Prune >= 0 && o.Prune < 1, "model.optimize.prune", "found %v, want 0 up to below 1", o.Prune)
		v.check(o.Prune == 0 || s.Model.Family != Linear, "model.optimize.prune", "a linear model has nothing to prune")
		v.check(o.Quantize != "" || o.Prune > 0, "model.optimize", "want quantize or prune")
		v.check(*o.Tolerance >= 0, "model.optimize.tolerance", "found %v, want at least 0", deref(o.Tolerance))
	}
}

func (s *Spec) validateSplit(v *validator) {
	v.check(s.Split.Validation > 0 && s.Split.Validation < 1, "split.validation",
		"found %v, want between 0 and 1", s.Split.Validation)
	v.check(s.Split.Test > 0 && s.Split.Test < 1, "split.test", "found %v, want between 0 and 1", s.Split.Test)
	v.check(s.Split.By == "" || s.Split.Time == "", "split.by", "want by or time and not both")
	for key, name := range map[string]string{"weight": s.Weight, "split.by": s.Split.By, "split.time": s.Split.Time} {
		v.check(name == "" || name != s.Label, key, "found the label")
	}
	v.check(s.Weight == "" || s.Weight != s.Source.Key, "weight", "found the key")
	v.check(s.Split.Validation+s.Split.Test < 1, "split", "validation and test leave no rows for training")
}

func (s *Spec) validateGate(v *validator) {
	allowed, ok := metrics[s.Task]
	v.check(!ok || slices.Contains(allowed, s.Gate.Metric), "gate.metric",
		"found %q, want one of %s for a %s task", s.Gate.Metric, strings.Join(allowed, ", "), s.Task)
}

func (s *Spec) validateSchedules(v *validator) {
	for key, expression := range map[string]string{
		"schedules.train": s.Schedules.Train, "schedules.batch": s.Schedules.Batch,
		"schedules.monitor": s.Schedules.Monitor,
	} {
		if expression == "" || expression == Never {
			continue
		}
		err := schedule.Check(expression)
		v.check(err == nil, key, "%v", err)
	}
}

func list[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = string(value)
	}
	return strings.Join(words, ", ")
}
