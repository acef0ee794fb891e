package featureset

import (
	"fmt"

	"github.com/mlpathway/mlpathway/internal/registry"
)

// Folds divides the training and the validation rows anew: in the i-th of n sets the rows of the fold i are the
// validation part, and all others are the training part. The set must have been read with its folds. The sets share
// their memory, twice that of the rows; close all of them.
func (s Set) Folds(n int) ([]Set, error) {
	parts := []*Table{s[registry.TrainPart], s[registry.ValidationPart]}
	c, err := newCircle(parts, n)
	if err != nil {
		return nil, err
	}
	for _, t := range parts {
		c.fill(t)
	}
	sets := make([]Set, n)
	for i := range sets {
		sets[i] = Set{registry.TrainPart: c.rows(c.ends[i], c.starts[i]+c.all),
			registry.ValidationPart: c.rows(c.starts[i], c.ends[i])}
	}
	sets[0][registry.TrainPart].release = c.table.release
	return sets, nil
}

// circle holds the rows of all folds one fold after the other, and then those of all but the last once more, so that
// all folds but one always lie together.
type circle struct {
	table        *Table
	starts, ends []int // of the folds
	all          int   // rows of all folds
}

func newCircle(parts []*Table, n int) (*circle, error) {
	c := &circle{starts: make([]int, n), ends: make([]int, n)}
	for _, t := range parts {
		for _, fold := range t.folds {
			c.ends[fold]++
		}
	}
	for i, rows := range c.ends {
		if rows == 0 {
			return nil, fmt.Errorf("the fold %d of %d has no rows: lower tuning.folds in pipeline.yaml, or bring more rows",
				i, n)
		}
		c.starts[i], c.ends[i] = c.all, c.all // where the next row goes
		c.all += rows
	}
	width, rows := len(parts[0].Inputs), c.all+c.starts[n-1]
	c.table = &Table{Inputs: parts[0].Inputs, Labels: make([]float32, rows)}
	if parts[0].Weights != nil {
		c.table.Weights = make([]float32, rows)
	}
	if parts[0].release == nil {
		c.table.Values = make([]float32, rows*width)
		return c, nil
	}
	var err error
	c.table.Values, c.table.release, err = newScratch(rows * width)
	return c, err
}

// fill puts rows where their folds are.
func (c *circle) fill(t *Table) {
	for i, fold := range t.folds {
		at := c.ends[fold]
		c.ends[fold]++
		for ; at < c.table.Rows(); at += c.all {
			copy(c.table.Row(at), t.Row(i))
			c.table.Labels[at] = t.Labels[i]
			if t.Weights != nil {
				c.table.Weights[at] = t.Weights[i]
			}
		}
	}
}

// rows are those from one on to another.
func (c *circle) rows(from, to int) *Table {
	width := len(c.table.Inputs)
	t := &Table{Inputs: c.table.Inputs, Values: c.table.Values[from*width : to*width],
		Labels: c.table.Labels[from:to], All: to - from}
	if c.table.Weights != nil {
		t.Weights = c.table.Weights[from:to]
	}
	return t
}
