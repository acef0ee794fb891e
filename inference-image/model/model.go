// Package model loads a version from the model registry and makes it ready to predict.
package model

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// ErrSchema means that the manifest of a version and its model.onnx do not describe the same model.
var ErrSchema = errors.New("manifest.json and model.onnx do not belong together")

// Model is a loaded version. It never changes and is safe for concurrent use.
type Model struct {
	// Manifest, Metrics and Profile of the version.
	Manifest registry.Manifest
	Metrics  registry.Metrics
	Profile  registry.Profile

	engine Engine
	index  map[string]int
}

// Engine computes the predictions of a model. It is safe for concurrent use.
type Engine interface {
	// Outputs is how many numbers Predict writes for each row.
	Outputs() int
	// Predict computes n rows that lie one after the other.
	Predict(rows []float32, n int, out []float32) error
}

// Load reads a version, checks every file against its SHA-256 and the model against the manifest.
func Load(ctx context.Context, r *registry.Registry, name, version string) (*Model, error) {
	v, err := r.Open(ctx, name, version)
	if err != nil {
		return nil, err
	}
	m, err := New(v)
	if err != nil {
		return nil, fmt.Errorf("loading model %s %s: %w", name, version, err)
	}
	if v.Manifest.Name != name || v.Manifest.Version != version {
		return nil, fmt.Errorf("loading model %s %s: the manifest is that of %s %s: %w",
			name, version, v.Manifest.Name, v.Manifest.Version, ErrSchema)
	}
	return m, nil
}

// LoadFiles reads the version whose files lie at the top of a zone, or in its only folder.
func LoadFiles(ctx context.Context, r *registry.Registry) (*Model, error) {
	v, err := r.OpenFiles(ctx)
	if err != nil {
		return nil, err
	}
	m, err := New(v)
	if err != nil {
		return nil, fmt.Errorf("loading model %s %s: %w", v.Manifest.Name, v.Manifest.Version, err)
	}
	return m, nil
}

// LoadAlias loads the version that an alias stands for; registry.ErrNoAlias where it stands for none.
func LoadAlias(ctx context.Context, r *registry.Registry, name, alias string) (*Model, error) {
	a, err := r.Resolve(ctx, name, alias)
	if err != nil {
		return nil, err
	}
	return Load(ctx, r, name, a.Version)
}

// New makes a model out of a version that was read from the registry. Trees and the networks of the project's own
// trainer are computed natively; anything else needs a program that was built with ONNX Runtime.
func New(v *registry.Version) (*Model, error) {
	kind, operators, err := onnx.Look(v.Model)
	if err != nil {
		return nil, err
	}
	engine, err := newEngine(v, kind, operators)
	if err != nil {
		return nil, err
	}
	return WithEngine(v, engine), nil
}

func newEngine(v *registry.Version, kind onnx.Kind, operators []string) (Engine, error) {
	switch kind {
	case onnx.Trees:
		e, _, err := onnx.Unmarshal(v.Model)
		if err != nil {
			return nil, err
		}
		if err := agree(&v.Manifest, e.Task, e.Inputs, e.Classes); err != nil {
			return nil, err
		}
		trees, err := e.Compile()
		return treeEngine{trees}, err
	case onnx.Dense:
		n, _, err := onnx.UnmarshalNetwork(v.Model)
		if err != nil {
			return nil, err
		}
		if err := agree(&v.Manifest, n.Task, n.Inputs, n.Classes); err != nil {
			return nil, err
		}
		return n.Compile()
	default:
		return foreign(v, operators)
	}
}

// WithEngine makes a model whose predictions an engine computes.
func WithEngine(v *registry.Version, engine Engine) *Model {
	m := &Model{Manifest: v.Manifest, Metrics: v.Metrics, Profile: v.Profile, engine: engine, index: map[string]int{}}
	for i, input := range v.Manifest.Inputs {
		m.index[input.Name] = i
	}
	return m
}

func agree(manifest *registry.Manifest, task string, inputs, classes []string) error {
	names := make([]string, len(manifest.Inputs))
	for i, input := range manifest.Inputs {
		names[i] = input.Name
	}
	switch {
	case manifest.Task != task:
		return fmt.Errorf("%w: the manifest says %q, the model is %s", ErrSchema, manifest.Task, task)
	case !slices.Equal(names, inputs):
		return fmt.Errorf("%w: the manifest has the inputs %.200q, the model %.200q", ErrSchema, names, inputs)
	case !slices.Equal(manifest.Classes, classes):
		return fmt.Errorf("%w: the manifest has the classes %.200q, the model %.200q", ErrSchema, manifest.Classes, classes)
	default:
		return nil
	}
}

// treeEngine runs an ensemble row by row: its nodes stay in the cache anyway.
type treeEngine struct{ *onnx.Compiled }

// Predict implements Engine.
func (t treeEngine) Predict(rows []float32, n int, out []float32) error {
	inputs, outputs := t.Inputs(), t.Outputs()
	for i := range n {
		t.Compiled.Predict(rows[i*inputs:(i+1)*inputs], out[i*outputs:(i+1)*outputs])
	}
	return nil
}

// Inputs is the number of the model's inputs.
func (m *Model) Inputs() int { return len(m.Manifest.Inputs) }

// Outputs is how many numbers Predict writes for each row: the number of classes, or 1 for a regression.
func (m *Model) Outputs() int { return m.engine.Outputs() }

// Input finds an input by its name; -1 where there is none.
func (m *Model) Input(name []byte) int {
	if i, ok := m.index[string(name)]; ok { // the compiler looks this up without a copy of name
		return i
	}
	return -1
}

// Predict computes n rows that lie one after the other and writes the probability of each class, or the predicted
// number, of each into out. A native model allocates nothing and never fails.
func (m *Model) Predict(rows []float32, n int, out []float32) error {
	return m.engine.Predict(rows, n, out)
}

// Regression reports whether the model predicts a number.
func (m *Model) Regression() bool { return m.Manifest.Task == string(pipeline.Regression) }

// Class is the index of the most probable class; the first of equals.
func Class(probabilities []float32) int {
	best := 0
	for i, p := range probabilities {
		if p > probabilities[best] {
			best = i
		}
	}
	return best
}

// Score turns an output into the number whose distribution Profile.Prediction holds: the probability of the last class
// of a binary model, the index of the predicted class, or the predicted number.
func Score(task string, out []float32) float64 {
	switch pipeline.Task(task) {
	case pipeline.Binary:
		return float64(out[len(out)-1])
	case pipeline.Multiclass:
		return float64(Class(out))
	case pipeline.Regression:
		return float64(out[0])
	default:
		return 0
	}
}

// OpenRegistry opens the models zone at a URI.
func OpenRegistry(ctx context.Context, uri string) (*registry.Registry, func(), error) {
	zone, err := lake.Open(ctx, uri)
	if err != nil {
		return nil, nil, err
	}
	return registry.New(zone), func() { _ = zone.Close() }, nil
}
