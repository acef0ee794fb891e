package protocol

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

var nan = float32(math.NaN())

// bits turns values into bits, so that NaN equals NaN.
func bits(values []float32) []uint32 {
	out := make([]uint32, len(values))
	for i, x := range values {
		out[i] = math.Float32bits(x)
		if x != x {
			out[i] = math.Float32bits(nan)
		}
	}
	return out
}

// Every form of the same two rows gives the same bits.
func TestFormsMeanTheSame(t *testing.T) {
	t.Parallel()
	m := mixed(t)
	want := []float32{1.5, 1, 1, nan, -3e-5, 0, nan, 7}
	v2 := func(q *Rows, body []byte, m *model.Model) error {
		_, err := q.ReadV2(body, -1, m)
		return err
	}
	for name, c := range map[string]struct {
		read func(q *Rows, body []byte, m *model.Model) error
		body string
	}{
		"lists":   {(*Rows).ReadPredict, `{"features":[[1.5,"green",true,null],[-3e-5,"red",null,7]]}`},
		"objects": {(*Rows).ReadPredict, `{"features":[{"x1":"green","x0":1.5,"x2":1},{"x0":-0.00003,"x1":0,"x3":7}]}`},
		"instances": {(*Rows).ReadPlatform, `{"parameters":{"x":1},"instances":[[1.5,1,1,null],{"x0":-3e-5,"x1":"red",` +
			`"x3":7}]}`},
		"nested": {(*Rows).ReadPlatform, `{"instances":[{"features":[1.5,1,1,null]},{"features":{"x0":-3e-5,` +
			`"x1":"red","x3":7}}]}`},
		"data": {(*Rows).ReadPlatform, `{"data":[[1.5,"green",1,null],[-3e-5,"red",null,7]]}`},
		"bare": {(*Rows).ReadPlatform, `[[1.5,"green",1,null],[-3e-5,"red",null,7]]`},
		"table": {(*Rows).ReadPlatform, `{"input_data":{"columns":["x3","x1","x0","x2"],"index":[0,1],` +
			`"data":[[null,"green",1.5,true],[7,0,-3e-5,null]]}}`},
		"split":      {(*Rows).ReadPlatform, `{"dataframe_split":{"data":[[1.5,"green",1,null],[-3e-5,"red",null,7]]}}`},
		"input list": {(*Rows).ReadPlatform, `{"input_data":[[1.5,"green",1,null],[-3e-5,"red",null,7]]}`},
		"lines": {(*Rows).ReadLines, "[1.5,\"green\",true,null]\n\n{\"features\":{\"x0\":-3e-5,\"x1\":\"red\"," +
			"\"x3\":7}}\r\n"},
		"csv":        {(*Rows).ReadCSV, "1.5,green,true,\n-3e-5,red,NA,7\n"},
		"csv header": {(*Rows).ReadCSV, "x3,x0,x1,x2\r\n,1.5,1,TRUE\r\n\"7\",-3e-5,\"red\",\r\n"},
		"matrix": {v2, `{"inputs":[{"name":"features","shape":[2,4],"datatype":"FP32","data":[[1.5,1,1,null],` +
			`[-3e-5,0,null,7]]}]}`},
		"flat": {v2, `{"inputs":[{"data":[1.5,1,1,null,-3e-5,0,null,7],"datatype":"FP64","shape":[2,4],` +
			`"name":"features"}],"outputs":[]}`},
		"columns": {v2, `{"inputs":[{"name":"x0","shape":[2],"datatype":"FP32","data":[1.5,-3e-5]},` +
			`{"name":"x1","shape":[2,1],"datatype":"BYTES","data":["green","red"]},` +
			`{"name":"x2","shape":[2],"datatype":"BOOL","data":[true,null]},` +
			`{"name":"x3","shape":[2],"datatype":"INT32","data":[null,7]}]}`},
	} {
		var q Rows
		require.NoError(t, c.read(&q, []byte(c.body), m), name)
		assert.Equal(t, 2, q.N, name)
		assert.Equal(t, bits(want), bits(q.Values), name)
		assert.True(t, q.List, name)
	}
}

