// Package mlflowtest is a stand-in for MLflow's tracking server, for tests: the six calls that a report needs, with the
// limits that the API documents. It is not MLflow.
package mlflowtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Value is a value of a metric.
type Value struct {
	Key   string  `json:"key"`
	Value float64 `json:"value"`
	Time  int64   `json:"timestamp"`
	Step  int     `json:"step"`
}

// Run is what the server knows of a run.
type Run struct {
	Experiment, Status string
	Parameters, Tags   map[string]string
	Metrics            []Value
}

// Last is the newest value of a metric, and its step.
func (r *Run) Last(name string) (value float64, step int, ok bool) {
	for _, m := range r.Metrics {
		if m.Key == name {
			value, step, ok = m.Value, m.Step, true
		}
	}
	return value, step, ok
}

// Server is the stand-in. The zero value has neither experiments nor runs.
type Server struct {
	// Prefix of the path of the API, and the Authorization that it demands; empty for none.
	Prefix, Authorization string
	// Fail answers so many requests with 503 first.
	Fail int

	mu          sync.Mutex
	runs        map[string]*Run
	experiments []string // the id is the place
	requests    int
}

// Add makes a run, as a platform does.
func (s *Server) Add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(id, &Run{Status: "RUNNING", Tags: map[string]string{}})
}

func (s *Server) add(id string, r *Run) {
	if s.runs == nil {
		s.runs = map[string]*Run{}
	}
	r.Parameters = map[string]string{}
	s.runs[id] = r
}

// Runs are all runs by their ids.
func (s *Server) Runs() map[string]*Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs
}

// Requests counts what was asked.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

type pair struct{ Key, Value string }

// request holds the fields of all calls.
type request struct {
	Run         string   `json:"run_id"`
	Name        string   `json:"name"`
	RunName     string   `json:"run_name"`
	Experiment  string   `json:"experiment_id"`
	Experiments []string `json:"experiment_ids"`
	Filter      string   `json:"filter"`
	Status      string   `json:"status"`
	Metrics     []Value  `json:"metrics"`
	Params      []pair   `json:"params"`
	Tags        []pair   `json:"tags"`
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	method, ok := strings.CutPrefix(r.URL.Path, s.Prefix+"/api/2.0/mlflow/")
	var q request
	switch {
	case s.Fail > 0:
		s.Fail--
		http.Error(w, "no healthy upstream", http.StatusServiceUnavailable)
		return
	case r.Header.Get("Authorization") != s.Authorization:
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	case !ok || r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&q) != nil:
		http.NotFound(w, r)
		return
	}
	answer, err := s.do(method, &q)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"error_code": "INVALID_PARAMETER_VALUE", "message": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) do(method string, q *request) (any, error) {
	switch method {
	case "experiments/search":
		found := []any{}
		for i, name := range s.experiments {
			if q.Filter == "name = '"+name+"'" {
				found = append(found, map[string]any{"experiment_id": fmt.Sprint(i)})
			}
		}
		return map[string]any{"experiments": found}, nil
	case "experiments/create":
		s.experiments = append(s.experiments, q.Name)
		return map[string]any{"experiment_id": fmt.Sprint(len(s.experiments) - 1)}, nil
	case "runs/search":
		return s.search(q), nil
	case "runs/create":
		id := fmt.Sprintf("run-%d", len(s.runs))
		run := &Run{Experiment: q.Experiment, Status: "RUNNING", Tags: map[string]string{"mlflow.runName": q.RunName}}
		s.add(id, run)
		set(run.Tags, q.Tags)
		return map[string]any{"run": map[string]any{"info": map[string]any{"run_id": id}}}, nil
	case "runs/update":
		run := s.runs[q.Run]
		if run == nil {
			return nil, fmt.Errorf("Run with id=%s not found", q.Run) // in MLflow's words
		}
		run.Status = q.Status
		return map[string]any{}, nil
	case "runs/log-batch":
		return map[string]any{}, s.log(q)
	}
	return nil, fmt.Errorf("the stand-in does not know %s", method)
}

func (s *Server) search(q *request) any {
	found := map[string]any{}
	for id, run := range s.runs {
		for key, value := range run.Tags {
			if len(q.Experiments) == 1 && q.Experiments[0] == run.Experiment &&
				q.Filter == fmt.Sprintf("tags.`%s` = '%s'", key, value) {
				found["runs"] = []any{map[string]any{"info": map[string]any{"run_id": id}}}
			}
		}
	}
	return found
}

// log keeps the limits of one request: 1000 metrics, 100 parameters, 100 tags, values of 500 characters.
func (s *Server) log(q *request) error {
	run := s.runs[q.Run]
	if run == nil {
		return fmt.Errorf("Run with id=%s not found", q.Run) // in MLflow's words
	}
	if len(q.Metrics) > 1000 || len(q.Params) > 100 || len(q.Tags) > 100 {
		return fmt.Errorf("too much at a time")
	}
	for _, p := range q.Params {
		if old, ok := run.Parameters[p.Key]; ok && old != p.Value || len(p.Value) > 500 {
			return fmt.Errorf("changing param values is not allowed: %s", p.Key)
		}
	}
	for _, m := range q.Metrics {
		if m.Key == "" || m.Time < 1_700_000_000_000 {
			return fmt.Errorf("no metric: %+v", m)
		}
	}
	set(run.Parameters, q.Params)
	set(run.Tags, q.Tags)
	run.Metrics = append(run.Metrics, q.Metrics...)
	return nil
}

func set(values map[string]string, pairs []pair) {
	for _, p := range pairs {
		values[p.Key] = p.Value
	}
}
