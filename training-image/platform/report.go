package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// failureLimit is how much of a reason SageMaker shows.
const failureLimit = 1024

// WriteFailure tells the platform why the job has failed, where it has a place for that.
func (p *Place) WriteFailure(reason error) error {
	if p.FailureFile == "" {
		return nil
	}
	text := reason.Error()
	if len(text) > failureLimit {
		text = text[:failureLimit]
	}
	if err := os.MkdirAll(filepath.Dir(p.FailureFile), 0o755); err != nil {
		return fmt.Errorf("telling the platform the reason: %w", err)
	}
	return os.WriteFile(p.FailureFile, []byte(text), 0o644)
}

// metric is one line of the file that Vertex reads the metrics of a trial from.
// Source: the source of the package cloudml-hypertune.
type metric struct {
	Timestamp float64 `json:"timestamp"`
	Trial     string  `json:"trial"`
	Step      string  `json:"global_step"`
}

// WriteMetric tells the platform's own search the metric of this trial, where it reads a file. (SageMaker reads
// what is printed, Azure ML what MLflow is told.)
func (p *Place) WriteMetric(name string, value float64, step int) error {
	if p.MetricFile == "" {
		return nil
	}
	data, err := json.Marshal(metric{Timestamp: float64(time.Now().UnixMicro()) / 1e6, Trial: p.Trial,
		Step: strconv.Itoa(step)})
	if err != nil {
		return err
	}
	line := append(data[:len(data)-1], fmt.Sprintf(",%q:%q}\n", name, strconv.FormatFloat(value, 'g', -1, 64))...)
	if err := os.MkdirAll(filepath.Dir(p.MetricFile), 0o755); err != nil {
		return fmt.Errorf("writing the metric of the trial: %w", err)
	}
	f, err := os.OpenFile(p.MetricFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing the metric of the trial: %w", err)
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}
