package tests

import (
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws/awstest"
	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/stacks"
)

// TestAWSInputErrors: what a stack file says wrongly is refused before the first resource, with what it should say.
func TestAWSInputErrors(t *testing.T) {
	t.Parallel()
	machine := func(accelerator string) map[string]any { return map[string]any{"accelerator": accelerator} }
	pools := func(pool map[string]any) map[string]any {
		pool["name"] = "cpu"
		return map[string]any{"cluster.pools": []any{pool}}
	}
	for name, test := range map[string]struct {
		sentinel error
		change   map[string]any
		says     []string
	}{
		"unknown region": {components.ErrChoice, map[string]any{"region": "eu-central-9"},
			[]string{`region: found "eu-central-9", want one of `, "eu-central-1"}},
		"no account": {components.ErrName, map[string]any{"account": "12"},
			[]string{`account: found "12", want the 12 digits of an account`}},
		"too many zones": {components.ErrRange, map[string]any{"network.zones": 7}, []string{"zones: found 7, want 1 to 3"}},
		"one zone":       {components.ErrRange, map[string]any{"network.zones": 1}, []string{"zones: found 1, want 2 or 3"}},
		"more zones than the region has": {components.ErrRange, map[string]any{
			"region": "us-west-1", "network.zones": 3, "allowed": map[string]any{},
		}, []string{"at most 2"}},
		"no range": {components.ErrCIDR, map[string]any{"network.cidr": "10.40.0.0"},
			[]string{`cidr: found "10.40.0.0", want`}},
		"range too small": {components.ErrCIDR, map[string]any{"network.cidr": "10.40.0.0/28"},
			[]string{`cidr: found "10.40.0.0/28", want`}},
		"range that no VPC has": {components.ErrCIDR, map[string]any{"network.cidr": "10.0.0.0/8", "network.avoid": []any{}},
			[]string{`cidr: found "10.0.0.0/8", want`, "/16"}},
		"ranges overlap": {components.ErrCIDR, map[string]any{
			"network.cidr": "10.40.0.0/16", "network.avoid": []any{"10.40.128.0/17"},
		}, []string{"10.40.128.0/17"}},
		"accelerator that the region lacks": {components.ErrChoice,
			map[string]any{"training.machine": machine("gpu-xlarge")},
			[]string{`machine.accelerator: found "gpu-xlarge", which SageMaker lacks in eu-central-1; want gpu-small, ` +
				`gpu-medium`}},
		"accelerator that SageMaker lacks": {components.ErrChoice, map[string]any{"endpoint.machine": machine("tpu")},
			[]string{`found "tpu", which only Google has; want one of gpu-small`}},
		"accelerator that nobody has": {components.ErrChoice, map[string]any{"training.machine": machine("gpu-huge")},
			[]string{`machine.accelerator: found "gpu-huge", want`}},
		"replicas: min above max": {components.ErrRange, map[string]any{"endpoint.minReplicas": 9, "endpoint.maxReplicas": 3},
			[]string{"minReplicas: found 9, want 0 to 3"}},
		"nodes: min above max": {components.ErrRange, pools(map[string]any{"min": 4, "max": 2}),
			[]string{"pools[0].min: found 4, want 0 to 2"}},
		"warehouse: floor above cap": {components.ErrRange,
			map[string]any{"warehouse.minCapacity": 64, "warehouse.maxCapacity": 32}, []string{"apacity: found"}},
		"budget of nothing": {components.ErrRange, map[string]any{"budget.monthlyUSD": 0},
			[]string{"monthlyUSD: found 0, want"}},
		"schedule that is none": {components.ErrSchedule, map[string]any{"batch.schedule": "daily"},
			[]string{`schedule: found "daily", want`}},
		"schedule of a check that is none": {components.ErrSchedule, map[string]any{"monitoring.schedule": "61 * * * *"},
			[]string{`schedule: found "61 * * * *", want`}},
		"schedule that EventBridge lacks": {components.ErrSchedule, map[string]any{"batch.schedule": "0 0 1 * 1"},
			[]string{`schedule: found "0 0 1 * 1", want`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := stackValues(t, "fraud-prod")
			for key, value := range test.change {
				set(t, values, key, value)
			}
			root, err := filepath.Abs("..")
			require.NoError(t, err)
			r, err := recording.Record(func(ctx *pulumi.Context) error {
				return stacks.Build(ctx, root, values)
			}, recording.Options{Project: "mlpathway", Stack: "fraud-prod", Invent: awstest.Invent})
			require.Error(t, err)
			assert.ErrorIs(t, err, test.sentinel)
			for _, text := range test.says {
				assert.ErrorContains(t, err, text)
			}
			assert.Empty(t, r.Resources(), "something was made before the refusal")
		})
	}
}
