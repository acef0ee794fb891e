package onnx_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// networks are random networks of odd and even sizes, in 32 and in 8 bits.
func networks(tb testing.TB) map[string]*onnx.Network {
	tb.Helper()
	all := map[string]*onnx.Network{}
	for _, task := range tasks {
		for seed, hidden := range [][]int{nil, {1}, {31, 5}, {64, 33}, {128, 64, 32}} {
			s := onnxtest.Shape{Task: task, Inputs: 1 + 7*seed, Classes: 3 + 10*seed}
			n := onnxtest.Network(uint64(seed), s, hidden...)
			if seed%2 == 1 {
				onnxtest.Categories(uint64(seed), n, 3)
			}
			all[fmt.Sprintf("%s %v float", task, hidden)] = n
			q, err := n.Quantize(onnxtest.Vectors(1, len(n.Inputs), 200, 0.1))
			require.NoError(tb, err)
			all[fmt.Sprintf("%s %v int8", task, hidden)] = q
			d, err := n.QuantizeDynamic()
			require.NoError(tb, err)
			all[fmt.Sprintf("%s %v dynamic", task, hidden)] = d
		}
	}
	return all
}

func TestNetworkRoundTrip(t *testing.T) {
	t.Parallel()
	for name, n := range networks(t) {
		meta := map[string]string{"version": "v1", "z": "ü"}
		data, err := n.Marshal(meta)
		require.NoError(t, err, name)
		kind, operators, err := onnx.Look(data)
		require.NoError(t, err, name)
		assert.Equal(t, onnx.Dense, kind, name)
		assert.Contains(t, operators, "IsNaN", name)
		got, gotMeta, err := onnx.UnmarshalNetwork(data)
		require.NoError(t, err, name)
		want, read := *n, *got
		require.Equal(t, fmt.Sprint(want.Code), fmt.Sprint(read.Code), name) // NaN equals nothing
		want.Code, read.Code = nil, nil
		require.Equal(t, want, read, name)
		require.Equal(t, meta, gotMeta, name)
		_, _, err = onnx.Unmarshal(data)
		require.ErrorIs(t, err, onnx.ErrInvalid, "a network is no ensemble")
	}
	data, err := onnxtest.Ensemble(1, onnxtest.Shape{}).Marshal(nil)
	require.NoError(t, err)
	kind, _, err := onnx.Look(data)
	require.NoError(t, err)
	assert.Equal(t, onnx.Trees, kind)
	_, _, err = onnx.UnmarshalNetwork(data)
	require.ErrorIs(t, err, onnx.ErrInvalid, "an ensemble is no network")
}

// The kernels, the blocks and the tiles give the bits of the plain loops, however many rows are computed at once.
func TestCompiledNetworkHasTheSameBits(t *testing.T) {
	t.Parallel()
	for name, n := range networks(t) {
		c, err := n.Compile()
		require.NoError(t, err, name)
		require.Equal(t, len(n.Inputs), c.Inputs(), name)
		rows := onnxtest.Vectors(9, len(n.Inputs), 100, 0.1)
		var flat, want []float32
		for _, row := range rows {
			out := make([]float32, n.Outputs())
			n.Predict(row, out)
			flat, want = append(flat, row...), append(want, out...)
		}
		for _, count := range []int{1, 2, 31, 32, 33, 100} {
			out := make([]float32, count*c.Outputs())
			require.NoError(t, c.Predict(flat[:count*len(n.Inputs)], count, out), name)
			require.Equal(t, want[:len(out)], out, "%s, %d rows", name, count)
		}
	}
}

// By hand: two inputs, two hidden units, one margin.
func TestNetworkByHand(t *testing.T) {
	t.Parallel()
	n := &onnx.Network{Task: onnx.Regression, Inputs: []string{"a", "b"}, Mean: []float32{1, 0}, Scale: []float32{2, 1},
		Low: []float32{-10, -10}, High: []float32{10, 5}, Layers: []onnx.Layer{
			{Outputs: 2, Weights: []float32{1, -1, 0.5, 2}, Bias: []float32{0, 1}},
			{Outputs: 1, Weights: []float32{3, 10}, Bias: []float32{0.25}},
		}}
	nan := float32(math.NaN())
	for _, c := range []struct{ a, b, want float32 }{
		{2, 4, 3*4 + 10*7 + .25},     // standardized 2 and 4: hidden 4 and 7
		{2, 100, 3*4.5 + 10*9 + .25}, // b is cut off at 5
		{0, 0, 0 + 10*3 + .25},       // hidden -2, cut off by ReLU, and 3
		{nan, nan, 0 + 10*1 + .25},   // the mean stands in
	} {
		out := make([]float32, 1)
		n.Predict([]float32{c.a, c.b}, out)
		assert.InDelta(t, c.want, out[0], 1e-5, "%v %v", c.a, c.b)
	}
}

// Eight bits stay near 32 bits, and are really eight: the file shrinks to about a quarter.
func TestQuantize(t *testing.T) {
	t.Parallel()
	n := onnxtest.Network(3, onnxtest.Shape{Inputs: 30}, 128, 64)
	rows := onnxtest.Vectors(1, 30, 500, 0)
	q, err := n.Quantize(rows)
	require.NoError(t, err)
	large, err := n.Marshal(nil)
	require.NoError(t, err)
	small, err := q.Marshal(nil)
	require.NoError(t, err)
	assert.Less(t, float64(len(small)), 0.35*float64(len(large)))
	worst, a, b := 0.0, make([]float32, 2), make([]float32, 2)
	for _, row := range rows {
		n.Predict(row, a)
		q.Predict(row, b)
		worst = max(worst, math.Abs(float64(a[1]-b[1])))
	}
	assert.Less(t, worst, 0.05)
	assert.Greater(t, worst, 1e-6, "it was quantized indeed")
	_, err = n.Quantize(nil)
	require.ErrorIs(t, err, onnx.ErrInvalid)
	again, err := q.Quantize(rows)
	require.NoError(t, err)
	assert.Equal(t, q, again, "what is quantized stays as it is")
}

