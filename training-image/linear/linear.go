// Package linear fits linear and logistic regression with L2 regularization.
package linear

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/blas"
	"github.com/mlpathway/mlpathway/training-image/dense"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// Linear is the family. The loss is summed over the rows and half the L2 parameter times the sum of the squared weights
// is added; it is lowered with limited-memory BFGS. There is no early stopping: the problem has one minimum.
type Linear struct{ blas *blas.BLAS }

// New makes the family.
func New(b *blas.BLAS) *Linear { return &Linear{blas: b} }

// Fit implements family.Family.
func (l *Linear) Fit(ctx context.Context, r *family.Request) (*family.Fitted, error) {
	n := dense.New(r.Spec, r.Train)
	p := newProblem(r, n, l.blas)
	f := &fit{Request: r, problem: p, held: dense.Matrix(n, r.Validation)}
	f.Point = make([]float64, p.size())
	if err := f.resume(); err != nil {
		return nil, err
	}
	if err := f.minimize(ctx); err != nil {
		return nil, err
	}
	n.Layers = []onnx.Layer{p.layer(f.Point)}
	rounds, loss := f.Kept(&r.Spec.Model.Parameters)
	return &family.Fitted{Model: n, Rounds: rounds, Loss: loss, Curve: f.Curve, Importance: dense.Importance(n, p.x),
		Libraries: family.Libraries(map[string]string{"blas": l.blas.Name()})}, nil
}

// fit is a training at work.
type fit struct {
	*family.Request
	minimizer
	family.Stopper
	problem *problem
	held    []float32 // the columns of the validation rows
}

// state is what a training resumes from.
type state struct {
	Stopper   family.Stopper `json:"stopper"`
	Minimizer minimizer      `json:"minimizer"`
}

func (f *fit) resume() error {
	if f.Resume == nil {
		return nil
	}
	var s state
	if err := json.Unmarshal(f.Resume, &s); err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	if len(s.Minimizer.Point) != len(f.Point) {
		return fmt.Errorf("reading the checkpoint: it has %d weights and not %d", len(s.Minimizer.Point), len(f.Point))
	}
	f.Stopper, f.minimizer = s.Stopper, s.Minimizer
	return nil
}

func (f *fit) minimize(ctx context.Context) error {
	most := f.Spec.Model.Parameters.Iterations
	for len(f.Curve) < most && !f.Done {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.step(f.problem.value)
		margins := f.problem.margins(f.Point, f.held)
		loss, err := f.Loss(margins)
		if err != nil {
			return err
		}
		if _, err := f.Add(loss, f.problem.mean(f.Value, f.Point)); err != nil {
			return err
		}
		err = f.Tell(&f.Stopper, most, func() ([]byte, error) { return json.Marshal(state{f.Stopper, f.minimizer}) })
		if err != nil {
			return err
		}
	}
	return nil
}

// problem is the function that is minimized: of the weights [column][margin] and then the biases.
type problem struct {
	task             pipeline.Task
	columns, outputs int
	x                []float32
	rows             *featureset.Table
	total            float64 // of the weights of the rows
	l2               float64
	// shift and unit turn labels of a regression into numbers of mean 0 and spread 1.
	shift, unit float64

	blas    *blas.BLAS
	weights []float32 // those of the columns, as they are multiplied
	slopes  []float32 // of a block of rows: margins and then the derivatives of the loss by them
	sums    []float32 // of a block, by the weights of the columns
}

// block is the number of rows that are multiplied at a time in 32 bits; their sums are added up in 64.
const block = 512

func newProblem(r *family.Request, n *onnx.Network, b *blas.BLAS) *problem {
	p := &problem{blas: b, task: r.Spec.Task, columns: n.Columns(), outputs: family.Margins(r.Spec), rows: r.Train,
		x: dense.Matrix(n, r.Train), l2: *r.Spec.Model.Parameters.L2, unit: 1}
	for i := range r.Train.Labels {
		p.total += p.weight(i)
	}
	if p.task == pipeline.Regression {
		p.shift, p.unit = dense.Labels(r.Train)
	}
	p.weights, p.sums = make([]float32, p.columns*p.outputs), make([]float32, p.columns*p.outputs)
	p.slopes = make([]float32, block*p.outputs)
	return p
}

func (p *problem) weight(row int) float64 {
	if p.rows.Weights == nil {
		return 1
	}
	return float64(p.rows.Weights[row])
}

