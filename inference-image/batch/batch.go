// Package batch predicts every row of the newest feature set.
//
// A run writes results/batch/<time>/predictions.parquet and report.json, and batch/latest.json last: who reads that
// finds whole results only.
package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Keys in the results zone.
const (
	Prefix          = "batch/"
	Latest          = Prefix + "latest.json"
	PredictionsFile = "predictions.parquet"
	ReportFile      = "report.json"
)

// ErrNoFeatures means that no pipeline run has computed features yet.
var ErrNoFeatures = errors.New("no feature set yet; run the pipeline first")

// ErrCount means that not as many rows came out as went in.
var ErrCount = errors.New("the number of rows is wrong")

// Options of a batch prediction.
type Options struct {
	// Models, Features and Results are the URIs of the zones.
	Models, Features, Results string
	// Model is the name of the model; empty takes the name of Pipeline.
	Model string
	// Pipeline is the URI of pipeline.yaml, which names the key column. Optional.
	Pipeline string
	// Alias whose version predicts. Default production.
	Alias string
	// Out takes a sentence about the outcome. Optional.
	Out io.Writer
	// Now is the time of the run. Default time.Now.
	Now func() time.Time
}

// Report is what a run says about itself.
type Report struct {
	// Time of the run.
	Time time.Time `json:"time"`
	// Model and Version that predicted.
	Model   string `json:"model"`
	Version string `json:"version"`
	// Features is the key of the feature set in the features zone, and DataVersion the data that it was computed from.
	Features    string `json:"features"`
	DataVersion string `json:"dataVersion"`
	// Predictions is the key of the predictions in the results zone.
	Predictions string `json:"predictions"`
	// RowsIn were read and RowsOut written; they are equal.
	RowsIn  int64 `json:"rowsIn"`
	RowsOut int64 `json:"rowsOut"`
	// MissingRequired counts rows without a value for an input that is not optional; they are predicted all the same.
	MissingRequired int64 `json:"missingRequired"`
	// Key is the key column of the predictions; "row" holds the number of the row where there is none.
	Key string `json:"key"`
	// Classes counts the predictions of each class.
	Classes map[string]int64 `json:"classes,omitempty"`
	// Mean of the predicted numbers of a regression.
	Mean *float64 `json:"mean,omitempty"`
	// Seconds that the run took.
	Seconds float64 `json:"seconds"`
}

type run struct {
	o                         Options
	models, features, results *lake.Zone
	model                     *model.Model
	key                       string // the key column, empty for none
	report                    Report
}

// Run predicts the newest feature set. registry.ErrNoAlias where there is no model and ErrNoFeatures where there is no
// feature set.
func Run(ctx context.Context, o Options) error {
	if o.Alias == "" {
		o.Alias = registry.Production
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	r := &run{o: o}
	closeAll, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := r.do(ctx); err != nil {
		return fmt.Errorf("predicting a batch: %w", err)
	}
	_, err = fmt.Fprintf(o.Out, "predicted %d rows with %s %s: %s in %s\n", r.report.RowsOut, r.report.Model,
		r.report.Version, r.report.Predictions, r.results.URI())
	return err
}

func (r *run) open(ctx context.Context) (closeAll func(), err error) {
	var opened []*lake.Zone
	closeAll = func() {
		for _, zone := range opened {
			_ = zone.Close()
		}
	}
	for _, z := range []struct {
		uri  string
		into **lake.Zone
	}{{r.o.Models, &r.models}, {r.o.Features, &r.features}, {r.o.Results, &r.results}} {
		if *z.into, err = lake.Open(ctx, z.uri); err != nil {
			closeAll()
			return nil, err
		}
		opened = append(opened, *z.into)
	}
	return closeAll, nil
}

func (r *run) do(ctx context.Context) error {
	start := time.Now()
	name := r.o.Model
	if r.o.Pipeline != "" {
		spec, err := model.ReadPipeline(ctx, r.o.Pipeline)
		if err != nil {
			return err
		}
		r.key = spec.Source.Key
		if name == "" {
			name = spec.Name
		}
	}
	if name == "" {
		return model.ErrNoName
	}
	var err error
	if r.model, err = model.LoadAlias(ctx, registry.New(r.models), name, r.o.Alias); err != nil {
		return err
	}
	set, err := registry.ReadLatestFeatures(ctx, r.features)
	if err != nil {
		return err
	}
	if set == nil {
		return ErrNoFeatures
	}
	at := r.o.Now().UTC()
	folder := Prefix + at.Format("20060102T150405.000Z") + "/"
	r.report = Report{Time: at, Model: name, Version: r.model.Manifest.Version, Features: set.Key,
		DataVersion: set.DataVersion, Predictions: folder + PredictionsFile}
	if !r.model.Regression() {
		r.report.Classes = map[string]int64{}
	}
	if err := r.predict(ctx); err != nil {
		return err
	}
	if err := r.finish(ctx, folder, start); err != nil {
		// Predictions without a report are of no use to anybody.
		_ = r.results.Delete(context.WithoutCancel(ctx), r.report.Predictions)
		return err
	}
	return nil
}

// predict writes the predictions. Where it fails nothing is written.
func (r *run) predict(ctx context.Context) error {
	path, release, err := r.features.Fetch(ctx, r.report.Features)
	if errors.Is(err, lake.ErrNotFound) {
		return fmt.Errorf("%w; the newest feature set is gone, run the pipeline again", err)
	}
	if err != nil {
		return err
	}
	defer release()
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the feature set: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading the feature set: %w", err)
	}
	set, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return fmt.Errorf("reading the feature set %s: this is no Parquet file: %w", r.report.Features, err)
	}
	p, err := newPredictor(r, set)
	if err != nil {
		return err
	}
	return r.results.WriteFrom(ctx, r.report.Predictions, func(w io.Writer) error { return p.write(ctx, w) })
}

// finish checks what was written and makes it the latest.
func (r *run) finish(ctx context.Context, folder string, start time.Time) error {
	written, err := r.count(ctx)
	if err != nil {
		return err
	}
	r.report.RowsOut = written
	if r.report.RowsOut != r.report.RowsIn {
		return fmt.Errorf("%w: %d rows went in and %d came out", ErrCount, r.report.RowsIn, r.report.RowsOut)
	}
	r.report.Seconds = time.Since(start).Seconds()
	data, err := json.MarshalIndent(r.report, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if err := r.results.Write(ctx, folder+ReportFile, data); err != nil {
		return err
	}
	return r.results.Write(ctx, Latest, data)
}

// count reads from the written file how many rows it holds.
func (r *run) count(ctx context.Context) (int64, error) {
	path, release, err := r.results.Fetch(ctx, r.report.Predictions)
	if err != nil {
		return 0, err
	}
	defer release()
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("reading the predictions back: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("reading the predictions back: %w", err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return 0, fmt.Errorf("reading the predictions back: %w", err)
	}
	return file.NumRows(), nil
}
