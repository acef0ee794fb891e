package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// ReadPipeline reads the pipeline.yaml at a URI such as file:///data/pipeline.yaml.
func ReadPipeline(ctx context.Context, uri string) (*pipeline.Spec, error) {
	at, name, ok := lake.Split(uri)
	if !ok {
		return nil, fmt.Errorf("reading the pipeline: %q is no URI such as file:///data/pipeline.yaml", uri)
	}
	zone, err := lake.Open(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("reading the pipeline: %w", err)
	}
	defer func() { _ = zone.Close() }()
	data, err := zone.Read(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading the pipeline: %w", err)
	}
	return pipeline.Parse(name, data)
}

// ErrNoName is returned where neither a name nor a pipeline says which model is meant.
var ErrNoName = errors.New("which model? Give --model NAME, or --pipeline URI whose name is taken")

// Name gives the model's name: the given one, or that of the pipeline at a URI.
func Name(ctx context.Context, name, pipelineURI string) (string, error) {
	switch {
	case name != "":
		return name, nil
	case pipelineURI == "":
		return "", ErrNoName
	}
	spec, err := ReadPipeline(ctx, pipelineURI)
	if err != nil {
		return "", err
	}
	return spec.Name, nil
}

// Names gives the names of one or several models, which stand with commas between them.
func Names(ctx context.Context, names, pipelineURI string) ([]string, error) {
	all, err := Name(ctx, names, pipelineURI)
	if err != nil {
		return nil, err
	}
	list := strings.Split(all, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
		if !registry.ValidName(list[i]) {
			return nil, fmt.Errorf("%w; found %q in %q", ErrNoName, list[i], all)
		}
	}
	return list, nil
}
