package serve_test

import (
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// cells writes a row with the fewest digits that stand for its bits.
func cells(row []float32) []string {
	texts := make([]string, len(row))
	for i, x := range row {
		texts[i] = strconv.FormatFloat(float64(x), 'g', -1, 32)
	}
	return texts
}

// asked is the body in which a protocol sends rows, and what it gives back.
type asked struct {
	path, contentType, accept string
	body                      func(rows [][]float32) string
	// outputs reads the outputs of all rows, one after the other.
	outputs func(t *testing.T, model *onnx.Ensemble, answer []byte) []float32
}

func list(rows [][]float32, separator string) string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = "[" + strings.Join(cells(row), ",") + "]"
	}
	return strings.Join(lines, separator)
}

// predictions reads objects with "prediction" and "probabilities".
func predictions(t *testing.T, model *onnx.Ensemble, all []any) []float32 {
	t.Helper()
	var out []float32
	for _, one := range all {
		object := one.(map[string]any)
		if model.Task == onnx.Regression {
			out = append(out, float32(object["prediction"].(float64)))
			continue
		}
		probabilities := object["probabilities"].(map[string]any)
		for _, class := range model.Classes {
			out = append(out, float32(probabilities[class].(float64)))
		}
	}
	return out
}

func jsonOutputs(t *testing.T, model *onnx.Ensemble, answer []byte) []float32 {
	t.Helper()
	var body struct{ Predictions []any }
	require.NoError(t, json.Unmarshal(answer, &body), string(answer))
	return predictions(t, model, body.Predictions)
}

func lineOutputs(t *testing.T, model *onnx.Ensemble, answer []byte) []float32 {
	t.Helper()
	var all []any
	for line := range strings.Lines(string(answer)) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		assert.Equal(t, "v1", one["version"])
		all = append(all, one)
	}
	return predictions(t, model, all)
}

func csvOutputs(t *testing.T, model *onnx.Ensemble, answer []byte) []float32 {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(string(answer))).ReadAll()
	require.NoError(t, err)
	var out []float32
	for _, line := range lines {
		if model.Task != onnx.Regression {
			assert.Contains(t, model.Classes, line[0])
			line = line[1:]
		}
		for _, text := range line {
			x, err := strconv.ParseFloat(text, 32)
			require.NoError(t, err)
			out = append(out, float32(x))
		}
	}
	return out
}

func v2Outputs(t *testing.T, model *onnx.Ensemble, answer []byte) []float32 {
	t.Helper()
	var body struct {
		Outputs []struct {
			Name string
			Data []any
		}
	}
	require.NoError(t, json.Unmarshal(answer, &body), string(answer))
	var out []float32
	for _, output := range body.Outputs {
		for _, x := range output.Data {
			if number, ok := x.(float64); ok {
				out = append(out, float32(number))
			}
		}
	}
	return out
}

func v2Body(model *onnx.Ensemble) func(rows [][]float32) string {
	return func(rows [][]float32) string {
		return fmt.Sprintf(`{"inputs":[{"name":"features","shape":[%d,%d],"datatype":"FP32","data":[%s]}]}`,
			len(rows), len(model.Inputs), list(rows, ","))
	}
}

