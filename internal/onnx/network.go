package onnx

import (
	"fmt"
	"math"
)

// Limits on networks, beside those of ensembles.
const (
	MaxLayers = 64      // layers of a network
	MaxWidth  = 1 << 16 // outputs of a layer
)

// Network is a dense neural network: inputs become columns, which are filled in, clipped and standardized in 32 bits,
// go through layers with ReLU between them, and the margins of the last layer become probabilities as those of an
// Ensemble do. One layer makes a linear model.
type Network struct {
	// Task, Inputs and Classes as in Ensemble.
	Task    string
	Inputs  []string
	Classes []string
	// Source is the input that each column is made of, and Code the category of which the column tells with 1 or 0
	// whether the input is it; NaN for a column that is the input as it is. Both nil where column i is input i.
	Source []int
	Code   []float32
	// Mean stands in for a missing value, and is subtracted from each value before it is multiplied with Scale. Low and
	// High cut values off before that. One entry for each column.
	Mean, Scale, Low, High []float32
	// Layers in their order. The last has one output for Binary and Regression, and one for each class for Multiclass.
	Layers []Layer
}

// Layer is one dense layer.
type Layer struct {
	// Outputs of the layer.
	Outputs int
	// Weights in 32 bits: the weights of the first input for all outputs, then those of the second. None where the
	// layer is quantized.
	Weights []float32
	// Bias of each output.
	Bias []float32
	// Quantized holds the weights in 8 bits; nil for a layer in 32 bits.
	Quantized *Quantized
}

// Quantized are the weights of a layer that computes in 8-bit integers. Its inputs x become the integers
// round(x/scale)+zero from 0 to 255; the sums of products are exact.
type Quantized struct {
	// Weights in the order of Layer.Weights.
	Weights []int8
	// Scales turn the weights of each output back into numbers.
	Scales []float32
	// Dynamic takes scale and zero from the inputs of each row. An ONNX runtime takes them from all rows that it computes
	// together, so its answers for one row are these, and those for many rows differ a little.
	Dynamic bool
	// InputScale and InputZero turn inputs into integers; both 0 where Dynamic is set.
	InputScale float32
	InputZero  uint8
}

// Outputs is how many numbers Predict writes for a row.
func (n *Network) Outputs() int { return max(1, len(n.Classes)) }