func TestNetworkValidate(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	for want, spoil := range map[string]func(n *onnx.Network){
		"mean: found 4 numbers, want 5":  func(n *onnx.Network) { n.Mean = n.Mean[1:] },
		"scale: NaN is not finite":       func(n *onnx.Network) { n.Scale[0] = nan },
		"high: found 0 numbers":          func(n *onnx.Network) { n.High = nil },
		"found 0 layers":                 func(n *onnx.Network) { n.Layers = nil },
		"layer 0: found 0 outputs":       func(n *onnx.Network) { n.Layers[0].Outputs = 0 },
		"layer 0: weights: found 39":     func(n *onnx.Network) { n.Layers[0].Weights = n.Layers[0].Weights[1:] },
		"layer 1: bias: found 0 numbers": func(n *onnx.Network) { n.Layers[1].Bias = nil },
		"the last layer has 8 outputs":   func(n *onnx.Network) { n.Layers = n.Layers[:1] },
		`the task is "x"`:                func(n *onnx.Network) { n.Task = "x" },
		"weights in 32 and in 8 bits":    func(n *onnx.Network) { n.Layers[0].Quantized = &onnx.Quantized{} },
		"layer 0: found 0 weights": func(n *onnx.Network) {
			n.Layers[0].Weights, n.Layers[0].Quantized = nil, &onnx.Quantized{}
		},
		"the scale of the inputs is 0": func(n *onnx.Network) {
			n.Layers[0].Weights, n.Layers[0].Quantized = nil, &onnx.Quantized{Weights: make([]int8, 40)}
		},
		`the input "x1" stands there twi`: func(n *onnx.Network) { n.Inputs[0] = "x1" },
	} {
		n := onnxtest.Network(3, onnxtest.Shape{}, 8)
		require.NoError(t, n.Validate())
		spoil(n)
		_, err := n.Marshal(nil)
		require.ErrorIs(t, err, onnx.ErrInvalid, want)
		require.ErrorContains(t, err, want)
		_, err = n.Compile()
		require.ErrorIs(t, err, onnx.ErrInvalid, want)
	}
	_, err := onnxtest.Network(3, onnxtest.Shape{}).Marshal(map[string]string{"mlpathway.task": "x"})
	require.ErrorContains(t, err, "used by the format itself")
}

//nolint:paralleltest // the allocations of other tests would count
func TestCompiledNetworkAllocatesNothing(t *testing.T) {
	c, err := onnxtest.Network(1, onnxtest.Shape{Inputs: 30}, 128, 64).Compile()
	require.NoError(t, err)
	row, out := make([]float32, 30), make([]float32, 2)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = c.Predict(row, 1, out) }))
}

// A truncated, altered or lengthened file is refused or means the same; it never panics.
func FuzzUnmarshalNetwork(f *testing.F) {
	n := onnxtest.Network(1, onnxtest.Shape{Inputs: 2}, 3)
	q, err := n.Quantize(onnxtest.Vectors(1, 2, 10, 0))
	require.NoError(f, err)
	for _, network := range []*onnx.Network{n, q} {
		data, err := network.Marshal(map[string]string{"a": "b"})
		require.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)/2])
		f.Add(append(data, data...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = onnx.Look(data)
		n, meta, err := onnx.UnmarshalNetwork(data)
		if err != nil {
			require.ErrorIs(t, err, onnx.ErrInvalid)
			return
		}
		again, err := n.Marshal(meta)
		require.NoError(t, err)
		require.Equal(t, data, again)
		_, err = n.Compile()
		require.NoError(t, err)
	})
}

func BenchmarkNetwork(b *testing.B) {
	for name, hidden := range map[string][]int{"30-128-64-1": {128, 64}, "30-1024-1024-1024-1": {1024, 1024, 1024}} {
		n := onnxtest.Network(1, onnxtest.Shape{Inputs: 30}, hidden...)
		q, err := n.Quantize(onnxtest.Vectors(1, 30, 100, 0))
		require.NoError(b, err)
		for kind, network := range map[string]*onnx.Network{"float": n, "int8": q} {
			c, err := network.Compile()
			require.NoError(b, err)
			for _, rows := range []int{1, 32} {
				b.Run(fmt.Sprintf("%s/%s/rows=%d", name, kind, rows), func(b *testing.B) {
					b.ReportAllocs()
					in, out := make([]float32, rows*30), make([]float32, rows*2)
					for b.Loop() {
						_ = c.Predict(in, rows, out)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
				})
			}
		}
	}
}

// By hand: a category becomes one column for each of its values, and a missing one none of them.
func TestCategoriesByHand(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	n := &onnx.Network{Task: onnx.Regression, Inputs: []string{"c", "a"}, Source: []int{0, 0, 1},
		Code: []float32{0, 1, nan},
		Mean: []float32{0, 0, 1}, Scale: []float32{1, 1, 1}, Low: []float32{0, 0, -9}, High: []float32{1, 1, 9},
		Layers: []onnx.Layer{{Outputs: 1, Weights: []float32{10, 20, 1}, Bias: []float32{0}}}}
	for _, c := range []struct{ c, a, want float32 }{{0, 1, 10}, {1, 3, 22}, {2, 1, 0}, {nan, 1, 0}, {1, nan, 20}} {
		out := make([]float32, 1)
		n.Predict([]float32{c.c, c.a}, out)
		assert.InDelta(t, c.want, out[0], 1e-6, "%v %v", c.c, c.a)
	}
}
