// Package mlflow tells an MLflow tracking server what a step has found out: parameters, metrics and tags, over its REST
// API. Source: mlflow.org, "REST API", version 2.0.
package mlflow

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/training-image/platform"
)

// Bounds of what is sent, and of how long it may take: no step waits longer for a server that does not answer.
const (
	metricsAtATime = 1000 // the API's own limit
	textLimit      = 500  // of a value that every server takes
	requestTimeout = 10 * time.Second
	allTimeout     = 30 * time.Second
	tries          = 3
)

// runTag marks the run of MLflow that belongs to a run of the pipeline, where we have made it.
const runTag = "mlpathway.run"

// Metric is one value. Step is the round.
type Metric struct {
	Name  string
	Value float64
	Step  int
}

// Report is what a step has found out.
type Report struct {
	// Model and Run name the run of the pipeline; steps of one run report to the same run of MLflow.
	Model, Run string
	// Parameters can be told once; MLflow refuses other values later.
	Parameters map[string]string
	// Metrics that are no finite numbers are left out.
	Metrics []Metric
	// Tags say the rest.
	Tags map[string]string
}

// Send tells the server. Without an address it does nothing. Its errors are no reason to fail: MLflow is told, and is
// asked nothing.
func Send(ctx context.Context, t platform.Tracking, r Report) error {
	if t.URI == "" {
		return nil
	}
	base, err := address(t.URI)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, allTimeout)
	defer cancel()
	c := &client{base: base, tracking: t, http: &http.Client{Timeout: requestTimeout}}
	id, own := t.Run, false
	if id == "" {
		if id, err = c.run(ctx, &r); err != nil {
			return fmt.Errorf("finding the run in MLflow: %w", err)
		}
		own = true
	}
	for _, batch := range batches(id, &r) {
		if err := c.call(ctx, "runs/log-batch", batch, nil); err != nil {
			return fmt.Errorf("reporting to MLflow: %w", err)
		}
	}
	if own { // the run of somebody else ends when he says so
		end := map[string]any{"run_id": id, "status": "FINISHED", "end_time": time.Now().UnixMilli()}
		if err := c.call(ctx, "runs/update", end, nil); err != nil {
			return fmt.Errorf("ending the run in MLflow: %w", err)
		}
	}
	return nil
}

// address is where the API of a tracking server begins.
func address(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("MLFLOW_TRACKING_URI is %q: want the address of a server, such as http://mlflow:5000", uri)
	}
	switch u.Scheme {
	case "http", "https":
	case "azureml": // the workspace's own server
		u.Scheme = "https"
	default:
		return "", fmt.Errorf("MLFLOW_TRACKING_URI is %q: only servers that speak HTTP can be told", uri)
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.TrimRight(u.String(), "/") + "/api/2.0/mlflow/", nil
}

type client struct {
	base     string
	tracking platform.Tracking
	http     *http.Client
}

// failure is an answer that is no success.
type failure struct {
	Status  int    `json:"-"`
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

// Error implements error.
func (f *failure) Error() string {
	return fmt.Sprintf("the server answered %d: %s", f.Status, cmp.Or(f.Message, f.Code, http.StatusText(f.Status)))
}

// again tells whether the same request may succeed a moment later.
func (f *failure) again() bool { return f.Status >= 500 || f.Status == http.StatusTooManyRequests }

// call POSTs a request and reads the answer. What may pass is tried again.
func (c *client) call(ctx context.Context, method string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := c.once(ctx, method, body, answer)
		var refused *failure
		if err == nil || try == tries || errors.As(err, &refused) && !refused.again() {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * 500 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (c *client) once(ctx context.Context, method string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	switch t := c.tracking; {
	case t.Token != "":
		request.Header.Set("Authorization", "Bearer "+t.Token)
	case t.User != "":
		request.SetBasicAuth(t.User, t.Password)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		f := &failure{}
		_ = json.Unmarshal(data, f) // whatever stands before the server answers in words of its own
		f.Status = response.StatusCode
		return f
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}

// run finds the run of MLflow that an earlier step has made, or makes it.
func (c *client) run(ctx context.Context, r *Report) (string, error) {
	experiment, err := c.experiment(ctx, cmp.Or(c.tracking.Experiment, r.Model))
	if err != nil {
		return "", err
	}
	type run struct {
		Info struct {
			ID string `json:"run_id"`
		} `json:"info"`
	}
	var found struct{ Runs []run }
	query := map[string]any{"experiment_ids": []string{experiment}, "max_results": 1,
		"filter": fmt.Sprintf("tags.`%s` = '%s'", runTag, strings.ReplaceAll(r.Run, "'", ""))}
	if err := c.call(ctx, "runs/search", query, &found); err != nil {
		return "", err
	}
	if len(found.Runs) > 0 {
		return found.Runs[0].Info.ID, nil
	}
	var made struct{ Run run }
	err = c.call(ctx, "runs/create", map[string]any{"experiment_id": experiment, "run_name": r.Run,
		"start_time": time.Now().UnixMilli(), "tags": pairs(map[string]string{runTag: r.Run})}, &made)
	return made.Run.Info.ID, err
}

// experiment finds the experiment of a name, or makes it.
func (c *client) experiment(ctx context.Context, name string) (string, error) {
	if c.tracking.ExperimentID != "" {
		return c.tracking.ExperimentID, nil
	}
	var found struct {
		Experiments []struct {
			ID string `json:"experiment_id"`
		}
	}
	query := map[string]any{"max_results": 1, "filter": fmt.Sprintf("name = '%s'", strings.ReplaceAll(name, "'", ""))}
	if err := c.call(ctx, "experiments/search", query, &found); err != nil {
		return "", err
	}
	if len(found.Experiments) > 0 {
		return found.Experiments[0].ID, nil
	}
	var made struct {
		ID string `json:"experiment_id"`
	}
	err := c.call(ctx, "experiments/create", map[string]any{"name": name}, &made)
	return made.ID, err
}

// pair is a parameter or a tag.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func pairs(values map[string]string) []pair {
	all := []pair{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values[key]
		if len(value) > textLimit {
			value = strings.ToValidUTF8(value[:textLimit], "")
		}
		all = append(all, pair{key, value})
	}
	return all
}

// batch is one request of runs/log-batch.
type batch struct {
	Run        string   `json:"run_id"`
	Metrics    []metric `json:"metrics,omitempty"`
	Parameters []pair   `json:"params,omitempty"`
	Tags       []pair   `json:"tags,omitempty"`
}

type metric struct {
	Key       string  `json:"key"`
	Value     float64 `json:"value"`
	Timestamp int64   `json:"timestamp"` // in milliseconds
	Step      int     `json:"step"`
}

// batches divides a report as the API demands: parameters and tags first, then metrics, so many at a time.
func batches(run string, r *Report) []batch {
	all := []batch{{Run: run, Parameters: pairs(r.Parameters), Tags: pairs(r.Tags)}}
	now := time.Now().UnixMilli()
	var metrics []metric
	for _, m := range r.Metrics {
		if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
			metrics = append(metrics, metric{m.Name, m.Value, now, m.Step})
		}
	}
	for some := range slices.Chunk(metrics, metricsAtATime) {
		all = append(all, batch{Run: run, Metrics: some})
	}
	return all
}
