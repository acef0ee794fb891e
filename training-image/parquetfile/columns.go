package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/internal/parquetopen"
)

// File is an open Parquet file whose columns are read one by one, from some row to another: what is not asked for is
// not read.
type File struct {
	file    *parquet.File
	columns []string
}

// OpenFile opens a file of so many bytes.
func OpenFile(r io.ReaderAt, size int64) (*File, error) {
	file, err := parquetopen.File(r, size, parquet.SkipPageIndex(false), parquet.ReadBufferSize(64<<10))
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

// Floats calls each for the values of a column of numbers in the rows from to to of a group: for a few of them at a
// time, with the number of the first row in the group. NaN is a null.
func (f *File) Floats(group, column, from, to int, each func(row int, values []float64) error) error {
	return f.pages(group, column, from, to, func(row int, page parquet.Page, n int) error {
		if page.Type().Kind() != parquet.Double {
			return fmt.Errorf("found %v, want a double", page.Type())
		}
		if page.NumNulls() == 0 {
			data := page.Data()
			return each(row, data.Double()[:n])
		}
		numbers := make([]float64, valuesAtATime)
		return eachValues(page, n, func(i int, values []parquet.Value) error {
			for k, v := range values {
				if numbers[k] = v.Double(); v.IsNull() {
					numbers[k] = math.NaN()
				}
			}
			return each(row+i, numbers[:len(values)])
		})
	})
}

// Texts calls each for the values of a column of texts without nulls in the rows from to to of a group, with the number
// of the row in the group. The bytes are valid during the call.
func (f *File) Texts(group, column, from, to int, each func(row int, text []byte) error) error {
	return f.pages(group, column, from, to, func(row int, page parquet.Page, n int) error {
		if page.Type().Kind() != parquet.ByteArray || page.NumNulls() > 0 {
			return fmt.Errorf("found %v with %d nulls, want a text", page.Type(), page.NumNulls())
		}
		return eachValues(page, n, func(i int, values []parquet.Value) error {
			for k, v := range values {
				if err := each(row+i+k, v.ByteArray()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// IsText tells whether a column holds texts.
func (f *File) IsText(column int) bool {
	return f.file.Schema().Fields()[column].Type().Kind() == parquet.ByteArray
}

// pages calls each for the pages in which rows of a group lie, with the number of the page's first row in the group,
// and how many of its rows count.
func (f *File) pages(group, column, from, to int, each func(row int, page parquet.Page, n int) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the column %q: %w", f.columns[column], err)
		}
	}()
	defer parquetopen.NotBroken(&err)
	pages := f.file.RowGroups()[group].ColumnChunks()[column].Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	if from > 0 {
		if err := pages.SeekToRow(int64(from)); err != nil {
			return err
		}
	}
	for row := from; row < to; {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		n := min(int(page.NumRows()), to-row)
		err = each(row, page, n)
		parquet.Release(page)
		if err != nil {
			return err
		}
		row += n
	}
	return nil
}

const valuesAtATime = 512

// eachValues calls each for the first n values of a page.
func eachValues(page parquet.Page, n int, each func(first int, values []parquet.Value) error) error {
	buffer, reader := make([]parquet.Value, valuesAtATime), page.Values()
	for i := 0; i < n; {
		got, err := reader.ReadValues(buffer[:min(len(buffer), n-i)])
		if got == 0 && err != nil {
			return fmt.Errorf("value %d of %d: %w", i+1, n, err)
		}
		if err := each(i, buffer[:got]); err != nil {
			return err
		}
		i += got
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
