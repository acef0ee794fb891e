package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// LatestFeatures is the key in the features zone that names the newest feature set.
const LatestFeatures = "latest.json"

// SplitColumn is the column of a feature set that says which part a row belongs to.
const SplitColumn = "_split"

// FoldColumn is the column of a feature set that says which fold of tuning.folds a row belongs to, counted from 0; null
// for test rows. There is none without folds.
const FoldColumn = "_fold"

// The parts of a feature set, as they stand in SplitColumn.
const (
	TrainPart      = "train"
	ValidationPart = "validation"
	TestPart       = "test"
)

// FeatureSet names one feature set of the features zone. Its Parquet file holds the key (where there is one), the
// label (the class name of a classifier, a number for a regression), the inputs, SplitColumn and, with tuning.folds,
// FoldColumn.
type FeatureSet struct {
	// Key is the key of the Parquet file: <data version>-<first 8 of the pipeline hash>/features.parquet.
	Key string `json:"key"`
	// DataVersion of the curated rows that it was computed from.
	DataVersion string `json:"dataVersion"`
	// PipelineHash identifies the training part of pipeline.yaml that it was computed with.
	PipelineHash string `json:"pipelineHash"`
	// Rows is the number of its rows.
	Rows int `json:"rows"`
}

// ReadLatestFeatures reads which feature set is the newest; nil where there is none yet.
func ReadLatestFeatures(ctx context.Context, features *lake.Zone) (*FeatureSet, error) {
	data, err := features.Read(ctx, LatestFeatures)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var set FeatureSet
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("reading %s in %s: %w", LatestFeatures, features.URI(), err)
	}
	return &set, nil
}

// WriteLatestFeatures makes a feature set the newest.
func WriteLatestFeatures(ctx context.Context, features *lake.Zone, set *FeatureSet) error {
	data, err := marshal(set)
	if err != nil {
		return err
	}
	return features.Write(ctx, LatestFeatures, data)
}

// Trained looks for the newest registered version of a model that was trained from a data version with a pipeline;
// nil where there is none.
func (r *Registry) Trained(ctx context.Context, name, dataVersion, pipelineHash string) (*Manifest, error) {
	versions, err := r.Versions(ctx, name)
	if err != nil {
		return nil, err
	}
	for i := len(versions) - 1; i >= 0; i-- {
		m, err := r.Manifest(ctx, name, versions[i])
		if err != nil {
			return nil, err
		}
		if m.DataVersion == dataVersion && m.PipelineHash == pipelineHash {
			return m, nil
		}
	}
	return nil, nil
}
