package aws

import (
	"encoding/json"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// What starts a pipeline.
const (
	byData     = "data"
	byDrift    = "drift"
	bySchedule = "schedule"
)

// makeTriggers makes what starts the state machine. Runs that start together become one: see addTurns.
func (p *pipeline) makeTriggers() error {
	p.triggers = pulumi.StringMap{}
	patterns := map[string]pulumi.StringOutput{}
	if p.args.EventSource != nil {
		patterns[byData] = p.args.EventSource.ToStringOutput().ApplyT(newObjects).(pulumi.StringOutput)
	}
	if p.args.OnDrift {
		pattern, err := alarmRaised(p.options.Scope.Name(200) + "-*" + string(components.Drift))
		if err != nil {
			return err
		}
		patterns[byDrift] = text(pattern)
	}
	if len(patterns) > 0 {
		if err := p.onEvents(patterns); err != nil {
			return err
		}
	}
	if p.options.Airflow { // its clock starts the pipeline
		return p.makeAirflow()
	}
	if p.args.Schedule == "" {
		return nil
	}
	p.triggers[bySchedule] = p.Known(p.physical(64, "schedule"), p.machine)
	return p.newSchedule(schedule{
		cron: p.args.Schedule, does: "Starts the pipeline by the clock", target: p.machineARN,
		action: "states:StartExecution", input: pulumi.String(startedBy(bySchedule)),
		ready: []pulumi.Resource{p.machine}, retries: *p.args.Retries,
	})
}

// onEvents starts the state machine for events of the patterns, by trigger.
func (p *pipeline) onEvents(patterns map[string]pulumi.StringOutput) error {
	id, err := p.newRole(role{
		part: "events", does: "Starts the pipeline for new data and for drift",
		trust: []Statement{p.trust("events.amazonaws.com")},
		may:   []Statement{{Sid: "Start", Actions: []string{"states:StartExecution"}, Resources: here(p.machineARN)}},
	})
	if err != nil {
		return err
	}
	for _, trigger := range []string{byData, byDrift} {
		pattern, ok := patterns[trigger]
		if !ok {
			continue
		}
		name := p.physical(64, "on-"+trigger)
		rule, err := cloudwatch.NewEventRule(p.Context, p.Part("on", trigger), &cloudwatch.EventRuleArgs{
			Name: pulumi.String(name), Description: pulumi.String("Starts the pipeline: " + trigger), EventPattern: pattern,
			Tags: p.tags(noData),
		}, p.With()...)
		if err != nil {
			return err
		}
		_, err = cloudwatch.NewEventTarget(p.Context, p.Part("on", trigger), &cloudwatch.EventTargetArgs{
			Rule: rule.Name, TargetId: pulumi.String("pipeline"), Arn: p.Known(p.machineARN, p.machine), RoleArn: id.ARN,
			Input: pulumi.String(startedBy(trigger)),
			RetryPolicy: &cloudwatch.EventTargetRetryPolicyArgs{
				MaximumEventAgeInSeconds: pulumi.Int(3600), MaximumRetryAttempts: pulumi.Int(10),
			},
		}, p.After(id.ready...)...)
		if err != nil {
			return err
		}
		p.triggers[trigger] = p.Known(p.arn("events", "rule/%s", name), rule)
	}
	return nil
}

// startedBy is the input of a run; it tells people why it is there.
func startedBy(trigger string) string { return `{"trigger":"` + trigger + `"}` }

// alarmRaised is the event pattern of alarms that begin, by a pattern of their names.
func alarmRaised(names string) (string, error) {
	pattern, err := json.Marshal(map[string]any{
		"source": []string{"aws.cloudwatch"}, "detail-type": []string{"CloudWatch Alarm State Change"},
		"detail": map[string]any{
			"alarmName": []any{map[string]string{"wildcard": names}},
			"state":     map[string]any{"value": []string{"ALARM"}},
		},
	})
	return string(pattern), err
}
