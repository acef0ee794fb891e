package mlp

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/training-image/family"
)

// tuning is how many epochs a pruned network is trained on.
const tuning = 5

// Prune removes a share of the units of each hidden layer, those with the smallest weights, and trains the rest for a
// few epochs more. Whole units go, so that the network becomes smaller and faster on every runtime.
func (m *MLP) Prune(ctx context.Context, r *family.Request, n *onnx.Network, share float64) (*onnx.Network, error) {
	smaller := *n
	smaller.Layers = slices.Clone(n.Layers)
	spec := *r.Spec
	spec.Model.Parameters.Hidden = nil
	for i := range len(n.Layers) - 1 {
		keep := strongest(&smaller.Layers[i], &smaller.Layers[i+1], share)
		cut(&smaller.Layers[i], &smaller.Layers[i+1], keep)
		spec.Model.Parameters.Hidden = append(spec.Model.Parameters.Hidden, len(keep))
	}
	epochs, patience := tuning, tuning
	spec.Model.Parameters.Epochs, spec.Model.Parameters.EarlyStopping = epochs, &patience
	tuned := &family.Request{Spec: &spec, Train: r.Train, Validation: r.Validation}
	skeleton := smaller
	skeleton.Layers = nil
	f := m.begin(tuned, &skeleton)
	f.take(smaller.Layers)
	if err := f.epochs(ctx); err != nil {
		return nil, err
	}
	if _, err := f.fitted(&skeleton, &patience); err != nil {
		return nil, err
	}
	return &skeleton, skeleton.Validate()
}

// strongest chooses the units of a hidden layer that are kept: those with the largest product of what comes in and
// what goes out, in their order.
func strongest(l, next *onnx.Layer, share float64) []int {
	strength := make([]float64, l.Outputs)
	for j := range strength {
		in, out := 0.0, 0.0
		for i := j; i < len(l.Weights); i += l.Outputs {
			in += float64(l.Weights[i]) * float64(l.Weights[i])
		}
		for _, w := range next.Weights[j*next.Outputs : (j+1)*next.Outputs] {
			out += float64(w) * float64(w)
		}
		strength[j] = math.Sqrt(in * out)
	}
	order := make([]int, l.Outputs)
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(strength[b], strength[a]) })
	keep := order[:max(1, l.Outputs-int(share*float64(l.Outputs)))]
	slices.Sort(keep)
	return keep
}

// cut takes units out of a layer and out of what the next one reads.
func cut(l, next *onnx.Layer, keep []int) {
	inputs := len(l.Weights) / l.Outputs
	less := onnx.Layer{Outputs: len(keep)}
	for i := range inputs {
		for _, j := range keep {
			less.Weights = append(less.Weights, l.Weights[i*l.Outputs+j])
		}
	}
	after := onnx.Layer{Outputs: next.Outputs, Bias: next.Bias}
	for _, j := range keep {
		less.Bias = append(less.Bias, l.Bias[j])
		after.Weights = append(after.Weights, next.Weights[j*next.Outputs:(j+1)*next.Outputs]...)
	}
	*l, *next = less, after
}

// take begins with the weights of a network.
func (f *fit) take(layers []onnx.Layer) {
	for i, l := range f.layers {
		copy(f.weights[l.weights:l.bias], layers[i].Weights)
		copy(f.weights[l.bias:l.bias+l.outputs], layers[i].Bias)
		if i < len(f.layers)-1 {
			continue
		}
		for j := range l.inputs * l.outputs {
			f.weights[l.weights+j] = float32(float64(f.weights[l.weights+j]) / f.unit)
		}
		for j := range l.outputs {
			f.weights[l.bias+j] = float32((float64(f.weights[l.bias+j]) - f.shift) / f.unit)
		}
	}
}
