package protocol

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// twoInputs is a model of x0 and an optional x1.
func twoInputs(tb testing.TB) *model.Model {
	tb.Helper()
	v := inferencetest.Version(tb, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	v.Manifest.Inputs[1].Optional = true
	m, err := model.New(v)
	require.NoError(tb, err)
	return m
}

// mixed is a model of a number, a category, an optional boolean and an optional number.
func mixed(tb testing.TB) *model.Model {
	tb.Helper()
	v := inferencetest.Version(tb, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 4}))
	in := v.Manifest.Inputs
	in[1].Type, in[1].Values = registry.Category, []string{"red", "green", "größe"}
	in[2].Type, in[2].Optional = registry.Boolean, true
	in[3].Optional = true
	m, err := model.New(v)
	require.NoError(tb, err)
	return m
}

// sound checks what every reader promises of the rows that it takes.
func sound(t *testing.T, q *Rows, m *model.Model) {
	t.Helper()
	require.Positive(t, q.N)
	require.LessOrEqual(t, q.N, MaxRows)
	require.Len(t, q.Values, q.N*m.Inputs())
	for i, x := range q.Values {
		in := &m.Manifest.Inputs[i%m.Inputs()]
		switch {
		case x != x:
			require.True(t, in.Optional, "value %d is missing", i)
		case math.IsInf(float64(x), 0):
			require.Fail(t, "a value is infinite")
		case in.Type == registry.Category:
			require.True(t, x == 0 || x == 1 || x == 2, "%v is no category", x)
		case in.Type == registry.Boolean:
			require.True(t, x == 0 || x == 1, "%v is no boolean", x)
		}
	}
}

// complaint checks what every error promises.
func complaint(t *testing.T, err error) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Message)
	require.Less(t, len(e.Message), 4000, "a message does not grow with the body")
}

// What the fast parser takes is what encoding/json takes, and it means the same.
func FuzzReadPredict(f *testing.F) {
	for _, seed := range []string{
		`{"features":[1,2]}`, `{"features":[1,null]}`, `{"features":{"x0":1,"x1":-2.5e-3}}`,
		`{"features":[[1,2],[3,4]]}`, `{"features":[{"x0":1},[3,4]]}`, ` { "features" : [ 1 , 2 ] } `,
		`{"features":[01,2]}`, `{"fe\u0061tures":[1,2]}`, `{"features":[{"features":[1,2]}]}`,
		`{"features":[1e999,2]}`, `{"features":[1,2]}x`, `{"features":[NaN,2]}`,
	} {
		f.Add([]byte(seed))
	}
	m := twoInputs(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var q Rows
		err := q.ReadPredict(body, m)
		want, ok := slowParse(body)
		if ok != (err == nil) {
			t.Fatalf("%q: fast %v, slow accepts: %v", body, err, ok)
		}
		if err != nil {
			complaint(t, err)
			return
		}
		sound(t, &q, m)
		require.Len(t, want, len(q.Values))
		for i := range want {
			if want[i] != q.Values[i] && (want[i] == want[i] || q.Values[i] == q.Values[i]) {
				t.Fatalf("%q: fast %v, slow %v", body, q.Values, want)
			}
		}
	})
}

// fuzz runs a reader over anything: it must not panic, and what it takes must be sound.
func fuzz(f *testing.F, read func(q *Rows, body []byte, m *model.Model) error, seeds ...string) {
	f.Helper()
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	m := mixed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var q Rows
		if err := read(&q, body, m); err != nil {
			complaint(t, err)
			return
		}
		sound(t, &q, m)
		// The answers for rows that were taken can be written.
		out := make([]float32, q.N*m.Outputs())
		require.NoError(t, m.Predict(q.Values, q.N, out))
		a := NewAnswers(m)
		_ = a.CSV(a.Lines(a.Instances(a.Predict(nil, &q, out), &q, out), &q, out), &q, out)
	})
}

func FuzzReadPlatform(f *testing.F) {
	fuzz(f, (*Rows).ReadPlatform, `{"instances":[[1,"red",true,null]]}`, `{"data":[{"x0":1,"x1":2}]}`,
		`{"input_data":{"columns":["x1","x0"],"index":[0],"data":[["green",1]]}}`, `[[1,"red",0,1]]`,
		`{"instances":[{"features":[1,"red",0,1]}],"parameters":{"a":[[]]}}`, `{"dataframe_split":[[1,0,1,2]]}`,
		`{"input_data":{"data":[[1,0,1,2]]}}`, strings.Repeat(`{"parameters":`, 50))
}

func FuzzReadLines(f *testing.F) {
	fuzz(f, (*Rows).ReadLines, "[1,\"red\",true,2]\n", "{\"x0\":1,\"x1\":\"green\"}\r\n\n{\"features\":[1,0,0,0]}",
		"\n", "[")
}

func FuzzReadCSV(f *testing.F) {
	fuzz(f, (*Rows).ReadCSV, "1,red,true,2\n3,green,,\n", "x1,x0\nred,1\n", "\"1\",\"red\",1,\"2\"\r\n", "\ufeffx0,"+
		"x1\n1,2",
		"1,red,NA,nan\n", "1,2", "\"")
}

func FuzzReadV2(f *testing.F) {
	for _, seed := range []string{
		`{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[1,0,1,null]}]}`,
		`{"id":"a","inputs":[{"name":"x0","shape":[2],"datatype":"INT64","data":[1,2]},` +
			`{"name":"x1","shape":[2,1],"datatype":"BYTES","data":[["red"],["green"]]}],"outputs":[{"name":"label"}]}`,
		`{"parameters":{"binary_data_output":true},"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32",` +
			`"parameters":{"binary_data_size":16}}]}`,
		`{"inputs":[{"name":"x1","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":7}}]}`,
	} {
		f.Add([]byte(seed), []byte(nil))
		f.Add([]byte(seed), []byte("\x03\x00\x00\x00red"))
		f.Add([]byte(seed), make([]byte, 16))
	}
	m := mixed(f)
	f.Fuzz(func(t *testing.T, text, raw []byte) {
		header := len(text)
		if len(raw) == 0 {
			header = -1
		}
		var q Rows
		r, err := q.ReadV2(append(text[:len(text):len(text)], raw...), header, m)
		if err != nil {
			complaint(t, err)
			return
		}
		sound(t, &q, m)
		out := make([]float32, q.N*m.Outputs())
		answer, size, err := NewAnswers(m).V2(nil, r, &q, out)
		if err == nil {
			require.LessOrEqual(t, size, len(answer))
		}
	})
}

func FuzzSetRaw(f *testing.F) {
	f.Add("FP32", int64(2), int64(2), make([]byte, 16))
	f.Add("BYTES", int64(1), int64(1), []byte("\x01\x00\x00\x00a"))
	f.Add("FP16", int64(1), int64(4), []byte{})
	f.Add("INT8", int64(1<<40), int64(1<<40), []byte{1})
	m := mixed(f)
	f.Fuzz(func(t *testing.T, datatype string, a, b int64, raw []byte) {
		tensor := Tensor{Name: FeaturesTensor, Datatype: datatype, Shape: []int64{a, b}}
		if err := tensor.SetRaw(raw); err != nil {
			complaint(t, err)
			return
		}
		var q Rows
		if q.ReadTensors([]Tensor{tensor}, m) == nil {
			sound(t, &q, m)
		}
	})
}
