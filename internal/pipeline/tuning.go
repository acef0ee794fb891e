package pipeline

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Strategy is how a search picks its next trial.
type Strategy string

// The strategies.
const (
	GridSearch     Strategy = "grid"
	RandomSearch   Strategy = "random"
	BayesianSearch Strategy = "bayesian"
)

// Tuning searches for parameters before the model is trained.
type Tuning struct {
	// Strategy picks the next trial: grid, random or bayesian. Default bayesian.
	Strategy Strategy `yaml:"strategy"`
	// Trials is the number of trials, 1 to 1000. Default 20, and all of a grid.
	Trials int `yaml:"trials"`
	// Parallel is the number of trials at a time. A trial is proposed from those that ended so many trials before it,
	// so that the search is repeatable. Default 1.
	Parallel int `yaml:"parallel"`
	// Seed of the search. Default 1.
	Seed int64 `yaml:"seed"`
	// Folds judges a trial by cross-validation: the training and the validation rows are divided into so many folds, 2
	// to 20, each of which is left out of one fit and judges it. Default 0: by the validation rows alone.
	Folds int `yaml:"folds,omitempty"`
	// Pruning ends bad trials early. Default none.
	Pruning *Pruning `yaml:"pruning,omitempty"`
	// Space names parameters of model.parameters with their ranges.
	Space map[string]Range `yaml:"space"`
}

// Folds is the number of folds by which trials are judged; 0 where the validation rows judge them.
func (s *Spec) Folds() int {
	if s.Tuning == nil {
		return 0
	}
	return s.Tuning.Folds
}

// maxFolds bounds tuning.folds: each is one more fit for each trial.
const maxFolds = 20

// Pruning is successive halving: a trial goes on at a rung where it is among the best of those before it.
type Pruning struct {
	// Reduction is the share that goes on: one of so many, at least 2. Default 3.
	Reduction int `yaml:"reduction"`
	// MinRounds is the first rung, in rounds or epochs; the next ones lie Reduction times as far. Default 10.
	MinRounds int `yaml:"minRounds"`
}

// Range are the values that a parameter may take: Min to Max, or Values.
type Range struct {
	// Min and Max bound a number, inclusive.
	Min *float64 `yaml:"min,omitempty"`
	// Max is the upper bound.
	Max *float64 `yaml:"max,omitempty"`
	// Log draws on a logarithmic scale. Default off.
	Log bool `yaml:"log,omitempty"`
	// Steps is the number of values of a grid between Min and Max. Default 3.
	Steps int `yaml:"steps,omitempty"`
	// Values are listed values.
	Values []string `yaml:"values,omitempty,flow"`
}

func (t *Tuning) setDefaults() {
	setZero(&t.Strategy, BayesianSearch)
	setZero(&t.Parallel, 1)
	setZero(&t.Seed, 1)
	if t.Pruning != nil {
		setZero(&t.Pruning.Reduction, 3)
		setZero(&t.Pruning.MinRounds, 10)
	}
	for name, r := range t.Space {
		if len(r.Values) == 0 {
			setZero(&r.Steps, 3)
		}
		t.Space[name] = r
	}
	if t.Trials != 0 {
		return
	}
	t.Trials = 20
	if t.Strategy == GridSearch {
		t.Trials = 1
		for _, r := range t.Space {
			t.Trials = min(1000, t.Trials*max(r.Steps, len(r.Values), 1))
		}
	}
}

