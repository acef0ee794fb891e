package features

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

// result is the computed feature set.
type result struct {
	spec    *pipeline.Spec
	plan    []planned
	path    string // of the Parquet file
	inputs  []string
	rows    int
	parts   map[string]int
	folds   []bool   // whether a fold has a row; none without folds
	names   []string // of the classes
	classes map[string]int
	leaks   []bool // whether an input has equalled the label in every row so far
	seen    []bool // whether an input had a value in any row
	lastKey cell.Value
	cuts    [2]float64 // the last times of training and of validation, where rows are divided by time
	labels  [cell.BlockRows]float64
	content []byte // that the part of a row is drawn from
}

func newResult(spec *pipeline.Spec, plan []planned, path string) *result {
	r := &result{spec: spec, plan: plan, path: path, parts: map[string]int{}, names: spec.Classes(),
		classes: map[string]int{}, folds: make([]bool, spec.Folds())}
	for _, p := range plan {
		if p.role >= numberRole {
			r.seen = append(r.seen, false)
			r.inputs = append(r.inputs, p.name)
			r.leaks = append(r.leaks, true)
		}
	}
	return r
}

// columns are those of the Parquet file: the result's in their order, the part, and the fold where there are such.
func (r *result) columns() []parquetfile.Column {
	var out []parquetfile.Column
	for _, p := range r.plan {
		if p.role == splitRole {
			continue
		}
		c := parquetfile.Column{Name: p.name, Kind: parquetfile.Double, Optional: p.role >= numberRole}
		switch {
		case p.role == keyRole:
			c.Kind = p.kept()
		case p.role == labelRole && r.spec.Task != pipeline.Regression:
			c.Kind = parquetfile.Text
		}
		out = append(out, c)
	}
	out = append(out, parquetfile.Column{Name: registry.SplitColumn, Kind: parquetfile.Text})
	if len(r.folds) > 0 {
		out = append(out, parquetfile.Column{Name: registry.FoldColumn, Kind: parquetfile.Double, Optional: true})
	}
	return out
}

