// Package mlp fits dense neural networks with ReLU by backpropagation and Adam.
package mlp

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/dense"
	"github.com/mlpathway/mlpathway/training-image/family"
)

// MLP is the family.
type MLP struct{ blas *blas.BLAS }

// New makes the family.
func New(b *blas.BLAS) *MLP { return &MLP{blas: b} }

// Fit implements family.Family.
func (m *MLP) Fit(ctx context.Context, r *family.Request) (*family.Fitted, error) {
	n := dense.New(r.Spec, r.Train)
	f := m.begin(r, n)
	if err := f.resume(); err != nil {
		return nil, err
	}
	if err := f.epochs(ctx); err != nil {
		return nil, err
	}
	return f.fitted(n, f.Spec.Model.Parameters.EarlyStopping)
}

func (m *MLP) begin(r *family.Request, n *onnx.Network) *fit {
	f := &fit{Request: r, blas: m.blas, x: dense.Matrix(n, r.Train), held: dense.Matrix(n, r.Validation), unit: 1}
	widths := append([]int{n.Columns()}, r.Spec.Model.Parameters.Hidden...)
	f.widths = append(widths, family.Margins(r.Spec))
	if r.Spec.Task == pipeline.Regression {
		f.shift, f.unit = dense.Labels(r.Train)
	}
	f.layout()
	f.initialize()
	return f
}

// fit is a training at work.
type fit struct {
	*family.Request
	family.Stopper
	blas        *blas.BLAS
	widths      []int     // of the columns, the hidden layers and the margins
	x, held     []float32 // the columns of the training and the validation rows
	shift, unit float64   // of the labels of a regression
	weights     []float32 // of all layers: the matrix of a layer, then its biases
	slopes      []float32 // of the loss by weights
	first       []float32 // Adam's moments
	second      []float32
	steps       int
	batch       int       // the largest number of rows of a step
	best        []float32 // the weights of the best epoch
	layers      []view
	activations []blas.Matrix // of a batch: the columns, then the outputs of each layer
	deltas      []blas.Matrix // slopes of the loss by the outputs of each layer
}

// view is one layer in the list of all weights.
type view struct{ weights, bias, inputs, outputs int }

// layout divides the weights among the layers.
func (f *fit) layout() {
	at := 0
	for i := 1; i < len(f.widths); i++ {
		v := view{weights: at, inputs: f.widths[i-1], outputs: f.widths[i]}
		v.bias = at + v.inputs*v.outputs
		at = v.bias + v.outputs
		f.layers = append(f.layers, v)
	}
	f.weights, f.slopes = make([]float32, at), make([]float32, at)
	f.first, f.second = make([]float32, at), make([]float32, at)
	batch := min(f.Spec.Model.Parameters.BatchSize, f.Train.Rows())
	f.batch = batch
	for _, width := range f.widths {
		f.activations = append(f.activations, blas.Matrix{Data: make([]float32, batch*width), Rows: batch, Columns: width})
		f.deltas = append(f.deltas, blas.Matrix{Data: make([]float32, batch*width), Rows: batch, Columns: width})
	}
}

// initialize draws weights and biases evenly, as Glorot proposes.
func (f *fit) initialize() {
	r := rand.New(rand.NewPCG(uint64(f.Spec.Model.Seed), 0))
	for _, l := range f.layers {
		bound := math.Sqrt(6 / float64(l.inputs+l.outputs))
		for j := range l.inputs*l.outputs + l.outputs {
			f.weights[l.weights+j] = float32((2*r.Float64() - 1) * bound)
		}
	}
}

// epochs passes over the rows until the loss on the validation rows has not improved for a while.
func (f *fit) epochs(ctx context.Context) error {
	p := &f.Spec.Model.Parameters
	for len(f.Curve) < p.Epochs && !f.Stop(*p.EarlyStopping) {
		trainLoss, err := f.epoch(ctx, len(f.Curve))
		if err != nil {
			return err
		}
		loss, err := f.Loss(f.margins(f.held))
		if err != nil {
			return err
		}
		improved, err := f.Add(loss, trainLoss)
		if err != nil {
			return fmt.Errorf("epoch %d: %w", len(f.Curve)+1, err)
		}
		if improved {
			f.best = append(f.best[:0], f.weights...)
		}
		if err := f.Tell(&f.Stopper, p.Epochs, f.state); err != nil {
			return err
		}
	}
	return nil
}

// order is that of so many rows in an epoch: another one in each, which follows from the seed.
func order(seed int64, epoch, rows int) []int {
	return rand.New(rand.NewPCG(uint64(seed), uint64(epoch)+1)).Perm(rows)
}

