package features

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"slices"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/parallel"
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
	classes map[string]int
	leaks   []bool // whether an input has equalled the label in every row so far
	lastKey any
	values  []any  // of the row at hand, as they are written
	seen    []bool // whether an input had a value in any row
	cuts    [2]any // the last times of training and of validation, where rows are divided by time
}

func newResult(spec *pipeline.Spec, plan []planned, path string) *result {
	r := &result{spec: spec, plan: plan, path: path, parts: map[string]int{}, classes: map[string]int{},
		values: make([]any, len(plan)+1)}
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
			c.Kind = keyKind(p.kind)
		case p.role == labelRole && r.spec.Task != pipeline.Regression:
			c.Kind = parquetfile.Text
		}
		out = append(out, c)
	}
	return append(out, parquetfile.Column{Name: registry.SplitColumn, Kind: parquetfile.Text})
}

func keyKind(kind string) parquetfile.Kind {
	switch kind {
	case "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT":
		return parquetfile.Integer
	case "DOUBLE", "FLOAT":
		return parquetfile.Double
	case "BOOLEAN":
		return parquetfile.Boolean
	case "TIMESTAMP":
		return parquetfile.Timestamp
	default:
		return parquetfile.Text
	}
}

// fill writes the rows of the query.
func (r *result) fill(rows *sql.Rows) (err error) {
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
	err = parallel.Pipe(func(emit func([]any) bool) error { return scan(rows, len(r.plan), emit) },
		func(scanned []any) error {
			if err := r.convert(scanned); err != nil {
				return err
			}
			if err := out.Write(r.values); err != nil {
				return fmt.Errorf("writing the feature set: %w", err)
			}
			return nil
		})
	if err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing the feature set: %w", err)
	}
	return r.check()
}

// scan reads the rows of a query; emit tells whether to go on.
func scan(rows *sql.Rows, width int, emit func([]any) bool) error {
	targets := make([]any, width)
	for rows.Next() {
		scanned := make([]any, width)
		for i := range scanned {
			targets[i] = &scanned[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return queryError(err)
		}
		if !emit(scanned) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return queryError(err)
	}
	return nil
}

// convert turns a row of the query into a row of the feature set.
func (r *result) convert(scanned []any) error {
	r.rows++
	var key, group any
	r.values = r.values[:0]
	for i, p := range r.plan {
		if p.role == splitRole {
			if group = scanned[i]; group == nil {
				return fmt.Errorf("row %d%s: column %q: rows are divided by it, and it is null", r.rows,
					r.whichKey(scanned), p.name)
			}
			continue
		}
		value, err := r.value(p, scanned[i])
		if err != nil {
			return fmt.Errorf("row %d%s: column %q: %w", r.rows, r.whichKey(scanned), p.name, err)
		}
		r.values = append(r.values, value)
		if p.role == keyRole {
			key = value
		}
	}
	if key != nil && key == r.lastKey {
		return fmt.Errorf("the key %v stands in the result twice: the query in features of pipeline.yaml must give one "+
			"row for each key (look at its joins)", key)
	}
	r.lastKey = key
	r.watchInputs()
	part := r.part(key, group)
	r.values = append(r.values, part)
	r.parts[part]++
	return nil
}

func (r *result) whichKey(scanned []any) string {
	for i, p := range r.plan {
		if p.role == keyRole {
			return fmt.Sprintf(" (key %v)", scanned[i])
		}
	}
	return ""
}

func (r *result) value(p planned, v any) (any, error) {
	switch p.role {
	case keyRole:
		return keyValue(v, keyKind(p.kind))
	case labelRole:
		return r.label(v)
	case weightRole:
		return weight(v)
	case categoryRole:
		if v == nil {
			return nil, nil
		}
		i := slices.Index(p.values, fmt.Sprint(v))
		if i < 0 {
			return nil, fmt.Errorf("%q is not one of the values of the category", v)
		}
		return float64(i), nil
	default:
		return input(v)
	}
}

func (r *result) label(v any) (any, error) {
	if v == nil {
		return nil, errors.New("the label is null: leave such rows out with WHERE")
	}
	if r.spec.Task == pipeline.Regression {
		return input(v)
	}
	class := fmt.Sprint(v)
	if !slices.Contains(r.spec.Classes(), class) {
		return nil, fmt.Errorf("the label %q is not one of the values of %q", class, r.spec.Label)
	}
	r.classes[class]++
	return class, nil
}

// input turns a number of DuckDB into a float64 that a 32-bit float can hold.
func input(v any) (any, error) {
	x, ok := number(v)
	switch {
	case v == nil || math.IsNaN(x):
		return nil, nil
	case !ok:
		return nil, fmt.Errorf("%v (%T) is not a number", v, v)
	case math.IsInf(float64(float32(x)), 0):
		return nil, fmt.Errorf("%v is too large for a 32-bit float: scale it", x)
	default:
		return x, nil
	}
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case float32:
		return float64(n), true
	case bool:
		if n {
			return 1, true
		}
		return 0, true
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case int16:
		return float64(n), true
	case int8:
		return float64(n), true
	case uint64:
		return float64(n), true
	case uint32:
		return float64(n), true
	case uint16:
		return float64(n), true
	case uint8:
		return float64(n), true
	case *big.Int:
		x, _ := new(big.Float).SetInt(n).Float64()
		return x, true
	case duckdb.Decimal:
		return n.Float64(), true
	default:
		return 0, false
	}
}

