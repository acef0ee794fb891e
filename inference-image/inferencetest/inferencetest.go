// Package inferencetest makes small lakes with models, feature sets and captured rows for tests.
package inferencetest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Model is the name of the model in a test lake.
const Model = "tumour"

// Lake is a lake in a temporary directory.
type Lake struct {
	// Root is the directory; each zone is a directory in it.
	Root string
	// Registry is the one in the models zone.
	Registry *registry.Registry

	tb testing.TB
}

// New makes an empty lake with all zones.
func New(tb testing.TB) *Lake {
	tb.Helper()
	l := &Lake{Root: tb.TempDir(), tb: tb}
	for _, zone := range []string{"raw", "curated", "features", "models", "results", "logs"} {
		require.NoError(tb, os.Mkdir(filepath.Join(l.Root, zone), 0o700))
	}
	l.Registry = registry.New(l.Zone("models"))
	return l
}

// URI is the address of a zone.
func (l *Lake) URI(zone string) string { return lake.FileURI(filepath.Join(l.Root, zone)) }

// Zone opens a zone until the test ends.
func (l *Lake) Zone(zone string) *lake.Zone {
	l.tb.Helper()
	z, err := lake.Open(context.Background(), l.URI(zone))
	require.NoError(l.tb, err)
	l.tb.Cleanup(func() { _ = z.Close() })
	return z
}

// Path is the file of an object.
func (l *Lake) Path(zone, key string) string {
	return filepath.Join(l.Root, zone, filepath.FromSlash(key))
}

// Predictor is a model in its plain form: an *onnx.Ensemble or an *onnx.Network.
type Predictor interface {
	Predict(row, out []float32)
	Outputs() int
	Marshal(meta map[string]string) ([]byte, error)
}

// Version makes a version of an ensemble that is not registered yet. Its profile is that of 2000 random rows.
func Version(tb testing.TB, version string, e *onnx.Ensemble) *registry.Version {
	tb.Helper()
	return newVersion(tb, version, e, e.Task, e.Inputs, e.Classes, onnxtest.Rows(99, e, 2000, 0))
}

// VersionOf makes a version of either kind of model.
func VersionOf(tb testing.TB, version string, p Predictor) *registry.Version {
	tb.Helper()
	if e, ok := p.(*onnx.Ensemble); ok {
		return Version(tb, version, e)
	}
	n, ok := p.(*onnx.Network)
	require.True(tb, ok, "%T is no model", p)
	v := newVersion(tb, version, n, n.Task, n.Inputs, n.Classes, onnxtest.Vectors(99, len(n.Inputs), 2000, 0))
	v.Manifest.Family = "network"
	return v
}

func newVersion(
	tb testing.TB, version string, p Predictor, task string, inputs, classes []string, rows [][]float32,
) *registry.Version {
	tb.Helper()
	data, err := p.Marshal(map[string]string{"version": version})
	require.NoError(tb, err)
	m := registry.Manifest{Name: Model, Version: version, Created: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Task: task, Family: "trees", Label: "diagnosis", Classes: classes, DataVersion: "d1",
		Rows:     map[string]int{"train": 2000},
		Decision: registry.Decision{Promoted: true, Reason: "accuracy 0.97 >= 0.95"}}
	for _, name := range inputs {
		m.Inputs = append(m.Inputs, registry.Input{Name: name})
	}
	return &registry.Version{Manifest: m, Model: data, Profile: profile(p, task, inputs, rows),
		Metrics: registry.Metrics{Rows: 400, Candidate: map[string]float64{"accuracy": 0.97}}}
}

// Register registers a version.
func (l *Lake) Register(v *registry.Version) {
	l.tb.Helper()
	require.NoError(l.tb, l.Registry.Register(context.Background(), v))
}

// Promote lets the production alias stand for a version.
func (l *Lake) Promote(version string) {
	l.tb.Helper()
	require.NoError(l.tb, l.Registry.Promote(context.Background(), Model, registry.Production, version))
}

// Serve registers and promotes a version of an ensemble.
func (l *Lake) Serve(version string, e *onnx.Ensemble) *registry.Version {
	l.tb.Helper()
	v := Version(l.tb, version, e)
	l.Register(v)
	l.Promote(version)
	return v
}

// Profile describes rows and the ensemble's predictions for them with ten bins of equal shares.
func Profile(e *onnx.Ensemble, rows [][]float32) registry.Profile {
	return profile(e, e.Task, e.Inputs, rows)
}

func profile(e Predictor, task string, inputs []string, rows [][]float32) registry.Profile {
	p := registry.Profile{Rows: len(rows)}
	for i, name := range inputs {
		values := make([]float64, len(rows))
		for j, row := range rows {
			values[j] = float64(row[i])
		}
		p.Features = append(p.Features, Distribution(name, values, 10))
	}
	scores, out := make([]float64, len(rows)), make([]float32, e.Outputs())
	for j, row := range rows {
		e.Predict(row, out)
		scores[j] = model.Score(task, out)
	}
	p.Prediction = Distribution("prediction", scores, 10)
	return p
}

// Distribution puts values into at most so many bins of equal shares.
func Distribution(name string, values []float64, bins int) registry.Distribution {
	d := registry.Distribution{Name: name}
	var sorted []float64
	for _, x := range values {
		if math.IsNaN(x) {
			d.Missing++
			continue
		}
		sorted = append(sorted, x)
		d.Mean += x
	}
	sort.Float64s(sorted)
	n := float64(len(sorted))
	d.Mean /= n
	for i := 1; i < bins; i++ {
		edge := sorted[i*len(sorted)/bins]
		if len(d.Edges) == 0 || edge > d.Edges[len(d.Edges)-1] {
			d.Edges = append(d.Edges, edge)
		}
	}
	d.Counts = make([]int, len(d.Edges)+1)
	for _, x := range sorted {
		d.Counts[sort.Search(len(d.Edges), func(i int) bool { return x < d.Edges[i] })]++
		d.StandardDeviation += (x - d.Mean) * (x - d.Mean) / n
	}
	d.StandardDeviation = math.Sqrt(d.StandardDeviation)
	return d
}

// FeatureSet writes rows as the newest feature set, with the key id-0, id-1 and so on, and returns its key.
func (l *Lake) FeatureSet(e *onnx.Ensemble, rows [][]float32) string {
	l.tb.Helper()
	ctx := context.Background()
	group := parquet.Group{"id": parquet.Optional(parquet.String()), "diagnosis": parquet.Optional(parquet.String()),
		registry.SplitColumn: parquet.String()}
	for _, name := range e.Inputs {
		group[name] = parquet.Optional(parquet.Leaf(parquet.DoubleType))
	}
	schema := parquet.NewSchema("features", group)
	var file bytes.Buffer
	w := parquet.NewWriter(&file, schema, parquet.MaxRowsPerRowGroup(700))
	for i, row := range rows {
		values := map[string]any{"id": fmt.Sprintf("id-%d", i), "diagnosis": "yes", registry.SplitColumn: "train"}
		for j, x := range row {
			if x == x {
				values[e.Inputs[j]] = float64(x)
			}
		}
		require.NoError(l.tb, w.Write(values))
	}
	require.NoError(l.tb, w.Close())
	key := "d1-abcdefgh/features.parquet"
	zone := l.Zone("features")
	require.NoError(l.tb, zone.Write(ctx, key, file.Bytes()))
	require.NoError(l.tb, registry.WriteLatestFeatures(ctx, zone,
		&registry.FeatureSet{Key: key, DataVersion: "d1", PipelineHash: "abcdefgh", Rows: len(rows)}))
	return key
}
