package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
)

func budgetPlan(o aws.Options, change func(*components.BudgetArgs)) plan {
	args := &components.BudgetArgs{MonthlyUSD: 250, Receivers: []string{"a@example.com"}}
	if change != nil {
		change(args)
	}
	return plan{options: o, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewBudget(ctx, "budget", target, args)
		return err
	}}
}

func TestBudgetIsThatOfTheStack(t *testing.T) {
	t.Parallel()
	r := budgetPlan(aws.Options{}, nil).must(t)
	budget := r.inputs("aws:budgets/budget:Budget", "")
	assert.Equal(t, "250.00", budget["limitAmount"])
	assert.Equal(t, []any{map[string]any{"name": "TagKeyValue", "values": []any{"user:platform$fraud-dev"}}},
		budget["costFilters"])
	assert.Equal(t, "fraud-dev", budget["tags"].(map[string]any)["platform"], "the tag that the filter looks for")
	var got []any
	for _, n := range budget["notifications"].([]any) {
		notification := n.(map[string]any)
		got = append(got, notification["notificationType"], notification["threshold"])
		assert.Equal(t, []any{"a@example.com"}, notification["subscriberEmailAddresses"])
	}
	assert.Equal(t, []any{"FORECASTED", 100.0, "ACTUAL", 50.0, "ACTUAL", 80.0, "ACTUAL", 100.0}, got)
	tags := r.document("aws:costexplorer/anomalyMonitor:AnomalyMonitor", "", "monitorSpecification")["Tags"]
	assert.Equal(t, map[string]any{
		"Key": "user:platform", "MatchOptions": nil, "Values": []any{"fraud-dev"},
	}, tags)
	threshold := r.inputs("aws:costexplorer/anomalySubscription:AnomalySubscription", "")["thresholdExpression"]
	assert.Equal(t, []any{"25.00"}, threshold.(map[string]any)["dimension"].(map[string]any)["values"])
	assert.Empty(t, r.Find("aws:costexplorer/costAllocationTag:CostAllocationTag"), "only the payer account may")
}

func TestBudgetOptions(t *testing.T) {
	t.Parallel()
	r := budgetPlan(aws.Options{CostAllocationTags: true},
		func(a *components.BudgetArgs) { a.Anomalies = new(false) }).must(t)
	assert.Empty(t, r.Find("aws:costexplorer/anomalyMonitor:AnomalyMonitor"))
	assert.Equal(t, "platform", r.inputs("aws:costexplorer/costAllocationTag:CostAllocationTag", "")["tagKey"])
}

func workbenchPlan(change func(*components.WorkbenchArgs)) plan {
	args := &components.WorkbenchArgs{Users: []string{"ada", "grace"}, Network: values.Place()}
	if change != nil {
		change(args)
	}
	return plan{build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewWorkbench(ctx, "workbench", target, args)
		return err
	}}
}

func TestNotebooksArePrivateAndShutDown(t *testing.T) {
	t.Parallel()
	r := workbenchPlan(func(a *components.WorkbenchArgs) { a.IdleMinutes = 90 }).must(t)
	domain := r.inputs("aws:sagemaker/domain:Domain", "")
	assert.Equal(t, "VpcOnly", domain["appNetworkAccessType"])
	assert.Equal(t, map[string]any{"homeEfsFileSystem": "Delete"}, domain["retentionPolicy"], "a destroy leaves nothing")
	lab := domain["defaultUserSettings"].(map[string]any)["jupyterLabAppSettings"].(map[string]any)
	assert.Equal(t, "ml.t3.medium", lab["defaultResourceSpec"].(map[string]any)["instanceType"])
	idle := lab["appLifecycleManagement"].(map[string]any)["idleSettings"].(map[string]any)
	assert.Equal(t, "ENABLED", idle["lifecycleManagement"])
	assert.EqualValues(t, 90, idle["idleTimeoutInMinutes"])
	assert.Len(t, r.Find("aws:sagemaker/userProfile:UserProfile"), 2)
	for _, arn := range r.allowed("workbench-notebooks")["sagemaker:CreateApp"] {
		assert.Regexp(t, `^arn:aws:sagemaker:eu-central-1:123456789012:(app|space)/d-[0-9a-f]+/\*$`, arn)
	}
}

func TestWorkbenchRefuses(t *testing.T) {
	t.Parallel()
	workbenchPlan(func(a *components.WorkbenchArgs) { a.IdleMinutes = 30 }).refused(t, components.ErrRange, "at least 60")
	workbenchPlan(func(a *components.WorkbenchArgs) { a.Network = nil }).refused(t, components.ErrRequired, "Placement")
	workbenchPlan(func(a *components.WorkbenchArgs) {
		a.Machine = components.Machine{Accelerator: components.TPU, Accelerators: 1}
	}).refused(t, components.ErrChoice, "only Google has")
}

func deliveryPlan(o aws.Options, change func(*components.DeliveryArgs)) plan {
	args := &components.DeliveryArgs{Repository: "acme/fraud", Branch: "release"}
	if change != nil {
		change(args)
	}
	return plan{options: o, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewDelivery(ctx, "delivery", target, args)
		return err
	}}
}

func TestOnlyTheBranchDeploys(t *testing.T) {
	t.Parallel()
	r := deliveryPlan(aws.Options{}, nil).must(t)
	for role, subject := range map[string]string{
		"delivery-deploy": "repo:acme/fraud:ref:refs/heads/release", "delivery-preview": "repo:acme/fraud:pull_request",
	} {
		trust := r.document("aws:iam/role:Role", role, "assumeRolePolicy")["Statement"].([]any)
		require := trust[0].(map[string]any)["Condition"].(map[string]any)["StringEquals"].(map[string]any)
		assert.Len(t, trust, 1)
		assert.Equal(t, []any{subject}, require["token.actions.githubusercontent.com:sub"])
		assert.Equal(t, []any{"sts.amazonaws.com"}, require["token.actions.githubusercontent.com:aud"])
	}
	none := deliveryPlan(aws.Options{}, func(a *components.DeliveryArgs) { a.Preview = new(false) }).must(t)
	assert.Len(t, none.Find("aws:iam/role:Role"), 1)
}

func TestIssuerOfTheAccountIsUsed(t *testing.T) {
	t.Parallel()
	given := "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
	r := deliveryPlan(aws.Options{GitHubProvider: given}, nil).must(t)
	assert.Empty(t, r.Find("aws:iam/openIdConnectProvider:OpenIdConnectProvider"))
}
