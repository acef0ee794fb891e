package clients

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// For every example: the trainer makes a model, and what the server says of each row of the data, over each protocol,
// before, during and after a swap, are the bits that the trainer's plain form of the model computes. (That this form
// computes what XGBoost does, the trainer itself checks for every row before it gives a model away.)
func TestExamples(t *testing.T) {
	t.Parallel()
	pipelines, err := filepath.Glob("../../examples/*/pipeline.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, pipelines)
	for _, pipeline := range pipelines {
		t.Run(filepath.Base(filepath.Dir(pipeline)), func(t *testing.T) {
			t.Parallel()
			l := inferencetest.New(t)
			train(t, l, pipeline)
			names, err := os.ReadDir(l.Path("models", ""))
			require.NoError(t, err)
			require.Len(t, names, 1)
			checkExample(t, l, names[0].Name())
		})
	}
}

// train takes an example's data through the trainer's steps.
func train(t *testing.T, l *inferencetest.Lake, pipeline string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(pipeline), "*.csv"))
	require.NoError(t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(l.Path("raw", filepath.Base(file)), data, 0o600))
	}
	path, err := filepath.Abs(pipeline)
	require.NoError(t, err)
	env := append(os.Environ(), "MLPATHWAY_PIPELINE="+lake.FileURI(path), "MLPATHWAY_RUN=20261122T120000.000Z-00000001")
	for _, zone := range []string{"raw", "curated", "features", "models", "logs"} {
		env = append(env, "MLPATHWAY_"+strings.ToUpper(zone)+"="+l.URI(zone))
	}
	for _, step := range []string{"etl", "features", "train", "evaluate", "register"} {
		cmd := exec.CommandContext(t.Context(), "../../bin/training-image", step)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", step, out)
	}
}

func checkExample(t *testing.T, l *inferencetest.Lake, name string) {
	t.Helper()
	alias, err := l.Registry.Resolve(t.Context(), name, registry.Production)
	require.NoError(t, err)
	v, err := l.Registry.Open(t.Context(), name, alias.Version)
	require.NoError(t, err)
	rows := features(t, l, v.Manifest.Inputs)
	require.NotEmpty(t, rows)
	x := &example{name: name, manifest: &v.Manifest, rows: rows, want: plain(t, v, rows)}
	x.server = start(t, serve.Options{Models: l.URI("models"), Model: name}, alias.Version)
	x.everywhere(t)

	next := *v
	next.Manifest.Version = "next"
	require.NoError(t, l.Registry.Register(t.Context(), &next))
	var done atomic.Bool
	answers := make(chan map[string]bool, 1)
	go func() { // while the version changes
		seen := map[string]bool{}
		for !done.Load() {
			seen[x.predict(t)] = true
		}
		answers <- seen
	}()
	require.NoError(t, l.Registry.Promote(t.Context(), name, registry.Production, "next"))
	x.waitFor(t, "next")
	done.Store(true)
	for version := range <-answers {
		assert.Contains(t, []string{alias.Version, "next"}, version)
	}
	x.everywhere(t)
}

// plain computes with the form of the model that the trainer writes.
func plain(t *testing.T, v *registry.Version, rows [][]float32) (want []float32) {
	t.Helper()
	kind, _, err := onnx.Look(v.Model)
	require.NoError(t, err)
	var p inferencetest.Predictor
	if kind == onnx.Trees {
		p, _, err = onnx.Unmarshal(v.Model)
	} else {
		p, _, err = onnx.UnmarshalNetwork(v.Model)
	}
	require.NoError(t, err)
	for _, row := range rows {
		out := make([]float32, p.Outputs())
		p.Predict(row, out)
		want = append(want, out...)
	}
	return want
}

// features reads the rows of the newest feature set, NaN where a value is missing.
func features(t *testing.T, l *inferencetest.Lake, inputs []registry.Input) (rows [][]float32) {
	t.Helper()
	set, err := registry.ReadLatestFeatures(t.Context(), l.Zone("features"))
	require.NoError(t, err)
	f, err := os.Open(l.Path("features", set.Key))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := parquet.OpenFile(f, info.Size())
	require.NoError(t, err)
	input := map[string]int{}
	for i, in := range inputs {
		input[in.Name] = i
	}
	fields := file.Schema().Fields()
	for _, group := range file.RowGroups() {
		reader, buffer := group.Rows(), make([]parquet.Row, 100)
		for err == nil {
			var n int
			n, err = reader.ReadRows(buffer)
			for _, values := range buffer[:n] {
				row := make([]float32, len(inputs))
				for _, value := range values {
					if i, ok := input[fields[value.Column()].Name()]; ok {
						row[i] = number(value)
					}
				}
				rows = append(rows, row)
			}
		}
		require.ErrorIs(t, err, io.EOF)
		err = reader.Close()
		require.NoError(t, err)
	}
	return rows
}

