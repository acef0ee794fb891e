// Package pipeline reads pipeline.yaml, the one file that describes a machine-learning problem: where its rows come
// from, what they mean, what is learned from them and when the result is good enough to serve.
package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/internal/strict"
)

// Task is the kind of answer that a model gives.
type Task string

// The tasks.
const (
	Binary     Task = "binary"     // one of two categories
	Multiclass Task = "multiclass" // one of three or more categories
	Regression Task = "regression" // a number
)

// Type is the type of a column.
type Type string

// The column types. A timestamp is written as RFC 3339 or as a date such as 2026-11-22.
const (
	Float     Type = "float"
	Integer   Type = "integer"
	Boolean   Type = "boolean"
	Text      Type = "text"
	Category  Type = "category"
	Timestamp Type = "timestamp"
)

// Spec is the content of a pipeline.yaml.
type Spec struct {
	// Name names the model: lower-case letters, digits and hyphens, at most 40 characters.
	Name string `yaml:"name"`
	// Task says what kind of answer the model gives.
	Task Task `yaml:"task"`
	// Source describes the files in the raw zone.
	Source Source `yaml:"source"`
	// Label is the column that the model learns to predict.
	Label string `yaml:"label"`
	// Weight is the column of the features that says how much a row counts in training; a number above 0. Empty: all
	// rows count the same.
	Weight string `yaml:"weight,omitempty"`
	// Features is a query over the view `curated`, in the common part of DuckDB's and Spark's SQL. It must return the
	// key (where there is one), the label and the model's inputs, all of them numbers. Empty selects every column.
	Features string `yaml:"features"`
	// Split says how rows are divided into training, validation and test rows.
	Split Split `yaml:"split"`
	// Model says what is trained.
	Model Model `yaml:"model"`
	// Tuning searches for parameters of the model first. Default none.
	Tuning *Tuning `yaml:"tuning,omitempty"`
	// Gate says when a new model may replace the one that is served.
	Gate Gate `yaml:"gate"`
	// Schedules say when things happen besides the arrival of new data.
	Schedules Schedules `yaml:"schedules"`
	// Drift says how far live data may move away from the training data.
	Drift Drift `yaml:"drift"`
}

// Source describes the files in the raw zone.
type Source struct {
	// Format of the files: csv, with a header line; jsonl, one JSON object on each line; parquet. Default csv.
	Format string `yaml:"format"`
	// Data is the file that a local stack puts into the raw zone first, relative to pipeline.yaml. Optional.
	Data string `yaml:"data"`
	// Key is the column that identifies a row. A row whose key was seen in an older file replaces the older row, and
	// the split follows the key, so that a row stays on its side when more data arrives. Without a key the split
	// follows the content of the row.
	Key string `yaml:"key"`
	// Columns are the columns of the files in their order there. Columns of a file that are not listed are ignored.
	Columns []Column `yaml:"columns"`
}

// The formats of files.
const (
	CSV       = "csv"
	JSONLines = "jsonl"
	Parquet   = "parquet"
)

// Column is one column of a source.
type Column struct {
	// Name is the header of the column.
	Name string `yaml:"name"`
	// Type is the type of its values.
	Type Type `yaml:"type"`
	// Values are the allowed values of a category, in their order; the first is class 0.
	Values []string `yaml:"values"`
	// Optional allows missing values: an empty field, NA, NaN or null.
	Optional bool `yaml:"optional"`
	// Min and Max bound a number, inclusive.
	Min *float64 `yaml:"min"`
	// Max is the upper bound.
	Max *float64 `yaml:"max"`
}

// Split divides the rows by a hash of the key, so that it is repeatable and new rows move no old ones; or by a hash of
// another column, or by time.
type Split struct {
	// Validation is the share of rows that early stopping watches. Default 0.15.
	Validation float64 `yaml:"validation"`
	// Test is the share of rows that only the promotion gate sees. Default 0.2.
	Test float64 `yaml:"test"`
	// Seed changes which rows go where. Default 1.
	Seed int64 `yaml:"seed"`
	// By is the column of the features whose hash decides instead of the key, so that all rows of a customer, say, stay
	// together. It is no input.
	By string `yaml:"by,omitempty"`
	// Time is the column of the features by whose values rows are divided: the oldest are learned from, the newest are
	// tested on. It is no input.
	Time string `yaml:"time,omitempty"`
}

// Model says what is trained.
type Model struct {
	// Family is trees, linear or mlp. Default trees.
	Family string `yaml:"family"`
	// Parameters of the family.
	Parameters Parameters `yaml:"parameters"`
	// Seed of the training. Default 1.
	Seed int64 `yaml:"seed"`
	// Image runs the step train instead of the training image of the stack: a reference with a digest, or on a machine
	// the path of a program. It keeps the contract in docs/pipeline.md.
	Image string `yaml:"image,omitempty"`
	// Device that trees are trained on: cpu, or cuda where the XGBoost library can. Default cpu.
	Device string `yaml:"device,omitempty"`
	// ExternalMemory keeps the rows that trees are trained from in files on the machine, of which only pages are in
	// memory: for rows that are larger than that. Default false.
	ExternalMemory bool `yaml:"externalMemory,omitempty"`
	// ClassWeights multiplies the weight of the rows of a class. Classes that are not named have the weight 1.
	ClassWeights map[string]float64 `yaml:"classWeights,omitempty"`
	// Optimize makes the trained model smaller and faster. Optional.
	Optimize *Optimize `yaml:"optimize,omitempty"`
}

// The ways to put a network into 8 bits.
const (
	Static  = "static"  // with ranges that were measured on training rows
	Dynamic = "dynamic" // with ranges that each prediction measures
)

