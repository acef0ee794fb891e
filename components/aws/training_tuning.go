package aws

import (
	"strconv"

	"github.com/mlpathway/mlpathway/components"
)

// tuningTemplate is HyperParameterTuningJobConfig of a request CreateHyperParameterTuningJob.
type tuningTemplate struct {
	Strategy                     string          `json:"Strategy"`
	Objective                    tuningObjective `json:"HyperParameterTuningJobObjective"`
	ParameterRanges              parameterRanges `json:"ParameterRanges"`
	ResourceLimits               resourceLimits  `json:"ResourceLimits"`
	TrainingJobEarlyStoppingType string          `json:"TrainingJobEarlyStoppingType"`
}

type tuningObjective struct {
	Type       string `json:"Type"`
	MetricName string `json:"MetricName"`
}

type resourceLimits struct {
	MaxNumberOfTrainingJobs int `json:"MaxNumberOfTrainingJobs,omitempty"`
	MaxParallelTrainingJobs int `json:"MaxParallelTrainingJobs"`
}

// parameterRanges is the space that is searched.
type parameterRanges struct {
	Categorical []categorical `json:"CategoricalParameterRanges,omitempty"`
	Continuous  []numeric     `json:"ContinuousParameterRanges,omitempty"`
	Integer     []numeric     `json:"IntegerParameterRanges,omitempty"`
}

type categorical struct {
	Name   string   `json:"Name"`
	Values []string `json:"Values"`
}

type numeric struct {
	Name        string `json:"Name"`
	MinValue    string `json:"MinValue"`
	MaxValue    string `json:"MaxValue"`
	ScalingType string `json:"ScalingType"`
}

// tuningMetric is the loss on the validation rows, as the training image prints it when it has ended.
const tuningMetric = "validation:loss"

// metricDefinition tells SageMaker how to find a metric in the lines that a job prints.
type metricDefinition struct {
	Name  string `json:"Name"`
	Regex string `json:"Regex"`
}

var tuningMetrics = []metricDefinition{{tuningMetric, `rounds kept, validation (?:log loss|rmse) ([0-9.]+)`}}

// searchParameter is a parameter of the trees that is searched, under its name in pipeline.yaml: bounds for a search
// that draws, and steps for a grid, the most telling first.
type searchParameter struct {
	name      string
	low, high float64
	whole     bool
	log       bool
	steps     []string
}

// searched is the space, with the bounds that XGBoost's own guide to tuning gives.
// Source: xgboost.readthedocs.io, notes on parameter tuning.
var searched = []searchParameter{
	{name: "maxDepth", low: 3, high: 10, whole: true, steps: []string{"4", "6", "8"}},
	{name: "learningRate", low: 0.01, high: 0.3, log: true, steps: []string{"0.03", "0.1", "0.3"}},
	{name: "minChildWeight", low: 1, high: 10, steps: []string{"1", "5"}},
	{name: "subsample", low: 0.5, high: 1, steps: []string{"0.7", "1"}},
	{name: "columnSample", low: 0.5, high: 1, steps: []string{"0.7", "1"}},
	{name: "l2", low: 0.1, high: 10, log: true, steps: []string{"0.1", "1", "10"}},
}

var strategies = map[components.TuningStrategy]string{
	components.Grid: "Grid", components.Random: "Random", components.Bayesian: "Bayesian",
}

// newTuningTemplate describes a search. It is pure.
func newTuningTemplate(t *components.Tuning) *tuningTemplate {
	template := &tuningTemplate{
		Strategy: strategies[t.Strategy], Objective: tuningObjective{"Minimize", tuningMetric},
		TrainingJobEarlyStoppingType: "Off", ResourceLimits: resourceLimits{MaxParallelTrainingJobs: t.Parallel},
	}
	if t.Strategy == components.Grid {
		// The number of trials follows from the grid: SageMaker takes no other.
		template.ParameterRanges.Categorical = grid(t.Trials)
		return template
	}
	template.ResourceLimits.MaxNumberOfTrainingJobs = t.Trials
	for _, p := range searched {
		scale := "Linear"
		if p.log {
			scale = "Logarithmic"
		}
		bounds := numeric{p.name, number(p.low), number(p.high), scale}
		if p.whole {
			template.ParameterRanges.Integer = append(template.ParameterRanges.Integer, bounds)
		} else {
			template.ParameterRanges.Continuous = append(template.ParameterRanges.Continuous, bounds)
		}
	}
	return template
}

// grid takes the most telling parameters, as many as the number of trials covers in full. The first is always among
// them, cut to the number of trials.
func grid(trials int) []categorical {
	var chosen []categorical
	left := trials
	for i, p := range searched {
		steps := p.steps
		if i == 0 {
			steps = steps[:min(len(steps), trials)]
		}
		if len(steps) > left {
			break
		}
		chosen = append(chosen, categorical{p.name, steps})
		left /= len(steps)
	}
	return chosen
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
