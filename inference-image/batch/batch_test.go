package batch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/batch"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

const pipelineYAML = `
name: tumour
task: binary
label: diagnosis
source:
  key: id
  columns:
    - {name: id, type: text}
    - {name: x0, type: float}
    - {name: diagnosis, type: category, values: ["no", "yes"]}
gate: {metric: accuracy, threshold: 0.9}
`

func options(t *testing.T, l *inferencetest.Lake) batch.Options {
	t.Helper()
	path := filepath.Join(l.Root, "pipeline.yaml")
	require.NoError(t, os.WriteFile(path, []byte(pipelineYAML), 0o600))
	at := time.Date(2026, 11, 22, 2, 0, 0, 123e6, time.UTC)
	return batch.Options{Models: l.URI("models"), Features: l.URI("features"), Results: l.URI("results"),
		Pipeline: lake.FileURI(path), Now: func() time.Time { return at }}
}

// readAll reads a Parquet file into its column names and one map per row.
func readAll(t *testing.T, path string) (names []string, rows []map[string]any) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := parquet.OpenFile(f, info.Size())
	require.NoError(t, err)
	for _, field := range file.Schema().Fields() {
		names = append(names, field.Name())
	}
	for _, group := range file.RowGroups() {
		r := group.Rows()
		buffer := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buffer)
			for _, row := range buffer[:n] {
				values := map[string]any{}
				for _, v := range row {
					switch v.Kind() {
					case parquet.Double:
						values[names[v.Column()]] = v.Double()
					case parquet.Float:
						values[names[v.Column()]] = v.Float()
					case parquet.Int64:
						values[names[v.Column()]] = v.Int64()
					default:
						values[names[v.Column()]] = string(v.ByteArray())
					}
				}
				rows = append(rows, values)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.NoError(t, r.Close())
	}
	return names, rows
}

func readReport(t *testing.T, l *inferencetest.Lake, key string) batch.Report {
	t.Helper()
	data, err := os.ReadFile(l.Path("results", key))
	require.NoError(t, err)
	var r batch.Report
	require.NoError(t, json.Unmarshal(data, &r))
	return r
}

func TestBatchOfAClassifier(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{Task: onnx.Multiclass})
	l.Serve("v1", e)
	in := onnxtest.Rows(3, e, 1711, 0.02) // three row groups, some values missing
	l.FeatureSet(e, in)
	var out strings.Builder
	o := options(t, l)
	o.Out = &out
	require.NoError(t, batch.Run(t.Context(), o))

	folder := "batch/20261122T020000.123Z/"
	names, rows := readAll(t, l.Path("results", folder+"part-00000.parquet"))
	require.Equal(t, []string{"id", "prediction", "probability_class-0", "probability_class-1", "probability_class-2",
		"model", "version", "time"}, names)
	require.Len(t, rows, len(in))
	want := make([]float32, 3)
	counts, missing := map[string]int64{}, int64(0)
	for i, row := range in {
		e.Predict(row, want)
		require.Equal(t, fmt.Sprintf("id-%d", i), rows[i]["id"])
		best := 0
		for c, p := range want {
			require.InDelta(t, p, rows[i][fmt.Sprintf("probability_class-%d", c)], 0)
			if p > want[best] {
				best = c
			}
		}
		require.Equal(t, fmt.Sprintf("class-%d", best), rows[i]["prediction"])
		require.Equal(t, inferencetest.Model, rows[i]["model"])
		require.Equal(t, "v1", rows[i]["version"])
		require.Equal(t, o.Now().UnixMicro(), rows[i]["time"])
		counts[fmt.Sprintf("class-%d", best)]++
		for _, x := range row {
			if x != x {
				missing++
				break
			}
		}
	}
	r := readReport(t, l, folder+"report.json")
	assert.Equal(t, r, readReport(t, l, "batch/latest.json"))
	assert.EqualValues(t, len(in), r.RowsIn)
	assert.EqualValues(t, len(in), r.RowsOut)
	assert.Equal(t, counts, r.Classes)
	assert.Positive(t, missing)
	assert.Equal(t, missing, r.MissingRequired)
	assert.Equal(t, folder, r.Predictions)
	assert.Equal(t, []string{folder + "part-00000.parquet"}, r.Parts)
	assert.False(t, r.Resumed)
	left, err := filepath.Glob(l.Path("results", "batch/jobs/*"))
	require.NoError(t, err)
	assert.Empty(t, left, "the record of the job goes when it has ended")
	assert.Equal(t, "d1", r.DataVersion)
	assert.Equal(t, "id", r.Key)
	assert.Nil(t, r.Mean)
	assert.Contains(t, out.String(), "predicted 1711 rows with tumour v1")
}