func number(v parquet.Value) float32 {
	switch v.Kind() {
	case parquet.Double:
		return float32(v.Double())
	case parquet.Float:
		return v.Float()
	case parquet.Int32, parquet.Int64:
		return float32(v.Int64())
	case parquet.Boolean:
		if v.Boolean() {
			return 1
		}
		return 0
	default:
		return float32(math.NaN())
	}
}

type example struct {
	*server
	name     string
	manifest *registry.Manifest
	rows     [][]float32
	want     []float32
}

// body writes the rows; one that is missing is null in JSON and empty in CSV.
func (x *example) body(before, between, behind, missing string, brackets bool) string {
	texts := make([]string, len(x.rows))
	for i, row := range x.rows {
		cells := make([]string, len(row))
		for j, value := range row {
			data, err := json.Marshal(value)
			cells[j] = string(data)
			if err != nil {
				cells[j] = missing
			}
		}
		if texts[i] = strings.Join(cells, ","); brackets {
			texts[i] = "[" + texts[i] + "]"
		}
	}
	return before + strings.Join(texts, between) + behind
}

// outputs takes the numbers out of an answer in the order of the classes.
func (x *example) outputs(t *testing.T, text string) (version string, out []float32) {
	t.Helper()
	var answer struct {
		Version     string
		Predictions []struct {
			Prediction    any
			Probabilities map[string]float32
		}
	}
	if !assert.NoError(t, json.Unmarshal([]byte(text), &answer), text) {
		return "", nil
	}
	for _, p := range answer.Predictions {
		for _, class := range x.manifest.Classes {
			out = append(out, p.Probabilities[class])
		}
		if number, ok := p.Prediction.(float64); ok && len(x.manifest.Classes) == 0 {
			out = append(out, float32(number))
		}
	}
	return answer.Version, out
}

// predict asks with curl and gives the version that answered.
func (x *example) predict(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "curl", "-sS", "--fail-with-body", "--data-binary", "@-",
		x.url+"/models/"+x.name+"/predict")
	cmd.Stdin = strings.NewReader(x.body(`{"features":[`, ",", `]}`, "null", true))
	out, err := cmd.CombinedOutput()
	if !assert.NoError(t, err, string(out)) { //nolint:testifylint // also in goroutines
		return ""
	}
	version, got := x.outputs(t, string(out))
	assert.Equal(t, x.want, got)
	return version
}

// everywhere asks over every protocol.
func (x *example) everywhere(t *testing.T) {
	t.Helper()
	x.predict(t)
	got := decode[struct{ Body string }](t, run(t, x.body("", "\n", "\n", "", false), "sagemaker", "-url", x.url, "-type",
		"text/csv", "-accept", "application/json"))
	_, outputs := x.outputs(t, got.Body)
	assert.Equal(t, x.want, outputs, "SageMaker, CSV")
	out := run(t, x.body(`{"data":[`, ",", `]}`, "null", true), "curl", "-sS", "--data-binary", "@-", x.url+"/score")
	_, outputs = x.outputs(t, out)
	assert.Equal(t, x.want, outputs, "Azure ML")
	x.rpcs(t)
}

// rpcs asks over gRPC, with the bytes of the rows.
func (x *example) rpcs(t *testing.T) {
	t.Helper()
	var raw []byte
	for _, row := range x.rows {
		for _, value := range row {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(value))
		}
	}
	request := fmt.Sprintf(`{"modelName":%q,"inputs":[{"name":"features","datatype":"FP32","shape":[%d,%d]}],`+
		`"rawInputContents":[%q]}`, x.name, len(x.rows), len(x.manifest.Inputs), base64.StdEncoding.EncodeToString(raw))
	answer := decode[struct{ RawOutputContents []string }](t, run(t, request, "grpcurl", "-plaintext", "-import-path",
		"../../inference-image/oip", "-proto", "oip.proto", "-d", "@", x.rpc, "inference.GRPCInferenceService/ModelInfer"))
	require.NotEmpty(t, answer.RawOutputContents)
	back, err := base64.StdEncoding.DecodeString(answer.RawOutputContents[len(answer.RawOutputContents)-1])
	require.NoError(t, err)
	require.Len(t, back, 4*len(x.want))
	for i, want := range x.want {
		assert.Equal(t, math.Float32bits(want), binary.LittleEndian.Uint32(back[4*i:]))
	}
}