func v2ByColumn(model *onnx.Ensemble) func(rows [][]float32) string {
	return func(rows [][]float32) string {
		var inputs []string
		for i, name := range model.Inputs {
			column := make([]float32, len(rows))
			for j, row := range rows {
				column[j] = row[i]
			}
			inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[%d,1],"datatype":"FP64","data":[%s]}`,
				name, len(rows), strings.Join(cells(column), ",")))
		}
		return `{"inputs":[` + strings.Join(inputs, ",") + `]}`
	}
}

func protocols(model *onnx.Ensemble) map[string]asked {
	plain := func(before, after string) func(rows [][]float32) string {
		return func(rows [][]float32) string { return before + list(rows, ",") + after }
	}
	lines := func(rows [][]float32) string { return list(rows, "\n") + "\n" }
	commas := func(rows [][]float32) string {
		var b strings.Builder
		for _, row := range rows {
			b.WriteString(strings.Join(cells(row), ",") + "\n")
		}
		return b.String()
	}
	return map[string]asked{
		"predict":          {"/predict", "", "", plain(`{"features":[`, `]}`), jsonOutputs},
		"predict by model": {"/models/tumour/predict", "", "", plain(`{"features":[`, `]}`), jsonOutputs},
		"sagemaker json":   {"/invocations", "application/json", "", plain(`{"instances":[`, `]}`), jsonOutputs},
		"sagemaker features": {"/invocations", "application/json; charset=utf-8", "application/json",
			plain(`{"features":[`, `]}`), jsonOutputs},
		"sagemaker lines":      {"/invocations", "application/jsonlines", "", lines, lineOutputs},
		"sagemaker csv":        {"/invocations", "text/csv", "", commas, csvOutputs},
		"sagemaker csv, json":  {"/invocations", "text/csv", "application/json", commas, jsonOutputs},
		"sagemaker csv, lines": {"/invocations", "text/csv", "image/png, application/jsonlines;q=0.9", commas, lineOutputs},
		"vertex":               {"/vertex", "application/json", "", plain(`{"instances":[`, `]}`), jsonOutputs},
		"azure":                {"/score", "application/json", "", plain(`{"data":[`, `]}`), jsonOutputs},
		"azure mlflow":         {"/score", "application/json", "", plain(`{"input_data":{"data":[`, `]}}`), jsonOutputs},
		"v2":                   {"/v2/models/tumour/infer", "application/json", "", v2Body(model), v2Outputs},
		"v2 version":           {"/v2/models/tumour/versions/v1/infer", "application/json", "", v2Body(model), v2Outputs},
		"v2 by column":         {"/v2/models/tumour/infer", "application/json", "", v2ByColumn(model), v2Outputs},
	}
}

// Every protocol gives exactly the bits that the trainer's own plain form of the model computes: trees, and networks in
// 32 and in 8 bits.
func TestEveryProtocolGivesTheSameBits(t *testing.T) {
	t.Parallel()
	for _, task := range []string{onnx.Binary, onnx.Multiclass, onnx.Regression} {
		shape := onnxtest.Shape{Task: task, Inputs: 6, Trees: 40, Depth: 6}
		trees, network := onnxtest.Ensemble(7, shape), onnxtest.Network(7, shape, 24, 8)
		quantized, err := network.Quantize(onnxtest.Vectors(5, 6, 100, 0))
		require.NoError(t, err)
		for family, model := range map[string]inferencetest.Predictor{"trees": trees, "network": network,
			"int8": quantized} {
			t.Run(task+" "+family, func(t *testing.T) {
				t.Parallel()
				// The trees have the names of inputs and classes that the networks have.
				everyProtocol(t, trees, model, onnxtest.Rows(3, trees, 100, 0))
			})
		}
	}
}

// everyProtocol serves a model with the names of another and asks in every way.
func everyProtocol(t *testing.T, names *onnx.Ensemble, model inferencetest.Predictor, rows [][]float32) {
	t.Helper()
	l := inferencetest.New(t)
	l.Register(inferencetest.VersionOf(t, "v1", model))
	l.Promote("v1")
	e := start(t, l, func(o *serve.Options) { o.PredictRoute, o.HealthRoute = "/vertex", "/vertex-health" })
	e.waitFor("v1")
	var want []float32
	for _, row := range rows {
		out := make([]float32, model.Outputs())
		model.Predict(row, out)
		want = append(want, out...)
	}
	for name, c := range protocols(names) {
		code, header, answer := e.exchange(http.MethodPost, c.path, c.body(rows), "Content-Type", c.contentType,
			"Accept", c.accept)
		require.Equal(t, http.StatusOK, code, "%s: %s", name, answer)
		assert.Equal(t, "v1", header.Get("X-Model-Version"), name)
		assert.Equal(t, want, c.outputs(t, names, answer), name)
		if c.path != "/vertex" {
			conforms(t, http.MethodPost, c.path, code, header, answer)
		}
	}
	e.binary(t, names, rows, want)
}

// binary asks with the binary tensor extension.
func (e *endpoint) binary(t *testing.T, model *onnx.Ensemble, rows [][]float32, want []float32) {
	t.Helper()
	var raw []byte
	for _, row := range rows {
		for _, x := range row {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	text := fmt.Sprintf(`{"parameters":{"binary_data_output":true},"inputs":[{"name":"features","shape":[%d,%d],`+
		`"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, len(rows), len(model.Inputs), len(raw))
	code, header, answer := e.raw(http.MethodPost, "/v2/models/tumour/infer", text+string(raw),
		"Inference-Header-Content-Length", strconv.Itoa(len(text)), "Content-Type", "application/octet-stream")
	require.Equal(t, http.StatusOK, code, string(answer))
	assert.Equal(t, "application/octet-stream", header.Get("Content-Type"))
	size, err := strconv.Atoi(header.Get("Inference-Header-Content-Length"))
	require.NoError(t, err)
	conforms(t, http.MethodPost, "/v2/models/tumour/infer", code,
		http.Header{"Content-Type": {"application/json"}}, answer[:size])
	answer = answer[len(answer)-4*len(want):] // the numbers come last
	for i := range want {
		assert.Equal(t, math.Float32bits(want[i]), binary.LittleEndian.Uint32(answer[4*i:]))
	}
}

func TestVertexAnswersWithPredictionsAlone(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	e := start(t, l, func(o *serve.Options) {
		o.PredictRoute, o.HealthRoute = "/v1/endpoints/1/deployedModels/2:predict", "/v1/endpoints/1/deployedModels/2"
	})
	e.waitFor("v1")
	code, _, answer := e.exchange(http.MethodPost, "/v1/endpoints/1/deployedModels/2:predict",
		`{"instances":[[1,2],{"x0":1,"x1":2}],"parameters":{"a":1}}`)
	require.Equal(t, http.StatusOK, code)
	var body map[string]any
	require.NoError(t, json.Unmarshal(answer, &body))
	require.Len(t, body, 1)
	require.Len(t, body["predictions"], 2)
	code, _, _ = e.exchange(http.MethodGet, "/v1/endpoints/1/deployedModels/2", "")
	assert.Equal(t, http.StatusOK, code)
}

func TestSageMakerRoutes(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := start(t, l, func(o *serve.Options) { o.Concurrency, o.MaxBody = 7, 3<<20 })
	code, _, _ := e.do(http.MethodGet, "/ping", "")
	assert.Equal(t, http.StatusServiceUnavailable, code, "not ready without a model")
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	e.waitFor("v1")
	code, _, _ = e.do(http.MethodGet, "/ping", "")
	assert.Equal(t, http.StatusOK, code)
	_, _, answer := e.do(http.MethodGet, "/execution-parameters", "")
	assert.InDelta(t, 7, answer["MaxConcurrentTransforms"], 0)
	assert.InDelta(t, 3, answer["MaxPayloadInMB"], 0)
	const attributes = "X-Amzn-Sagemaker-Custom-Attributes"
	_, header, _ := e.do(http.MethodPost, "/invocations", `{"features":[1,2]}`, attributes, "trace=1")
	assert.Equal(t, "trace=1", header.Get(attributes))
	for contentType, want := range map[string]int{"image/png": 415, "application/json": 200, "": 200,
		"application/x-www-form-urlencoded": 200} {
		code, _, _ := e.do(http.MethodPost, "/invocations", `{"features":[1,2]}`, "Content-Type", contentType)
		assert.Equal(t, want, code, contentType)
	}
	code, _, _ = e.do(http.MethodPost, "/invocations", `{"features":[1,2]}`, "Accept", "image/png")
	assert.Equal(t, http.StatusUnsupportedMediaType, code)
	code, _, answer = e.do(http.MethodPost, "/invocations", "1,2\n1,x\n", "Content-Type", "text/csv")
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Equal(t, map[string]any{"error": `row 1: the feature "x1" is the text "x"; want a number`, "row": 1.0,
		"column": "x1", "expected": "a number"}, answer)
}

func TestAzureRoutes(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	e := start(t, l, func(o *serve.Options) { o.Platform = "azureml" })
	e.waitFor("v1")
	code, header, _ := e.exchange(http.MethodGet, "/", "")
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	_, header, _ = e.exchange(http.MethodGet, "/", "", "Accept", "text/html")
	assert.Contains(t, header.Get("Content-Type"), "text/html")
}

func TestV2Metadata(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := start(t, l, nil)
	for path, want := range map[string]int{
		"/v2/health/live": 200, "/v2/health/ready": 503, "/v2/models/tumour": 503, "/v2/models/tumour/ready": 503,
		"/v2/models/other": 404, "/v2/models/tumour/versions/v1/ready": 503, "/v2/models/tumour/nothing": 404,
	} {
		code, _, _ := e.do(http.MethodGet, path, "")
		assert.Equal(t, want, code, path)
	}
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 3}))
	e.waitFor("v1")
	_, _, answer := e.do(http.MethodGet, "/v2", "")
	assert.Equal(t, []any{"binary_tensor_data"}, answer["extensions"])
	_, _, answer = e.do(http.MethodGet, "/v2/health/ready", "")
	assert.Equal(t, map[string]any{"ready": true}, answer)
	for _, path := range []string{"/v2/models/tumour", "/v2/models/tumour/versions/v1"} {
		_, _, answer = e.do(http.MethodGet, path, "")
		assert.Equal(t, map[string]any{
			"name": "tumour", "versions": []any{"v1"}, "platform": "mlpathway_trees",
			"inputs": []any{map[string]any{"name": "features", "datatype": "FP32", "shape": []any{-1.0, 3.0}}},
			"outputs": []any{map[string]any{"name": "label", "datatype": "BYTES", "shape": []any{-1.0}},
				map[string]any{"name": "probabilities", "datatype": "FP32", "shape": []any{-1.0, 2.0}}},
		}, answer)
	}
	_, _, answer = e.do(http.MethodGet, "/v2/models/tumour/versions/v1/ready", "")
	assert.Equal(t, map[string]any{"name": "tumour", "ready": true}, answer)
	code, _, _ := e.do(http.MethodGet, "/v2/models/tumour/versions/v2", "")
	assert.Equal(t, http.StatusNotFound, code)
	_, _, answer = e.do(http.MethodPost, "/v2/models/tumour/infer", `{"id":"a\"b","inputs":[{"name":"features",`+
		`"shape":[1,3],"datatype":"FP32","data":[1,2,3]}],"outputs":[{"name":"label"}]}`)
	assert.Equal(t, `a"b`, answer["id"])
	assert.Len(t, answer["outputs"], 1)
	code, _, answer = e.do(http.MethodPost, "/v2/models/tumour/infer", `{"inputs":[{"name":"features","shape":[1,3],`+
		`"datatype":"FP32","data":[1,2,3]}],"outputs":[{"name":"nothing"}]}`)
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, answer["error"], "the model has label, probabilities")
	code, _, _ = e.do(http.MethodPost, "/v2/models/tumour/versions/v9/infer", `{}`)
	assert.Equal(t, http.StatusNotFound, code)
}
