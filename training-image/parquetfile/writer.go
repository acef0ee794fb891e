package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/internal/parquetschema"
	"github.com/mlpathway/mlpathway/training-image/cell"
)

const (
	rowGroupRows = 200 * cell.BlockRows // bounds the memory of a writer
	mostGroups   = 2                    // that are in memory
	mostEncoders = 4                    // of a group
)

// Writer writes rows, one by one or block by block. Groups of rows are encoded beside the caller, and leave memory
// in their order as they fill. Close it also where something has failed.
type Writer struct {
	columns []Column
	file    *parquet.GenericWriter[any]
	free    chan *cell.Block // that can be filled
	rows    *cell.Block      // those that were written one by one; nil before the first
	group   *rowGroup        // that rows go to; nil before its first row
	open    []*rowGroup      // that are full and not yet in the file, in their order
	closed  bool
}

// rowGroup is encoded by goroutines of its own, each of which has a share of the columns.
type rowGroup struct {
	*parquet.ConcurrentRowGroupWriter
	rows     int
	encoders []chan *shared
	done     chan error // of each encoder
}

// shared is a block that all encoders of a group look at; the last one gives it back.
type shared struct {
	*cell.Block
	left atomic.Int32
}

// NewWriter begins a file with the given columns.
func NewWriter(w io.Writer, columns []Column) (*Writer, error) {
	nodes := make([]parquetschema.Column, 0, len(columns))
	for _, c := range columns {
		node, err := c.node()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, parquetschema.Column{Name: c.Name, Node: node})
	}
	schema, err := parquetschema.New("rows", nodes)
	if err != nil {
		return nil, err
	}
	out := &Writer{columns: columns, free: make(chan *cell.Block, 4*mostGroups),
		file: parquet.NewGenericWriter[any](w, schema, parquet.CreatedBy("mlpathway", "1", ""))}
	for _, rows := range cell.NewBlocks(cap(out.free), len(columns)) {
		out.free <- rows
	}
	return out, nil
}

// Block gives an empty block to fill and to write. A block that is not written is lost.
func (w *Writer) Block() *cell.Block {
	b := <-w.free
	b.Rows = 0
	return b
}

// Write adds a row: one value per column, of the column's kind or missing. It keeps the texts for a while.
func (w *Writer) Write(values []cell.Value) error {
	if w.rows == nil {
		w.rows = w.Block()
	}
	for i, v := range values {
		if v.Kind() == cell.Missing && !w.columns[i].Optional {
			return w.isNull(i)
		}
		w.rows.Set(w.rows.Rows, i, v)
	}
	if w.rows.Rows++; !w.rows.Full() {
		return nil
	}
	return w.flush()
}

func (w *Writer) isNull(column int) error {
	return fmt.Errorf("the column %q must not be null", w.columns[column].Name)
}

// flush writes the rows that came one by one.
func (w *Writer) flush() error {
	rows := w.rows
	w.rows = nil
	if rows == nil {
		return nil
	}
	return w.WriteBlock(rows)
}

// WriteBlock adds the rows of a block that Block has given. It keeps the texts for a while.
func (w *Writer) WriteBlock(rows *cell.Block) error {
	if rows.Rows == 0 {
		w.free <- rows
		return nil
	}
	for i, c := range w.columns {
		if c.Optional {
			continue
		}
		for _, v := range rows.Column(i) {
			if v.Kind() == cell.Missing {
				w.free <- rows
				return w.isNull(i)
			}
		}
	}
	if w.group != nil && w.group.rows+rows.Rows > rowGroupRows {
		w.open, w.group = append(w.open, w.group.end()), nil
		if err := w.commit(mostGroups - 1); err != nil {
			w.free <- rows
			return err
		}
	}
	if w.group == nil {
		w.group = w.begin()
	}
	w.group.rows += rows.Rows
	s := &shared{Block: rows}
	s.left.Store(int32(len(w.group.encoders)))
	for _, encoder := range w.group.encoders {
		encoder <- s
	}
	return nil
}

// begin begins a group.
func (w *Writer) begin() *rowGroup {
	n := max(1, min(runtime.GOMAXPROCS(0), mostEncoders, len(w.columns)))
	g := &rowGroup{ConcurrentRowGroupWriter: w.file.BeginRowGroup(), done: make(chan error, n)}
	for i := range n {
		blocks := make(chan *shared, cap(w.free))
		g.encoders = append(g.encoders, blocks)
		go func() { g.done <- g.encode(w.columns, i*len(w.columns)/n, (i+1)*len(w.columns)/n, blocks, w.free) }()
	}
	return g
}

// encode encodes the columns from one on to another until the group is full.
func (g *rowGroup) encode(columns []Column, from, to int, blocks <-chan *shared, free chan<- *cell.Block) (err error) {
	buffer, writers := make([]parquet.Value, cell.BlockRows), g.ColumnWriters()
	for rows := range blocks {
		for i := from; i < to && err == nil; i++ {
			column, optional, kind := rows.Column(i), columns[i].Optional, columns[i].Kind.cells()
			for row := range column {
				if k := column[row].Kind(); k != kind && k != cell.Missing {
					err = fmt.Errorf("the column %q holds %s and got %q", columns[i].Name, columns[i].Kind, column[row])
				}
				v := value(&column[row])
				if optional && !v.IsNull() {
					v = v.Level(0, 1, 0)
				}
				buffer[row] = v
			}
			if err == nil {
				_, err = writers[i].WriteRowValues(buffer[:rows.Rows])
			}
		}
		if rows.left.Add(-1) == 0 {
			free <- rows.Block
		}
	}
	for i := from; i < to && err == nil; i++ {
		err = writers[i].Flush()
	}
	return err
}

func (g *rowGroup) end() *rowGroup {
	for _, encoder := range g.encoders {
		close(encoder)
	}
	return g
}

// commit writes full groups into the file until no more than so many are left.
func (w *Writer) commit(left int) error {
	for len(w.open) > left {
		g := w.open[0]
		w.open = w.open[1:]
		var errs []error
		for range g.encoders {
			errs = append(errs, <-g.done)
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if _, err := g.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Close writes what is left and the footer. The second time it does nothing.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.flush()
	if w.group != nil {
		w.open, w.group = append(w.open, w.group.end()), nil
	}
	return errors.Join(err, w.commit(0), w.file.Close())
}

// value turns a value into the library's own.
func value(v *cell.Value) parquet.Value {
	switch v.Kind() {
	case cell.Float:
		return parquet.DoubleValue(v.Float())
	case cell.Integer:
		return parquet.Int64Value(v.Integer())
	case cell.Boolean:
		return parquet.BooleanValue(v.Boolean())
	case cell.Text:
		text := v.Text()
		return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(text), len(text))) // it is only read
	case cell.Missing:
	}
	return parquet.Value{}
}