// Optimize says how a trained model is made smaller and faster.
type Optimize struct {
	// Quantize puts the weights of an mlp into 8 bits: static or dynamic. Empty: not.
	Quantize string `yaml:"quantize,omitempty"`
	// Prune is the share of the hidden units of an mlp, or of the splits of trees, that is removed. Default 0.
	Prune float64 `yaml:"prune,omitempty"`
	// Tolerance is how much worse the gate's metric of the optimized model may be on the test rows. Default 0.005.
	Tolerance *float64 `yaml:"tolerance,omitempty"`
}

// The families of models.
const (
	Trees  = "trees"  // gradient-boosted trees on XGBoost
	Linear = "linear" // linear or logistic regression
	MLP    = "mlp"    // a dense neural network
)

// Gate says when a new model may replace the one that is served.
type Gate struct {
	// Metric that is judged on the test rows: accuracy, auc, f1 or logloss for classes, rmse, mae or r2 for numbers.
	Metric string `yaml:"metric"`
	// Threshold that the metric must reach: at least, or at most for logloss, rmse and mae.
	Threshold float64 `yaml:"threshold"`
	// MustBeatCurrent demands that the new model is no worse on today's test rows than the served one. Default true.
	MustBeatCurrent *bool `yaml:"mustBeatCurrent"`
}

// Never as a schedule switches it off.
const Never = "never"

// Schedules are cron expressions with five fields in UTC, or never.
type Schedules struct {
	// Train runs the whole pipeline. Default never: new data starts it anyway.
	Train string `yaml:"train"`
	// Batch predicts every row of the newest feature set. Default "0 2 * * *".
	Batch string `yaml:"batch"`
	// Monitor compares captured requests with the training data. Default "*/15 * * * *".
	Monitor string `yaml:"monitor"`
}

// Drift says how far live data may move away from the training data.
type Drift struct {
	// PSI is the population stability index above which a feature or the predictions count as drifted. Default 0.2,
	// the usual rule of thumb for a significant shift.
	PSI float64 `yaml:"psi"`
	// Missing is the largest tolerated rise of a feature's share of missing values. Default 0.1.
	Missing float64 `yaml:"missing"`
	// MinRows is the least number of captured rows for a judgement. Default 100.
	MinRows int `yaml:"minRows"`
	// KS is the Kolmogorov-Smirnov statistic above which something drifted; 0 does not judge by it. Default 0.
	KS float64 `yaml:"ks"`
	// JS is the Jensen-Shannon distance above which something drifted; 0 does not judge by it. Default 0.
	JS float64 `yaml:"js"`
	// NewCategories is the tolerated share of requests with a category that training did not know. Default 0.01.
	NewCategories float64 `yaml:"newCategories"`
	// Quality is what the gate's metric must reach on live rows whose labels came later: at least, or at most for
	// logloss, rmse and mae. Without it quality is reported and not judged.
	Quality *float64 `yaml:"quality"`
}

// Load reads and validates the pipeline.yaml at a path. Features may name a file ending in .sql beside it, which is
// read in.
func Load(path string) (*Spec, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the pipeline: %w", err)
	}
	spec, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(spec.Features) == ".sql" {
		sql, err := os.ReadFile(filepath.Join(filepath.Dir(path), spec.Features))
		if err != nil {
			return nil, &strict.Problem{File: path, Key: "features", Message: err.Error()}
		}
		spec.Features = string(sql)
	}
	return spec, nil
}

// Parse reads and validates a self-contained pipeline.yaml: one whose features are SQL and no file name.
func Parse(name string, data []byte) (*Spec, error) {
	spec, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(spec.Features) == ".sql" {
		return nil, &strict.Problem{File: name, Key: "features",
			Message: fmt.Sprintf("found the file name %q, want the SQL itself here", spec.Features)}
	}
	return spec, nil
}

func parse(name string, data []byte) (*Spec, error) {
	var spec Spec
	if err := strict.Decode(name, data, &spec); err != nil {
		return nil, err
	}
	spec.setDefaults()
	if err := spec.validate(name); err != nil {
		return nil, err
	}
	return &spec, nil
}

// Marshal writes the spec with every default filled in, as a self-contained pipeline.yaml.
func (s *Spec) Marshal() ([]byte, error) { return yaml.Marshal(s) }

// Hash identifies what the spec asks of training: two specs with the same hash train the same model from the same
// data. Schedules, drift thresholds and the gate do not count.
func (s *Spec) Hash() string {
	training := *s
	training.Schedules, training.Drift, training.Gate, training.Source.Data = Schedules{}, Drift{}, Gate{}, ""
	data, err := yaml.Marshal(&training)
	if err != nil {
		panic(fmt.Sprintf("pipeline: a parsed spec always marshals: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Column finds a column by its name.
func (s *Spec) Column(name string) (Column, bool) {
	i := slices.IndexFunc(s.Source.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return s.Source.Columns[i], true
}

// Classes lists the classes of the label in their order; none for a regression.
func (s *Spec) Classes() []string {
	label, _ := s.Column(s.Label)
	if s.Task == Regression {
		return nil
	}
	return label.Values
}

// HigherIsBetter reports whether the gate's metric grows with quality.
func (g Gate) HigherIsBetter() bool {
	return !slices.Contains([]string{"logloss", "rmse", "mae"}, g.Metric)
}

// ParseTimestamp reads a value of a timestamp column.
func ParseTimestamp(value string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly, time.DateTime} {
		if t, err := time.Parse(layout, value); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 2026-11-22 or 2026-11-22T12:00:00Z", value)
}
