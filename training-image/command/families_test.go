package command_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// Every family goes the whole way on real rows, and what stands in the registry is what was measured.
func TestEveryFamilyGoesTheWholePath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		model    string
		least    float64
		accepted bool
	}{
		"linear": {"{family: linear}", 0.95, false},
		"mlp": {"{family: mlp, parameters: {hidden: [32, 16], batchSize: 32}, " +
			"optimize: {quantize: static}}", 0.93, true},
		"mlp dynamic": {"{family: mlp, parameters: {hidden: [32], batchSize: 32}, " +
			"optimize: {quantize: dynamic, prune: 0.3}}", 0.93, true},
		"trees":  {"{family: trees, optimize: {prune: 0.2, tolerance: 0.02}}", 0.93, true},
		"ruined": {"{family: trees, parameters: {rounds: 20}, optimize: {prune: 0.99, tolerance: 0.001}}", 0.9, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := tumour(t)
			spec, err := os.ReadFile(l.Dir + "/pipeline.yaml")
			require.NoError(t, err)
			before, rest, _ := strings.Cut(string(spec), "\nmodel:")
			_, after, _ := strings.Cut(rest, "\ngate:")
			l.SetPipeline(before + "\nmodel: " + c.model + "\ngate:" + after)
			l.Drop("breast_cancer.csv", text(t, table(t)), 0)
			r, said := pipelineRun(t, l, "r1")
			require.Equal(t, registry.Registered, r.Status)
			v, err := registry.New(l.Zone("models")).Open(t.Context(), "tumour", r.Version)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, v.Metrics.Candidate["accuracy"], c.least, said)
			assert.InDelta(t, v.Metrics.Candidate["accuracy"], answers(t, l, v, r.Features), 1e-9)
			assert.Equal(t, registry.Sum(v.Model)[:8], v.Manifest.Version[len(v.Manifest.Version)-8:])
			assert.NotEmpty(t, v.Manifest.Importance)
			o := v.Manifest.Optimization
			if !strings.Contains(c.model, "optimize") {
				assert.Nil(t, o)
				return
			}
			require.NotNil(t, o)
			assert.Equal(t, c.accepted, o.Accepted, o.Reason)
			assert.Less(t, o.After.Bytes, o.Before.Bytes)
			assert.Positive(t, o.After.Microseconds)
			chosen := o.Before
			if o.Accepted {
				chosen = o.After
			}
			assert.Equal(t, chosen.SHA256, registry.Sum(v.Model))
			assert.Len(t, v.Model, chosen.Bytes)
			assert.Equal(t, chosen.Metrics, v.Metrics.Candidate)
		})
	}
}

// Rows with a category, missing values, weights of rows and classes, in JSON Lines.
func TestCategoriesAndWeightsGoTheWholePath(t *testing.T) {
	t.Parallel()
	const file = `
name: shop
task: binary
source:
  format: jsonl
  columns:
    - {name: price, type: float, optional: true}
    - {name: plan, type: category, values: [basic, plus, pro], optional: true}
    - {name: trusted, type: integer}
    - {name: left, type: category, values: ["no", "yes"]}
label: left
weight: trusted
model: {family: FAMILY, classWeights: {"yes": 2}}
gate: {metric: accuracy, threshold: 0.8}
`
	var rows strings.Builder
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 800 {
		plan, price := random.IntN(3), random.NormFloat64()
		left := []string{"no", "yes"}[min(1, max(0, plan))]
		if i%9 == 0 {
			_, _ = fmt.Fprintf(&rows, `{"plan":%q,"trusted":1,"left":%q}`+"\n", []string{"basic", "plus", "pro"}[plan], left)
			continue
		}
		_, _ = fmt.Fprintf(&rows, `{"price":%v,"plan":%q,"trusted":%d,"left":%q}`+"\n", price,
			[]string{"basic", "plus", "pro"}[plan], 1+i%3, left)
	}
	for _, family := range []string{"trees", "linear", "mlp"} {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, strings.Replace(file, "FAMILY", family, 1))
			l.Drop("a.jsonl", rows.String(), 0)
			r, _ := pipelineRun(t, l, "r1")
			v, err := registry.New(l.Zone("models")).Open(t.Context(), "shop", r.Version)
			require.NoError(t, err)
			assert.Equal(t, []registry.Input{{Name: "price", Optional: true}, {Name: "plan", Type: registry.Category,
				Values: []string{"basic", "plus", "pro"}, Optional: true}}, v.Manifest.Inputs)
			assert.Greater(t, v.Metrics.Candidate["accuracy"], 0.98)
			model, err := onnx.Load(v.Model)
			require.NoError(t, err)
			out := make([]float32, 2)
			for plan, left := range []int{0, 1, 1} {
				require.NoError(t, model.Predict([]float32{0.1, float32(plan)}, 1, out))
				assert.Equal(t, left, slices.Index(out, slices.Max(out)), "plan %d", plan)
			}
		})
	}
}