func (p *problem) size() int { return (p.columns + 1) * p.outputs }

// margins computes rows of columns.
func (p *problem) margins(w []float64, x []float32) []float32 {
	out := make([]float32, 0, len(x)/p.columns*p.outputs)
	p.each(w, x, func(_ int, _, margins []float32) {
		for _, m := range margins {
			out = append(out, float32(float64(m)*p.unit+p.shift))
		}
	})
	return out
}

// each computes the margins of rows, block by block.
func (p *problem) each(w []float64, x []float32, do func(first int, rows, margins []float32)) {
	for i := range p.weights {
		p.weights[i] = float32(w[i])
	}
	for from := 0; from < len(x); from += block * p.columns {
		rows := x[from:min(len(x), from+block*p.columns)]
		n := len(rows) / p.columns
		margins := p.slopes[:n*p.outputs]
		for i := range margins {
			margins[i] = float32(w[p.columns*p.outputs+i%p.outputs])
		}
		p.blas.Multiply(blas.Matrix{Data: rows, Rows: n, Columns: p.columns}, p.matrix(p.weights), false, false,
			blas.Matrix{Data: margins, Rows: n, Columns: p.outputs}, true)
		do(from/p.columns, rows, margins)
	}
}

func (p *problem) matrix(data []float32) blas.Matrix {
	return blas.Matrix{Data: data, Rows: p.columns, Columns: p.outputs}
}

// value computes the function and its gradient, both divided by the sum of the weights of the rows.
func (p *problem) value(w, gradient []float64) float64 {
	clear(gradient)
	sum := 0.0
	out := make([]float64, p.outputs)
	p.each(w, p.x, func(first int, rows, margins []float32) {
		n := len(margins) / p.outputs
		for r := range n {
			for k := range out {
				out[k] = float64(margins[r*p.outputs+k])
			}
			weight := p.weight(first + r)
			sum += weight * p.slope(out, float64(p.rows.Labels[first+r]))
			for k := range out {
				out[k] *= weight
				margins[r*p.outputs+k] = float32(out[k])
				gradient[p.columns*p.outputs+k] += out[k]
			}
		}
		p.blas.Multiply(blas.Matrix{Data: rows, Rows: n, Columns: p.columns},
			blas.Matrix{Data: margins, Rows: n, Columns: p.outputs}, true, false, p.matrix(p.sums), false)
		for i, s := range p.sums {
			gradient[i] += float64(s)
		}
	})
	for i := range p.columns * p.outputs {
		sum += p.l2 / 2 * w[i] * w[i]
		gradient[i] += p.l2 * w[i]
	}
	for i := range gradient {
		gradient[i] /= p.total
	}
	return sum / p.total
}

// slope gives the loss of a row and replaces its margins by their derivatives.
func (p *problem) slope(m []float64, label float64) float64 {
	switch p.task {
	case pipeline.Binary:
		sign := 2*label - 1
		loss := max(-sign*m[0], 0) + math.Log1p(math.Exp(-math.Abs(m[0])))
		m[0] = 1/(1+math.Exp(-m[0])) - label
		return loss
	case pipeline.Multiclass:
		largest, sum := m[0], 0.0
		for _, x := range m[1:] {
			largest = max(largest, x)
		}
		right := m[int(label)]
		for k, x := range m {
			m[k] = math.Exp(x - largest)
			sum += m[k]
		}
		for k := range m {
			m[k] /= sum
		}
		m[int(label)]--
		return largest + math.Log(sum) - right
	default:
		d := m[0] - (label-p.shift)/p.unit
		m[0] = d
		return d * d / 2
	}
}

// mean turns the value of the function into the loss on the training rows.
func (p *problem) mean(value float64, w []float64) float64 {
	for _, x := range w[:p.columns*p.outputs] {
		value -= p.l2 / 2 * x * x / p.total
	}
	if p.task == pipeline.Regression {
		return math.Sqrt(max(0, 2*value)) * p.unit
	}
	return value
}

func (p *problem) layer(w []float64) onnx.Layer {
	l := onnx.Layer{Outputs: p.outputs}
	for _, x := range w[:p.columns*p.outputs] {
		l.Weights = append(l.Weights, float32(x*p.unit))
	}
	for _, x := range w[p.columns*p.outputs:] {
		l.Bias = append(l.Bias, float32(x*p.unit+p.shift))
	}
	return l
}
