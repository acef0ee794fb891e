// Package parquetopen opens Parquet files that nobody vouches for. The library answers many a file whose bytes were
// changed with a panic, or with room for gigabytes.
package parquetopen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// File opens a file of so many bytes without the indices of its pages, which grow with it, unless more options ask for
// them: most read the rows one after the other. What the caller then does with the file goes on under NotBroken.
func File(file io.ReaderAt, size int64, more ...parquet.FileOption) (opened *parquet.File, err error) {
	defer NotBroken(&err)
	// The library makes room for as long a footer as the file says.
	var end [8]byte
	if _, err := file.ReadAt(end[:], size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if length := int64(binary.LittleEndian.Uint32(end[:])); length > size-int64(len(end)) {
		return nil, fmt.Errorf("its footer has %d bytes, the whole file %d", length, size)
	}
	opened, err = parquet.OpenFile(file, size,
		append([]parquet.FileOption{parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true)}, more...)...)
	if err != nil {
		return nil, err
	}
	for _, group := range opened.Metadata().RowGroups {
		for i := range group.Columns {
			if group.Columns[i].MetaData.Codec == format.Lz4Raw {
				return nil, errors.New("it is compressed with LZ4, whose reader has no bound for a page; " +
					"write it with Snappy or Zstandard")
			}
		}
	}
	return opened, nil
}

// NotBroken makes an error of a panic; it is deferred. An error that is there stays.
func NotBroken(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("the file is broken: %v", cause)
	}
}
