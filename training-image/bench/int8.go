package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/quality"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/optimize"
	"github.com/mlpathway/mlpathway/training-image/train"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// int8 trains a network with layers of 1024 and compares it with its forms in 8 bits: size, accuracy, time for one row.
func (o *options) int8(ctx context.Context, _ string) (string, error) {
	g := generated(20_000, 10_000)
	m := meta{Task: g.task, Classes: g.classes, Columns: g.columns}
	spec, err := pipeline.Parse("bench", []byte(specOf(&m, "mlp", "hidden: [1024, 1024], epochs: 3, earlyStopping: 0")))
	if err != nil {
		return "", err
	}
	f, err := train.Family(spec, xgboost.Open)
	if err != nil {
		return "", err
	}
	rows := &featureset.Table{Inputs: g.columns, Values: g.train.x, Labels: g.train.y}
	held := &featureset.Table{Inputs: g.columns, Values: g.test.x[:1000*30], Labels: g.test.y[:1000]}
	fitted, err := f.Fit(ctx, &family.Request{Spec: spec, Train: rows, Validation: held})
	if err != nil {
		return "", err
	}
	network := fitted.Model.(*onnx.Network)
	var b strings.Builder
	b.WriteString("| network 30-1024-1024-1 | bytes | of 32 bits | accuracy | microseconds for one row | faster |\n" +
		"|---|---:|---:|---:|---:|---:|\n")
	var size, wait float64
	for _, kind := range []string{"32 bits", pipeline.Static, pipeline.Dynamic} {
		n := network
		if kind != "32 bits" {
			if n, err = optimize.Quantize(network, rows, kind); err != nil {
				return "", err
			}
		}
		data, err := n.Marshal(nil)
		if err != nil {
			return "", err
		}
		c, err := n.Compile()
		if err != nil {
			return "", err
		}
		out := make([]float32, 2*len(g.test.y))
		if err := c.Predict(g.test.x, len(g.test.y), out); err != nil {
			return "", err
		}
		one := single(c, g.test.x)
		if kind == "32 bits" {
			size, wait = float64(len(data)), one
		}
		fmt.Fprintf(&b, "| %s | %d | %.2f | %.4f | %.0f | **%.1f** |\n", kind, len(data), float64(len(data))/size,
			quality.Measure(spec.Task, out, g.test.y)["accuracy"], one, wait/one)
	}
	fmt.Fprintf(&b, "\nThe processor %s VNNI.\n", map[bool]string{true: "has", false: "has no"}[vnni()])
	return b.String(), nil
}

// single is the median time for one row in microseconds.
func single(c *onnx.CompiledNetwork, x []float32) float64 {
	out := make([]float32, c.Outputs())
	var times []float64
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		at := random.IntN(len(x)/c.Inputs()) * c.Inputs()
		begun := time.Now()
		if err := c.Predict(x[at:at+c.Inputs()], 1, out); err != nil {
			return 0
		}
		times = append(times, float64(time.Since(begun).Nanoseconds())/1000)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func vnni() bool {
	data, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && strings.Contains(string(data), "vnni")
}
