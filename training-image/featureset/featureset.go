// Package featureset reads a feature set of the lake, or a share of it.
package featureset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/parallel"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

// Table is one part of a feature set, or this process's share of it.
type Table struct {
	// Inputs are the names of the inputs in their order.
	Inputs []string
	// Values holds the rows one after the other, len(Inputs) values each; NaN is a missing value.
	Values []float32
	// Labels holds one label for each row: the index of the class, or the number of a regression.
	Labels []float32
	// Weights holds one weight for each row; nil where all rows count the same.
	Weights []float32
	// First is the place of the first row in the part, and All is the number of rows of the whole part.
	First, All int

	folds   []uint8 // of the rows; nil where they were not read
	release func()
}

// Rows is the number of rows that are here.
func (t *Table) Rows() int { return len(t.Labels) }

// Row is one row; the slice is part of the table.
func (t *Table) Row(i int) []float32 { return t.Values[i*len(t.Inputs) : (i+1)*len(t.Inputs)] }

// Category gives the values of an input that is a category, nil for any other: a query may give the name of a category
// to something else.
func (t *Table) Category(spec *pipeline.Spec, input int) []string {
	column, _ := spec.Column(t.Inputs[input])
	if column.Type != pipeline.Category {
		return nil
	}
	for i := input; i < len(t.Values); i += len(t.Inputs) {
		x := t.Values[i]
		if x == x && (x < 0 || x != float32(int(x)) || int(x) >= len(column.Values)) {
			return nil
		}
	}
	return column.Values
}

// Set is a feature set by its parts: train, validation, test.
type Set map[string]*Table

// Close gives back the room of the rows, which must not be looked at any more.
func (s Set) Close() {
	for _, t := range s {
		if t.release != nil {
			t.release()
			t.Values, t.release = nil, nil
		}
	}
}

// Selection says what is read of a feature set.
type Selection struct {
	// Parts that are read; of the others only the number of rows is known. Nil for all.
	Parts []string
	// Rank of this process among World, each of which reads a share of each part: rows that lie together, and as many
	// as the others have. 0 and 0 for all rows.
	Rank, World int
	// Scratch keeps the values in a file on this machine, of which the system holds in memory what there is room for.
	Scratch bool
	// Folds reads the folds of tuning.folds too, for Set.Folds.
	Folds bool
}

// Read reads what is selected of the feature set at a key. Close the set where Scratch is chosen.
func Read(ctx context.Context, zone *lake.Zone, key string, spec *pipeline.Spec, s Selection) (Set, error) {
	object, err := zone.NewRandomReader(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("the feature set is gone, start a new run: %w", err)
	}
	defer func() { _ = object.Close() }()
	set, err := read(object, object.Size, spec, s)
	if err != nil {
		return nil, fmt.Errorf("reading %s in %s: %w", key, zone.URI(), err)
	}
	return set, nil
}

func read(object io.ReaderAt, size int64, spec *pipeline.Spec, s Selection) (Set, error) {
	file, err := parquetfile.OpenFile(object, size)
	if err != nil {
		return nil, err
	}
	if s.Parts == nil {
		s.Parts = parts
	}
	r := &reader{Selection: s, file: file, spec: spec, set: Set{}, classWeights: classWeights(spec)}
	err = r.plan()
	if err == nil {
		err = r.read()
	}
	if err != nil {
		r.set.Close()
		return nil, err
	}
	return r.set, nil
}

var parts = []string{registry.TrainPart, registry.ValidationPart, registry.TestPart}

// reader reads a file column by column, one group of rows after the other.
type reader struct {
	Selection
	file         *parquetfile.File
	spec         *pipeline.Spec
	set          Set
	classWeights []float32
	label, split int
	weight, fold int // -1 where rows have none
	inputs       []int
	counts       []map[string]int // rows of each part in each group
	shares       map[string]span  // of this process
}

// span is the rows from one on to another.
type span struct{ from, to int }

// plan finds the columns, counts the rows and makes room for the share.
func (r *reader) plan() error {
	names, err := r.columns()
	if err != nil {
		return err
	}
	all := map[string]int{}
	for group, rows := range r.file.Groups() {
		count := map[string]int{}
		err := r.file.Texts(group, r.split, 0, rows, func(_ int, part []byte) error {
			if !slices.Contains(parts, string(part)) {
				return fmt.Errorf("the feature set has a row of the unknown part %q: start a new run", part)
			}
			count[string(part)]++
			return nil
		})
		if err != nil {
			return err
		}
		for part, n := range count {
			all[part] += n
		}
		r.counts = append(r.counts, count)
	}
	r.shares = map[string]span{}
	for _, part := range parts {
		t := &Table{Inputs: names, All: all[part]}
		r.set[part] = t
		if !slices.Contains(r.Parts, part) {
			continue
		}
		share, err := r.share(part, t.All)
		if err != nil {
			return err
		}
		r.shares[part], t.First = share, share.from
		n := share.to - share.from
		t.Labels = make([]float32, n)
		if r.Folds {
			t.folds = make([]uint8, n)
		}
		if r.weight >= 0 || r.classWeights != nil {
			t.Weights = make([]float32, n)
		}
		if !r.Scratch {
			t.Values = make([]float32, n*len(names))
		} else if t.Values, t.release, err = newScratch(n * len(names)); err != nil {
			return err
		}
	}
	return nil
}

