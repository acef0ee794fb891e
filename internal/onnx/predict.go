package onnx

import "math"

// Predict computes the prediction for one row of len(Inputs) values, NaN where a value is missing, into out, which has
// Outputs entries: the probability of each class, or the predicted number.
//
// Margins are 32-bit sums in the order of the trees that start at Base, and probabilities are computed from them as
// XGBoost does, so that the result equals XGBoost's up to the last digit of the exponential function. The ensemble
// must be valid. This is the plain form; Compile gives a fast one with the same bits.
func (e *Ensemble) Predict(row, out []float32) {
	margins := out
	if e.Task == Binary {
		margins = out[1:2]
	}
	copy(margins, e.Base)
	for i := range e.Trees {
		t := &e.Trees[i]
		margins[t.Output] += t.Nodes[t.walk(row)].Leaf
	}
	e.transform(out)
}

func (t *Tree) walk(row []float32) int32 {
	at := int32(0)
	for {
		n := &t.Nodes[at]
		if n.Left < 0 {
			return at
		}
		x := row[n.Feature]
		if x < n.Threshold || (x != x && n.MissingLeft) {
			at = n.Left
		} else {
			at = n.Right
		}
	}
}

func (e *Ensemble) transform(out []float32) { transform(e.Task, out) }

// transform turns margins into the answer; a binary margin stands in out[1].
func transform(task string, out []float32) {
	switch task {
	case Binary:
		p := sigmoid(out[1])
		out[0], out[1] = 1-p, p
	case Multiclass:
		softmax(out)
	}
}

// sigmoid is XGBoost's: in 32 bits, with the exponent cut off where expf would overflow.
func sigmoid(x float32) float32 {
	return 1 / (float32(math.Exp(float64(min(-x, 88.7)))) + 1)
}

// softmax is XGBoost's: 32-bit exponentials of the distance to the largest margin, summed in 64 bits.
func softmax(margins []float32) {
	largest := margins[0]
	for _, m := range margins[1:] {
		largest = max(largest, m)
	}
	sum := 0.0
	for i, m := range margins {
		margins[i] = float32(math.Exp(float64(m - largest)))
		sum += float64(margins[i])
	}
	for i := range margins {
		margins[i] /= float32(sum)
	}
}
