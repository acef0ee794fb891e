package family_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
)

func TestLosses(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, math.Log(2), family.Loss(pipeline.Binary, []float32{0, 0}, []float32{0, 1}, nil), 1e-9)
	assert.InDelta(t, 500, family.Loss(pipeline.Binary, []float32{1000, 0}, []float32{0, 1}, nil), 1, "nothing overflows")
	assert.InDelta(t, math.Log(3), family.Loss(pipeline.Multiclass, []float32{5, 5, 5}, []float32{2}, nil), 1e-9)
	assert.InDelta(t, 1000, family.Loss(pipeline.Multiclass, []float32{1000, 0}, []float32{1}, nil), 1e-3)
	assert.InDelta(t, 5, family.Loss(pipeline.Regression, []float32{3, 4}, []float32{10, 5}, nil), 1e-6)
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	var values []float64
	for i := range 100 {
		values = append(values, float64((i*37)%100))
	}
	d := family.Describe("x", append(values, math.NaN(), math.NaN()))
	assert.Equal(t, "x", d.Name)
	assert.Equal(t, []float64{10, 20, 30, 40, 50, 60, 70, 80, 90}, d.Edges)
	assert.Equal(t, []int{10, 10, 10, 10, 10, 10, 10, 10, 10, 10}, d.Counts, "equal shares")
	assert.Equal(t, 2, d.Missing)
	assert.InDelta(t, 49.5, d.Mean, 1e-9)
	assert.InDelta(t, 28.866, d.StandardDeviation, 1e-3)

	flag := family.Describe("flag", []float64{1, 0, 0, 1, 1, 1, 1, 1, 1, 1})
	assert.Equal(t, []float64{1}, flag.Edges)
	assert.Equal(t, []int{2, 8}, flag.Counts)

	same := family.Describe("same", []float64{4, 4, 4})
	assert.Empty(t, same.Edges)
	assert.Equal(t, []int{3}, same.Counts)
	assert.InDelta(t, 0, same.StandardDeviation, 0)

	none := family.Describe("none", []float64{math.NaN()})
	assert.Equal(t, registry.Distribution{Name: "none", Edges: []float64{}, Counts: []int{0}, Missing: 1}, none)
}
