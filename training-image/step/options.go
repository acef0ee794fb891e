// Package step is what the steps of a pipeline run share: their options, the run record that they hand on to one
// another, and what happens when one of them fails.
package step

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/platform"
)

// Options are the options of every step; each step names those that it needs.
type Options struct {
	// Pipeline is the URI of pipeline.yaml, such as file:///data/pipeline.yaml.
	Pipeline string
	// Raw, Curated, Features, Models and Logs are the URIs of the zones.
	Raw      string
	Curated  string
	Features string
	Models   string
	Logs     string
	// Metadata is the metadata table: sqlite:///data/metadata.db.
	Metadata string
	// Online is the online feature store: sqlite:///data/online.db. Empty for none.
	Online string
	// Group is the feature group of a platform: sagemaker-featurestore://NAME?region=R. Empty for none.
	Group string
	// Warehouse is the warehouse: duckdb:///data/warehouse.duckdb. Empty for none.
	Warehouse string
	// Result is where another engine has put the result of the feature SQL: a directory of Parquet files in the features
	// zone. Empty where the step runs the SQL itself.
	Result string
	// Run is the id of the run.
	Run string
	// Alias is promoted when the gate says so.
	Alias string
	// Code is the version of the program, for the manifest.
	Code string
	// Tracking is MLflow's server and run; empty for none.
	Tracking platform.Tracking
	// ReadOnly leaves the run record and the metadata table as they are: for all ranks but the first, and for trials of
	// a platform's own search.
	ReadOnly bool
	// Out takes the progress for a person.
	Out io.Writer
}

// NewRunID makes the id of a run out of its start: 20261122T123456.789Z.
func NewRunID(at time.Time) string { return at.UTC().Format("20060102T150405.000Z") }

// FilePath takes the path out of a URI such as sqlite:///data/metadata.db.
func FilePath(scheme, uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != scheme || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		return "", fmt.Errorf("%q is no address such as %s:///data/name.db", uri, scheme)
	}
	return filepath.FromSlash(u.Path), nil
}

// ReadPipeline reads the bytes of pipeline.yaml at a URI.
func ReadPipeline(ctx context.Context, uri string) ([]byte, error) {
	at, name, ok := lake.Split(uri)
	if !ok {
		return nil, fmt.Errorf("reading the pipeline: %q is no URI such as file:///data/pipeline.yaml", uri)
	}
	zone, err := lake.Open(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("reading the pipeline: %w", err)
	}
	defer func() { _ = zone.Close() }()
	return zone.Read(ctx, name)
}

// Format reads the format of the raw files out of pipeline.yaml; csv where it cannot be read, which later steps refuse.
func Format(spec []byte) string {
	var head struct {
		Source struct {
			Format string `yaml:"format"`
		} `yaml:"source"`
	}
	if err := yaml.Unmarshal(spec, &head); err != nil || head.Source.Format == "" {
		return pipeline.CSV
	}
	return head.Source.Format
}

// Fingerprint identifies what a run starts from: the names, sizes and times of the raw files and the whole of
// pipeline.yaml.
func Fingerprint(files []lake.Object, spec []byte) string {
	h := sha256.New()
	for _, f := range files {
		_, _ = fmt.Fprintf(h, "%q %d %d\n", f.Key, f.SizeBytes, f.Modified.UnixNano())
	}
	_, _ = fmt.Fprintf(h, "%x\n", sha256.Sum256(spec))
	return hex.EncodeToString(h.Sum(nil))
}
