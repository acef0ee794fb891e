package monitor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/quality"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// LabelsPrefix is where labels that arrive later lie in the logs zone: files of JSON Lines, each line
// {"id": "the id of the request", "label": "the class, or the number"}. The last label of an id counts.
const LabelsPrefix = "labels/"

// labels are matched with captured rows by the id that the caller gave the request.
type labels struct {
	byID        map[string]float32
	predictions []float32
	truth       []float32
}

// readLabels reads all labels. A line that is none is left out.
func readLabels(ctx context.Context, logs *lake.Zone, m *registry.Manifest) (*labels, error) {
	l := &labels{byID: map[string]float32{}}
	files, err := logs.List(ctx, LabelsPrefix)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Key, ".jsonl") {
			continue
		}
		if err := l.read(ctx, logs, f.Key, m); err != nil {
			return nil, fmt.Errorf("reading labels: %s: %w", f.Key, err)
		}
	}
	return l, nil
}

func (l *labels) read(ctx context.Context, logs *lake.Zone, key string, m *registry.Manifest) error {
	r, err := logs.NewReader(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var line struct {
			ID    string `json:"id"`
			Label any    `json:"label"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.ID == "" {
			continue
		}
		switch label := line.Label.(type) {
		case float64:
			if m.Task == string(pipeline.Regression) {
				l.byID[line.ID] = float32(label)
			}
		case string:
			if class := slices.Index(m.Classes, label); class >= 0 {
				l.byID[line.ID] = float32(class)
			}
		}
	}
	return lines.Err()
}

// match takes a captured row whose label is there.
func (l *labels) match(r *capture.Record) {
	if label, ok := l.byID[r.ID]; ok && r.ID != "" {
		l.predictions, l.truth = append(l.predictions, r.Output...), append(l.truth, label)
	}
}

// judge measures; nil where no label came.
func (l *labels) judge(task string, limits Thresholds) *Quality {
	if len(l.byID) == 0 {
		return nil
	}
	q := &Quality{Status: OK, Rows: len(l.truth), Labels: len(l.byID),
		Metrics: quality.Measure(pipeline.Task(task), l.predictions, l.truth)}
	value, known := q.Metrics[limits.Metric]
	switch {
	case len(l.truth) < limits.MinRows:
		q.Status = Insufficient
	case limits.Quality == nil || !known:
	case pipeline.Gate{Metric: limits.Metric}.HigherIsBetter() && value < *limits.Quality,
		!pipeline.Gate{Metric: limits.Metric}.HigherIsBetter() && value > *limits.Quality:
		q.Status = Drift
	}
	return q
}