// Validate checks that the network is sound. The error wraps ErrInvalid.
func (n *Network) Validate() error {
	if err := n.validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func (n *Network) validate() error {
	// An ensemble of one leaf has the same rules for the task, the classes and the names.
	margins := 1
	if n.Task == Multiclass {
		margins = len(n.Classes)
	}
	shape := Ensemble{Task: n.Task, Inputs: n.Inputs, Classes: n.Classes, Trees: make([]Tree, 1)}
	if margins <= MaxClasses {
		shape.Base = make([]float32, margins)
	}
	if err := shape.validateShape(); err != nil {
		return err
	}
	if err := n.validateColumns(); err != nil {
		return err
	}
	for name, values := range map[string][]float32{"mean": n.Mean, "scale": n.Scale, "low": n.Low, "high": n.High} {
		if err := checkNumbers(name, values, n.Columns()); err != nil {
			return err
		}
	}
	if len(n.Layers) < 1 || len(n.Layers) > MaxLayers {
		return fmt.Errorf("found %d layers, want 1 to %d", len(n.Layers), MaxLayers)
	}
	width := n.Columns()
	for i := range n.Layers {
		if err := n.Layers[i].validate(width); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		width = n.Layers[i].Outputs
	}
	if width != margins {
		return fmt.Errorf("the last layer has %d outputs, want %d", width, margins)
	}
	return nil
}

// Columns is the width of what the first layer sees.
func (n *Network) Columns() int {
	if n.Source != nil {
		return len(n.Source)
	}
	return len(n.Inputs)
}

func (n *Network) validateColumns() error {
	if n.Source == nil && n.Code == nil {
		return nil
	}
	if len(n.Source) != len(n.Code) || len(n.Source) < 1 || len(n.Source) > MaxInputs {
		return fmt.Errorf("%d columns have %d codes, want 1 to %d of both", len(n.Source), len(n.Code), MaxInputs)
	}
	for i, input := range n.Source {
		if input < 0 || input >= len(n.Inputs) || math.IsInf(float64(n.Code[i]), 0) {
			return fmt.Errorf("column %d is made of input %d and the code %v", i, input, n.Code[i])
		}
	}
	return nil
}

func (l *Layer) validate(inputs int) error {
	if l.Outputs < 1 || l.Outputs > MaxWidth {
		return fmt.Errorf("found %d outputs, want 1 to %d", l.Outputs, MaxWidth)
	}
	if err := checkNumbers("bias", l.Bias, l.Outputs); err != nil {
		return err
	}
	q := l.Quantized
	if q == nil {
		return checkNumbers("weights", l.Weights, inputs*l.Outputs)
	}
	switch {
	case len(l.Weights) != 0:
		return fmt.Errorf("it has weights in 32 and in 8 bits")
	case len(q.Weights) != inputs*l.Outputs:
		return fmt.Errorf("found %d weights, want %d", len(q.Weights), inputs*l.Outputs)
	case q.Dynamic && (q.InputScale != 0 || q.InputZero != 0):
		return fmt.Errorf("it has a scale of its inputs, and takes it from them")
	case q.Dynamic:
	case !(q.InputScale > 0) || math.IsInf(float64(q.InputScale), 0):
		return fmt.Errorf("the scale of the inputs is %v, want a number above 0", q.InputScale)
	}
	return checkNumbers("scales", q.Scales, l.Outputs)
}

func checkNumbers(name string, values []float32, want int) error {
	if len(values) != want {
		return fmt.Errorf("%s: found %d numbers, want %d", name, len(values), want)
	}
	for _, x := range values {
		if !finite(x) {
			return fmt.Errorf("%s: %v is not finite", name, x)
		}
	}
	return nil
}

// Predict computes the prediction for one row, NaN where a value is missing, into out. The network must be valid. This
// is the plain form; Compile gives a fast one with the same bits.
func (n *Network) Predict(row, out []float32) {
	x := make([]float32, n.Columns())
	n.Prepare(row, x)
	for i := range n.Layers {
		y := n.Layers[i].apply(x)
		if i < len(n.Layers)-1 {
			relu(y)
		}
		x = y
	}
	margins := out
	if n.Task == Binary {
		margins = out[1:2]
	}
	copy(margins, x)
	transform(n.Task, out)
}

// Prepare turns a row into what the first layer sees.
func (n *Network) Prepare(row, x []float32) {
	if n.Source == nil {
		for i, v := range row {
			x[i] = n.standardize(i, v)
		}
		return
	}
	for i, input := range n.Source {
		v := row[input]
		if code := n.Code[i]; code == code {
			v = oneHot(v == code)
		}
		x[i] = n.standardize(i, v)
	}
}

func oneHot(is bool) float32 {
	if is {
		return 1
	}
	return 0
}

func (n *Network) standardize(i int, v float32) float32 {
	if v != v {
		v = n.Mean[i]
	}
	return (min(max(v, n.Low[i]), n.High[i]) - n.Mean[i]) * n.Scale[i]
}

func (l *Layer) apply(x []float32) []float32 {
	y := make([]float32, l.Outputs)
	q := l.Quantized
	if q == nil {
		copy(y, l.Bias)
		for i, v := range x {
			for j := range y {
				y[j] += float32(v * l.Weights[i*l.Outputs+j]) // the conversion forbids a fused multiply-add
			}
		}
		return y
	}
	scale, zero := q.input(x)
	for j := range y {
		sum := int32(0)
		for i, v := range x {
			sum += int32(quantize(v, scale, zero)) * int32(q.Weights[i*l.Outputs+j])
		}
		y[j] = q.number(sum, scale, j, l.Bias[j])
	}
	return y
}

// input gives scale and zero for the inputs of a row.
func (q *Quantized) input(x []float32) (scale float32, zero uint8) {
	if !q.Dynamic {
		return q.InputScale, q.InputZero
	}
	low, high := float32(0), float32(0)
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	if low == high {
		return 1, 0
	}
	scale = (high - low) / math.MaxUint8
	return scale, uint8(min(max(math.RoundToEven(float64(-low/scale)), 0), math.MaxUint8))
}

// quantize turns an input into its integer less the zero.
func quantize(x, scale float32, zero uint8) int16 {
	r := min(max(x/scale, -512), 512)
	r = float32(r+roundEven) - roundEven
	return int16(min(max(r+float32(zero), 0), math.MaxUint8)) - int16(zero)
}

// roundEven added to a small 32-bit number leaves no room for its fraction, which is rounded half to even.
const roundEven = float32(3 << 22)

// number turns a sum of products back.
func (q *Quantized) number(sum int32, scale float32, output int, bias float32) float32 {
	return float32(float32(float32(sum)*scale)*q.Scales[output]) + bias
}

func relu(x []float32) {
	for i, v := range x {
		x[i] = max(v, 0)
	}
}

// quantizedMost is the largest weight in 8 bits. With 7 bits the sum of two products fits into 16 bits, so that
// processors without VNNI compute the same in ONNX Runtime.
const quantizedMost = 63

// Quantize makes a network whose layers compute in 8-bit integers. The ranges of what flows into the layers are
// measured on rows, which should look like the data to come; some hundred are enough. What it costs in accuracy is for
// the caller to measure.
func (n *Network) Quantize(rows [][]float32) (*Network, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: quantizing needs rows to measure ranges on", ErrInvalid)
	}
	low, high := make([]float32, len(n.Layers)), make([]float32, len(n.Layers))
	for _, row := range rows {
		x := make([]float32, n.Columns())
		n.Prepare(row, x)
		for i := range n.Layers {
			for _, v := range x {
				low[i], high[i] = min(low[i], v), max(high[i], v)
			}
			x = n.Layers[i].apply(x)
			relu(x)
		}
	}
	q := *n
	q.Layers = make([]Layer, len(n.Layers))
	for i := range n.Layers {
		q.Layers[i] = n.Layers[i].quantize(low[i], high[i])
	}
	return &q, q.Validate()
}

