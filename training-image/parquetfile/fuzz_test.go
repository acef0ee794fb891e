package parquetfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

// FuzzRead changes bytes of a file: it is refused with an error, or gives rows, and never ends the program.
func FuzzRead(f *testing.F) {
	var out writes
	w, err := parquetfile.NewWriter(&out, columns)
	require.NoError(f, err)
	const rows = 20
	for i := range rows {
		require.NoError(f, w.Write(cell.Row(int64(i), float64(i)/2, nil, "x", int64(i))))
	}
	require.NoError(f, w.Close())
	path := filepath.Join(f.TempDir(), "rows.parquet")
	f.Add(uint16(0), byte(0), uint16(0), byte(0))
	f.Add(uint16(len(out)-7), byte(255), uint16(20), byte('W')) // a footer of gigabytes
	for i := range uint16(200) {
		f.Add(uint16(len(out))-2*i-1, byte(255-i), 11*i, byte(i+1))
	}
	f.Fuzz(func(t *testing.T, at uint16, change byte, at2 uint16, change2 byte) {
		data := append([]byte(nil), out...)
		data[int(at)%len(data)] ^= change
		data[int(at2)%len(data)] ^= change2
		require.NoError(t, os.WriteFile(path, data, 0o600))
		n := 0
		err := parquetfile.Read(path, func([]string) error { return nil }, func([]cell.Value) error { n++; return nil })
		columnsOf(data)
		if change == 0 && change2 == 0 {
			require.NoError(t, err)
			require.Equal(t, rows, n)
		}
	})
}

// columnsOf reads all columns of a file as far as they can be read.
func columnsOf(data []byte) {
	file, err := parquetfile.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	for group, rows := range file.Groups() {
		for column := range file.Columns() {
			if file.IsText(column) {
				_ = file.Texts(group, column, 0, rows, func(int, []byte) error { return nil })
			} else {
				_ = file.Floats(group, column, 1, rows, func(int, []float64) error { return nil })
			}
		}
	}
}

// writes are all bytes that were written.
type writes []byte

// Write implements io.Writer.
func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
