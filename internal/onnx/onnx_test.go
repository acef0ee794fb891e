package onnx_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

var tasks = []string{onnx.Binary, onnx.Multiclass, onnx.Regression}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, task := range tasks {
		for seed := range uint64(20) {
			e := onnxtest.Ensemble(seed, onnxtest.Shape{Task: task, Trees: 1 + int(seed), Depth: 1 + int(seed)%7})
			meta := map[string]string{"version": "v1", "a": "", "z": "ü"}
			data, err := e.Marshal(meta)
			require.NoError(t, err)
			again, err := e.Marshal(meta)
			require.NoError(t, err)
			require.Equal(t, data, again, "the bytes are repeatable")
			got, gotMeta, err := onnx.Unmarshal(data)
			require.NoError(t, err)
			require.Equal(t, e, got)
			require.Equal(t, meta, gotMeta)
		}
	}
}

func TestPredictByHand(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	// x0 < 1 ? (x1 < -2 ? 0.5 : -0.25) : 2, missing x0 goes left, missing x1 right.
	nodes := []onnx.Node{
		{Feature: 0, Threshold: 1, Left: 2, Right: 1, MissingLeft: true},
		{Left: -1, Leaf: 2},
		{Feature: 1, Threshold: -2, Left: 3, Right: 4},
		{Left: -1, Leaf: 0.5},
		{Left: -1, Leaf: -0.25},
	}
	e := &onnx.Ensemble{Task: onnx.Regression, Inputs: []string{"a", "b"}, Base: []float32{10},
		Trees: []onnx.Tree{{Nodes: nodes}, {Nodes: []onnx.Node{{Left: -1, Leaf: 100}}}}}
	for _, c := range []struct{ a, b, want float32 }{
		{0, -3, 110.5}, {0, -2, 109.75}, {1, -3, 112}, {0.99, 5, 109.75}, {nan, -3, 110.5}, {nan, nan, 109.75},
		{0, nan, 109.75}, {float32(math.Inf(1)), 0, 112}, {float32(math.Inf(-1)), float32(math.Inf(-1)), 110.5},
	} {
		assertPredicts(t, e, []float32{c.a, c.b}, []float32{c.want})
	}
	e.Task, e.Classes, e.Base = onnx.Binary, []string{"n", "y"}, []float32{0}
	e.Trees = e.Trees[:1]
	p := float32(1 / (1 + math.Exp(-2)))
	assertPredicts(t, e, []float32{1, 0}, []float32{1 - p, p})
	e.Base[0] = -1000
	assertPredicts(t, e, []float32{1, 0}, []float32{1, float32(1 / (1 + math.Exp(88.7)))})
	e.Base[0] = 1000
	assertPredicts(t, e, []float32{1, 0}, []float32{0, 1})
	e.Task, e.Classes, e.Base = onnx.Multiclass, []string{"a", "b", "c"}, []float32{1, 1, 1}
	e.Trees[0].Output = 2
	sum := 2 + math.Exp(2)
	assertPredicts(t, e, []float32{1, 0},
		[]float32{float32(1 / sum), float32(1 / sum), float32(math.Exp(2) / sum)})
	e.Base = []float32{-500, 400, -1000}
	assertPredicts(t, e, []float32{1, 0}, []float32{0, 1, 0})
}

func assertPredicts(t *testing.T, e *onnx.Ensemble, row, want []float32) {
	t.Helper()
	c, err := e.Compile()
	require.NoError(t, err)
	plain, fast := make([]float32, e.Outputs()), make([]float32, e.Outputs())
	e.Predict(row, plain)
	c.Predict(row, fast)
	assert.InDeltaSlice(t, toFloat64(want), toFloat64(plain), 1e-7)
	assert.Equal(t, plain, fast)
}

