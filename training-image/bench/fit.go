package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/quality"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/train"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// parameters of each family: those that the peers get in bench.py.
var parameters = map[string]string{
	"trees":  "rounds: 100, maxDepth: 6, learningRate: 0.1, l2: 1, earlyStopping: 0",
	"mlp":    "hidden: [128, 64], epochs: 10, batchSize: 256, learningRate: 0.001, l2: 0.0001, earlyStopping: 0",
	"linear": "l2: 1",
}

// fitChild fits one family and prints what the fit took.
func fitChild(ctx context.Context, name, dir, seed string) error {
	spec, data, test, err := load(name, dir)
	if err != nil {
		return err
	}
	if spec.Model.Seed, err = strconv.ParseInt(seed, 10, 64); err != nil {
		return err
	}
	f, err := train.Family(spec, xgboost.Open)
	if err != nil {
		return err
	}
	// The loss on a few rows is the least that a fit must compute.
	held := &featureset.Table{Inputs: data.Inputs, Values: data.Values[:min(1000, data.Rows()/10)*len(data.Inputs)],
		Labels: data.Labels[:min(1000, data.Rows()/10)]}
	before := cpu()
	fitted, err := f.Fit(ctx, &family.Request{Spec: spec, Train: data, Validation: held})
	if err != nil {
		return err
	}
	t := taken{CPU: cpu() - before, MiB: peak()}
	model, err := fitted.Model.Load()
	if err != nil {
		return err
	}
	out := make([]float32, test.Rows()*model.Outputs())
	if err := model.Predict(test.Values, test.Rows(), out); err != nil {
		return err
	}
	m := quality.Measure(spec.Task, out, test.Labels)
	t.Accuracy, t.AUC, t.R2 = m["accuracy"], m["auc"], m["r2"]
	return json.NewEncoder(os.Stdout).Encode(t)
}

func load(name, dir string) (*pipeline.Spec, *featureset.Table, *featureset.Table, error) {
	var m meta
	data, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	spec, err := pipeline.Parse("bench", []byte(specOf(&m, name, parameters[name])))
	if err != nil {
		return nil, nil, nil, err
	}
	var tables [2]*featureset.Table
	for i, part := range []string{"train", "test"} {
		t := &featureset.Table{Inputs: m.Columns}
		if t.Values, err = readFloats(filepath.Join(dir, part+".x")); err != nil {
			return nil, nil, nil, err
		}
		if t.Labels, err = readFloats(filepath.Join(dir, part+".y")); err != nil {
			return nil, nil, nil, err
		}
		tables[i] = t
	}
	return spec, tables[0], tables[1], nil
}

// specOf is a pipeline.yaml.
func specOf(m *meta, family, parameters string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: bench\ntask: %s\nlabel: y\nsource:\n  columns:\n", m.Task)
	for _, c := range m.Columns {
		fmt.Fprintf(&b, "    - {name: %s, type: float}\n", c)
	}
	label, metric := "type: float", "rmse"
	if m.Task != "regression" {
		label, metric = `type: category, values: ["`+strings.Join(m.Classes, `", "`)+`"]`, "accuracy"
	}
	fmt.Fprintf(&b, "    - {name: y, %s}\nmodel: {family: %s, parameters: {%s}}\ngate: {metric: %s, threshold: 0}\n",
		label, family, parameters, metric)
	return b.String()
}

// cpu is the processor time of this process in seconds.
func cpu() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return seconds(r.Utime) + seconds(r.Stime)
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// peak is the largest resident memory of this process so far.
func peak() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return float64(r.Maxrss) / 1024
}