// QuantizeDynamic is Quantize without rows: each row that is predicted gives its own ranges.
func (n *Network) QuantizeDynamic() (*Network, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	q := *n
	q.Layers = make([]Layer, len(n.Layers))
	for i := range n.Layers {
		q.Layers[i] = n.Layers[i].quantize(0, 0)
		if n.Layers[i].Quantized == nil {
			q.Layers[i].Quantized.Dynamic, q.Layers[i].Quantized.InputScale = true, 0
		}
	}
	return &q, q.Validate()
}

func (l *Layer) quantize(low, high float32) Layer {
	if l.Quantized != nil {
		return *l
	}
	q := &Quantized{Weights: make([]int8, len(l.Weights)), Scales: make([]float32, l.Outputs),
		InputScale: max((high-low)/math.MaxUint8, math.SmallestNonzeroFloat32*(1<<23))}
	q.InputZero = uint8(min(max(math.RoundToEven(float64(-low/q.InputScale)), 0), math.MaxUint8))
	for j := range l.Outputs {
		largest := float32(0)
		for i := j; i < len(l.Weights); i += l.Outputs {
			largest = max(largest, float32(math.Abs(float64(l.Weights[i]))))
		}
		q.Scales[j] = largest / quantizedMost
		for i := j; i < len(l.Weights) && largest > 0; i += l.Outputs {
			q.Weights[i] = int8(math.RoundToEven(float64(l.Weights[i] / q.Scales[j])))
		}
	}
	return Layer{Outputs: l.Outputs, Bias: l.Bias, Quantized: q}
}
