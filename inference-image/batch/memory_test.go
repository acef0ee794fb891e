package batch_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/batch"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// Ten times the rows, in ten times the row groups and ten times the parts, take no more memory.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestMemoryDoesNotGrow(t *testing.T) {
	const few, inputs = 20_000, 30
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: inputs, Trees: 4, Depth: 3}))
	for ending, write := range map[string]func(*testing.T, string, int, int){
		"parquet": writeParquetRows, "csv": writeCSVRows,
	} {
		live := map[int]uint64{}
		for _, rows := range []int{few, 10 * few} {
			path := filepath.Join(t.TempDir(), "rows."+ending)
			write(t, path, rows, inputs)
			o := options(t, l)
			o.Pipeline, o.Model, o.Input, o.Key = "", inferencetest.Model, lake.FileURI(path), "id"
			o.Results, o.PartRows, o.ChunkBytes = lake.FileURI(t.TempDir()), few, 64<<10
			live[rows] = mostAlive(t, func() { require.NoError(t, batch.Run(t.Context(), o)) })
		}
		t.Logf("%s: %d KiB, then %d KiB", ending, live[few]>>10, live[10*few]>>10)
		assert.Less(t, live[10*few], live[few]+4<<20, ending)
	}
}

// mostAlive is the most memory that the garbage collector found in use while f ran.
func mostAlive(t *testing.T, f func()) (most uint64) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // it looks often
	debug.FreeOSMemory()
	ctx, stop := context.WithCancel(t.Context())
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for ctx.Err() == nil {
			metrics.Read(live)
			most = max(most, live[0].Value.Uint64())
			time.Sleep(time.Millisecond)
		}
	}()
	f()
	stop()
	<-looked
	return most
}

func writeParquetRows(t *testing.T, path string, rows, inputs int) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	columns := parquet.Group{"id": parquet.Int(64)}
	for j := range inputs {
		columns[fmt.Sprintf("x%d", j)] = parquet.Leaf(parquet.DoubleType)
	}
	w := parquet.NewGenericWriter[any](f, parquet.NewSchema("rows", columns), parquet.MaxRowsPerRowGroup(1000))
	row := make(parquet.Row, inputs+1)
	for i := range rows {
		row[0] = parquet.Int64Value(int64(i)).Level(0, 0, 0)
		for j := range inputs {
			row[j+1] = parquet.DoubleValue(float64(i%(j+7))).Level(0, 0, j+1)
		}
		_, err := w.WriteRows([]parquet.Row{row})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
}

func writeCSVRows(t *testing.T, path string, rows, inputs int) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	w := bufio.NewWriter(f)
	fmt.Fprint(w, "id")
	for j := range inputs {
		fmt.Fprintf(w, ",x%d", j)
	}
	for i := range rows {
		fmt.Fprintf(w, "\n%d", i)
		for j := range inputs {
			fmt.Fprintf(w, ",%d", i%(j+7))
		}
	}
	require.NoError(t, w.Flush())
	require.NoError(t, f.Close())
}
