package family

import (
	"math"
	"slices"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/featureset"
)

// bins of a distribution: ten, as is usual for the population stability index.
const bins = 10

// Profile describes the training rows and what the model answers on them.
func Profile(task pipeline.Task, m Predictor, rows *featureset.Table) (*registry.Profile, error) {
	p := &registry.Profile{Rows: rows.Rows()}
	column := make([]float64, rows.Rows())
	for i, name := range rows.Inputs {
		for r := range column {
			column[r] = float64(rows.Row(r)[i])
		}
		p.Features = append(p.Features, Describe(name, column))
	}
	outputs := m.Outputs()
	out := make([]float32, rows.Rows()*outputs)
	if err := m.Predict(rows.Values, rows.Rows(), out); err != nil {
		return nil, err
	}
	for r := range column {
		column[r] = answer(task, out[r*outputs:(r+1)*outputs])
	}
	p.Prediction = Describe("prediction", column)
	return p, nil
}

// Predictor computes rows that lie one after the other; onnx.Loaded is such.
type Predictor interface {
	Outputs() int
	Predict(rows []float32, n int, out []float32) error
}

// answer is the one number that stands for a prediction: see registry.Profile.
func answer(task pipeline.Task, out []float32) float64 {
	if task != pipeline.Multiclass {
		return float64(out[len(out)-1])
	}
	best := 0
	for i, p := range out {
		if p > out[best] {
			best = i
		}
	}
	return float64(best)
}

// Describe makes the histogram of values, whose inner edges are quantiles. NaN is a missing value.
func Describe(name string, values []float64) registry.Distribution {
	d := registry.Distribution{Name: name, Edges: []float64{}}
	sorted := make([]float64, 0, len(values))
	for _, x := range values {
		if math.IsNaN(x) {
			d.Missing++
			continue
		}
		sorted = append(sorted, x)
	}
	slices.Sort(sorted)
	n := len(sorted)
	d.Edges = append(d.Edges, edges(sorted)...)
	d.Counts = make([]int, len(d.Edges)+1)
	sum := 0.0
	for _, x := range sorted {
		at, found := slices.BinarySearch(d.Edges, x)
		if found {
			at++ // a value on an edge belongs to the bin above
		}
		d.Counts[at]++
		sum += x
	}
	if n == 0 {
		return d
	}
	d.Mean = sum / float64(n)
	squares := 0.0
	for _, x := range sorted {
		squares += (x - d.Mean) * (x - d.Mean)
	}
	d.StandardDeviation = math.Sqrt(squares / float64(n))
	return d
}

// edges are the inner bounds of the bins of sorted values: few distinct values, such as those of a category, get a bin
// each; many get bins of equal shares. An edge at the least value would make an empty bin, and so would equal edges.
func edges(sorted []float64) []float64 {
	const few = 2 * bins
	distinct := slices.Compact(slices.Clone(sorted))
	switch {
	case len(distinct) == 0:
		return nil
	case len(distinct) <= few:
		return distinct[1:]
	}
	var out []float64
	for i := 1; i < bins; i++ {
		if edge := sorted[i*len(sorted)/bins]; edge > sorted[0] {
			out = append(out, edge)
		}
	}
	return slices.Compact(out)
}