func keyValue(v any, kind parquetfile.Kind) (any, error) {
	if v == nil {
		return nil, errors.New("the key is null")
	}
	if at, ok := v.(time.Time); ok && kind == parquetfile.Timestamp {
		return at.UnixMicro(), nil
	}
	switch kind {
	case parquetfile.Integer:
		x, _ := number(v)
		return int64(x), nil
	case parquetfile.Double:
		x, _ := number(v)
		return x, nil
	case parquetfile.Boolean:
		return v, nil
	default:
		return fmt.Sprint(v), nil
	}
}

// weight reads how much a row counts.
func weight(v any) (any, error) {
	x, ok := number(v)
	if !ok || !(x > 0) || math.IsInf(float64(float32(x)), 0) {
		return nil, fmt.Errorf("the weight is %v: want a number above 0", v)
	}
	return x, nil
}

// watchInputs notes which inputs differ from the label and which have a value.
func (r *result) watchInputs() {
	var label float64
	inputs := make([]any, 0, len(r.inputs))
	at := 0
	for _, p := range r.plan {
		if p.role == splitRole {
			continue
		}
		value := r.values[at]
		at++
		switch {
		case p.role >= numberRole:
			inputs = append(inputs, value)
		case p.role != labelRole:
		case r.spec.Task == pipeline.Regression:
			label, _ = value.(float64)
		default:
			class, _ := value.(string)
			label = float64(slices.Index(r.spec.Classes(), class))
		}
	}
	for i, value := range inputs {
		r.leaks[i] = r.leaks[i] && value == label
		r.seen[i] = r.seen[i] || value != nil
	}
}

// part says which part the row at hand belongs to.
func (r *result) part(key, group any) string {
	switch {
	case r.spec.Split.Time != "":
		switch {
		case after(group, r.cuts[1]):
			return registry.TestPart
		case after(group, r.cuts[0]):
			return registry.ValidationPart
		default:
			return registry.TrainPart
		}
	case group != nil:
		return partOf([]any{group}, r.spec.Split)
	case key != nil:
		return partOf([]any{key}, r.spec.Split)
	default:
		return partOf(r.values, r.spec.Split)
	}
}

// after compares two values of a column of times or numbers.
func after(a, b any) bool {
	if at, ok := a.(time.Time); ok {
		to, _ := b.(time.Time)
		return at.After(to)
	}
	x, _ := number(a)
	y, _ := number(b)
	return x > y
}

// partOf draws the part of a row by a hash of its key, or of its content where it has none: the same row always falls
// into the same part, whatever other rows there are.
func partOf(content []any, split pipeline.Split) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d", split.Seed)
	for _, v := range content {
		_, _ = fmt.Fprintf(h, "\x00%v", v)
	}
	draw := float64(binary.BigEndian.Uint64(h.Sum(nil))>>11) / (1 << 53)
	switch {
	case draw < split.Test:
		return registry.TestPart
	case draw < split.Test+split.Validation:
		return registry.ValidationPart
	default:
		return registry.TrainPart
	}
}