// Each complaint names row, column and expectation.
func TestComplaints(t *testing.T) {
	t.Parallel()
	m := mixed(t)
	type where struct {
		row              int
		column, expected string
	}
	predict, platform, lines, csv := (*Rows).ReadPredict, (*Rows).ReadPlatform, (*Rows).ReadLines, (*Rows).ReadCSV
	v2 := func(q *Rows, body []byte, m *model.Model) error {
		_, err := q.ReadV2(body, -1, m)
		return err
	}
	const color = "one of red, green, größe"
	for _, c := range []struct {
		read func(q *Rows, body []byte, m *model.Model) error
		body string
		want where
		says string
	}{
		{predict, `{"features":[1,"red",true]}`, where{0, "x3", "a number, or null"}, "there are 3 features, want 4"},
		{predict, `{"features":[1,"red",true,1,1]}`, where{0, "", "4 features"}, "more than 4"},
		{predict, `{"features":["1","red",true,1]}`, where{0, "x0", "a number"}, "is a string"},
		{predict, `{"features":[1,"blue",true,1]}`, where{0, "x1", color}, `"blue", an unknown category`},
		{predict, `{"features":[1,3,true,1]}`, where{0, "x1", color}, "index of no category"},
		{predict, `{"features":[1,0.5,true,1]}`, where{0, "x1", color}, "index of no category"},
		{predict, `{"features":[1,true,true,1]}`, where{0, "x1", color}, "true or false"},
		{predict, `{"features":[1,"red",2,1]}`, where{0, "x2", "true or false, or null"}, "is 2"},
		{predict, `{"features":[1,"red","yes",1]}`, where{0, "x2", "true or false, or null"}, "is a string"},
		{predict, `{"features":[null,"red",1,1]}`, where{0, "x0", "a number"}, "is null"},
		{predict, `{"features":[NaN,"red",1,1]}`, where{0, "x0", "a number"}, "NaN or Infinity"},
		{predict, `{"features":[-Infinity,"red",1,1]}`, where{0, "x0", "a number"}, "no JSON number"},
		{predict, `{"features":[[1,"red",1,1],[1e39,"red",1,1]]}`, where{1, "x0", "a number"}, "row 1: "},
		{predict, `{"features":[{"x0":1,"x1":0},{"x0":1,"x1":0,"y":1}]}`, where{1, "y",
			"the names of the model's inputs; see /model"}, "unknown feature"},
		{predict, `{"features":{"x0":1}}`, where{0, "x1", color}, "is missing"},
		{predict, `{"features":[{"features":[1,"red",1,1]}]}`, where{0, "features",
			"the names of the model's inputs; see /model"}, "unknown"},
		{platform, `{"instances":[]}`, where{-1, "", ""}, "is empty"},
		{platform, `{"instances":[[1,"red",1,1],7]}`, where{1, "", "a list of numbers or an object"}, "row 1 is a number"},
		{platform, `{"instances":[[1,0,1,1]],"data":[[1,0,1,1]]}`, where{-1, "", ""}, `found "instances" and "data"`},
		{platform, `{"other":1}`, where{-1, "", ""}, `unknown key "other"`},
		{platform, `{"parameters":1}`, where{-1, "", ""}, "has no rows"},
		{platform, `{"parameters":` + strings.Repeat("[", 1e5), where{-1, "", ""}, "nested deeper than 32"},
		{platform, `{"input_data":{"columns":["x0"],"data":[[1]]}}`, where{-1, "x1", color}, `the column "x1" is missing`},
		{platform, `{"input_data":{"columns":["x0","x0"],"data":[[1,2]]}}`, where{-1, "x0",
			"the names of the model's inputs; see /model"}, "twice"},
		{platform, `{"input_data":{"columns":["x0","x1"],"data":[[1,"red"],[1]]}}`, where{1, "", "2 values"},
			"1 values for 2 columns"},
		{platform, `{"input_data":{"columns":["x0","x1"],"data":[[1,"red",2]]}}`, where{0, "", "2 values"},
			"more values than columns"},
		{platform, `{"input_data":{"index":[1]}}`, where{-1, "", ""}, `has no "data"`},
		{lines, "[1,\"red\",1,1]\n[1,\"blue\",1,1]\n", where{1, "x1", color}, `row 1: the feature "x1" is "blue"`},
		{lines, "[1,\"red\",1,1] 2\n", where{0, "", "one row on a line"}, "something follows"},
		{lines, "\n \n", where{-1, "", ""}, "no rows"},
		{csv, "1,red,1,1\n1,red,x,1\n", where{1, "x2", "true or false, or null"}, `is the text "x"`},
		{csv, "1,red,1\n", where{0, "x3", "a number, or null"}, "there are 3 features"},
		{csv, "1,red,1,2,3\n", where{0, "", "4 fields"}, "more than 4"},
		{csv, ",red,1,2\n", where{0, "x0", "a number"}, "is missing"},
		{csv, "inf,red,1,2\n", where{0, "x0", "a number"}, "is infinite"},
		{csv, "1e400,red,1,2\n", where{0, "x0", "a number"}, "is infinite"},
		{csv, "x0,x2\n1,1\n", where{-1, "x1", color}, `the column "x1" is missing`},
		{csv, "1,blue,1,2\n", where{0, "x1", color}, "unknown category"},
		{csv, "\"1,red\n", where{-1, "", ""}, "broken CSV"},
		{csv, "", where{-1, "", ""}, "no rows"},
		{v2, `{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}`, where{-1, "", ""},
			"[rows, 4]"},
		{v2, `{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[1,2,3]}]}`, where{-1, "", ""},
			"has 3 elements; want 4"},
		{v2, `{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP16","data":[1,2,3,4]}]}`, where{-1, "", ""},
			`datatype "FP16"`},
		{v2, `{"inputs":[{"name":"features","shape":[2,4],"datatype":"FP32","data":[1,0,1,1,null,0,1,1]}]}`, where{1,
			"x0", "a number"}, "row 1"},
		{v2, `{"inputs":[{"name":"other","shape":[1,4],"datatype":"FP32","data":[1,0,1,1]}]}`, where{-1, "other",
			`a tensor "features", or one for each input under its name`}, "unknown tensor"},
		{v2, `{"inputs":[{"name":"x0","shape":[1],"datatype":"FP32","data":[1]}]}`, where{-1, "x1", color}, "is missing"},
		{v2, `{"inputs":[{"name":"x0","shape":[1],"datatype":"BYTES","data":["1"]},{"name":"x1","shape":[1],` +
			`"datatype":"INT8","data":[1]}]}`, where{0, "x0", "a number"}, "is text"},
		{v2, `{"inputs":[{"name":"x0","shape":[1],"datatype":"FP32","data":[1]},{"name":"x1","shape":[1],` +
			`"datatype":"BYTES","data":["blue"]}]}`, where{0, "x1", color}, "unknown category"},
		{v2, `{"inputs":[{"name":"x0","shape":[2],"datatype":"FP32","data":[1,2]},{"name":"x1","shape":[1],` +
			`"datatype":"INT8","data":[1]}]}`, where{-1, "", ""}, "as the first has"},
		{v2, `{"inputs":[]}`, where{-1, "", ""}, "there are no inputs"},
		{v2, `{"inputs":[{"name":"features","shape":[9999999,9999999],"datatype":"FP32","data":[]}]}`, where{-1, "",
			""}, "at most"},
	} {
		var q Rows
		err := c.read(&q, []byte(c.body), m)
		var e *Error
		shown := c.body[:min(80, len(c.body))]
		require.ErrorAs(t, err, &e, shown)
		assert.Equal(t, c.want, where{e.Row, e.Column, e.Expected}, shown)
		assert.Contains(t, e.Message, c.says, shown)
		assert.Equal(t, strings.Contains(e.Message, "categor"), e.Unknown, shown)
		var body map[string]any
		require.NoError(t, json.Unmarshal(e.Append(nil), &body), shown)
		assert.Equal(t, e.Message, body["error"], shown)
	}
}