func toFloat64(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

func TestCompiledHasTheSameBits(t *testing.T) {
	t.Parallel()
	for _, task := range tasks {
		for seed := range uint64(40) {
			e := onnxtest.Ensemble(seed, onnxtest.Shape{Task: task, Trees: 1 + int(seed), Depth: 1 + int(seed)%9})
			c, err := e.Compile()
			require.NoError(t, err)
			require.Equal(t, len(e.Inputs), c.Inputs())
			require.Equal(t, e.Outputs(), c.Outputs())
			plain, fast := make([]float32, e.Outputs()), make([]float32, e.Outputs())
			rows := onnxtest.Rows(seed, e, 200, float64(seed%3)*0.2)
			for i, row := range rows {
				e.Predict(row, plain)
				c.Predict(row, fast)
				require.Equal(t, plain, fast, "%s seed %d row %d: %v", task, seed, i, row)
			}
			e.Task = onnx.Regression // whose answers are the margins
			margins := make([]float32, len(e.Base))
			for _, n := range []int{0, 1, 3, 4, 63, 64, 71, 200} {
				together := slices.Repeat(e.Base, n)
				c.Add(slices.Concat(rows[:n]...), n, together)
				for i, row := range rows[:n] {
					e.Predict(row, margins)
					require.Equal(t, margins, together[i*len(margins):][:len(margins)], "%s seed %d, row %d of %d", task, seed, i, n)
				}
			}
		}
	}
}

//nolint:paralleltest // the allocations of other tests would count
func TestCompiledPredictAllocatesNothing(t *testing.T) {
	e := onnxtest.Ensemble(1, onnxtest.Shape{Task: onnx.Multiclass})
	c, err := e.Compile()
	require.NoError(t, err)
	row, out := onnxtest.Rows(1, e, 1, 0)[0], make([]float32, e.Outputs())
	for _, x := range []float32{1, float32(math.NaN())} {
		row[0] = x
		assert.Zero(t, testing.AllocsPerRun(100, func() { c.Predict(row, out) }))
	}
}

func TestSignTree(t *testing.T) {
	t.Parallel()
	e := &onnx.Ensemble{Task: onnx.Binary, Inputs: []string{"a"}, Classes: []string{"n", "y"}, Base: []float32{-1},
		Trees: []onnx.Tree{{Nodes: []onnx.Node{{Left: -1, Leaf: 3}}}}}
	data, err := e.Marshal(nil)
	require.NoError(t, err)
	got, _, err := onnx.Unmarshal(data)
	require.NoError(t, err)
	assert.Equal(t, e, got)
	e.Trees[0].Nodes[0].Leaf = -3
	shorter, err := e.Marshal(nil)
	require.NoError(t, err)
	assert.Less(t, len(shorter), len(data), "only an ensemble without a negative leaf gets another tree")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for want, spoil := range map[string]func(e *onnx.Ensemble){
		`the task is "x"`:                        func(e *onnx.Ensemble) { e.Task = "x" },
		"a binary model has 2 classes, found 3":  func(e *onnx.Ensemble) { e.Classes = []string{"a", "b", "c"} },
		"a regression has no classes":            func(e *onnx.Ensemble) { e.Task = onnx.Regression },
		"has 3 to 4096 classes, found 2":         func(e *onnx.Ensemble) { e.Task = onnx.Multiclass },
		"has 1 base values, found 0":             func(e *onnx.Ensemble) { e.Base = nil },
		"the base value NaN is not finite":       func(e *onnx.Ensemble) { e.Base[0] = nan },
		"found 0 inputs":                         func(e *onnx.Ensemble) { e.Inputs = nil },
		`the input "x1" stands there twice`:      func(e *onnx.Ensemble) { e.Inputs[0] = "x1" },
		`the class "no" stands there twice`:      func(e *onnx.Ensemble) { e.Classes[1] = "no" },
		"the name of input 2 has 0 bytes":        func(e *onnx.Ensemble) { e.Inputs[2] = "" },
		"found 0 trees":                          func(e *onnx.Ensemble) { e.Trees = nil },
		"tree 1: has no nodes":                   func(e *onnx.Ensemble) { e.Trees[1].Nodes = nil },
		"tree 1: adds to output 1 of 1":          func(e *onnx.Ensemble) { e.Trees[1].Output = 1 },
		"tree 0: node 0: looks at feature 5 of":  func(e *onnx.Ensemble) { e.Trees[0].Nodes[0].Feature = 5 },
		"node 0: looks at feature -1 of":         func(e *onnx.Ensemble) { e.Trees[0].Nodes[0].Feature = -1 },
		"the threshold is not a number":          func(e *onnx.Ensemble) { e.Trees[0].Nodes[0].Threshold = nan },
		"points to node 999 of":                  func(e *onnx.Ensemble) { e.Trees[0].Nodes[0].Left = 999 },
		"points to node -1 of":                   func(e *onnx.Ensemble) { e.Trees[0].Nodes[0].Right = -1 },
		"points to node 0, which is the root or": func(e *onnx.Ensemble) { e.Trees[0].Nodes[0].Right = 0 },
		"cannot be reached from the root": func(e *onnx.Ensemble) {
			e.Trees[0].Nodes[0] = onnx.Node{Left: -1}
		},
		"the leaf value +Inf is not finite": func(e *onnx.Ensemble) {
			e.Trees[1].Nodes = []onnx.Node{{Left: -1, Leaf: inf}}
		},
	} {
		e := onnxtest.Ensemble(3, onnxtest.Shape{})
		require.NoError(t, e.Validate())
		spoil(e)
		err := e.Validate()
		require.ErrorIs(t, err, onnx.ErrInvalid, want)
		require.ErrorContains(t, err, want)
		_, err = e.Marshal(nil)
		require.ErrorIs(t, err, onnx.ErrInvalid, want)
		_, err = e.Compile()
		require.ErrorIs(t, err, onnx.ErrInvalid, want)
	}
}

func TestMarshalRefusesItsOwnKey(t *testing.T) {
	t.Parallel()
	_, err := onnxtest.Ensemble(1, onnxtest.Shape{}).Marshal(map[string]string{"mlpathway.inputs": "[]"})
	require.ErrorContains(t, err, "used by the format itself")
}

func BenchmarkPredict(b *testing.B) {
	for _, missing := range []float64{0, 0.05} {
		e := onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 30, Trees: 100, Depth: 6})
		rows := onnxtest.Rows(1, e, 4096, missing)
		out := make([]float32, e.Outputs())
		c, err := e.Compile()
		require.NoError(b, err)
		for name, predict := range map[string]func(row, out []float32){"plain": e.Predict, "compiled": c.Predict} {
			b.Run(fmt.Sprintf("%s/missing=%v", name, missing), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					predict(rows[i%len(rows)], out)
				}
			})
		}
	}
}
