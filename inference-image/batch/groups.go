package batch

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/mlpathway/mlpathway/internal/parquetopen"
)

// groups are the row groups of a Parquet file, opened one at a time. The footer of a file describes every column of
// every row group; decoded as a whole it takes memory that grows with the file.
type groups struct {
	file io.ReaderAt
	size int64
	all  []group
}

// group is a row group with a footer that describes it alone, as it ends a file.
type group struct {
	rows int64
	tail []byte
}

// openGroups opens a Parquet file on this machine. Its schema comes beside; who keeps that keeps the whole footer.
func openGroups(path string) (g *groups, schema *parquet.Schema, done func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, nil, err
	}
	g = &groups{file: f}
	info, err := f.Stat()
	if err == nil {
		g.size = info.Size()
		schema, err = g.split()
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, nil, fmt.Errorf("this is no Parquet file that can be read: %w", err)
	}
	return g, schema, func() { _ = f.Close() }, nil
}

// split divides the footer of the file.
func (g *groups) split() (*parquet.Schema, error) {
	file, err := parquetopen.File(g.file, g.size)
	if err != nil {
		return nil, err
	}
	about := *file.Metadata()
	about.KeyValueMetadata = nil
	row, protocol := about.RowGroups, thrift.CompactProtocol{}
	for i := range row {
		for j := range row[i].Columns {
			column := &row[i].Columns[j].MetaData
			column.Statistics, column.EncodingStats = format.Statistics{}, nil
		}
		row[i].Ordinal = 0 // of a file of one
		about.RowGroups, about.NumRows = row[i:i+1], row[i].NumRows
		tail, err := thrift.Marshal(&protocol, about)
		if err != nil {
			return nil, err
		}
		tail = binary.LittleEndian.AppendUint32(tail, uint32(len(tail)))
		g.all = append(g.all, group{rows: row[i].NumRows, tail: append(tail, "PAR1"...)})
	}
	return file.Schema(), nil
}

// columns opens the columns of a row group.
func (g *groups) columns(i int) ([]parquet.ColumnChunk, error) {
	tail := g.all[i].tail
	file, err := parquetopen.File(&withTail{g.file, g.size, tail}, g.size+int64(len(tail)))
	if err != nil {
		return nil, err
	}
	return file.RowGroups()[0].ColumnChunks(), nil
}

// withTail is a file of a size with something behind it.
type withTail struct {
	io.ReaderAt
	size int64
	tail []byte
}

// ReadAt implements io.ReaderAt.
func (f *withTail) ReadAt(p []byte, at int64) (n int, err error) {
	if at < f.size {
		n, err = f.ReaderAt.ReadAt(p[:min(int64(len(p)), f.size-at)], at)
		if n == len(p) || at+int64(n) < f.size {
			return n, err
		}
	}
	from := at + int64(n) - f.size
	if from < int64(len(f.tail)) {
		n += copy(p[n:], f.tail[from:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