// fill writes the rows of the query's result, which lie in a file.
func (r *result) fill(from string) (err error) {
	file, err := os.Create(r.path)
	if err != nil {
		return fmt.Errorf("writing the feature set: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out, err := parquetfile.NewWriter(file, r.columns())
	if err != nil {
		return fmt.Errorf("writing the feature set: %w", err)
	}
	defer func() { _ = out.Close() }()
	err = parquetfile.ReadBlocks(from, func([]string) error { return nil }, func(in *cell.Block) error {
		to := out.Block()
		if err := r.convert(in, to); err != nil {
			return err
		}
		if err := out.WriteBlock(to); err != nil {
			return fmt.Errorf("writing the feature set: %w", err)
		}
		return nil
	})
	var wrong *rowError
	if errors.As(err, &wrong) {
		return wrong // without the name of a temporary file
	}
	if err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing the feature set: %w", err)
	}
	return r.check()
}

// rowError says what is wrong with a row.
type rowError struct {
	row    int // of the block
	column string
	error
}

func (e *rowError) Unwrap() error { return e.error }

// convert turns rows of the query into rows of the feature set.
func (r *result) convert(in, out *cell.Block) error {
	out.Rows = in.Rows
	var keys, groups []cell.Value
	var wrong *rowError // the first one
	width := 0
	for i := range r.plan {
		p, from := &r.plan[i], in.Column(i)
		var to []cell.Value
		if p.name == cmp.Or(r.spec.Split.By, r.spec.Split.Time) { // which may be the key
			groups = from
		}
		if p.role == splitRole {
			to = from
		} else {
			to = out.Column(width)
			width++
		}
		if p.role == keyRole {
			keys = to
		}
		if bad := r.column(p, from, to); bad != nil && (wrong == nil || bad.row < wrong.row) {
			wrong = bad
		}
	}
	if wrong != nil {
		wrong.error = fmt.Errorf("row %d%s: column %q: %w", r.rows+wrong.row+1, r.whichKey(in, wrong.row), wrong.column,
			wrong.error)
		return wrong
	}
	if err := r.unique(keys); err != nil {
		return err
	}
	r.watchInputs(out)
	r.divide(out, width, keys, groups)
	r.rows += in.Rows
	return nil
}

// column converts a column up to the first value that is wrong.
func (r *result) column(p *planned, from, to []cell.Value) *rowError {
	for row, v := range from {
		if p.role >= numberRole && v.Kind() == cell.Float && math.Abs(v.Float()) <= math.MaxFloat32 {
			to[row] = v // as most are
			continue
		}
		value, err := r.value(p, v, row)
		if err != nil {
			return &rowError{row, p.name, err}
		}
		to[row] = value
	}
	return nil
}

// unique refuses a key that stands in the result twice: rows come in the order of their keys.
func (r *result) unique(keys []cell.Value) error {
	for _, key := range keys {
		if key == r.lastKey {
			return &rowError{error: fmt.Errorf("the key %s stands in the result twice: the query in features of "+
				"pipeline.yaml must give one row for each key (look at its joins)", key)}
		}
		r.lastKey = key
	}
	return nil
}

func (r *result) whichKey(in *cell.Block, row int) string {
	for i, p := range r.plan {
		if p.role == keyRole {
			return fmt.Sprintf(" (key %s)", in.Column(i)[row])
		}
	}
	return ""
}

func (r *result) value(p *planned, v cell.Value, row int) (cell.Value, error) {
	missing := v.Kind() == cell.Missing
	switch p.role {
	case keyRole:
		if missing {
			return v, errors.New("the key is null")
		}
		return v, nil
	case splitRole:
		if missing {
			return v, errors.New("rows are divided by it, and it is null")
		}
		return v, nil
	case labelRole:
		return r.label(v, row)
	case weightRole:
		x, ok := number(v)
		if !ok || !(x > 0) || math.IsInf(float64(float32(x)), 0) {
			return v, fmt.Errorf("the weight is %s: want a number above 0", cmp.Or(v.String(), "null"))
		}
		return cell.OfFloat(x), nil
	case categoryRole:
		if missing {
			return v, nil
		}
		i := slices.Index(p.values, v.String())
		if i < 0 {
			return v, fmt.Errorf("%q is not one of the values of the category", v)
		}
		return cell.OfFloat(float64(i)), nil
	default:
		return input(v)
	}
}

func (r *result) label(v cell.Value, row int) (cell.Value, error) {
	if v.Kind() == cell.Missing {
		return v, errors.New("the label is null: leave such rows out with WHERE")
	}
	if r.spec.Task == pipeline.Regression {
		x, err := input(v)
		r.labels[row] = x.Float()
		return x, err
	}
	class := v.String()
	i := slices.Index(r.names, class)
	if i < 0 {
		return v, fmt.Errorf("the label %q is not one of the values of %q", class, r.spec.Label)
	}
	r.labels[row] = float64(i)
	r.classes[class]++
	return cell.OfText(class), nil
}

// input turns a number or a boolean into a number that a 32-bit float can hold.
func input(v cell.Value) (cell.Value, error) {
	x, ok := number(v)
	switch {
	case v.Kind() == cell.Missing || math.IsNaN(x):
		return cell.Value{}, nil
	case !ok:
		return v, fmt.Errorf("%q is not a number", v)
	case math.IsInf(float64(float32(x)), 0):
		return v, fmt.Errorf("%v is too large for a 32-bit float: scale it", x)
	default:
		return cell.OfFloat(x), nil
	}
}

func number(v cell.Value) (x float64, ok bool) {
	switch v.Kind() {
	case cell.Float:
		return v.Float(), true
	case cell.Integer:
		return float64(v.Integer()), true
	case cell.Boolean:
		if v.Boolean() {
			return 1, true
		}
		return 0, true
	case cell.Missing, cell.Text:
	}
	return 0, false
}

// watchInputs notes which inputs differ from the label and which have a value.
func (r *result) watchInputs(out *cell.Block) {
	column, input := 0, 0
	for i := range r.plan {
		role := r.plan[i].role
		if role >= numberRole {
			leaks, seen := r.leaks[input], r.seen[input]
			for row, v := range out.Column(column) {
				leaks = leaks && v.Kind() == cell.Float && v.Float() == r.labels[row]
				if seen = seen || v.Kind() != cell.Missing; seen && !leaks {
					break // nothing more to learn
				}
			}
			r.leaks[input], r.seen[input] = leaks, seen
			input++
		}
		if role != splitRole {
			column++
		}
	}
}

// divide puts the part of each row into the column behind so many others, and its fold into the next one.
func (r *result) divide(out *cell.Block, width int, keys, groups []cell.Value) {
	row := make([]cell.Value, width)
	for i, to := 0, out.Column(width); i < out.Rows; i++ {
		var part string
		if r.spec.Split.Time != "" {
			part = r.period(groups[i])
		} else {
			draw := r.draw(identity(i, out, row, keys, groups))
			if part = r.part(draw); len(r.folds) > 0 {
				out.Set(i, width+1, r.fold(draw))
			}
		}
		to[i] = cell.OfText(part)
		r.parts[part]++
	}
}

// identity is what a row is drawn by: what stays together, its key, or all of it, for which there is room in row.
func identity(i int, out *cell.Block, row, keys, groups []cell.Value) []cell.Value {
	switch {
	case groups != nil:
		return groups[i : i+1]
	case keys != nil:
		return keys[i : i+1]
	default:
		out.Row(i, row)
		return row
	}
}

// period is the part of a row by its time.
func (r *result) period(time cell.Value) string {
	at, _ := number(time)
	switch {
	case at > r.cuts[1]:
		return registry.TestPart
	case at > r.cuts[0]:
		return registry.ValidationPart
	default:
		return registry.TrainPart
	}
}

// draw gives a number from 0 to 1 by a hash of a row's key, or of its content where it has none: the same row is always
// drawn the same number, whatever other rows there are.
func (r *result) draw(content []cell.Value) float64 {
	b := strconv.AppendInt(r.content[:0], int64(r.spec.Split.Seed), 10)
	for _, v := range content {
		if b = append(b, 0); v.Kind() == cell.Missing {
			b = append(b, "<nil>"...)
			continue
		}
		b = v.Append(b)
	}
	r.content = b
	sum := sha256.Sum256(b)
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// part is that of a row by the number that it is drawn.
func (r *result) part(draw float64) string {
	split := &r.spec.Split
	switch {
	case draw < split.Test:
		return registry.TestPart
	case draw < split.Test+split.Validation:
		return registry.ValidationPart
	default:
		return registry.TrainPart
	}
}

// fold is that of a row by the same number: rows that stay together stay together in a fold too. Test rows have none.
func (r *result) fold(draw float64) cell.Value {
	test, n := r.spec.Split.Test, len(r.folds)
	if draw < test {
		return cell.Value{}
	}
	fold := min(int((draw-test)/(1-test)*float64(n)), n-1)
	r.folds[fold] = true
	return cell.OfFloat(float64(fold))
}
