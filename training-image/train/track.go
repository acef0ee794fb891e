package train

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/mlflow"
)

// track tells MLflow how the training went, where there is a server. That it cannot be told is no reason to fail.
func (s *session) track(ctx context.Context, f *family.Fitted) {
	r := mlflow.Report{Model: s.spec.Name, Run: s.Record.ID, Parameters: parameters(s.spec),
		Tags: map[string]string{"model": s.spec.Name, "family": s.spec.Model.Family, "dataVersion": s.Record.DataVersion,
			"pipelineHash": s.Record.PipelineHash, "codeVersion": s.Code}}
	maps.Copy(r.Tags, f.Libraries)
	for _, point := range f.Curve {
		r.Metrics = append(r.Metrics, mlflow.Metric{Name: "validation_loss", Value: point.Loss, Step: point.Round})
	}
	r.Metrics = append(r.Metrics, mlflow.Metric{Name: "rounds", Value: float64(f.Rounds), Step: f.Rounds},
		mlflow.Metric{Name: "loss", Value: f.Loss, Step: f.Rounds})
	if err := mlflow.Send(ctx, s.Tracking, r); err != nil {
		s.Say("note: %s", err)
	}
}

// parameters writes those of a pipeline by their names, and the seed.
func parameters(spec *pipeline.Spec) map[string]string {
	all := map[string]string{"seed": strconv.FormatInt(spec.Model.Seed, 10)}
	var values map[string]json.RawMessage
	if data, err := json.Marshal(spec.Model.Parameters); err == nil && json.Unmarshal(data, &values) == nil {
		for name, value := range values {
			all[name] = strings.Trim(string(value), "[]")
		}
	}
	return all
}
