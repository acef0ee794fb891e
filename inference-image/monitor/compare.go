package monitor

import (
	"math"
	"slices"
	"sort"

	"github.com/mlpathway/mlpathway/internal/registry"
)

// tally counts live values into the bins of a training distribution.
type tally struct {
	training *registry.Distribution
	counts   []int
	missing  int
	unknown  int // values of a category that training did not know
	sum      float64
}

func newTally(training *registry.Distribution) *tally {
	return &tally{training: training, counts: make([]int, len(training.Edges)+1)}
}

// add takes a value; NaN is missing.
func (t *tally) add(x float64) {
	if math.IsNaN(x) {
		t.missing++
		return
	}
	t.sum += x
	// Bin i holds edge[i-1] <= x < edge[i].
	t.counts[sort.Search(len(t.training.Edges), func(i int) bool { return x < t.training.Edges[i] })]++
}

// rowsPerBin bounds the number of bins: with many bins and few rows the index of two samples of the same distribution
// is far from 0, since its mean is about (bins-1)*(1/training + 1/live).
const rowsPerBin = 20

// compare judges what was counted. Rows below the minimum leave it at Insufficient.
func (t *tally) compare(limits Thresholds) Comparison {
	values := total(t.counts)
	c := Comparison{Name: t.training.Name, Status: OK, MeanTraining: t.training.Mean, MeanLive: t.training.Mean}
	trained := total(t.training.Counts)
	c.MissingTraining = share(t.training.Missing, trained+t.training.Missing)
	c.MissingLive = share(t.missing, values+t.missing)
	c.MissingRise = c.MissingLive - c.MissingTraining
	if values > 0 {
		c.MeanLive = t.sum / float64(values)
	}
	if t.training.StandardDeviation > 0 {
		c.MeanShift = (c.MeanLive - c.MeanTraining) / t.training.StandardDeviation
	}
	edges, training, live := merge(t.training.Edges, t.training.Counts, t.counts)
	c.Edges, c.Training, c.Live = edges, shares(training), shares(live)
	if values >= 2*rowsPerBin && trained > 0 {
		psi, ks, js := PSI(training, live), KS(training, live), JS(training, live)
		c.PSI, c.KS, c.JS = &psi, &ks, &js
	}
	c.NewCategories = share(t.unknown, values+t.missing+t.unknown)
	switch {
	case values+t.missing+t.unknown < limits.MinRows:
		c.Status = Insufficient
	case c.drifted(limits):
		c.Status = Drift
	}
	return c
}

// drifted holds the comparison against every limit that is set.
func (c *Comparison) drifted(limits Thresholds) bool {
	above := func(statistic *float64, limit float64) bool {
		return statistic != nil && limit > 0 && *statistic > limit
	}
	return above(c.PSI, limits.PSI) || above(c.KS, limits.KS) || above(c.JS, limits.JS) ||
		c.MissingRise > limits.MissingRise || limits.NewCategories > 0 && c.NewCategories > limits.NewCategories
}

// KS is the two-sample Kolmogorov-Smirnov statistic of two histograms over the same bins: the largest distance of
// their cumulative shares. Within a bin the distance of the samples themselves may be larger.
func KS(training, live []int) float64 {
	p, q, largest := 0.0, 0.0, 0.0
	nTraining, nLive := float64(total(training)), float64(total(live))
	for i := range training {
		p, q = p+float64(training[i])/nTraining, q+float64(live[i])/nLive
		largest = max(largest, math.Abs(p-q))
	}
	return largest
}

// JS is the Jensen-Shannon distance of two histograms over the same bins, with the logarithm to base 2: 0 where they
// are equal, and 1 where they have no bin in common.
func JS(training, live []int) float64 {
	nTraining, nLive := float64(total(training)), float64(total(live))
	sum := 0.0
	for i := range training {
		p, q := float64(training[i])/nTraining, float64(live[i])/nLive
		for _, x := range [2]float64{p, q} {
			if x > 0 {
				sum += x * math.Log2(2*x/(p+q)) / 2
			}
		}
	}
	return math.Sqrt(max(sum, 0))
}

// PSI is the population stability index of two histograms over the same bins: the sum of (q-p)*ln(q/p) over the bins,
// where p and q are the shares of the bin. Half a row is added to every bin on both sides, so that an empty bin does
// not make it infinite.
func PSI(training, live []int) float64 {
	bins := float64(len(training))
	nTraining, nLive := float64(total(training))+bins/2, float64(total(live))+bins/2
	sum := 0.0
	for i := range training {
		p, q := (float64(training[i])+0.5)/nTraining, (float64(live[i])+0.5)/nLive
		sum += (q - p) * math.Log(q/p)
	}
	return sum
}

// merge joins neighbouring bins, the emptiest in training first, until there are rowsPerBin rows for each bin on both
// sides. At least two bins are left.
func merge(edges []float64, training, live []int) (newEdges []float64, newTraining, newLive []int) {
	newEdges, newTraining, newLive = slices.Clone(edges), slices.Clone(training), slices.Clone(live)
	bins := max(2, min(total(training), total(live))/rowsPerBin)
	for len(newTraining) > bins {
		at := 0
		for i := range newEdges {
			if newTraining[i]+newTraining[i+1] < newTraining[at]+newTraining[at+1] {
				at = i
			}
		}
		newTraining[at] += newTraining[at+1]
		newLive[at] += newLive[at+1]
		newTraining, newLive = slices.Delete(newTraining, at+1, at+2), slices.Delete(newLive, at+1, at+2)
		newEdges = slices.Delete(newEdges, at, at+1)
	}
	return newEdges, newTraining, newLive
}

func total(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

func shares(counts []int) []float64 {
	n, out := total(counts), make([]float64, len(counts))
	for i, c := range counts {
		out[i] = share(c, n)
	}
	return out
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
