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

// sampleRows is the number of rows at most by which the edges of the bins are chosen; each row is counted. It follows
// from the number of all rows which ones they are, so that several ranks choose the same edges as one.
const sampleRows = 100_000

// Profile describes the training rows of all ranks and what the model answers on them.
func Profile(task pipeline.Task, m Predictor, rows *featureset.Table, exchange Exchange) (*registry.Profile, error) {
	answers, err := answers(task, m, rows)
	if err != nil {
		return nil, err
	}
	at := func(row, column int) float32 {
		if column == len(rows.Inputs) {
			return answers[row]
		}
		return rows.Row(row)[column]
	}
	columns := len(rows.Inputs) + 1
	var sample floats
	every := max(1, (rows.All+sampleRows-1)/sampleRows)
	for r := (every - rows.First%every) % every; r < rows.Rows(); r += every {
		for c := range columns {
			sample = append(sample, at(r, c))
		}
	}
	data, err := exchange(sample.bytes(), func(all [][]byte) ([]byte, error) { return chooseScales(all, columns) })
	if err != nil {
		return nil, err
	}
	var tallies []tally
	if err := json.Unmarshal(data, &tallies); err != nil {
		return nil, err
	}
	tallies = count(tallies, rows.Rows(), at)
	if data, err = json.Marshal(tallies); err != nil {
		return nil, err
	}
	if data, err = exchange(data, mergeTallies); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &tallies); err != nil {
		return nil, err
	}
	p := &registry.Profile{Rows: rows.All, Prediction: tallies[columns-1].distribution("prediction")}
	for i, name := range rows.Inputs {
		p.Features = append(p.Features, tallies[i].distribution(name))
	}
	return p, nil
}

// tallyRows are counted together, so that their values are in the processor's cache, and so that sums are the same
// however many processors there are.
const tallyRows = 16384

// count adds rows to tallies.
func count(tallies []tally, rows int, at func(row, column int) float32) []tally {
	parts := make([][]tally, (rows+tallyRows-1)/tallyRows)
	_ = parallel.Blocks(rows, tallyRows, func(block, from, to int) error {
		part := make([]tally, len(tallies))
		for c := range tallies {
			part[c] = tallies[c].empty()
		}
		const together = 256
		for first := from; first < to; first += together {
			for c := range part {
				for r := first; r < min(to, first+together); r++ {
					part[c].add(at(r, c))
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
	return tallies
}

// answers are the numbers that stand for the predictions of rows.
func answers(task pipeline.Task, m Predictor, rows *featureset.Table) ([]float32, error) {
	const block = 4096
	width, outputs := len(rows.Inputs), m.Outputs()
	all := make([]float32, rows.Rows())
	return all, parallel.Blocks(len(all), block, func(_, from, to int) error {
		out := make([]float32, (to-from)*outputs)
		if err := m.Predict(rows.Values[from*width:to*width], to-from, out); err != nil {
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
