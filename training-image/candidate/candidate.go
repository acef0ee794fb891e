// Package candidate keeps what a run has trained until it is registered: models/<name>/candidates/<run>/.
package candidate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
)

// Names of files besides those of a version.
const (
	optimizedFile    = "optimized.onnx"
	optimizationFile = "optimization.json"
)

// infoFile holds Info; it is written last by train, so that a candidate with it is whole.
const infoFile = "training.json"

// Info is what train knows about a candidate.
type Info struct {
	// SHA256 of model.onnx.
	SHA256 string `json:"sha256"`
	// Optimized is the sum of optimized.onnx, and Optimization says what was done; empty where there is no such file.
	Optimized    string `json:"optimized,omitempty"`
	Optimization string `json:"optimization,omitempty"`
	// Inputs of the model in their order.
	Inputs []registry.Input `json:"inputs"`
	// Rows of each part.
	Rows map[string]int `json:"rows"`
	// Parameters of the training, also those that a search has found.
	Parameters *pipeline.Parameters `json:"parameters,omitempty"`
	// Ranks is the number of processes that trained together; 0 for one.
	Ranks int `json:"ranks,omitempty"`
	// Rounds of boosting that the model keeps.
	Rounds int `json:"rounds"`
	// ValidationLoss of the kept rounds: log loss, or the root mean square error of a regression.
	ValidationLoss float64 `json:"validationLoss"`
	// Curve holds the losses of all rounds.
	Curve []family.Point `json:"curve,omitempty"`
	// Importance is the share of each feature; see family.Fitted.
	Importance map[string]float64 `json:"importance"`
	// Libraries are the versions of what computed the model.
	Libraries map[string]string `json:"libraries"`
}

// Store is the place of one run's candidate.
type Store struct {
	zone   *lake.Zone
	prefix string
}

// New gives the place for a model and a run.
func New(models *lake.Zone, model, run string) *Store {
	return &Store{zone: models, prefix: model + "/candidates/" + run + "/"}
}

// Write puts a trained candidate down; optimized is empty where there is no such form of it.
func (s *Store) Write(ctx context.Context, model, optimized []byte, profile *registry.Profile, info *Info) error {
	info.SHA256 = registry.Sum(model)
	if len(optimized) > 0 {
		info.Optimized = registry.Sum(optimized)
		if err := s.zone.Write(ctx, s.prefix+optimizedFile, optimized); err != nil {
			return err
		}
	}
	if err := s.zone.Write(ctx, s.prefix+registry.ModelFile, model); err != nil {
		return err
	}
	if err := s.writeJSON(ctx, registry.ProfileFile, profile); err != nil {
		return err
	}
	return s.writeJSON(ctx, infoFile, info)
}

// tunedFile holds the parameters that tune has found.
const tunedFile = "tuned.json"

// WriteTuned puts down the parameters that tune has found.
func (s *Store) WriteTuned(ctx context.Context, parameters map[string]string) error {
	return s.writeJSON(ctx, tunedFile, parameters)
}

// Tuned reads the parameters that tune has found; lake.ErrNotFound where it has not ended.
func (s *Store) Tuned(ctx context.Context) (map[string]string, error) {
	parameters, err := read[map[string]string](ctx, s, tunedFile, "tune")
	if err != nil {
		return nil, err
	}
	return *parameters, nil
}

// Key is the key of something else that belongs to the run until it is registered.
func (s *Store) Key(name string) string { return s.prefix + name }

// WriteMetrics adds what evaluate has measured.
func (s *Store) WriteMetrics(ctx context.Context, metrics *registry.Metrics) error {
	return s.writeJSON(ctx, registry.MetricsFile, metrics)
}

// Model reads the model and checks it against the sum in info.
func (s *Store) Model(ctx context.Context, info *Info) ([]byte, error) {
	return s.checked(ctx, registry.ModelFile, info.SHA256)
}

// Optimized reads the optimized form of the model; nil where there is none.
func (s *Store) Optimized(ctx context.Context, info *Info) ([]byte, error) {
	if info.Optimized == "" {
		return nil, nil
	}
	return s.checked(ctx, optimizedFile, info.Optimized)
}

func (s *Store) checked(ctx context.Context, name, want string) ([]byte, error) {
	data, err := s.zone.Read(ctx, s.prefix+name)
	if err != nil {
		return nil, err
	}
	if sum := registry.Sum(data); sum != want {
		return nil, fmt.Errorf("%s%s has the SHA-256 %s and not %s: run train again", s.prefix, name, sum, want)
	}
	return data, nil
}

// WriteOptimization adds what evaluate has found out about the optimized form.
func (s *Store) WriteOptimization(ctx context.Context, o *registry.Optimization) error {
	return s.writeJSON(ctx, optimizationFile, o)
}

// Optimization reads what evaluate has found out about the optimized form.
func (s *Store) Optimization(ctx context.Context) (*registry.Optimization, error) {
	return read[registry.Optimization](ctx, s, optimizationFile, "evaluate")
}

// Info reads what train knows; lake.ErrNotFound where train has not ended.
func (s *Store) Info(ctx context.Context) (*Info, error) {
	return read[Info](ctx, s, infoFile, "train")
}

// Profile reads what the training rows look like.
func (s *Store) Profile(ctx context.Context) (*registry.Profile, error) {
	return read[registry.Profile](ctx, s, registry.ProfileFile, "train")
}

// Metrics reads what evaluate has measured; lake.ErrNotFound where it has not ended.
func (s *Store) Metrics(ctx context.Context) (*registry.Metrics, error) {
	return read[registry.Metrics](ctx, s, registry.MetricsFile, "evaluate")
}

// Copy puts what train has written into another place.
func (s *Store) Copy(ctx context.Context, to *lake.Zone) error {
	for _, name := range []string{registry.ModelFile, optimizedFile, registry.ProfileFile, infoFile} {
		data, err := s.zone.Read(ctx, s.prefix+name)
		if errors.Is(err, lake.ErrNotFound) && name == optimizedFile {
			continue
		}
		if err != nil {
			return err
		}
		if err := to.Write(ctx, name, data); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes the candidate; what is not there is no error.
func (s *Store) Remove(ctx context.Context) error {
	return s.zone.DeleteAll(ctx, s.prefix)
}

func (s *Store) writeJSON(ctx context.Context, name string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s%s: %w", s.prefix, name, err)
	}
	return s.zone.Write(ctx, s.prefix+name, append(data, '\n'))
}

func read[T any](ctx context.Context, s *Store, name, step string) (*T, error) {
	data, err := s.zone.Read(ctx, s.prefix+name)
	if err != nil {
		return nil, fmt.Errorf("the candidate is not complete: run %s first: %w", step, err)
	}
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, fmt.Errorf("reading %s%s: run %s again: %w", s.prefix, name, step, err)
	}
	return &value, nil
}

// RemoveOthers deletes the candidates of all other runs of a model: what failed or stopped runs have left.
func RemoveOthers(ctx context.Context, models *lake.Zone, model, run string) error {
	prefix := model + "/candidates/"
	objects, err := models.List(ctx, prefix)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if strings.HasPrefix(o.Key, prefix+run+"/") {
			continue
		}
		if err := models.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
	return nil
}
