package family

import (
	"encoding/json"
	"slices"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/parallel"
)

// bins of a distribution: ten, as is usual for the population stability index.
const bins = 10

// sampleRows is the number of rows at most by which the edges of the bins are chosen, and which the model answers; each
// row is counted. It follows from the number of all rows which ones they are, so that several ranks choose the same
// edges as one.
const sampleRows = 100_000

// Profile describes the training rows of all ranks, and what the model answers on those by which the edges are chosen.
func Profile(task pipeline.Task, m Predictor, rows *featureset.Table, exchange Exchange) (*registry.Profile, error) {
	sample, n := sampled(rows)
	answers, err := answers(task, m, sample, n)
	if err != nil {
		return nil, err
	}
	width := len(rows.Inputs)
	var message floats
	for r := range n {
		message = append(append(message, sample[r*width:(r+1)*width]...), answers[r])
	}
	data, err := exchange(message.bytes(), func(all [][]byte) ([]byte, error) { return chooseScales(all, width+1) })
	if err != nil {
		return nil, err
	}
	var tallies []tally
	if err := json.Unmarshal(data, &tallies); err != nil {
		return nil, err
	}
	count(tallies[:width], rows)
	for _, answer := range answers {
		tallies[width].add(answer)
	}
	if data, err = json.Marshal(tallies); err != nil {
		return nil, err
	}
	if data, err = exchange(data, mergeTallies); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &tallies); err != nil {
		return nil, err
	}
	p := &registry.Profile{Rows: rows.All, Prediction: tallies[width].distribution("prediction")}
	for i, name := range rows.Inputs {
		p.Features = append(p.Features, tallies[i].distribution(name))
	}
	return p, nil
}

// sampled copies the values of the rows by which edges are chosen.
func sampled(rows *featureset.Table) (values []float32, n int) {
	every := max(1, (rows.All+sampleRows-1)/sampleRows)
	for r := (every - rows.First%every) % every; r < rows.Rows(); r += every {
		values = append(values, rows.Row(r)...)
		n++
	}
	return values, n
}

// tallyRows are counted together, so that their values are in the processor's cache, and so that sums are the same
// however many processors there are.
const tallyRows = 16384

// count adds rows to the tallies of their inputs.
func count(tallies []tally, rows *featureset.Table) {
	parts := make([][]tally, (rows.Rows()+tallyRows-1)/tallyRows)
	width := len(tallies)
	_ = parallel.Blocks(rows.Rows(), tallyRows, func(block, from, to int) error {
		part := make([]tally, width)
		for c := range tallies {
			part[c] = tallies[c].empty()
		}
		const together = 256
		for first := from; first < to; first += together {
			values := rows.Values[first*width : min(to, first+together)*width]
			for c := range part {
				for i := c; i < len(values); i += width {
					part[c].add(values[i])
				}
			}
		}
		parts[block] = part
		return nil
	})
	for _, part := range parts {
		for c := range part {
			tallies[c].merge(&part[c])
		}
	}
}

// answers are the numbers that stand for the predictions of n rows.
func answers(task pipeline.Task, m Predictor, values []float32, n int) ([]float32, error) {
	const block = 4096
	outputs := m.Outputs()
	all := make([]float32, n)
	return all, parallel.Blocks(n, block, func(_, from, to int) error {
		out := make([]float32, (to-from)*outputs)
		width := len(values) / n
		if err := m.Predict(values[from*width:to*width], to-from, out); err != nil {
			return err
		}
		for r := range to - from {
			all[from+r] = float32(answer(task, out[r*outputs:(r+1)*outputs]))
		}
		return nil
	})
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
