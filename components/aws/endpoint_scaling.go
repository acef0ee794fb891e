package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/appautoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	scaledDimension = "sagemaker:variant:DesiredInstanceCount"
	scaledService   = "sagemaker"
)

// What a policy follows: a metric of the service, or one that is named.
type (
	predefinedMetric = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
	customMetric     = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
)

// makeScaling lets the number of machines follow the load. A serverless endpoint does so by itself.
func (e *endpoint) makeScaling() error {
	e.policy = text("")
	if e.hosting == serverless {
		return nil
	}
	for i, v := range e.variants {
		target, err := e.scalable(v)
		if err != nil {
			return err
		}
		follow := e.followRequests
		if e.hosting == asynchronous {
			follow = e.followBacklog
		}
		policy, err := follow(v, target)
		if err != nil {
			return err
		}
		if i == 0 || v.alias == e.args.Alias {
			e.policy = policy.Arn
		}
	}
	return nil
}

// scalable says between which bounds the machines of a variant may scale. It goes before the endpoint is changed.
func (e *endpoint) scalable(v variant) (*appautoscaling.Target, error) {
	return appautoscaling.NewTarget(e.Context, e.Part("scaling", v.alias), &appautoscaling.TargetArgs{
		ResourceId:  e.Known("endpoint/"+e.name()+"/variant/"+v.alias, e.endpoint),
		MinCapacity: pulumi.Int(*e.args.MinReplicas), MaxCapacity: pulumi.Int(e.args.MaxReplicas),
		ScalableDimension: pulumi.String(scaledDimension), ServiceNamespace: pulumi.String(scaledService),
		Tags: e.tags(noData),
	}, e.With()...)
}

// followRequests keeps the requests per machine and minute at the load that one replica is meant for.
func (e *endpoint) followRequests(v variant, target *appautoscaling.Target) (*appautoscaling.Policy, error) {
	return e.track(v, target, &appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs{
		TargetValue:     pulumi.Float64(float64(e.args.TargetRequestsPerSecond) * 60),
		ScaleInCooldown: pulumi.Int(300), ScaleOutCooldown: pulumi.Int(60),
		PredefinedMetricSpecification: &predefinedMetric{
			PredefinedMetricType: pulumi.String("SageMakerVariantInvocationsPerInstance"),
		},
	})
}

func (e *endpoint) track(
	v variant, target *appautoscaling.Target, how *appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs,
) (*appautoscaling.Policy, error) {
	return appautoscaling.NewPolicy(e.Context, e.Part("scaling", v.alias), &appautoscaling.PolicyArgs{
		Name: pulumi.String(e.physical(256, v.alias)), PolicyType: pulumi.String("TargetTrackingScaling"),
		ResourceId: target.ResourceId, ScalableDimension: target.ScalableDimension,
		ServiceNamespace: target.ServiceNamespace, TargetTrackingScalingPolicyConfiguration: how,
	}, e.With()...)
}

// backlogPerMachine is how many requests may wait for each machine of an asynchronous endpoint.
const backlogPerMachine = 5

// followBacklog keeps the queue of an asynchronous endpoint short, and brings the first machine back when something
// waits and none is there: without machines there is no backlog per machine to follow.
func (e *endpoint) followBacklog(v variant, target *appautoscaling.Target) (*appautoscaling.Policy, error) {
	policy, err := e.track(v, target, &appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs{
		TargetValue: pulumi.Float64(backlogPerMachine), ScaleInCooldown: pulumi.Int(600), ScaleOutCooldown: pulumi.Int(120),
		CustomizedMetricSpecification: &customMetric{
			MetricName: pulumi.String("ApproximateBacklogSizePerInstance"), Namespace: pulumi.String("AWS/SageMaker"),
			Statistic: pulumi.String("Average"),
			Dimensions: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArray{
				appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs{
					Name: pulumi.String("EndpointName"), Value: pulumi.String(e.name()),
				},
			},
		},
	})
	if err != nil {
		return nil, err
	}
	wake, err := appautoscaling.NewPolicy(e.Context, e.Part("wake", v.alias), &appautoscaling.PolicyArgs{
		Name: pulumi.String(e.physical(256, v.alias, "wake")), PolicyType: pulumi.String("StepScaling"),
		ResourceId: target.ResourceId, ScalableDimension: target.ScalableDimension,
		ServiceNamespace: target.ServiceNamespace,
		StepScalingPolicyConfiguration: &appautoscaling.PolicyStepScalingPolicyConfigurationArgs{
			AdjustmentType: pulumi.String("ChangeInCapacity"), MetricAggregationType: pulumi.String("Average"),
			Cooldown: pulumi.Int(300),
			StepAdjustments: appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArray{
				appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs{
					MetricIntervalLowerBound: pulumi.String("0"), ScalingAdjustment: pulumi.Int(1),
				},
			},
		},
	}, e.With()...)
	if err != nil {
		return nil, err
	}
	_, err = cloudwatch.NewMetricAlarm(e.Context, e.Part("wake", v.alias), &cloudwatch.MetricAlarmArgs{
		Name:             pulumi.String(e.physical(255, v.alias, "wake")),
		AlarmDescription: pulumi.String("Something waits and no machine is there"),
		Namespace:        pulumi.String("AWS/SageMaker"), MetricName: pulumi.String("HasBacklogWithoutCapacity"),
		Dimensions: pulumi.StringMap{"EndpointName": pulumi.String(e.name())}, Statistic: pulumi.String("Average"),
		ComparisonOperator: pulumi.String("GreaterThanOrEqualToThreshold"), Threshold: pulumi.Float64(1),
		Period: pulumi.Int(60), EvaluationPeriods: pulumi.Int(2), DatapointsToAlarm: pulumi.Int(2),
		TreatMissingData: pulumi.String("missing"), AlarmActions: pulumi.Array{wake.Arn}, Tags: e.tags(internal),
	}, e.With()...)
	return policy, err
}

// rollbackAlarm sounds where a variant fails: a deployment that makes it sound is rolled back.
func (e *endpoint) rollbackAlarm(v variant) (*cloudwatch.MetricAlarm, error) {
	return cloudwatch.NewMetricAlarm(e.Context, e.Part("failures", v.alias), &cloudwatch.MetricAlarmArgs{
		Name:             pulumi.String(e.physical(255, v.alias, "failures")),
		AlarmDescription: pulumi.String("The variant fails; a deployment under way is rolled back"),
		Namespace:        pulumi.String("AWS/SageMaker"), MetricName: pulumi.String("Invocation5XXErrors"),
		Dimensions: pulumi.StringMap{
			"EndpointName": pulumi.String(e.name()), "VariantName": pulumi.String(v.alias),
		},
		Statistic: pulumi.String("Average"), ComparisonOperator: pulumi.String("GreaterThanThreshold"),
		Threshold: pulumi.Float64(0.01), Period: pulumi.Int(alarmSeconds), EvaluationPeriods: pulumi.Int(failuresInAlarm),
		DatapointsToAlarm: pulumi.Int(2), TreatMissingData: pulumi.String("notBreaching"), Tags: e.tags(internal),
	}, e.With()...)
}
