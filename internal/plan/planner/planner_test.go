package planner_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/internal/plan/planner"
	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/stacks"
)

const root = "../../.."

// copyProject makes a working copy with the stack files and the examples.
func copyProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"stacks", "examples"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))))
	}
	return dir
}

func makePlan(t *testing.T, dir, stack string, changed map[string]string) (*plan.Document, error) {
	t.Helper()
	p, err := planner.New(dir, "mlpathway", nil, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	values, err := planner.Values(dir, stack)
	require.NoError(t, err)
	for key, value := range changed {
		values[key] = value
	}
	return p.Plan(stack, values, nil)
}

func encode(t *testing.T, d *plan.Document) string {
	t.Helper()
	data, err := d.Encode()
	require.NoError(t, err)
	return string(data)
}

// TestSameInputSameBytes: in two working copies, of which one was built.
func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	first := copyProject(t)
	second := copyProject(t)
	require.NoError(t, os.Mkdir(filepath.Join(second, "bin"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(second, "bin", "training-image"), []byte("x"), 0o700))
	a, err := makePlan(t, first, "local", nil)
	require.NoError(t, err)
	b, err := makePlan(t, second, "local", nil)
	require.NoError(t, err)
	assert.Equal(t, encode(t, a), encode(t, b))
	assert.NotContains(t, encode(t, a), first, "a plan does not say where it was made")
	assert.Equal(t, "local", a.Target)
	assert.NotEmpty(t, a.Resources)
	assert.Equal(t, plan.Unknown, a.Outputs["endpoint"])
	assert.Equal(t, plan.Secret, a.Outputs["warehouse"])
	assert.Zero(t, a.Cost.Total.Maximum)
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values map[string]string
		want   string
	}{
		"a layer that local lacks": {
			map[string]string{"mlpathway:budget": `{"monthlyUSD": 5, "receivers": ["a@b.c"]}`}, "Budget",
		},
		"a wrong assumption": {map[string]string{"mlpathway:usage": `{"storage": 5}`}, "usage.storage: unknown key"},
		"a wrong profile":    {map[string]string{"mlpathway:compliance": `["iso"]`}, "compliance"},
		"a negative budget":  {map[string]string{"mlpathway:monthlyBudgetUSD": "-1"}, "monthlyBudgetUSD"},
	} {
		_, err := makePlan(t, copyProject(t), "local", test.values)
		assert.ErrorContains(t, err, test.want, name)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "stacks"), 0o700))
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "stacks", "Pulumi.x.yaml"), []byte(text), 0o600))
	}
	write("config:\n  a:text: hello\n  a:number: 5\n  a:list: [1, b]\n  a:map: {k: {l: true}}\n" +
		"  a:secret: {secure: v1:abc}\n")
	values, err := planner.Values(dir, "x")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"a:text": "hello", "a:number": "5", "a:list": `[1,"b"]`, "a:map": `{"k":{"l":true}}`, "a:secret": plan.Secret,
	}, values)
	_, err = planner.Values(dir, "y")
	require.ErrorContains(t, err, "the stacks are x")
	write("config: [")
	_, err = planner.Values(dir, "x")
	require.ErrorContains(t, err, "reading the stack x")
}

// TestFactsReachTheRules: each fact of a stack file is where a rule looks for it.
func TestFactsReachTheRules(t *testing.T) {
	t.Parallel()
	config, err := stacks.ReadConfig("mlpathway", "local", map[string]string{
		"mlpathway:target": "local", "mlpathway:team": "t", "mlpathway:environment": "prod", "mlpathway:pipeline": "p",
		"mlpathway:owner": "o", "mlpathway:costCenter": "c", "mlpathway:compliance": `["pci"]`,
		"mlpathway:dataClass": "confidential", "mlpathway:requiredTags": `["a"]`, "mlpathway:maxAccelerators": "4",
		"mlpathway:monthlyBudgetUSD": "100.5", "mlpathway:maxCostIncreaseUSD": "7",
		"mlpathway:allowed": `{"regions": ["eu-*"], "sizes": ["m*"], "registries": ["r"], "costCenters": ["c"]}`,
	})
	require.NoError(t, err)
	facts, err := json.Marshal(config.Facts("mlpathway", "local"))
	require.NoError(t, err)
	want, err := json.Marshal(rules.Stack{
		Project: "mlpathway", Name: "local", Environment: rules.Prod, Team: "t", Owner: "o", CostCenter: "c",
		Compliance: []string{"pci"}, DataClass: "confidential", AllowedRegions: []string{"eu-*"},
		AllowedSizes: []string{"m*"}, AllowedRegistries: []string{"r"}, AllowedCostCenters: []string{"c"},
		RequiredTags: []string{"a"}, MaxAccelerators: 4, MonthlyBudgetUSD: 100.5, MaxCostIncreaseUSD: 7,
	})
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(facts))
}