// epoch passes over the rows once.
func (f *fit) epoch(ctx context.Context, number int) (loss float64, err error) {
	order := order(f.Spec.Model.Seed, number, f.Train.Rows())
	batch, columns := f.batch, f.widths[0]
	sum, total := 0.0, 0.0
	labels, weights := make([]float32, batch), make([]float32, batch)
	for from := 0; from < len(order); from += batch {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		rows := order[from:min(from+batch, len(order))]
		f.resize(len(rows))
		for i, row := range rows {
			copy(f.activations[0].Data[i*columns:(i+1)*columns], f.x[row*columns:(row+1)*columns])
			labels[i], weights[i] = f.Train.Labels[row], 1
			if f.Train.Weights != nil {
				weights[i] = f.Train.Weights[row]
			}
		}
		f.forward()
		batchLoss, batchWeight := f.slope(labels[:len(rows)], weights[:len(rows)])
		sum, total = sum+batchLoss, total+batchWeight
		if batchWeight > 0 {
			f.backward(float32(len(rows)))
			f.update()
		}
	}
	if f.Spec.Task == pipeline.Regression {
		return math.Sqrt(sum/total) * f.unit, nil
	}
	return sum / total, nil
}

// resize sets the number of rows of a batch.
func (f *fit) resize(rows int) {
	for i := range f.activations {
		f.activations[i].Rows, f.deltas[i].Rows = rows, rows
	}
}

// forward computes the outputs of all layers for the batch.
func (f *fit) forward() {
	for i := range f.layers {
		f.apply(i, f.activations[i], f.activations[i+1])
	}
}

func (f *fit) matrix(of []float32, l view) blas.Matrix {
	return blas.Matrix{Data: of[l.weights:l.bias], Rows: l.inputs, Columns: l.outputs}
}

// apply computes the outputs of one layer.
func (f *fit) apply(layer int, x, y blas.Matrix) {
	l := f.layers[layer]
	bias := f.weights[l.bias : l.bias+l.outputs]
	for r := range x.Rows {
		copy(y.Data[r*l.outputs:(r+1)*l.outputs], bias)
	}
	f.blas.Multiply(x, f.matrix(f.weights, l), false, false, y, true)
	if layer == len(f.layers)-1 {
		return
	}
	out := y.Data[:x.Rows*l.outputs]
	for i, v := range out {
		out[i] = max(v, 0)
	}
}

// slope gives the loss of the batch and its weight, and turns margins into the derivatives of the mean loss.
func (f *fit) slope(labels, weights []float32) (loss, total float64) {
	for _, w := range weights {
		total += float64(w)
	}
	last := len(f.layers)
	margins, deltas, width := f.activations[last].Data, f.deltas[last].Data, f.widths[last]
	for i, label := range labels {
		m, d := margins[i*width:(i+1)*width], deltas[i*width:(i+1)*width]
		loss += float64(weights[i]) * f.rowSlope(m, d, label)
		for k := range d {
			d[k] *= float32(float64(weights[i]) / max(total, 1e-30))
		}
	}
	return loss, total
}

func (f *fit) rowSlope(m, d []float32, label float32) float64 {
	switch f.Spec.Task {
	case pipeline.Binary:
		x, sign := float64(m[0]), float64(2*label-1)
		e := math.Exp(-math.Abs(x))
		p := 1 / (1 + e)
		if x < 0 {
			p = e / (1 + e)
		}
		d[0] = float32(p) - label
		return max(-sign*x, 0) + math.Log1p(e)
	case pipeline.Multiclass:
		largest, sum := m[0], 0.0
		for _, x := range m[1:] {
			largest = max(largest, x)
		}
		for k, x := range m {
			e := math.Exp(float64(x - largest))
			d[k] = float32(e)
			sum += e
		}
		for k := range d {
			d[k] = float32(float64(d[k]) / sum)
		}
		d[int(label)]--
		return float64(largest-m[int(label)]) + math.Log(sum)
	default:
		e := float64(m[0]) - (float64(label)-f.shift)/f.unit
		d[0] = float32(2 * e)
		return e * e
	}
}

