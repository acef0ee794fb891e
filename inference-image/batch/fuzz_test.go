package batch

import (
	"bytes"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// fuzzed is a model of a number, an optional number and a category.
func fuzzed(tb testing.TB) *model.Model {
	tb.Helper()
	v := inferencetest.Version(tb, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 3}))
	v.Manifest.Inputs[1].Optional = true
	v.Manifest.Inputs[2].Type, v.Manifest.Inputs[2].Values = registry.Category, []string{"red", "green, or so"}
	m, err := model.New(v)
	require.NoError(tb, err)
	return m
}

// decodeAll reads an input whole, so many bytes at a time.
func decodeAll(m *model.Model, zone *lake.Zone, key string, format Format, least int) (all chunk, err error) {
	in := &input{zone: zone, key: key, format: format, chunkBytes: least}
	s, _, err := in.open(context.Background(), m, "id", 0)
	if err != nil {
		return all, err
	}
	defer s.close()
	for end := int64(0); ; {
		c := &chunk{}
		err := s.next(c)
		if isEnd(err) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if c.end <= end {
			return all, io.ErrNoProgress
		}
		end = c.end
		if err := s.decode(c); err != nil {
			return all, err
		}
		all.n += c.n
		all.values = append(all.values, c.values...)
		all.keys = append(all.keys, c.keys...)
		all.missing += c.missing
	}
}

// fuzzText reads the same text in chunks of a line and as a whole: both give the same rows, or both refuse it.
func fuzzText(f *testing.F, format Format) {
	f.Helper()
	m := fuzzed(f)
	dir := f.TempDir()
	zone, err := lake.Open(f.Context(), lake.FileURI(dir))
	require.NoError(f, err)
	f.Cleanup(func() { _ = zone.Close() })
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rows"), text, 0o600))
		whole, wholeErr := decodeAll(m, zone, "rows", format, 1<<20)
		lines, linesErr := decodeAll(m, zone, "rows", format, 1)
		require.Equal(t, wholeErr == nil, linesErr == nil, "%v, but %v", wholeErr, linesErr)
		if wholeErr != nil {
			require.NotErrorIs(t, wholeErr, io.ErrNoProgress)
			return
		}
		require.Equal(t, whole.n, lines.n)
		require.Equal(t, whole.missing, lines.missing)
		require.Len(t, whole.values, 3*whole.n)
		require.Len(t, whole.keys, whole.n)
		for i, x := range whole.values {
			require.Equal(t, math.Float32bits(x), math.Float32bits(lines.values[i]))
			require.False(t, math.IsInf(float64(x), 0))
		}
		for i, k := range whole.keys {
			require.True(t, parquet.Equal(k, lines.keys[i]), "key %d", i)
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, text := range []string{"id,x0,x1,x2\na,1,2,red\n", "id,x0,x1,x2\n\"a\nb\",1,,\"green, or so\"\n",
		"x2,x1,x0,id\r\n",
		"\ufeffid,x0,x1,x2\na,1e999,2,red", "id,x0,x1,x2\n\"", "id,x0,x1\n", "", "id,x0,x1,x2\n\n1,2,3,red\n\n",
		"id,x0,x1,x2\na,NaN,inf,0\n", "id,x0,x1,x2\na,1,2\n", "id,x0,x1,x2,x0\na,1,2,red,3\n",
		"id,x0,x1,x2\na\"b,1,2,red\n"} {
		f.Add([]byte(text))
	}
	fuzzText(f, CSV)
}

func FuzzJSONLines(f *testing.F) {
	for _, text := range []string{`{"id":"a","x0":1,"x1":null,"x2":"red"}` + "\n", `{"x2":"green, or so","x0":1,"id":7}`,
		`[1,2,"red"]`, "{}\n", "\n\n", `{"id":"a","x0":1e999,"x2":"red"}`, `{"x0":{"x0":[[[[`, "null\nnull\n",
		`{"id":"a\u00e4","x0":1,"x2":0}` + "\r\n" + `{"id":"b","x0":2,"x2":1}`} {
		f.Add([]byte(text))
	}
	fuzzText(f, JSONLines)
}

// FuzzParquet changes bytes of a file: it is refused with an error, or gives rows, and never ends the program.
func FuzzParquet(f *testing.F) {
	m := fuzzed(f)
	schema := parquet.NewSchema("rows", parquet.Group{"id": parquet.Optional(parquet.String()),
		"x0": parquet.Optional(parquet.Leaf(parquet.DoubleType)), "x1": parquet.Optional(parquet.Leaf(parquet.FloatType)),
		"x2": parquet.Int(32)})
	var file bytes.Buffer
	w := parquet.NewWriter(&file, schema, parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(8))
	for i := range 20 {
		require.NoError(f, w.Write(map[string]any{"id": "a", "x0": float64(i), "x1": float32(i), "x2": int32(i % 2)}))
	}
	require.NoError(f, w.Close())
	good := file.Bytes()
	dir := f.TempDir()
	zone, err := lake.Open(f.Context(), lake.FileURI(dir))
	require.NoError(f, err)
	f.Cleanup(func() { _ = zone.Close() })
	f.Add(uint16(0), byte(0), uint16(0), byte(0))
	f.Add(uint16(22036), byte(12), uint16(35682), byte(172)) // 32 GiB
	f.Add(uint16(2490), byte(255), uint16(20), byte('W'))    // a footer of 4 GiB
	f.Add(uint16(42618), byte(46), uint16(53383), byte(102)) // a panic of the library
	for i := range uint16(40) {
		f.Add(uint16(len(good))-4*i-1, byte(255), 20*i, byte(i+1))
	}
	f.Fuzz(func(t *testing.T, at uint16, change byte, at2 uint16, change2 byte) {
		data := append([]byte(nil), good...)
		data[int(at)%len(data)] ^= change
		data[int(at2)%len(data)] ^= change2
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rows"), data, 0o600))
		all, err := decodeAll(m, zone, "rows", Parquet, 0)
		if err == nil {
			require.Len(t, all.values, 3*all.n)
		}
		if change == 0 && change2 == 0 {
			require.NoError(t, err)
			require.Equal(t, 20, all.n)
		}
	})
}