func TestTooManyRows(t *testing.T) {
	t.Parallel()
	m := mixed(t)
	row := `[1,0,1,1]`
	list := "[" + strings.Repeat(row+",", MaxRows) + row + "]"
	for name, err := range map[string]error{
		"predict":  new(Rows).ReadPredict([]byte(`{"features":`+list+`}`), m),
		"platform": new(Rows).ReadPlatform([]byte(list), m),
		"table":    new(Rows).ReadPlatform([]byte(`{"input_data":{"columns":["x0","x1","x2","x3"],"data":`+list+`}}`), m),
		"lines":    new(Rows).ReadLines([]byte(strings.Repeat(row+"\n", MaxRows+1)), m),
		"csv":      new(Rows).ReadCSV([]byte(strings.Repeat("1,0,1,1\n", MaxRows+1)), m),
		"tensor": new(Rows).ReadTensors([]Tensor{{Name: FeaturesTensor, Datatype: FP32,
			Shape: []int64{MaxRows + 1, 4}, Numbers: make([]float32, 4*(MaxRows+1))}}, m),
	} {
		require.ErrorContains(t, err, "more than 50000 rows", name)
	}
}

// Numbers of every datatype keep their value, and the binary extension answers with bytes where it is asked to.
func TestBinaryTensors(t *testing.T) {
	t.Parallel()
	m := twoInputs(t)
	little := binary.LittleEndian
	for datatype, raw := range map[string][]byte{
		"BOOL": {1, 0}, "UINT8": {1, 0}, "INT8": {1, 0}, "UINT16": {1, 0, 0, 0}, "INT16": {1, 0, 0, 0},
		"UINT32": little.AppendUint64(nil, 1), "INT32": little.AppendUint64(nil, 1),
		"UINT64": append(little.AppendUint64(nil, 1), make([]byte, 8)...),
		"INT64":  append(little.AppendUint64(nil, 1), make([]byte, 8)...),
		"FP32":   little.AppendUint64(nil, uint64(math.Float32bits(1))),
		"FP64":   append(little.AppendUint64(nil, math.Float64bits(1)), make([]byte, 8)...),
	} {
		text := fmt.Sprintf(`{"id":"q","inputs":[{"name":"features","shape":[1,2],"datatype":%q,`+
			`"parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true},`+
			`"outputs":[{"name":"label","parameters":{"binary_data":false}},{"name":"probabilities"}]}`, datatype, len(raw))
		var q Rows
		r, err := q.ReadV2(append([]byte(text), raw...), len(text), m)
		require.NoError(t, err, datatype)
		assert.Equal(t, []float32{1, 0}, q.Values, datatype)
		answer, header, err := NewAnswers(m).V2(nil, r, &q, []float32{0.25, 0.75})
		require.NoError(t, err)
		assert.JSONEq(t, `{"model_name":"tumour","model_version":"v1","id":"q","outputs":[`+
			`{"name":"label","datatype":"BYTES","shape":[1],"data":["yes"]},`+
			`{"name":"probabilities","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}`,
			string(answer[:header]))
		assert.Equal(t, uint32(0x3f400000), little.Uint32(answer[header+4:]))
	}
	text := `{"inputs":[{"name":"features","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}`
	for _, c := range []struct {
		header int
		raw    string
		says   string
	}{
		{len(text), "1234567", "has 7 bytes after the JSON; want 8"}, {len(text), "123456789", "1 bytes follow"},
		{9999, "", "Inference-Header-Content-Length is 9999"}, {-1, "", "has 0 bytes after the JSON"},
		{0, "", "no JSON object"},
	} {
		_, err := new(Rows).ReadV2([]byte(text+c.raw), c.header, m)
		require.ErrorContains(t, err, c.says)
	}
}

