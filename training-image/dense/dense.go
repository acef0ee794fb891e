// Package dense is what the families share whose models are onnx.Network: the columns that the first layer sees, and
// the importance of the inputs.
package dense

import (
	"math"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// tail is the share of values at either end that are cut off: one outlier would otherwise take the precision of all
// others when a network is quantized.
const tail = 0.001

// New makes a network without layers: a number becomes a column that is cut off at the 0.1 and the 99.9 percentile and
// standardized, and a missing one the mean; a category becomes one column of 0 and 1 for each of its values.
func New(spec *pipeline.Spec, rows *featureset.Table) *onnx.Network {
	n := &onnx.Network{Task: string(spec.Task), Inputs: rows.Inputs, Classes: spec.Classes()}
	values := make([]float32, 0, rows.Rows())
	coded := false
	for i := range rows.Inputs {
		if categories := rows.Category(spec, i); categories != nil {
			coded = true
			for code := range categories {
				add(n, i, float32(code), 0, 1, 0, 1)
			}
			continue
		}
		values = values[:0]
		for r := range rows.Rows() {
			if x := rows.Values[r*len(rows.Inputs)+i]; x == x {
				values = append(values, x)
			}
		}
		mean, scale, low, high := standard(values)
		add(n, i, float32(math.NaN()), mean, scale, low, high)
	}
	if !coded {
		n.Source, n.Code = nil, nil
	}
	return n
}

func add(n *onnx.Network, input int, code, mean, scale, low, high float32) {
	n.Source, n.Code = append(n.Source, input), append(n.Code, code)
	n.Mean, n.Scale = append(n.Mean, mean), append(n.Scale, scale)
	n.Low, n.High = append(n.Low, low), append(n.High, high)
}

// standard measures values, whose order it changes. A constant has the scale 0, so that it says nothing.
func standard(values []float32) (mean, scale, low, high float32) {
	if len(values) == 0 {
		return 0, 0, 0, 0
	}
	cut := int(tail * float64(len(values)))
	low, high = nth(values, cut), nth(values, len(values)-1-cut)
	sum := 0.0
	for _, x := range values {
		sum += float64(min(max(x, low), high))
	}
	mean64 := sum / float64(len(values))
	squares := 0.0
	for _, x := range values {
		d := float64(min(max(x, low), high)) - mean64
		squares += d * d
	}
	deviation := math.Sqrt(squares / float64(len(values)))
	if deviation > 1e-30 {
		scale = float32(1 / deviation)
	}
	return float32(mean64), scale, low, high
}

// nth gives the value that would stand at a place if the values were sorted, by parting them until it is found.
func nth(values []float32, place int) float32 {
	low, high := 0, len(values)-1
	for low < high {
		pivot := values[low+(high-low)/2]
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case place <= j:
			high = j
		case place >= i:
			low = i
		default:
			return values[place]
		}
	}
	return values[place]
}

// Matrix computes what the first layer sees of rows, one row after the other.
func Matrix(n *onnx.Network, rows *featureset.Table) []float32 {
	columns := n.Columns()
	x := make([]float32, rows.Rows()*columns)
	for r := range rows.Rows() {
		n.Prepare(rows.Row(r), x[r*columns:(r+1)*columns])
	}
	return x
}

// Importance is the share of each input in the absolute weights on all ways to the output, each column weighted with
// its spread in x.
func Importance(n *onnx.Network, x []float32) map[string]float64 {
	columns := n.Columns()
	weights := []float64{}
	for i := len(n.Layers) - 1; i >= 0; i-- {
		weights = back(&n.Layers[i], weights)
	}
	shares, total := map[string]float64{}, 0.0
	for c := range columns {
		input := c
		if n.Source != nil {
			input = n.Source[c]
		}
		share := weights[c] * spread(x, c, columns)
		shares[n.Inputs[input]] += share
		total += share
	}
	for name := range shares {
		if total > 0 {
			shares[name] /= total
		}
	}
	return shares
}

// back sums the absolute weights from each input of a layer to outputs with the given weights; all 1 for the last.
func back(l *onnx.Layer, outputs []float64) []float64 {
	sums := make([]float64, len(l.Weights)/l.Outputs)
	for i := range sums {
		for j := range l.Outputs {
			weight := math.Abs(float64(l.Weights[i*l.Outputs+j]))
			if len(outputs) > 0 {
				weight *= outputs[j]
			}
			sums[i] += weight
		}
	}
	return sums
}

// spread is the standard deviation of a column.
func spread(x []float32, column, columns int) float64 {
	sum, squares, n := 0.0, 0.0, 0.0
	for i := column; i < len(x); i += columns {
		v := float64(x[i])
		sum, squares, n = sum+v, squares+v*v, n+1
	}
	return math.Sqrt(max(0, squares/n-(sum/n)*(sum/n)))
}

// Labels gives the mean and the spread of the labels of a regression; a spread of 1 where they are all equal.
func Labels(rows *featureset.Table) (mean, spread float64) {
	sum, squares, total := 0.0, 0.0, 0.0
	for i, y := range rows.Labels {
		weight := 1.0
		if rows.Weights != nil {
			weight = float64(rows.Weights[i])
		}
		sum, total = sum+weight*float64(y), total+weight
	}
	mean = sum / total
	for i, y := range rows.Labels {
		weight := 1.0
		if rows.Weights != nil {
			weight = float64(rows.Weights[i])
		}
		squares += weight * (float64(y) - mean) * (float64(y) - mean)
	}
	spread = math.Sqrt(squares / total)
	if !(spread > 0) {
		spread = 1
	}
	return mean, spread
}