// share is what this process reads of a part.
func (r *reader) share(part string, all int) (span, error) {
	world := max(1, r.World)
	if all < world && world > 1 {
		return span{}, fmt.Errorf("the part %s has %d rows, which %d ranks cannot share: use fewer ranks", part, all, world)
	}
	return span{all * r.Rank / world, all * (r.Rank + 1) / world}, nil
}

// columns finds the columns by their names, and gives those of the inputs.
func (r *reader) columns() (names []string, err error) {
	r.label, r.split, r.weight, r.fold = -1, -1, -1, -1
	for i, name := range r.file.Columns() {
		switch name {
		case r.spec.Source.Key:
		case r.spec.Label:
			r.label = i
		case registry.SplitColumn:
			r.split = i
		case registry.FoldColumn:
			r.fold = i
		case r.spec.Weight:
			r.weight = i
		default:
			r.inputs, names = append(r.inputs, i), append(names, name)
		}
	}
	if r.label < 0 || r.split < 0 || len(names) == 0 {
		return nil, fmt.Errorf("the feature set has the columns %q and lacks label, %s or inputs: start a new run",
			r.file.Columns(), registry.SplitColumn)
	}
	if r.Folds && r.fold < 0 {
		return nil, fmt.Errorf("the feature set lacks the column %s: start a new run", registry.FoldColumn)
	}
	return names, nil
}

// place is where a row goes: a table and the number of the row in it; nil where the row is not read.
type place struct {
	table *Table
	row   int
}

// read reads the groups in which rows of the share lie.
func (r *reader) read() error {
	at := map[string]int{} // the number of rows of each part before the group
	for group, rows := range r.file.Groups() {
		mine := false
		for part, share := range r.shares {
			mine = mine || at[part] < share.to && at[part]+r.counts[group][part] > share.from
		}
		if mine {
			if err := r.group(group, rows, at); err != nil {
				return err
			}
		}
		for part, n := range r.counts[group] {
			at[part] += n
		}
	}
	return nil
}

// group reads the rows of a group that belong to the share.
func (r *reader) group(group, rows int, before map[string]int) error {
	places := make([]place, rows)
	at := map[string]int{}
	first, last := rows, -1
	err := r.file.Texts(group, r.split, 0, rows, func(row int, text []byte) error {
		part := parts[slices.IndexFunc(parts, func(p string) bool { return p == string(text) })]
		n := before[part] + at[part]
		at[part]++
		if share, ok := r.shares[part]; ok && n >= share.from && n < share.to {
			places[row] = place{r.set[part], n - share.from}
			first, last = min(first, row), row
		}
		return nil
	})
	if err != nil {
		return err
	}
	width := len(r.inputs)
	err = parallel.Do(width, func(c int) error {
		return r.file.Floats(group, r.inputs[c], first, last+1, func(row int, values []float64) error {
			for i, x := range values {
				if p := &places[row+i]; p.table != nil {
					p.table.Values[p.row*width+c] = float32(x)
				}
			}
			return nil
		})
	})
	return errors.Join(err, r.labels(group, first, last+1, places), r.weights(group, first, last+1, places),
		r.foldsOf(group, first, last+1, places))
}

func (r *reader) labels(group, from, to int, places []place) error {
	if !r.file.IsText(r.label) {
		return r.file.Floats(group, r.label, from, to, func(row int, values []float64) error {
			for i, x := range values {
				if p := places[row+i]; p.table != nil {
					p.table.Labels[p.row] = float32(x)
					if p.table.Weights != nil {
						p.table.Weights[p.row] = 1
					}
				}
			}
			return nil
		})
	}
	classes := map[string]int{}
	for i, name := range r.spec.Classes() {
		classes[name] = i
	}
	return r.file.Texts(group, r.label, from, to, func(row int, text []byte) error {
		class, ok := classes[string(text)]
		if !ok {
			return fmt.Errorf("the feature set has the unknown label %q: start a new run", text)
		}
		p := places[row]
		if p.table == nil {
			return nil
		}
		p.table.Labels[p.row] = float32(class)
		if p.table.Weights != nil {
			p.table.Weights[p.row] = 1
			if r.classWeights != nil {
				p.table.Weights[p.row] = r.classWeights[class]
			}
		}
		return nil
	})
}

// weights multiplies those of the classes with those of the rows.
func (r *reader) weights(group, from, to int, places []place) error {
	if r.weight < 0 {
		return nil
	}
	return r.file.Floats(group, r.weight, from, to, func(row int, values []float64) error {
		for i, x := range values {
			if p := places[row+i]; p.table != nil {
				p.table.Weights[p.row] *= float32(x)
			}
		}
		return nil
	})
}

// foldsOf reads which folds the rows belong to.
func (r *reader) foldsOf(group, from, to int, places []place) error {
	if !r.Folds {
		return nil
	}
	return r.file.Floats(group, r.fold, from, to, func(row int, values []float64) error {
		for i, x := range values {
			p := places[row+i]
			if p.table == nil || p.table == r.set[registry.TestPart] {
				continue
			}
			if !(x >= 0 && x < float64(r.spec.Folds())) {
				return fmt.Errorf("the feature set has a row of the unknown fold %v: start a new run", x)
			}
			p.table.folds[p.row] = uint8(x)
		}
		return nil
	})
}

// classWeights are the weights of the classes by their indices; nil where there are none.
func classWeights(spec *pipeline.Spec) []float32 {
	if len(spec.Model.ClassWeights) == 0 {
		return nil
	}
	var weights []float32
	for _, class := range spec.Classes() {
		weight, ok := spec.Model.ClassWeights[class]
		if !ok {
			weight = 1
		}
		weights = append(weights, float32(weight))
	}
	return weights
}
