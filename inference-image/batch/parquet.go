package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/parquetopen"
)

// chunkRows are read of a Parquet file at once.
const chunkRows = 8192

// parquetSource reads the columns that are needed, side by side.
type parquetSource struct {
	m       *model.Model
	groups  *groups
	closers []func()
	inputs  []int // by input: its column
	key     int   // the key's column, -1 for none

	group   int // the row group that is read
	inGroup int64
	at      int64 // the row that comes next
	columns []columnReader
	buffer  [1024]parquet.Value // of the column that is read
}

func openParquet(
	ctx context.Context, in *input, m *model.Model, keyName string, at int64,
) (source, parquet.Node, error) {
	path, release, err := in.zone.Fetch(ctx, in.key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil, fmt.Errorf("%w; the input is gone", err)
	}
	if err != nil {
		return nil, nil, err
	}
	s := &parquetSource{m: m, key: -1, closers: []func(){release}}
	key, err := s.open(in.key, path, keyName)
	if err == nil {
		err = s.seek(at)
	}
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s, key, nil
}

func (s *parquetSource) open(name, path, keyName string) (parquet.Node, error) {
	groups, schema, done, err := openGroups(path)
	if err != nil {
		return nil, fmt.Errorf("reading the input %s: %w", name, err)
	}
	s.groups, s.closers = groups, append(s.closers, done)
	return s.match(schema, keyName)
}

// match finds the columns of the inputs and of the key.
func (s *parquetSource) match(schema *parquet.Schema, keyName string) (key parquet.Node, err error) {
	s.inputs = make([]int, s.m.Inputs())
	for i := range s.inputs {
		s.inputs[i] = -1
	}
	for i, field := range schema.Fields() {
		if !field.Leaf() || field.Repeated() {
			return nil, fmt.Errorf("the column %q of the input is nested", field.Name())
		}
		if at := s.m.Input([]byte(field.Name())); at >= 0 {
			if !numeric(field.Type().Kind()) {
				return nil, fmt.Errorf("the column %q of the input holds no numbers", field.Name())
			}
			s.inputs[at] = i
		}
		if field.Name() == keyName && keyName != "" {
			s.key, key = i, copyOf(field)
		}
	}
	for i, column := range s.inputs {
		if column < 0 {
			return nil, noColumn(s.m, i)
		}
	}
	return key, nil
}

func noColumn(m *model.Model, i int) error {
	return fmt.Errorf("the input has no column %q, which model %s %s needs; "+
		"run the pipeline, so that a version for these features is trained",
		m.Manifest.Inputs[i].Name, m.Manifest.Name, m.Manifest.Version)
}

func numeric(kind parquet.Kind) bool {
	switch kind {
	case parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Float, parquet.Double:
		return true
	default:
		return false
	}
}

// copyOf makes a column of the type of a column of the input.
func copyOf(field parquet.Field) parquet.Node {
	node := parquet.Leaf(field.Type())
	if field.Optional() {
		node = parquet.Optional(node)
	}
	return node
}

func (s *parquetSource) close() {
	s.closeColumns()
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

func (s *parquetSource) closeColumns() {
	for i := range s.columns {
		s.columns[i].close()
	}
	s.columns = s.columns[:0]
}

// seek goes to a row.
func (s *parquetSource) seek(at int64) error {
	s.at = at
	groups := s.groups.all
	for s.group = 0; s.group < len(groups) && at >= groups[s.group].rows; s.group++ {
		at -= groups[s.group].rows
	}
	return s.openGroup(at)
}

// openGroup opens the columns of the row group at one of its rows.
func (s *parquetSource) openGroup(at int64) (err error) {
	defer parquetopen.NotBroken(&err)
	s.closeColumns()
	s.inGroup = at
	if s.group >= len(s.groups.all) {
		return nil
	}
	chunks, err := s.groups.columns(s.group)
	if err != nil {
		return fmt.Errorf("reading row group %d of the input: %w", s.group, err)
	}
	wanted := s.inputs
	if s.key >= 0 {
		wanted = append(append([]int(nil), s.inputs...), s.key)
	}
	for _, column := range wanted {
		c := columnReader{pages: chunks[column].Pages()}
		s.columns = append(s.columns, c)
		if at > 0 {
			if err := c.pages.SeekToRow(at); err != nil {
				return fmt.Errorf("reading the input: %w", err)
			}
		}
	}
	return nil
}

func (s *parquetSource) next(c *chunk) (err error) {
	defer parquetopen.NotBroken(&err)
	groups := s.groups.all
	for s.group < len(groups) && s.inGroup >= groups[s.group].rows {
		s.group++
		if err := s.openGroup(0); err != nil {
			return err
		}
	}
	if s.group >= len(groups) {
		return io.EOF
	}
	c.n = int(min(chunkRows, groups[s.group].rows-s.inGroup))
	inputs := s.m.Inputs()
	c.values = slices.Grow(c.values, c.n*inputs)[:c.n*inputs]
	for i := range s.inputs {
		err := s.read(i, c.n, func(row int, v parquet.Value) { c.values[row*inputs+i] = number(v) })
		if err != nil {
			return fmt.Errorf("reading the column %q of the input: %w", s.m.Manifest.Inputs[i].Name, err)
		}
	}
	if s.key >= 0 {
		c.keys = slices.Grow(c.keys, c.n)[:c.n]
		if err := s.read(inputs, c.n, func(row int, v parquet.Value) { c.keys[row] = v.Clone() }); err != nil {
			return fmt.Errorf("reading the key of the input: %w", err)
		}
	}
	s.inGroup += int64(c.n)
	s.at += int64(c.n)
	c.end = s.at
	return nil
}

func (s *parquetSource) decode(c *chunk) error {
	c.countMissing(s.m)
	return nil
}

// columnReader reads the values of a flat column one after the other.
type columnReader struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
}

func (c *columnReader) close() {
	parquet.Release(c.page)
	_ = c.pages.Close()
}

// read visits the next n values of a column.
func (s *parquetSource) read(column, n int, visit func(row int, v parquet.Value)) error {
	c := &s.columns[column]
	for row := 0; row < n; {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				if isEnd(err) {
					err = fmt.Errorf("%w: it ends at a row that other columns have", ErrCount)
				}
				return err
			}
			parquet.Release(c.page)
			c.page, c.values = page, page.Values()
		}
		got, err := c.values.ReadValues(s.buffer[:min(len(s.buffer), n-row)])
		for _, v := range s.buffer[:got] {
			visit(row, v)
			row++
		}
		switch {
		case isEnd(err):
			c.values = nil
		case err != nil:
			return err
		}
	}
	return nil
}

// number is a value through 64 bits, as training and the endpoint read it; NaN where it is missing.
func number(v parquet.Value) float32 {
	if v.IsNull() {
		return float32(math.NaN())
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1
		}
		return 0
	case parquet.Int32:
		return float32(v.Int32())
	case parquet.Int64:
		return float32(v.Int64())
	case parquet.Float:
		return v.Float()
	case parquet.Double:
		return float32(v.Double())
	default:
		return float32(math.NaN())
	}
}