// Negative numbers of signed types keep their sign.
func TestSignedTensors(t *testing.T) {
	t.Parallel()
	for datatype, raw := range map[string][]byte{
		"INT8": {0xff}, "INT16": {0xfe, 0xff}, "INT32": {0xfd, 0xff, 0xff, 0xff},
		"INT64": {0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		tensor := Tensor{Name: "x", Datatype: datatype, Shape: []int64{1}}
		require.NoError(t, tensor.SetRaw(raw))
		want := map[string]float32{"INT8": -1, "INT16": -2, "INT32": -3, "INT64": -4}[datatype]
		assert.InDelta(t, want, tensor.Numbers[0], 0)
	}
}

func TestCSVAnswers(t *testing.T) {
	t.Parallel()
	m := twoInputs(t)
	m.Manifest.Classes = []string{"no, never", `ja "gewiss"`}
	q := Rows{N: 2}
	assert.Equal(t, "\"ja \"\"gewiss\"\"\",0.25,0.75\n\"no, never\",1,0\n",
		string(NewAnswers(m).CSV(nil, &q, []float32{0.25, 0.75, 1, 0})))
}

//nolint:paralleltest // the allocations of other tests would count
func TestReadingAllocatesNothing(t *testing.T) {
	m := mixed(t)
	var q Rows
	list := []byte(`{"features":[1,"red",true,2]}`)
	object := []byte(`{"features":{"x0":1,"x1":"red","x3":7}}`)
	lines := []byte("[1,\"red\",true,2]\n[1,0,0,0]")
	for name, read := range map[string]func() error{
		"list":   func() error { return q.ReadPredict(list, m) },
		"object": func() error { return q.ReadPredict(object, m) },
		"lines":  func() error { return q.ReadLines(lines, m) },
	} {
		require.NoError(t, read())
		assert.Zero(t, testing.AllocsPerRun(100, func() { _ = read() }), name)
	}
}