func (s *Spec) validateTuning(v *validator) {
	t := s.Tuning
	if t == nil {
		return
	}
	strategies := []Strategy{GridSearch, RandomSearch, BayesianSearch}
	v.check(slices.Contains(strategies, t.Strategy), "tuning.strategy", "found %q, want one of %s", t.Strategy,
		list(strategies))
	v.check(t.Trials >= 1 && t.Trials <= 1000, "tuning.trials", "found %d, want 1 to 1000", t.Trials)
	v.check(t.Parallel >= 1 && t.Parallel <= max(1, t.Trials), "tuning.parallel", "found %d, want 1 to tuning.trials, %d",
		t.Parallel, t.Trials)
	s.validateFolds(v)
	if p := t.Pruning; p != nil {
		v.check(p.Reduction >= 2, "tuning.pruning.reduction", "found %d, want at least 2", p.Reduction)
		v.check(p.MinRounds >= 1, "tuning.pruning.minRounds", "found %d, want at least 1", p.MinRounds)
	}
	v.check(len(t.Space) > 0, "tuning.space", "it is empty: want at least one parameter of %s with its range, such as "+
		"learningRate: {min: 0.01, max: 0.3, log: true}", s.Model.Family)
	allowed := ParametersOf(s.Model.Family)
	for _, name := range slices.Sorted(maps.Keys(t.Space)) {
		key, r := "tuning.space."+name, t.Space[name]
		v.check(slices.Contains(allowed, name), key, "the family %s has no such parameter; it has %s", s.Model.Family,
			strings.Join(allowed, ", "))
		bounded := r.Min != nil && r.Max != nil
		v.check(bounded != (len(r.Values) > 0), key, "want min and max, or values")
		v.check(!bounded || *r.Min < *r.Max, key, "min is not below max")
		v.check(!bounded || !r.Log || *r.Min > 0, key+".min", "a logarithmic scale begins above 0")
		v.check(!bounded || r.Steps >= 2, key+".steps", "found %d, want at least 2", r.Steps)
		v.check(len(r.Values) == 0 || r.Steps == 0 && !r.Log, key, "listed values have neither steps nor log")
		s.validateEnds(v, name, r)
	}
}

func (s *Spec) validateFolds(v *validator) {
	n := s.Folds()
	v.check(n == 0 || n >= 2 && n <= maxFolds, "tuning.folds", "found %d, want 2 to %d, or leave it out", n, maxFolds)
	v.check(n == 0 || s.Split.Time == "", "tuning.folds", "rows that split.time divides are judged by the newest ones, "+
		"and folds would mix the times: leave one of the two out")
}

// validateEnds sets a parameter to the ends of its range, so that what the family refuses is refused before a search.
func (s *Spec) validateEnds(v *validator, name string, r Range) {
	values := r.Values
	for _, end := range []*float64{r.Min, r.Max} {
		if end != nil {
			values = append(values, strconv.FormatFloat(*end, 'g', -1, 64))
		}
	}
	for _, value := range values {
		trial := *s
		trial.Tuning = nil
		_, err := trial.With(map[string]string{name: value})
		v.check(err == nil, "tuning.space."+name, "the value %s cannot be used: %v", value, err)
	}
}

// Whole reports whether a parameter takes whole numbers only.
func Whole(name string) bool {
	field, ok := parameterField(name)
	kind := field.Type
	if ok && kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return ok && kind.Kind() == reflect.Int
}

func parameterField(name string) (reflect.StructField, bool) {
	return reflect.TypeFor[Parameters]().FieldByNameFunc(func(field string) bool {
		f, _ := reflect.TypeFor[Parameters]().FieldByName(field)
		tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		return tag == name
	})
}

// With gives a copy of the spec with other parameters, by their names in model.parameters, or an error that names what
// is wrong with them. A list of numbers is written with commas: 128,64.
func (s *Spec) With(parameters map[string]string) (*Spec, error) {
	if len(parameters) == 0 {
		return s, nil
	}
	data, err := yaml.Marshal(s.Model.Parameters)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(data, &values); err != nil {
		return nil, err
	}
	for name, text := range parameters {
		field, ok := parameterField(name)
		if !ok {
			return nil, fmt.Errorf("there is no parameter %q: %s has %s", name, s.Model.Family,
				strings.Join(ParametersOf(s.Model.Family), ", "))
		}
		if field.Type.Kind() == reflect.Slice {
			text = "[" + strings.Trim(text, "[]") + "]"
		}
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return nil, fmt.Errorf("the parameter %s: %q: %w", name, text, err)
		}
		if x, float := value.(float64); float && Whole(name) && x == float64(int(x)) {
			value = int(x)
		}
		values[name] = value
	}
	next := *s
	next.Tuning = nil
	all := map[string]any{}
	if data, err = yaml.Marshal(&next); err == nil {
		err = yaml.Unmarshal(data, &all)
	}
	if err != nil {
		return nil, err
	}
	all["model"].(map[string]any)["parameters"] = values
	if data, err = yaml.Marshal(all); err != nil {
		return nil, err
	}
	parsed, err := Parse("pipeline.yaml", data)
	if err != nil {
		return nil, err
	}
	parsed.Tuning = s.Tuning
	return parsed, nil
}
