package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// batch compares rows per second of processor time, and looks at how memory grows with the rows.
func (o *options) batch(ctx context.Context, dir string) (string, error) {
	models := filepath.Join(dir, "trees/models")
	if _, err := os.Stat(models); err != nil { // the trees were not measured before
		if _, err := register(ctx, filepath.Join(dir, "trees"), "trees"); err != nil {
			return "", err
		}
		_ = o.prepare(ctx, filepath.Join(dir, "trees"), "trees") // where it is not installed it is not measured
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### A batch of %d rows, 100 trees of depth 6, 30 features\n\n", o.batchRows)
	b.WriteString("| what | rows | rows per second of processor time | largest memory, MiB |\n|---|---:|---:|---:|\n")
	rates := map[string]float64{}
	for _, c := range []struct {
		ending string
		rows   int
	}{{"csv", o.batchRows}, {"parquet", o.batchRows}, {"parquet", 10 * o.batchRows}} {
		path := filepath.Join(dir, fmt.Sprintf("rows-%d.%s", c.rows, c.ending))
		if err := writeRows(path, c.rows); err != nil {
			return "", err
		}
		results := path + "-results"
		if err := os.Mkdir(results, 0o700); err != nil {
			return "", err
		}
		cmd := exec.CommandContext(ctx, o.server, "batch", "--models", lake.FileURI(models), "--model", "bench",
			"--results", lake.FileURI(results), "--input", lake.FileURI(path), "--key", "id")
		rate, memory, err := timed(cmd, c.rows)
		if err != nil {
			return "", err
		}
		rates[c.ending+strconv.Itoa(c.rows)] = rate
		fmt.Fprintf(&b, "| inference-image, %s | %d | %.0f | %d |\n", c.ending, c.rows, rate, memory)
		if c.ending == "parquet" {
			_ = os.Remove(path)
		}
		_ = os.RemoveAll(results)
	}
	joblib, csv := filepath.Join(dir, "trees/model.joblib"), filepath.Join(dir, fmt.Sprintf("rows-%d.csv", o.batchRows))
	if !exists(joblib) {
		return b.String() + "\nNot measured: scikit-learn.\n", nil
	}
	cmd := exec.CommandContext(ctx, o.python, filepath.Join(o.sources, "batch.py"), joblib, csv,
		filepath.Join(dir, "out.csv"))
	rate, memory, err := timed(cmd, o.batchRows)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "| pandas and scikit-learn, csv | %d | %.0f | %d |\n\n", o.batchRows, rate, memory)
	fmt.Fprintf(&b, "From CSV %.1f times scikit-learn's rate, from Parquet %.1f times.\n",
		rates["csv"+strconv.Itoa(o.batchRows)]/rate, rates["parquet"+strconv.Itoa(o.batchRows)]/rate)
	return b.String(), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// timed runs a command and returns rows per second of processor time and the largest memory in MiB. What the system
// says at the end of a process is no less than what this program held when it started it, so that we look now and then.
func timed(cmd *exec.Cmd, rows int) (rate float64, memory int, err error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return 0, 0, fmt.Errorf("%s: %w: %s", cmd.Path, err, out.Bytes())
			}
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			return float64(rows) / max(cpu, time.Millisecond).Seconds(), memory, nil
		case <-look.C:
			memory = max(memory, peak(fmt.Sprintf("/proc/%d", cmd.Process.Pid)))
		}
	}
}

// writeRows writes rows of an id and 30 numbers.
func writeRows(path string, n int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	sample := onnxtest.Vectors(7, 30, 4096, 0)
	if strings.HasSuffix(path, ".parquet") {
		return writeParquet(f, sample, n)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprint(w, "id")
	for j := range sample[0] {
		fmt.Fprintf(w, ",x%d", j)
	}
	fmt.Fprintln(w)
	line := make([]byte, 0, 1024)
	for i := range n {
		line = strconv.AppendInt(line[:0], int64(i), 10)
		for _, x := range sample[i%len(sample)] {
			line = strconv.AppendFloat(append(line, ','), float64(x), 'g', 7, 32)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}

func writeParquet(f *os.File, sample [][]float32, n int) error {
	group := parquet.Group{"id": parquet.Int(64)}
	for j := range sample[0] {
		group[fmt.Sprintf("x%d", j)] = parquet.Optional(parquet.Leaf(parquet.DoubleType))
	}
	schema := parquet.NewSchema("rows", group)
	w := parquet.NewGenericWriter[any](f, schema, parquet.MaxRowsPerRowGroup(100_000),
		parquet.Compression(&parquet.Snappy))
	at := make([]int, len(schema.Fields())) // by column: which number it is, -1 for the id
	for c, field := range schema.Fields() {
		at[c] = -1
		if number, ok := strings.CutPrefix(field.Name(), "x"); ok {
			at[c], _ = strconv.Atoi(number)
		}
	}
	row := make(parquet.Row, len(at))
	for i := range n {
		for c, j := range at {
			if row[c] = parquet.Int64Value(int64(i)).Level(0, 0, c); j >= 0 {
				row[c] = parquet.DoubleValue(float64(sample[i%len(sample)][j])).Level(0, 1, c)
			}
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			return err
		}
	}
	return w.Close()
}