func TestBatchOfARegressionWithoutKey(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(2, onnxtest.Shape{Task: onnx.Regression})
	l.Serve("v1", e)
	in := onnxtest.Rows(3, e, 40, 0)
	l.FeatureSet(e, in)
	o := options(t, l)
	o.Pipeline, o.Model = "", inferencetest.Model
	require.NoError(t, batch.Run(t.Context(), o))
	r := readReport(t, l, "batch/latest.json")
	names, rows := readAll(t, l.Path("results", r.Parts[0]))
	require.Equal(t, []string{"row", "prediction", "model", "version", "time"}, names)
	want, sum := make([]float32, 1), 0.0
	for i, row := range in {
		e.Predict(row, want)
		require.EqualValues(t, i, rows[i]["row"])
		require.InDelta(t, want[0], rows[i]["prediction"], 0)
		sum += float64(want[0])
	}
	require.NotNil(t, r.Mean)
	assert.InDelta(t, sum/40, *r.Mean, 1e-9)
	assert.Nil(t, r.Classes)
}

func TestBatchOfNoRows(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(2, onnxtest.Shape{})
	l.Serve("v1", e)
	l.FeatureSet(e, nil)
	require.NoError(t, batch.Run(t.Context(), options(t, l)))
	assert.Zero(t, readReport(t, l, "batch/latest.json").RowsOut)
}

func TestBatchThatCannotBe(t *testing.T) {
	t.Parallel()
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	for name, c := range map[string]struct {
		prepare func(l *inferencetest.Lake, o *batch.Options)
		is      error
		says    string
	}{
		"no model": {func(l *inferencetest.Lake, _ *batch.Options) { l.FeatureSet(e, nil) },
			registry.ErrNoAlias, "production of model tumour"},
		"no features": {func(l *inferencetest.Lake, _ *batch.Options) { l.Serve("v1", e) },
			batch.ErrNoFeatures, "run the pipeline first"},
		"no name": {func(_ *inferencetest.Lake, o *batch.Options) { o.Pipeline = "" }, nil, "--model NAME"},
		"feature set is gone": {func(l *inferencetest.Lake, _ *batch.Options) {
			l.Serve("v1", e)
			_ = os.Remove(l.Path("features", l.FeatureSet(e, nil)))
		}, lake.ErrNotFound, "the newest feature set is gone"},
		"feature set is no Parquet": {func(l *inferencetest.Lake, _ *batch.Options) {
			l.Serve("v1", e)
			_ = os.WriteFile(l.Path("features", l.FeatureSet(e, nil)), []byte("hello"), 0o600)
		}, nil, "this is no Parquet file that can be read"},
		"feature is not there": {func(l *inferencetest.Lake, _ *batch.Options) {
			l.Serve("v1", e)
			other := *e
			other.Inputs = []string{"x0", "x1", "x2", "x3", "other"}
			l.FeatureSet(&other, nil)
		}, nil, `no column "x4"`},
		"text for numbers": {func(l *inferencetest.Lake, _ *batch.Options) {
			named := *e
			named.Inputs = []string{"x0", "x1", "x2", "x3", "id"}
			l.Serve("v1", &named)
			l.FeatureSet(e, nil)
		}, nil, `the column "id" of the input holds no numbers`},
		"corrupt model": {func(l *inferencetest.Lake, _ *batch.Options) {
			l.Serve("v1", e)
			l.FeatureSet(e, nil)
			_ = os.WriteFile(l.Path("models", "tumour/versions/v1/model.onnx"), []byte("hello"), 0o600)
		}, registry.ErrCorrupt, "model.onnx has SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := inferencetest.New(t)
			o := options(t, l)
			c.prepare(l, &o)
			err := batch.Run(t.Context(), o)
			require.ErrorContains(t, err, c.says)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			assertNothing(t, l)
		})
	}
}

func TestBatchThatIsCutOff(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	l.FeatureSet(e, onnxtest.Rows(1, e, 2000, 0))
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, l)
	now := o.Now
	o.Now = func() time.Time { cancel(); return now() } // after the model was loaded, before rows are read
	require.ErrorIs(t, batch.Run(ctx, o), context.Canceled)
	assertNothing(t, l)
}

// Predictions whose report cannot be written are not the latest, and the next run has only the report to write.
func TestBatchWithoutReport(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	l.FeatureSet(e, onnxtest.Rows(1, e, 20, 0))
	inTheWay := l.Path("results", "batch/20261122T020000.123Z/report.json/folder")
	require.NoError(t, os.MkdirAll(inTheWay, 0o700))
	require.ErrorContains(t, batch.Run(t.Context(), options(t, l)), "report.json")
	assert.NoFileExists(t, l.Path("results", "batch/latest.json"))
	require.NoError(t, os.RemoveAll(filepath.Dir(inTheWay)))
	require.NoError(t, batch.Run(t.Context(), options(t, l)))
	r := readReport(t, l, "batch/latest.json")
	assert.True(t, r.Resumed)
	assert.EqualValues(t, 20, r.RowsOut)
}

// assertNothing checks that a failed run left no file behind.
func assertNothing(t *testing.T, l *inferencetest.Lake) {
	t.Helper()
	look := func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			assert.Fail(t, "left behind", path)
		}
		return err
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(l.Root, "results"), look))
}
