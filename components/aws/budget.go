package aws

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/budgets"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/costexplorer"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// platformTag is the tag by which the costs of a stack are told from those of others.
const platformTag = "platform"

// Budget watches what carries the stack's tag.
func (t *Target) Budget(
	ctx *pulumi.Context, name string, args *components.BudgetArgs, opts ...pulumi.ResourceOption,
) (*components.BudgetOutputs, error) {
	l := t.layer(ctx, components.BudgetLayer, name, opts)
	platform := l.options.Scope.Tags(l.Layer, l.Component)[platformTag]
	made, err := budgets.NewBudget(l.Context, l.Part(), &budgets.BudgetArgs{
		Name: pulumi.String(l.global(100)), BudgetType: pulumi.String("COST"), TimeUnit: pulumi.String("MONTHLY"),
		LimitAmount: pulumi.String(dollars(args.MonthlyUSD)), LimitUnit: pulumi.String("USD"),
		CostFilters: budgets.BudgetCostFilterArray{budgets.BudgetCostFilterArgs{
			Name: pulumi.String("TagKeyValue"), Values: pulumi.ToStringArray([]string{"user:" + platformTag + "$" + platform}),
		}},
		Notifications: notifications(args), Tags: l.tags(internal),
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	if *args.Anomalies {
		if err := l.watchAnomalies(args, platform); err != nil {
			return nil, err
		}
	}
	if l.options.CostAllocationTags {
		_, err = costexplorer.NewCostAllocationTag(l.Context, l.Part("tag"), &costexplorer.CostAllocationTagArgs{
			TagKey: pulumi.String(platformTag), Status: pulumi.String("Active"),
		}, l.With()...)
	}
	return &components.BudgetOutputs{BudgetID: made.ID().ToStringOutput()}, err
}

func dollars(amount float64) string { return strconv.FormatFloat(amount, 'f', 2, 64) }

// notifications tell about each share of the budget that was spent, and about a month that will spend all of it.
func notifications(args *components.BudgetArgs) budgets.BudgetNotificationArray {
	notify := func(kind string, percent int) budgets.BudgetNotificationArgs {
		return budgets.BudgetNotificationArgs{
			NotificationType: pulumi.String(kind), ComparisonOperator: pulumi.String("GREATER_THAN"),
			Threshold: pulumi.Float64(percent), ThresholdType: pulumi.String("PERCENTAGE"),
			SubscriberEmailAddresses: pulumi.ToStringArray(args.Receivers),
		}
	}
	all := budgets.BudgetNotificationArray{notify("FORECASTED", 100)}
	for _, percent := range args.AlertPercents {
		all = append(all, notify("ACTUAL", percent))
	}
	return all
}

// watchAnomalies tells once a day about costs that are unusual and worth a tenth of the budget.
func (l *layer) watchAnomalies(args *components.BudgetArgs, platform string) error {
	specification, err := anomalySpecification(platform)
	if err != nil {
		return err
	}
	monitor, err := costexplorer.NewAnomalyMonitor(l.Context, l.Part("anomalies"), &costexplorer.AnomalyMonitorArgs{
		Name: pulumi.String(l.global(100, "anomalies")), MonitorType: pulumi.String("CUSTOM"),
		MonitorSpecification: pulumi.String(specification), Tags: l.tags(internal),
	}, l.With()...)
	if err != nil {
		return err
	}
	subscribers := costexplorer.AnomalySubscriptionSubscriberArray{}
	for _, receiver := range args.Receivers {
		subscribers = append(subscribers, costexplorer.AnomalySubscriptionSubscriberArgs{
			Type: pulumi.String("EMAIL"), Address: pulumi.String(receiver),
		})
	}
	worth := dollars(math.Max(1, args.MonthlyUSD/10))
	_, err = costexplorer.NewAnomalySubscription(l.Context, l.Part("anomalies"), &costexplorer.AnomalySubscriptionArgs{
		Name: pulumi.String(l.global(100, "anomalies")), Frequency: pulumi.String("DAILY"),
		MonitorArnLists: pulumi.StringArray{monitor.Arn}, Subscribers: subscribers,
		ThresholdExpression: &costexplorer.AnomalySubscriptionThresholdExpressionArgs{
			Dimension: &costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs{
				Key:          pulumi.String("ANOMALY_TOTAL_IMPACT_ABSOLUTE"),
				MatchOptions: pulumi.ToStringArray([]string{"GREATER_THAN_OR_EQUAL"}),
				Values:       pulumi.ToStringArray([]string{worth}),
			},
		},
		Tags: l.tags(internal),
	}, l.With()...)
	return err
}

// anomalySpecification says which costs a monitor looks at. The empty parts are those that the API gives back.
func anomalySpecification(platform string) (string, error) {
	data, err := json.Marshal(map[string]any{
		"And": nil, "CostCategories": nil, "Dimensions": nil, "Not": nil, "Or": nil,
		"Tags": map[string]any{"Key": "user:" + platformTag, "MatchOptions": nil, "Values": []string{platform}},
	})
	return string(data), err
}
