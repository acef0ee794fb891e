package registry_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
)

func TestExampleBodies(t *testing.T) {
	t.Parallel()
	m := &registry.Manifest{Inputs: []registry.Input{{Name: "a"}, {Name: "it's"}, {Name: "c"}}}
	p := &registry.Profile{Features: []registry.Distribution{
		{Name: "it's", Mean: 2.5}, {Name: "a", Edges: []float64{1, 7, 9}, Mean: 100}, {Name: "c", Mean: math.NaN()},
	}}
	positional, named := registry.ExampleBodies(m, p)
	assert.JSONEq(t, `{"features": [7, 2.5, 0]}`, positional)
	assert.NotContains(t, named, "'", "the body must be fit to stand between apostrophes")
	var body struct {
		Features map[string]float64 `json:"features"`
	}
	require.NoError(t, json.Unmarshal([]byte(named), &body))
	assert.Equal(t, map[string]float64{"a": 7, "it's": 2.5, "c": 0}, body.Features)
}
