package aws

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/robfig/cron/v3"

	"github.com/mlpathway/mlpathway/components"
)

// schedule describes what the clock starts.
type schedule struct {
	part   string // "" for schedule
	cron   string // five fields, UTC
	does   string
	target string // its ARN
	// action is what the clock must be allowed to do with the target.
	action  string
	input   pulumi.StringInput // JSON; nil for none
	ready   []pulumi.Resource
	letters *madeQueue // where a start goes that failed; nil for nowhere
	retries int
}

// newSchedule lets the clock start a target.
func (l *layer) newSchedule(s schedule) error {
	expression, err := cronExpression(s.cron)
	if err != nil {
		return err
	}
	part := s.part
	if part == "" {
		part = "schedule"
	}
	may := []Statement{{Sid: "Start", Actions: []string{s.action}, Resources: here(s.target)}}
	ready := s.ready
	if s.letters != nil {
		may = append(may, Statement{
			Sid: "ReportFailure", Actions: []string{"sqs:SendMessage"}, Resources: here(s.letters.arn),
		})
		ready = append(ready, s.letters.ready...)
	}
	id, err := l.newRole(role{part: part, does: s.does, trust: []Statement{l.trust("scheduler.amazonaws.com")}, may: may})
	if err != nil {
		return err
	}
	target := &scheduler.ScheduleTargetArgs{
		Arn: l.Known(s.target, ready...), RoleArn: id.ARN,
		RetryPolicy: &scheduler.ScheduleTargetRetryPolicyArgs{
			MaximumRetryAttempts: pulumi.Int(s.retries), MaximumEventAgeInSeconds: pulumi.Int(3600),
		},
	}
	if s.input != nil {
		target.Input = orNil(s.input)
	}
	if s.letters != nil {
		target.DeadLetterConfig = &scheduler.ScheduleTargetDeadLetterConfigArgs{Arn: pulumi.String(s.letters.arn)}
	}
	_, err = scheduler.NewSchedule(l.Context, l.Part(part), &scheduler.ScheduleArgs{
		Name: pulumi.String(l.physical(64, part)), Description: pulumi.String(s.does),
		ScheduleExpression: pulumi.String(expression), ScheduleExpressionTimezone: pulumi.String("UTC"),
		FlexibleTimeWindow: &scheduler.ScheduleFlexibleTimeWindowArgs{Mode: pulumi.String("OFF")},
		State:              pulumi.String("ENABLED"), Target: target,
	}, l.With()...)
	return err
}

// everyDay is the bit by which the cron library marks a field that was left open.
const everyDay = 1 << 63

var weekdays = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

// cronExpression turns a cron expression of five fields into one of EventBridge, which has six, numbers the days of the
// week differently and wants a question mark for one of the two fields of days. An expression that restricts both
// means either on a machine, and cannot be said there.
func cronExpression(five string) (string, error) {
	parsed, err := cron.ParseStandard(five)
	spec, ok := parsed.(*cron.SpecSchedule)
	fields := strings.Fields(five)
	if err != nil || !ok || len(fields) != 5 {
		return "", fmt.Errorf("schedule: found %q, want five fields: %w", five, components.ErrSchedule)
	}
	month, week := fields[2], "?"
	if spec.Dow&everyDay == 0 {
		if spec.Dom&everyDay == 0 {
			return "", fmt.Errorf("schedule: found %q, want the day of the month or the day of the week, since EventBridge "+
				"knows no either: %w", five, components.ErrSchedule)
		}
		var days []string
		for i, day := range weekdays {
			if spec.Dow&(1<<i) != 0 {
				days = append(days, day)
			}
		}
		month, week = "?", strings.Join(days, ",")
	}
	return fmt.Sprintf("cron(%s %s %s %s %s *)", fields[0], fields[1], month, fields[3], week), nil
}
