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
	names   []string // of the classes
	classes map[string]int
	leaks   []bool // whether an input has equalled the label in every row so far
	lastKey cell.Value
	label   float64      // of the row at hand: the number, or the index of the class
	values  []cell.Value // of the row at hand, as they are written
	seen    []bool       // whether an input had a value in any row
	cuts    [2]float64   // the last times of training and of validation, where rows are divided by time
	content []byte       // that the part of the row at hand is drawn from
}

func newResult(spec *pipeline.Spec, plan []planned, path string) *result {
	r := &result{spec: spec, plan: plan, path: path, parts: map[string]int{}, names: spec.Classes(),
		classes: map[string]int{}}
	for _, p := range plan {
		if p.role >= numberRole {
			r.seen = append(r.seen, false)
			r.inputs = append(r.inputs, p.name)
			r.leaks = append(r.leaks, true)
		}
	}
	return r
}

// columns are those of the Parquet file: the result's in their order, then the part.
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
	return append(out, parquetfile.Column{Name: registry.SplitColumn, Kind: parquetfile.Text})
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
	err = parquetfile.Read(from, func([]string) error { return nil }, func(row []cell.Value) error {
		if err := r.convert(row); err != nil {
			return &rowError{err}
		}
		if err := out.Write(r.values); err != nil {
			return fmt.Errorf("writing the feature set: %w", err)
		}
		return nil
	})
	var wrong *rowError
	if errors.As(err, &wrong) {
		return wrong.error // without the name of a temporary file
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
type rowError struct{ error }

// convert turns a row of the query into a row of the feature set.
func (r *result) convert(row []cell.Value) error {
	r.rows++
	var key, group cell.Value
	r.values = r.values[:0]
	for i := range r.plan {
		p := &r.plan[i]
		if p.role == splitRole {
			if group = row[i]; group.Kind() == cell.Missing {
				return fmt.Errorf("row %d%s: column %q: rows are divided by it, and it is null", r.rows,
					r.whichKey(row), p.name)
			}
			continue
		}
		value, err := r.value(p, row[i])
		if err != nil {
			return fmt.Errorf("row %d%s: column %q: %w", r.rows, r.whichKey(row), p.name, err)
		}
		r.values = append(r.values, value)
		if p.role == keyRole {
			key = value
		}
	}
	if key.Kind() != cell.Missing && key == r.lastKey {
		return fmt.Errorf("the key %s stands in the result twice: the query in features of pipeline.yaml must give one "+
			"row for each key (look at its joins)", key)
	}
	r.lastKey = key
	r.watchInputs()
	part := r.part(key, group)
	r.values = append(r.values, cell.OfText(part))
	r.parts[part]++
	return nil
}

func (r *result) whichKey(row []cell.Value) string {
	for i, p := range r.plan {
		if p.role == keyRole {
			return fmt.Sprintf(" (key %s)", row[i])
		}
	}
	return ""
}

func (r *result) value(p *planned, v cell.Value) (cell.Value, error) {
	missing := v.Kind() == cell.Missing
	switch p.role {
	case keyRole:
		if missing {
			return v, errors.New("the key is null")
		}
		return v, nil
	case labelRole:
		return r.labelled(v)
	case weightRole:
		if x, ok := number(v); !ok || !(x > 0) || math.IsInf(float64(float32(x)), 0) {
			return v, fmt.Errorf("the weight is %s: want a number above 0", cmp.Or(v.String(), "null"))
		}
		return v, nil
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

func (r *result) labelled(v cell.Value) (cell.Value, error) {
	if v.Kind() == cell.Missing {
		return v, errors.New("the label is null: leave such rows out with WHERE")
	}
	if r.spec.Task == pipeline.Regression {
		x, err := input(v)
		r.label = x.Float()
		return x, err
	}
	class := v.String()
	i := slices.Index(r.names, class)
	if i < 0 {
		return v, fmt.Errorf("the label %q is not one of the values of %q", class, r.spec.Label)
	}
	r.label = float64(i)
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
func (r *result) watchInputs() {
	at, input := 0, 0
	for i := range r.plan {
		role := r.plan[i].role
		if role >= numberRole {
			v := r.values[at]
			r.leaks[input] = r.leaks[input] && v.Kind() == cell.Float && v.Float() == r.label
			r.seen[input] = r.seen[input] || v.Kind() != cell.Missing
			input++
		}
		if role != splitRole {
			at++
		}
	}
}

// part says which part the row at hand belongs to.
func (r *result) part(key, group cell.Value) string {
	switch {
	case r.spec.Split.Time != "":
		at, _ := number(group)
		switch {
		case at > r.cuts[1]:
			return registry.TestPart
		case at > r.cuts[0]:
			return registry.ValidationPart
		default:
			return registry.TrainPart
		}
	case group.Kind() != cell.Missing:
		return r.draw(group)
	case key.Kind() != cell.Missing:
		return r.draw(key)
	default:
		return r.draw(r.values...)
	}
}

// draw gives the part of a row by a hash of its key, or of its content where it has none: the same row always falls
// into the same part, whatever other rows there are.
func (r *result) draw(content ...cell.Value) string {
	split := &r.spec.Split
	b := strconv.AppendInt(r.content[:0], int64(split.Seed), 10)
	for _, v := range content {
		b = append(b, 0)
		switch v.Kind() {
		case cell.Missing:
			b = append(b, "<nil>"...)
		case cell.Float:
			b = strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
		case cell.Integer:
			b = strconv.AppendInt(b, v.Integer(), 10)
		case cell.Boolean, cell.Text:
			b = append(b, v.String()...)
		}
	}
	r.content = b
	sum := sha256.Sum256(b)
	draw := float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
	switch {
	case draw < split.Test:
		return registry.TestPart
	case draw < split.Test+split.Validation:
		return registry.ValidationPart
	default:
		return registry.TrainPart
	}
}
