// Package steptest builds lakes for the tests of the steps.
package steptest

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// Lake is an empty lake in a temporary directory with a pipeline.
type Lake struct {
	tb  testing.TB
	Dir string
}

// Zones of a lake.
var zones = []string{"raw", "curated", "features", "models", "results", "logs"}

// New makes a lake with the given pipeline.yaml.
func New(tb testing.TB, pipeline string) *Lake {
	tb.Helper()
	l := &Lake{tb: tb, Dir: tb.TempDir()}
	for _, zone := range zones {
		require.NoError(tb, os.MkdirAll(filepath.Join(l.Dir, zone), 0o700))
	}
	l.SetPipeline(pipeline)
	return l
}

// SetPipeline replaces pipeline.yaml.
func (l *Lake) SetPipeline(text string) {
	l.tb.Helper()
	require.NoError(l.tb, os.WriteFile(filepath.Join(l.Dir, "pipeline.yaml"), []byte(text), 0o600))
}

// Options are the options of a run.
func (l *Lake) Options(run string) step.Options {
	uri := func(name string) string { return lake.FileURI(filepath.Join(l.Dir, name)) }
	return step.Options{Pipeline: uri("pipeline.yaml"), Raw: uri("raw"), Curated: uri("curated"),
		Features: uri("features"),
		Models:   uri("models"), Logs: uri("logs"), Metadata: "sqlite://" + l.Dir + "/registry/metadata.db",
		Online: "sqlite://" + l.Dir + "/online/online.db", Warehouse: "duckdb://" + l.Dir + "/warehouse/warehouse.duckdb",
		Run: run, Alias: registry.Production, Code: "test"}
}

// Drop puts a file into the raw zone that was last changed so many minutes after a fixed time.
func (l *Lake) Drop(name, content string, minute int) {
	l.tb.Helper()
	path := filepath.Join(l.Dir, "raw", name)
	require.NoError(l.tb, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(l.tb, os.WriteFile(path, []byte(content), 0o600))
	at := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
	require.NoError(l.tb, os.Chtimes(path, at, at))
}

// Zone opens a zone for the length of the test.
func (l *Lake) Zone(name string) *lake.Zone {
	l.tb.Helper()
	z, err := lake.Open(context.Background(), lake.FileURI(filepath.Join(l.Dir, name)))
	require.NoError(l.tb, err)
	l.tb.Cleanup(func() { _ = z.Close() })
	return z
}

// Run reads the record of a run.
func (l *Lake) Run(id string) *registry.Run {
	l.tb.Helper()
	run, err := registry.ReadRun(context.Background(), l.Zone("logs"), id)
	require.NoError(l.tb, err)
	require.NotNil(l.tb, run, "the run %s has a record", id)
	return run
}

// Rows reads a Parquet file of a zone as one map for each row.
func (l *Lake) Rows(zone, key string) (columns []string, rows []map[string]any) {
	l.tb.Helper()
	path := filepath.Join(l.Dir, zone, filepath.FromSlash(key))
	require.NoError(l.tb, parquetfile.Read(path,
		func(names []string) error { columns = names; return nil },
		func(values []cell.Value) error {
			row := map[string]any{}
			for i, name := range columns {
				row[name] = values[i].Any()
			}
			rows = append(rows, row)
			return nil
		}))
	return columns, rows
}

// CSV reads a CSV file of a zone.
func (l *Lake) CSV(zone, key string) [][]string {
	l.tb.Helper()
	data, err := os.ReadFile(filepath.Join(l.Dir, zone, filepath.FromSlash(key)))
	require.NoError(l.tb, err)
	records, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	require.NoError(l.tb, err)
	return records
}

// Files lists everything in the lake's directory below a prefix.
func (l *Lake) Files(prefix string) []string {
	l.tb.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(l.Dir, prefix), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(l.Dir, path)
			files = append(files, filepath.ToSlash(name))
		}
		return err
	})
	require.NoError(l.tb, err)
	return files
}
