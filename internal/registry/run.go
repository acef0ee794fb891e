package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// Status is the state of a pipeline run.
type Status string

// The states of a run.
const (
	Running    Status = "running"
	Registered Status = "registered" // a new version stands in the registry; the decision says whether it is served
	Unchanged  Status = "unchanged"  // data and pipeline were trained before
	Failed     Status = "failed"
)

// Run is the record of one pipeline run. Each step reads it, does its part and writes it back; it lies in the logs
// zone at runs/<id>.json, and runs/latest.json is a copy of the newest.
type Run struct {
	// ID of the run: 20261122T123456.789Z. It sorts by time.
	ID string `json:"id"`
	// Status of the run.
	Status Status `json:"status"`
	// Model is the name of the model.
	Model string `json:"model"`
	// Fingerprint identifies the listing of the raw zone and the pipeline.yaml that started the run.
	Fingerprint string `json:"fingerprint"`
	// Started and Ended are the times of the first and the last step.
	Started time.Time `json:"started"`
	// Ended is the time of the end; zero while it runs.
	Ended time.Time `json:"ended,omitzero"`
	// Steps are the steps that have ended, in their order.
	Steps []Step `json:"steps"`
	// Error says what went wrong and what to do; set where Status is Failed.
	Error string `json:"error,omitempty"`
	// DataVersion is set by etl.
	DataVersion string `json:"dataVersion,omitempty"`
	// PipelineHash is set by etl.
	PipelineHash string `json:"pipelineHash,omitempty"`
	// Rows that etl accepted, quarantined and replaced.
	Rows RowCounts `json:"rows"`
	// Features is the key of the feature set in the features zone, set by features.
	Features string `json:"features,omitempty"`
	// Version is set by register.
	Version string `json:"version,omitempty"`
	// Decision of the gate, set by evaluate.
	Decision *Decision `json:"decision,omitempty"`
}

// Step is one ended step of a run.
type Step struct {
	// Name of the step: etl, features, train, evaluate, register.
	Name string `json:"name"`
	// Seconds that it took.
	Seconds float64 `json:"seconds"`
}

// RowCounts counts the rows of the raw files.
type RowCounts struct {
	// Read is the number of rows in the files.
	Read int `json:"read"`
	// Accepted rows went to the curated zone.
	Accepted int `json:"accepted"`
	// Quarantined rows are listed with their reasons in the quarantine file.
	Quarantined int `json:"quarantined"`
	// Replaced rows gave way to a newer row with the same key.
	Replaced int `json:"replaced"`
}

const latestRun = "runs/latest.json"

// LatestRun reads the record of the newest run; nil where there is none.
func LatestRun(ctx context.Context, logs *lake.Zone) (*Run, error) {
	return readRun(ctx, logs, latestRun)
}

// ReadRun reads the record of a run; nil where there is none.
func ReadRun(ctx context.Context, logs *lake.Zone, id string) (*Run, error) {
	return readRun(ctx, logs, "runs/"+id+".json")
}

func readRun(ctx context.Context, logs *lake.Zone, key string) (*Run, error) {
	data, err := logs.Read(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var run Run
	if err := json.Unmarshal(data, &run); err != nil {
		return nil, fmt.Errorf("reading %s in %s: %w", key, logs.URI(), err)
	}
	return &run, nil
}

// WriteRun writes the record of a run and makes it the latest.
func WriteRun(ctx context.Context, logs *lake.Zone, run *Run) error {
	data, err := marshal(run)
	if err != nil {
		return err
	}
	if err := logs.Write(ctx, "runs/"+run.ID+".json", data); err != nil {
		return err
	}
	return logs.Write(ctx, latestRun, data)
}
