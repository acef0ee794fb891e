package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// ErrDiffers means that a training that was repeated gives another model.
var ErrDiffers = errors.New("the model that was trained again is not the registered one")

// Reproduce trains a registered version again, from the rows, the parameters and the seed that it was made of, and
// compares the bytes. Needed options: Pipeline, Features, Models, Logs, Open.
func Reproduce(ctx context.Context, o Options, model, version string) error {
	models, err := lake.Open(ctx, o.Models)
	if err != nil {
		return err
	}
	defer func() { _ = models.Close() }()
	m, err := registry.New(models).Manifest(ctx, model, version)
	if err != nil {
		return fmt.Errorf("reproduce: %w", err)
	}
	if ranks := max(1, m.Ranks); ranks != o.Place.World {
		return fmt.Errorf("reproduce: %s was trained by %d processes: run reproduce in as many, these are %d", version, ranks,
			o.Place.World)
	}
	o.Run, o.Trial = m.Run, true // no checkpoint, no candidate
	return step.Again(ctx, o.Options, "reproduce", func(ctx context.Context, j *step.Job) error {
		s := &session{o: o, Job: j}
		if s.spec, err = specOf(j, m); err != nil {
			return err
		}
		fitted, err := s.fit(ctx)
		defer s.set.Close()
		if err != nil || o.Place.Rank > 0 {
			return err
		}
		if err := Optimize(ctx, j, s.spec, s.set, fitted); err != nil {
			return err
		}
		return s.compare(m, fitted)
	})
}

// specOf is the pipeline as the version was trained with it.
func specOf(j *step.Job, m *registry.Manifest) (*pipeline.Spec, error) {
	if j.Spec.Hash() != m.PipelineHash {
		return nil, errors.New("pipeline.yaml is not the one that the version was trained with: " +
			"give that one with --pipeline")
	}
	data, err := json.Marshal(m.Parameters)
	if err != nil {
		return nil, err
	}
	spec := *j.Spec
	spec.Model.Seed = m.Seed
	spec.Model.Parameters = pipeline.Parameters{}
	if err := json.Unmarshal(data, &spec.Model.Parameters); err != nil {
		return nil, fmt.Errorf("reading the parameters of the version: %w", err)
	}
	return &spec, nil
}

// compare tells whether the bytes are the same, and what else has changed where they are not.
func (s *session) compare(m *registry.Manifest, f *family.Fitted) error {
	model, optimized, err := encode(s.Job, f)
	if err != nil {
		return err
	}
	want := m.SHA256[registry.ModelFile]
	for _, data := range [][]byte{model, optimized} {
		if registry.Sum(data) == want {
			s.Say("%s is reproduced: %s has the same %d bytes", m.Version, registry.ModelFile, len(data))
			return nil
		}
	}
	return fmt.Errorf("%w: SHA-256 %s, registered is %s%s", ErrDiffers, registry.Sum(model), want, changes(m, f, s.o.Code))
}

// changes lists the versions that differ.
func changes(m *registry.Manifest, f *family.Fitted, code string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m.Libraries)) {
		if now := f.Libraries[name]; now != m.Libraries[name] {
			all = append(all, fmt.Sprintf("%s is %s and was %s", name, now, m.Libraries[name]))
		}
	}
	if code != m.CodeVersion {
		all = append(all, fmt.Sprintf("the program is %s and was %s", code, m.CodeVersion))
	}
	if len(all) == 0 {
		return "; no version has changed"
	}
	return "; " + strings.Join(all, ", ")
}
