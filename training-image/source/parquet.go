package source

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/csvfile"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

// table reads a Parquet file.
type table struct {
	file    string
	columns []pipeline.Column
	release func()
	next    func() ([]cell.Value, error, bool)
	stop    func()
	index   []int
	ignored []string
	row     csvfile.Row
}

var errStopped = errors.New("stopped")

func openParquet(file, local string, release func(), columns []pipeline.Column) (Reader, error) {
	t := &table{file: file, columns: columns, release: release, row: csvfile.Row{Values: make([]cell.Value, len(columns))}}
	rows := func(yield func([]cell.Value, error) bool) {
		begin := func(names []string) error {
			if err := t.match(names); err != nil {
				return err
			}
			if !yield(nil, nil) {
				return errStopped
			}
			return nil
		}
		err := parquetfile.Read(local, begin, func(values []cell.Value) error {
			if !yield(values, nil) {
				return errStopped
			}
			return nil
		})
		var fileError *csvfile.FileError
		if err != nil && !errors.Is(err, errStopped) && !errors.As(err, &fileError) {
			err = &csvfile.FileError{File: file, Line: t.row.Line, Reason: strings.ReplaceAll(err.Error(), local, file),
				Advice: "write the file again, or remove it"}
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
	t.next, t.stop = iter.Pull2(rows)
	if _, err, ok := t.next(); err != nil || !ok {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// match finds each column of the pipeline in the file.
func (t *table) match(names []string) error {
	for _, c := range t.columns {
		i := slices.Index(names, c.Name)
		if i < 0 {
			return &csvfile.FileError{File: t.file, Reason: fmt.Sprintf("the column %q is missing", c.Name),
				Advice: fmt.Sprintf("it has %.500q: name the columns as in source.columns of pipeline.yaml, or change that",
					names)}
		}
		t.index = append(t.index, i)
	}
	for i, name := range names {
		if !slices.Contains(t.index, i) {
			t.ignored = append(t.ignored, name)
		}
	}
	return nil
}

// Ignored implements Reader.
func (t *table) Ignored() []string { return t.ignored }

// Close implements Reader.
func (t *table) Close() error {
	t.stop()
	t.release()
	return nil
}

// Read implements Reader.
func (t *table) Read() (*csvfile.Row, *csvfile.Bad, error) {
	values, err, ok := t.next()
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		return nil, nil, io.EOF
	}
	t.row.Line++
	for i := range t.columns {
		c, found := &t.columns[i], values[t.index[i]]
		value, reason := typed(c, found)
		if reason != "" {
			return nil, &csvfile.Bad{Line: t.row.Line, Column: c.Name, Value: found.String(), Reason: reason}, nil
		}
		t.row.Values[i] = value
	}
	return &t.row, nil, nil
}

// typed turns a value of the file into one of the column, in the way of a CSV field that reads the same.
func typed(c *pipeline.Column, v cell.Value) (cell.Value, string) {
	switch v.Kind() {
	case cell.Integer:
		if c.Type == pipeline.Timestamp {
			return v, ""
		}
	case cell.Float:
		x := v.Float()
		if c.Type == pipeline.Float && !math.IsNaN(x) && !math.IsInf(x, 0) && c.Min == nil && c.Max == nil {
			return cell.OfFloat(x + 0), ""
		}
	case cell.Missing, cell.Boolean, cell.Text:
	}
	return csvfile.Parse(c, v.String())
}
