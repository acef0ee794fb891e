package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
)

// File is an open Parquet file whose columns are read one by one, from some row to another: what is not asked for is
// not read.
type File struct {
	file    *parquet.File
	columns []string
}

// OpenFile opens a file of so many bytes.
func OpenFile(r io.ReaderAt, size int64) (*File, error) {
	file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("this is no Parquet file: %w", err)
	}
	f := &File{file: file}
	for _, field := range file.Schema().Fields() {
		if !field.Leaf() || field.Repeated() {
			return nil, fmt.Errorf("the column %q is nested: flatten it", field.Name())
		}
		f.columns = append(f.columns, field.Name())
	}
	return f, nil
}

// Columns are the names of the columns.
func (f *File) Columns() []string { return f.columns }

// Groups are the numbers of rows of the groups that the file is made of.
func (f *File) Groups() []int {
	var rows []int
	for _, g := range f.file.RowGroups() {
		rows = append(rows, int(g.NumRows()))
	}
	return rows
}

// Floats calls each for the values of a column of numbers in the rows from to to of a group, with the number of the row
// in the group; NaN is a null.
func (f *File) Floats(group, column, from, to int, each func(row int, x float64) error) error {
	return f.values(group, column, from, to, func(row int, v parquet.Value) error {
		switch {
		case v.IsNull():
			return each(row, math.NaN())
		case v.Kind() == parquet.Double:
			return each(row, v.Double())
		default:
			return fmt.Errorf("found %v, want a double", v.Kind())
		}
	})
}

// Texts is Floats for a column of texts without nulls. The bytes are valid during the call.
func (f *File) Texts(group, column, from, to int, each func(row int, text []byte) error) error {
	return f.values(group, column, from, to, func(row int, v parquet.Value) error {
		if v.Kind() != parquet.ByteArray {
			return fmt.Errorf("found %v, want a text", v.Kind())
		}
		return each(row, v.ByteArray())
	})
}

// IsText tells whether a column holds texts.
func (f *File) IsText(column int) bool {
	return f.file.Schema().Fields()[column].Type().Kind() == parquet.ByteArray
}

func (f *File) values(group, column, from, to int, each func(row int, v parquet.Value) error) (err error) {
	wrap := func(err error) error { return fmt.Errorf("reading the column %q: %w", f.columns[column], err) }
	c := &columnReader{pages: f.file.RowGroups()[group].ColumnChunks()[column].Pages()}
	defer func() { err = errors.Join(err, c.close()) }()
	if from > 0 {
		if err := c.pages.SeekToRow(int64(from)); err != nil {
			return wrap(err)
		}
	}
	buffer := make([]parquet.Value, 512)
	for row := from; row < to; {
		values := buffer[:min(len(buffer), to-row)]
		if err := c.read(values); err != nil {
			return wrap(err)
		}
		for _, v := range values {
			if err := each(row, v); err != nil {
				return wrap(err)
			}
			row++
		}
	}
	return nil
}

// columnReader reads the values of a column, page after page. Texts are valid until the next call.
type columnReader struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	old    []parquet.Page // that the last values may lie in
}

// read fills the slice.
func (c *columnReader) read(values []parquet.Value) error {
	c.release()
	for len(values) > 0 {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			if err != nil {
				return err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(values)
		values = values[n:]
		switch {
		case errors.Is(err, io.EOF):
			c.old, c.page, c.values = append(c.old, c.page), nil, nil
		case err != nil:
			return err
		}
	}
	return nil
}

// release gives back the pages that were read to their ends.
func (c *columnReader) release() {
	for _, page := range c.old {
		parquet.Release(page)
	}
	c.old = c.old[:0]
}

func (c *columnReader) close() error {
	c.release()
	if c.page != nil {
		parquet.Release(c.page)
	}
	return c.pages.Close()
}
