package etl

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/cell"
)

// sampleRows is how many rows the quantiles are taken from; of more rows so many are drawn, with a fixed seed.
const sampleRows = 10_000

// quantiles that statistics.json names.
var quantiles = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// statistics is the content of statistics.json: what the accepted rows hold, column by column.
type statistics struct {
	Rows    int               `json:"rows"`
	Columns []columnStatistic `json:"columns"`

	random *rand.Rand
}

// columnStatistic describes one column. Which fields it has depends on the type.
type columnStatistic struct {
	Name    string        `json:"name"`
	Type    pipeline.Type `json:"type"`
	Count   int           `json:"count"` // of rows that have a value
	Missing int           `json:"missing"`

	// Of numbers. The variance is that of the rows themselves, not an estimate for others.
	Minimum           *float64   `json:"minimum,omitempty"`
	Maximum           *float64   `json:"maximum,omitempty"`
	Mean              *float64   `json:"mean,omitempty"`
	StandardDeviation *float64   `json:"standardDeviation,omitempty"`
	Quantiles         []quantile `json:"quantiles,omitempty"`
	// Of categories and booleans: how many rows have each value.
	Values map[string]int `json:"values,omitempty"`
	// Of texts, in characters.
	Shortest *int `json:"shortest,omitempty"`
	Longest  *int `json:"longest,omitempty"`
	// Of timestamps.
	First *time.Time `json:"first,omitempty"`
	Last  *time.Time `json:"last,omitempty"`

	low, high, mean, squares float64 // of numbers; lengths and microseconds of others
	sample                   []float64
}

type quantile struct {
	Share float64 `json:"share"`
	Value float64 `json:"value"`
}

func newStatistics(columns []pipeline.Column) *statistics {
	s := &statistics{random: rand.New(rand.NewPCG(1, 1))}
	for _, c := range columns {
		one := columnStatistic{Name: c.Name, Type: c.Type, low: math.Inf(1), high: math.Inf(-1)}
		switch c.Type {
		case pipeline.Category:
			one.Values = map[string]int{}
			for _, value := range c.Values {
				one.Values[value] = 0
			}
		case pipeline.Boolean:
			one.Values = map[string]int{"false": 0, "true": 0}
		case pipeline.Float, pipeline.Integer, pipeline.Text, pipeline.Timestamp:
		}
		s.Columns = append(s.Columns, one)
	}
	return s
}

// add takes rows into account.
func (s *statistics) add(b *cell.Block) {
	var slots [cell.BlockRows]int
	for row := range b.Rows {
		slots[row] = s.Rows
		if s.Rows++; s.Rows > sampleRows { // each row has the same chance to be in the sample
			slots[row] = s.random.IntN(s.Rows)
		}
	}
	for i := range s.Columns {
		c := &s.Columns[i]
		for row, value := range b.Column(i) {
			c.add(value, slots[row])
		}
	}
}

func (c *columnStatistic) add(v cell.Value, slot int) {
	x := math.NaN()
	c.Count++
	switch v.Kind() {
	case cell.Float:
		x = v.Float()
	case cell.Integer:
		x = float64(v.Integer())
	case cell.Boolean:
		c.Values[v.String()]++
	case cell.Text:
		if c.Values != nil {
			c.Values[v.Text()]++
		} else {
			x = float64(utf8.RuneCountInString(v.Text()))
		}
	case cell.Missing:
		c.Count--
		c.Missing++
	}
	if !math.IsNaN(x) {
		c.low, c.high = min(c.low, x), max(c.high, x)
		before := x - c.mean
		c.mean += before / float64(c.Count)
		c.squares += before * (x - c.mean)
	}
	switch {
	case c.Type != pipeline.Float && c.Type != pipeline.Integer || slot >= sampleRows:
	case slot == len(c.sample):
		c.sample = append(c.sample, x)
	default:
		c.sample[slot] = x
	}
}

// finish fills the fields that are written.
func (s *statistics) finish() {
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Count == 0 {
			continue
		}
		switch c.Type {
		case pipeline.Float, pipeline.Integer:
			deviation := math.Sqrt(c.squares / float64(c.Count))
			c.Minimum, c.Maximum, c.Mean, c.StandardDeviation = &c.low, &c.high, &c.mean, &deviation
			c.Quantiles = sampleQuantiles(c.sample)
		case pipeline.Text:
			shortest, longest := int(c.low), int(c.high)
			c.Shortest, c.Longest = &shortest, &longest
		case pipeline.Timestamp:
			first, last := time.UnixMicro(int64(c.low)).UTC(), time.UnixMicro(int64(c.high)).UTC()
			c.First, c.Last = &first, &last
		case pipeline.Boolean, pipeline.Category:
		}
	}
}

// sampleQuantiles are values of the sample itself; NaN is a missing value.
func sampleQuantiles(sample []float64) []quantile {
	sorted := slices.DeleteFunc(slices.Clone(sample), math.IsNaN)
	if len(sorted) == 0 {
		return nil
	}
	slices.Sort(sorted)
	var all []quantile
	for _, share := range quantiles {
		at := max(0, int(math.Ceil(share*float64(len(sorted))))-1)
		all = append(all, quantile{share, sorted[at]})
	}
	return all
}

// says what a column that teaches nothing is; empty for all others.
func (c *columnStatistic) says() string {
	used := 0
	for _, n := range c.Values {
		if n > 0 {
			used++
		}
	}
	switch {
	case c.Count == 0:
		return "has no value in any row"
	case c.Missing > 0 || c.Type == pipeline.Text: // texts of one length need not be the same
		return ""
	case c.Values != nil && used == 1, c.Values == nil && c.low == c.high:
		return "has the same value in every row"
	}
	return ""
}
