// Package batch predicts every row of an input: of the newest feature set, or of a Parquet, CSV or JSON Lines file.
//
// A run writes results/batch/<time>/part-00000.parquet and so on, then report.json, and batch/latest.json last: who
// reads that finds whole results only. Each part holds in its footer where in the input it ends. A run that was cut off
// goes on behind its last part when it is started again, and ends with the same files as one that was not.
package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/parquetopen"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Keys in the results zone.
const (
	Prefix     = "batch/"
	Latest     = Prefix + "latest.json"
	ReportFile = "report.json"
	jobs       = Prefix + "jobs/" // of runs that have not ended
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
	// Input is the URI of a Parquet, CSV or JSON Lines file, known by its ending; empty takes the newest feature set.
	Input string
	// Key is the column that identifies a row; empty takes that of Pipeline, if it is given.
	Key string
	// Workers predict in parallel. Default one for each processor.
	Workers int
	// PartRows is the least number of rows of a part but the last. Default 1 million.
	PartRows int
	// ChunkBytes are read of a text at once. Default 2 MiB.
	ChunkBytes int
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
	// Features is the key of the feature set in the features zone, and DataVersion the data that it was computed from;
	// empty where Input names the file that was read.
	Features    string `json:"features,omitempty"`
	DataVersion string `json:"dataVersion,omitempty"`
	Input       string `json:"input,omitempty"`
	// Predictions is the folder of the predictions in the results zone, and Parts are the keys of its files.
	Predictions string   `json:"predictions"`
	Parts       []string `json:"parts"`
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
	// Resumed says that the run went on from parts of one that was cut off.
	Resumed bool `json:"resumed,omitempty"`
	// Seconds that the run took, since it was started for the last time.
	Seconds float64 `json:"seconds"`
}

type run struct {
	o       Options
	models  *lake.Zone
	results *lake.Zone
	zones   []*lake.Zone // to close
	model   *model.Model
	key     string // the key column, empty for none
	input   input
	report  Report
	job     string // the key of the job's record
	state   state  // behind the last part
}

// state is how far a run is. It stands in the footer of each part.
type state struct {
	Position        int64            `json:"position"`
	Rows            int64            `json:"rows"`
	MissingRequired int64            `json:"missingRequired"`
	Classes         map[string]int64 `json:"classes,omitempty"`
	Sum             float64          `json:"sum,omitempty"`
}

// Run predicts the input. registry.ErrNoAlias where there is no model and ErrNoFeatures where there is no feature set.
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
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.PartRows <= 0 {
		o.PartRows = 1_000_000
	}
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = 2 << 20
	}
	r := &run{o: o}
	defer r.close()
	if err := r.do(ctx); err != nil {
		return fmt.Errorf("predicting a batch: %w", err)
	}
	_, err := fmt.Fprintf(o.Out, "predicted %d rows with %s %s: %s in %s\n", r.report.RowsOut, r.report.Model,
		r.report.Version, r.report.Predictions, r.results.URI())
	return err
}

func (r *run) close() {
	for _, zone := range r.zones {
		_ = zone.Close()
	}
}

func (r *run) open(ctx context.Context, uri string) (*lake.Zone, error) {
	zone, err := lake.Open(ctx, uri)
	if err == nil {
		r.zones = append(r.zones, zone)
	}
	return zone, err
}

func (r *run) do(ctx context.Context) (err error) {
	start := time.Now()
	if r.models, err = r.open(ctx, r.o.Models); err != nil {
		return err
	}
	if r.results, err = r.open(ctx, r.o.Results); err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := r.find(ctx); err != nil {
		return err
	}
	if err := r.resume(ctx); err != nil {
		return err
	}
	if err := r.predict(ctx); err != nil {
		return err
	}
	return r.finish(ctx, start)
}

// load reads the pipeline, where one is named, and the model.
func (r *run) load(ctx context.Context) error {
	name := r.o.Model
	r.key = r.o.Key
	if r.o.Pipeline != "" {
		spec, err := model.ReadPipeline(ctx, r.o.Pipeline)
		if err != nil {
			return err
		}
		if r.key == "" {
			r.key = spec.Source.Key
		}
		if name == "" {
			name = spec.Name
		}
	}
	if name == "" {
		return model.ErrNoName
	}
	var err error
	r.model, err = model.LoadAlias(ctx, registry.New(r.models), name, r.o.Alias)
	return err
}

// find finds the input.
func (r *run) find(ctx context.Context) error {
	r.report = Report{Model: r.model.Manifest.Name, Version: r.model.Manifest.Version, Input: r.o.Input}
	if r.o.Input != "" {
		uri, key, err := splitURI(r.o.Input)
		if err != nil {
			return err
		}
		r.input.key, r.input.chunkBytes = key, r.o.ChunkBytes
		if r.input.format, err = formatOf(key); err != nil {
			return err
		}
		r.input.zone, err = r.open(ctx, uri)
		return err
	}
	zone, err := r.open(ctx, r.o.Features)
	if err != nil {
		return err
	}
	set, err := registry.ReadLatestFeatures(ctx, zone)
	if err != nil {
		return err
	}
	if set == nil {
		return ErrNoFeatures
	}
	r.report.Features, r.report.DataVersion = set.Key, set.DataVersion
	r.input = input{zone: zone, key: set.Key, format: Parquet}
	return nil
}

