package planner_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// TestSchema: docs/plan.schema.json describes what is written, and leaves nothing out.
func TestSchema(t *testing.T) {
	t.Parallel()
	compiled, err := jsonschema.NewCompiler().Compile("../../../docs/plan.schema.json")
	require.NoError(t, err)
	validate := func(data []byte, err error) error {
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		require.NoError(t, err)
		return compiled.Validate(instance)
	}
	local, err := makePlan(t, copyProject(t), "local", nil)
	require.NoError(t, err)
	require.NoError(t, validate(local.Encode()))

	full := everything()
	require.NoError(t, validate(full.Encode()))
	require.NoError(t, validate((&plan.Set{
		Version: plan.Version, Plans: []*plan.Document{full, local},
		Failures: []plan.Failure{{Stack: "x", Message: "m"}}, Diffs: []*plan.Diff{plan.Compare("base", local, full)},
	}).Encode()))

	full.Findings[0].Level = "sometimes"
	require.Error(t, validate(full.Encode()))
	require.Error(t, validate([]byte(`{"version": 1}`), nil))
	require.Error(t, validate(os.ReadFile("../../../docs/plan.schema.json")))
}

// everything is a plan with every field.
func everything() *plan.Document {
	amount := cost.Amount{Idle: 1, Expected: 2, Maximum: 3}
	return &plan.Document{
		Version: plan.Version, Project: "p", Stack: "s", Target: "aws", Environment: "prod", Region: "eu-central-1",
		Resources: []plan.Resource{{
			URN: "u", Type: "t", Name: "n", Parent: "p", Custom: true, Protect: true, Retain: true,
			Dependencies: []string{"d"}, Inputs: map[string]any{"a": []any{plan.Secret, nil, 1.5}},
		}},
		Counts: map[string]int{"t": 1}, Outputs: map[string]any{"o": true},
		Findings: []plan.Finding{{
			Rule: "ENC-01", Severity: "high", Level: "advisory", Outcome: plan.Waived, URN: "u", Type: "t", Path: "a",
			Message: "m", Waiver: &rules.Waiver{Rule: "r", URN: "u", Environment: "prod", Reason: "r", Owner: "o",
				Ticket: "t", Expires: "e", ApprovedBy: "a"},
		}},
		Judgements: map[string]int{"pass": 1}, NotInspected: map[string]int{"t": 1}, Unseen: "u", MonthlyBudgetUSD: 5,
		Cost: &cost.Estimate{
			TableDate: "d", TableSHA256: "s", Total: amount, ExpectedLowUSD: 1, SteadyOnDemandUSD: 1,
			Components: []cost.Component{{URN: "c", Type: "t", Name: "n", USD: amount}},
			Items: []cost.Item{{
				URN: "u", Type: "t", Name: "n", Component: "c", USD: amount, ExpectedLowUSD: 1, Lines: []cost.Line{{
					What: "w", Unit: "hour", Quantity: amount, UnitUSD: 1, LowUnitUSD: 0.5, USD: amount, Price: "p",
					StandIn: true, Marks: []string{cost.LowConfidence}, Assumptions: []string{"natGB"}, Uncapped: true,
				}},
			}},
			Unpriced:    []cost.Unpriced{{URN: "u", Type: "t", What: "w", Why: "y"}},
			Free:        []cost.Free{{Type: "t", Count: 1, Why: "w"}},
			Assumptions: map[string]float64{"natGB": 1},
		},
	}
}
