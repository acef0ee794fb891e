// Package optimize makes a trained model smaller and faster: weights in 8 bits, fewer hidden units, smaller trees.
// What that costs is measured by the step evaluate, which refuses a model that loses too much.
package optimize

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/mlp"
)

// calibrationRows are enough to measure ranges on.
const calibrationRows = 2000

// Model makes the optimized form of a fitted model, and says in words what was done.
func Model(ctx context.Context, r *family.Request, m family.Model) (family.Model, string, error) {
	o := r.Spec.Model.Optimize
	var done []string
	if o.Prune > 0 {
		var err error
		switch from := m.(type) {
		case *onnx.Ensemble:
			m, err = Trees(from, r.Train, o.Prune)
		case *onnx.Network:
			m, err = network(ctx, r, from, o.Prune)
		}
		if err != nil {
			return nil, "", fmt.Errorf("pruning: %w", err)
		}
		done = append(done, fmt.Sprintf("%.0f %% pruned", 100*o.Prune))
	}
	if n, ok := m.(*onnx.Network); ok && o.Quantize != "" {
		q, err := Quantize(n, r.Train, o.Quantize)
		if err != nil {
			return nil, "", fmt.Errorf("quantizing: %w", err)
		}
		m, done = q, append(done, "8 bits, "+o.Quantize)
	}
	return m, strings.Join(done, "; "), nil
}

func network(ctx context.Context, r *family.Request, n *onnx.Network, share float64) (family.Model, error) {
	b, err := blas.Open()
	if err != nil {
		return nil, err
	}
	return mlp.New(b).Prune(ctx, r, n, share)
}

// Quantize puts a network into 8 bits: static measures the ranges of what flows through it on training rows, dynamic
// leaves that to each prediction.
func Quantize(n *onnx.Network, rows *featureset.Table, how string) (*onnx.Network, error) {
	if how == pipeline.Dynamic {
		return n.QuantizeDynamic()
	}
	var sample [][]float32
	step := max(1, rows.Rows()/calibrationRows)
	for i := 0; i < rows.Rows(); i += step {
		sample = append(sample, rows.Row(i))
	}
	return n.Quantize(sample)
}
