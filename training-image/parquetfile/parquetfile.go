// Package parquetfile writes and reads flat Parquet files whose columns are known only at run time, in their order.
package parquetfile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/mlpathway/mlpathway/internal/parquetopen"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parallel"
)

// Kind is the type of a column.
type Kind string

// The kinds of columns.
const (
	Double    Kind = "double"
	Integer   Kind = "integer" // 64 bits
	Boolean   Kind = "boolean"
	Text      Kind = "text"
	Timestamp Kind = "timestamp" // microseconds since 1970, UTC
)

// cells is the kind of the values of such a column.
func (k Kind) cells() cell.Kind {
	switch k {
	case Double:
		return cell.Float
	case Boolean:
		return cell.Boolean
	case Text:
		return cell.Text
	case Integer, Timestamp:
	}
	return cell.Integer
}

// Column is one column of a file.
type Column struct {
	Name string
	Kind Kind
	// Optional allows nulls.
	Optional bool
}

func (c Column) node() (parquet.Node, error) {
	var node parquet.Node
	switch c.Kind {
	case Double:
		node = parquet.Leaf(parquet.DoubleType)
	case Integer:
		node = parquet.Int(64)
	case Boolean:
		node = parquet.Leaf(parquet.BooleanType)
	case Text:
		node = parquet.String()
	case Timestamp:
		node = parquet.Timestamp(parquet.Microsecond)
	default:
		return nil, fmt.Errorf("the column %q has the unknown kind %q", c.Name, c.Kind)
	}
	if c.Optional {
		node = parquet.Optional(node)
	}
	return parquet.Compressed(node, &parquet.Snappy), nil
}

// Read is ReadBlocks row by row. The slice is used again for the next row.
func Read(path string, begin func(columns []string) error, row func(values []cell.Value) error) error {
	var values []cell.Value
	return ReadBlocks(path, func(columns []string) error {
		values = make([]cell.Value, len(columns))
		return begin(columns)
	}, func(b *cell.Block) error {
		for i := range b.Rows {
			b.Row(i, values)
			if err := row(values); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReadBlocks calls begin with the names of a file's columns and then each for its rows in their order, block by block;
// a block is used again. Times and dates are microseconds since 1970, decimals are floats.
func ReadBlocks(path string, begin func(columns []string) error, each func(*cell.Block) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading Parquet: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading Parquet: %w", err)
	}
	file, err := parquetopen.File(f, info.Size())
	if err != nil {
		return fmt.Errorf("reading %s: this is no Parquet file: %w", path, err)
	}
	var names []string
	var types []parquet.Type
	for _, field := range file.Schema().Fields() {
		if !field.Leaf() || field.Repeated() {
			return fmt.Errorf("reading %s: the column %q is nested: flatten it", path, field.Name())
		}
		names, types = append(names, field.Name()), append(types, field.Type())
	}
	if err := begin(names); err != nil {
		return err
	}
	if err := readBlocks(file, types, each); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

const mostAhead = 4 // blocks

// readBlocks reads beside each.
func readBlocks(file *parquet.File, types []parquet.Type, each func(*cell.Block) error) error {
	relay, end := parallel.NewRelay(cell.NewBlocks(mostAhead, len(types))...), make(chan error, 1)
	go func() {
		defer relay.End()
		end <- readGroups(file, types, relay)
	}()
	for b := range relay.All() {
		if err := each(b); err != nil {
			return err
		}
	}
	return <-end
}

func readGroups(file *parquet.File, types []parquet.Type, relay *parallel.Relay[*cell.Block]) (err error) {
	defer parquetopen.NotBroken(&err)
	for _, group := range file.RowGroups() {
		if err := readGroup(group, types, relay); err != nil {
			return err
		}
	}
	return nil
}

func readGroup(group parquet.RowGroup, types []parquet.Type, relay *parallel.Relay[*cell.Block]) (err error) {
	columns := make([]*columnReader, len(types))
	for i, chunk := range group.ColumnChunks() {
		columns[i] = &columnReader{pages: chunk.Pages()}
		defer func() { err = errors.Join(err, columns[i].close()) }()
	}
	buffer := make([]parquet.Value, cell.BlockRows)
	for left := int(group.NumRows()); left > 0; {
		b, ok := relay.Take()
		if !ok {
			return nil
		}
		b.Rows = min(left, cell.BlockRows)
		for i, c := range columns {
			if err := c.read(buffer[:b.Rows]); err != nil {
				return fmt.Errorf("the column %d: %w", i+1, err)
			}
			logical := types[i].LogicalType()
			for row, out := 0, b.Column(i); row < len(out); row++ {
				out[row] = plain(&buffer[row], logical)
			}
		}
		left -= b.Rows
		relay.Pass(b)
	}
	return nil
}

func plain(v *parquet.Value, logical *format.LogicalType) cell.Value {
	switch {
	case v.Kind() == parquet.Double:
		return cell.OfFloat(v.Double())
	case v.IsNull():
		return cell.Value{}
	case v.Kind() == parquet.Boolean:
		return cell.OfBoolean(v.Boolean())
	case v.Kind() == parquet.Int32:
		return whole(int64(v.Int32()), logical)
	case v.Kind() == parquet.Int64:
		return whole(v.Int64(), logical)
	case v.Kind() == parquet.Int96: // Spark's time: nanoseconds of the day and the Julian day
		const epoch, day = 2440588, 86400 * 1e6
		t := v.Int96()
		return cell.OfInteger((int64(t[2])-epoch)*day + int64(uint64(t[1])<<32|uint64(t[0]))/1000)
	case v.Kind() == parquet.Float:
		return cell.OfFloat(float64(v.Float()))
	default:
		return cell.OfText(string(v.ByteArray()))
	}
}

// whole gives an integer the meaning of its logical type.
func whole(x int64, logical *format.LogicalType) cell.Value {
	if logical == nil {
		return cell.OfInteger(x)
	}
	switch t := logical.Value.(type) {
	case *format.DateType:
		return cell.OfInteger(x * 86400 * 1e6)
	case *format.DecimalType:
		return cell.OfFloat(float64(x) / math.Pow10(int(t.Scale)))
	case *format.TimestampType:
		return cell.OfInteger(micros(x, t.Unit.Value.Duration()))
	default:
		return cell.OfInteger(x)
	}
}

// micros turns a number of units into microseconds.
func micros(x int64, unit time.Duration) int64 {
	if unit < time.Microsecond {
		return x / int64(time.Microsecond/unit)
	}
	return x * int64(unit/time.Microsecond)
}