// job is the record of a run that has begun: the folder of its parts, whose name is its time.
type job struct {
	Time   time.Time `json:"time"`
	Folder string    `json:"folder"`
}

// resume goes on from a run over the same input with the same version, or begins a new one.
func (r *run) resume(ctx context.Context) error {
	about, err := r.input.zone.Stat(ctx, r.input.key)
	if errors.Is(err, lake.ErrNotFound) {
		return fmt.Errorf("%w; the newest feature set is gone, or the input; run the pipeline again", err)
	}
	if err != nil {
		return err
	}
	id := registry.Sum(fmt.Appendf(nil, "%s %s %s %s %s %d %d %s %d", r.model.Manifest.Name, r.model.Manifest.Version,
		r.model.Manifest.SHA256[registry.ModelFile], r.input.zone.URI(), r.input.key, about.SizeBytes,
		about.Modified.UnixNano(), r.key, r.o.PartRows+r.o.ChunkBytes))
	r.job = jobs + id[:32] + ".json"
	data, err := r.results.Read(ctx, r.job)
	var j job
	switch {
	case err == nil && json.Unmarshal(data, &j) == nil && strings.HasPrefix(j.Folder, Prefix):
		r.report.Resumed = true
	case err == nil || errors.Is(err, lake.ErrNotFound):
		at := r.o.Now().UTC()
		j = job{Time: at, Folder: Prefix + at.Format("20060102T150405.000Z") + "/"}
	default:
		return err
	}
	r.report.Time, r.report.Predictions = j.Time, j.Folder
	return r.readParts(ctx)
}

// part is the key of a part.
func (r *run) part(n int) string { return fmt.Sprintf("%spart-%05d.parquet", r.report.Predictions, n) }

// readParts finds the parts that are there, and how far they reach.
func (r *run) readParts(ctx context.Context) error {
	objects, err := r.results.List(ctx, r.report.Predictions+"part-")
	if err != nil {
		return err
	}
	r.report.Parts = []string{}
	for n, o := range objects {
		if o.Key != r.part(n) {
			return fmt.Errorf("%w: %s is there and %s is not", ErrCount, o.Key, r.part(n))
		}
		r.report.Parts = append(r.report.Parts, o.Key)
	}
	if n := len(r.report.Parts); n > 0 {
		if _, r.state, err = r.footer(ctx, r.part(n-1)); err != nil {
			return err
		}
	}
	if r.state.Classes == nil && !r.model.Regression() {
		r.state.Classes = map[string]int64{}
	}
	return nil
}

// begin records the job before its first part.
func (r *run) begin(ctx context.Context) error {
	data, err := json.Marshal(job{Time: r.report.Time, Folder: r.report.Predictions})
	if err != nil {
		return err
	}
	return r.results.Write(ctx, r.job, append(data, '\n'))
}

// finish checks what was written and makes it the latest.
func (r *run) finish(ctx context.Context, start time.Time) error {
	for _, part := range r.report.Parts {
		written, _, err := r.footer(ctx, part)
		if err != nil {
			return err
		}
		r.report.RowsOut += written
	}
	r.report.RowsIn, r.report.MissingRequired, r.report.Classes = r.state.Rows, r.state.MissingRequired, r.state.Classes
	if r.model.Regression() && r.state.Rows > 0 {
		mean := r.state.Sum / float64(r.state.Rows)
		r.report.Mean = &mean
	}
	if r.report.RowsOut != r.report.RowsIn {
		return fmt.Errorf("%w: %d rows went in and %d came out", ErrCount, r.report.RowsIn, r.report.RowsOut)
	}
	r.report.Seconds = time.Since(start).Seconds()
	data, err := json.MarshalIndent(r.report, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if err := r.results.Write(ctx, path.Join(r.report.Predictions, ReportFile), data); err != nil {
		return err
	}
	if err := r.results.Write(ctx, Latest, data); err != nil {
		return err
	}
	return r.results.Delete(ctx, r.job)
}

// footer reads how many rows a part holds, and how far the run was behind it.
func (r *run) footer(ctx context.Context, part string) (written int64, s state, err error) {
	local, release, err := r.results.Fetch(ctx, part)
	if err != nil {
		return 0, s, err
	}
	defer release()
	f, err := os.Open(local)
	if err != nil {
		return 0, s, fmt.Errorf("reading %s back: %w", part, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, s, fmt.Errorf("reading %s back: %w", part, err)
	}
	file, err := parquetopen.File(f, info.Size())
	if err != nil {
		return 0, s, fmt.Errorf("reading %s back: %w", part, err)
	}
	text, ok := file.Lookup(stateKey)
	if !ok || json.Unmarshal([]byte(text), &s) != nil {
		return 0, s, fmt.Errorf("reading %s back: its footer has no %s", part, stateKey)
	}
	return file.NumRows(), s, nil
}