// backward computes the slopes of the loss by all weights, with the L2 term spread over the batches as scikit-learn
// does.
func (f *fit) backward(rows float32) {
	shrink := float32(*f.Spec.Model.Parameters.L2) / rows
	for i := len(f.layers) - 1; i >= 0; i-- {
		l := f.layers[i]
		delta := f.deltas[i+1]
		f.blas.Multiply(f.activations[i], delta, true, false, f.matrix(f.slopes, l), false)
		for j, w := range f.weights[l.weights:l.bias] {
			f.slopes[l.weights+j] += shrink * w
		}
		bias := f.slopes[l.bias : l.bias+l.outputs]
		clear(bias)
		for r := range delta.Rows {
			for k, d := range delta.Data[r*l.outputs : (r+1)*l.outputs] {
				bias[k] += d
			}
		}
		if i == 0 {
			return
		}
		f.blas.Multiply(delta, f.matrix(f.weights, l), false, true, f.deltas[i], false)
		back := f.deltas[i].Data[:delta.Rows*l.inputs]
		for j, y := range f.activations[i].Data[:len(back)] {
			if y <= 0 {
				back[j] = 0
			}
		}
	}
}

// update moves the weights as Adam does.
func (f *fit) update() {
	const b1, b2, epsilon = 0.9, 0.999, 1e-8
	f.steps++
	t := float64(f.steps)
	rate := float32(f.Spec.Model.Parameters.LearningRate * math.Sqrt(1-math.Pow(b2, t)) / (1 - math.Pow(b1, t)))
	first, second, weights := f.first[:len(f.slopes)], f.second[:len(f.slopes)], f.weights[:len(f.slopes)]
	for i, g := range f.slopes {
		first[i] = float32(b1*first[i]) + float32((1-b1)*g)
		second[i] = float32(b2*second[i]) + float32((1-b2)*g*g)
		weights[i] -= rate * first[i] / (float32(math.Sqrt(float64(second[i]))) + epsilon)
	}
}

// margins computes rows of columns.
func (f *fit) margins(x []float32) []float32 {
	columns, width := f.widths[0], f.widths[len(f.widths)-1]
	rows, batch := len(x)/columns, f.batch
	out := make([]float32, 0, rows*width)
	for from := 0; from < rows; from += batch {
		n := min(batch, rows-from)
		f.resize(n)
		copy(f.activations[0].Data, x[from*columns:(from+n)*columns])
		f.forward()
		for _, m := range f.activations[len(f.layers)].Data[:n*width] {
			if f.Spec.Task == pipeline.Regression {
				m = float32(float64(m)*f.unit + f.shift)
			}
			out = append(out, m)
		}
	}
	return out
}

// fitted makes the network of the weights that are kept.
func (f *fit) fitted(n *onnx.Network, stopping *int) (*family.Fitted, error) {
	weights := f.weights
	if *stopping > 0 {
		weights = f.best
	}
	n.Layers = nil
	for i, l := range f.layers {
		layer := onnx.Layer{Outputs: l.outputs, Weights: append([]float32(nil), weights[l.weights:l.bias]...),
			Bias: append([]float32(nil), weights[l.bias:l.bias+l.outputs]...)}
		if i == len(f.layers)-1 {
			for j := range layer.Weights {
				layer.Weights[j] = float32(float64(layer.Weights[j]) * f.unit)
			}
			for j := range layer.Bias {
				layer.Bias[j] = float32(float64(layer.Bias[j])*f.unit + f.shift)
			}
		}
		n.Layers = append(n.Layers, layer)
	}
	rounds, loss := f.Kept(&f.Spec.Model.Parameters)
	return &family.Fitted{Model: n, Rounds: rounds, Loss: loss, Curve: f.Curve,
		Importance: dense.Importance(n, f.x), Libraries: family.Libraries(map[string]string{"blas": f.blas.Name()})}, nil
}

// state is what a training resumes from.
type state struct {
	Stopper family.Stopper `json:"stopper"`
	Steps   int            `json:"steps"`
	Weights floats         `json:"weights"`
	First   floats         `json:"first"`
	Second  floats         `json:"second"`
	Best    floats         `json:"best"`
}

func (f *fit) state() ([]byte, error) {
	return json.Marshal(state{Stopper: f.Stopper, Steps: f.steps, Weights: f.weights, First: f.first, Second: f.second,
		Best: f.best})
}

func (f *fit) resume() error {
	if f.Resume == nil {
		return nil
	}
	var s state
	if err := json.Unmarshal(f.Resume, &s); err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	for _, of := range [][]float32{s.Weights, s.First, s.Second, s.Best} {
		if len(of) != len(f.weights) {
			return fmt.Errorf("reading the checkpoint: it has %d weights and not %d", len(of), len(f.weights))
		}
	}
	f.Stopper, f.steps, f.weights, f.first, f.second, f.best = s.Stopper, s.Steps, s.Weights, s.First, s.Second, s.Best
	return nil
}
