package policies_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/pack"
	"github.com/mlpathway/mlpathway/stacks"
)

// TestThePackReadsTheStackFileAsThePlanDoes: the pack can not use the strict reader, which knows all targets and with
// them the cloud SDKs.
func TestThePackReadsTheStackFileAsThePlanDoes(t *testing.T) {
	t.Parallel()
	full := map[string]string{
		"mlpathway:target": "local", "mlpathway:team": "fraud", "mlpathway:environment": "stage",
		"mlpathway:pipeline": "pipeline.yaml", "mlpathway:owner": "ada", "mlpathway:costCenter": "cc-42",
		"mlpathway:dataClass": "internal", "mlpathway:compliance": `["hipaa","pci"]`,
		"mlpathway:requiredTags": `["team","env"]`, "mlpathway:maxAccelerators": "4",
		"mlpathway:monthlyBudgetUSD": "99.5", "mlpathway:maxCostIncreaseUSD": "10",
		"mlpathway:allowed": `{"regions":["eu-*"],"sizes":["t3.*"],"registries":["r/"],"costCenters":["cc-42"]}`,
	}
	least := map[string]string{
		"mlpathway:target": "local", "mlpathway:team": "fraud", "mlpathway:environment": "dev",
		"mlpathway:pipeline": "pipeline.yaml",
	}
	for _, values := range []map[string]string{full, least} {
		config, err := stacks.ReadConfig("mlpathway", "s", values)
		require.NoError(t, err)
		ctx, err := pulumi.NewContext(t.Context(), pulumi.RunInfo{
			Project: "mlpathway", Stack: "s", Config: values, Parallel: 1,
		})
		require.NoError(t, err)
		facts, err := pack.Facts(ctx)
		require.NoError(t, err)
		assert.Equal(t, config.Facts("mlpathway", "s"), facts)
	}
}
