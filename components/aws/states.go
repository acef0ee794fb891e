package aws

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sfn"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// stateMachine is a state machine in the Amazon States Language, in which expressions are JSONata between {% and %}.
// Source: states-language.net and docs.aws.amazon.com/step-functions, Transforming data with JSONata.
type stateMachine struct {
	Comment        string           `json:"Comment"`
	QueryLanguage  string           `json:"QueryLanguage"`
	StartAt        string           `json:"StartAt"`
	TimeoutSeconds int              `json:"TimeoutSeconds"`
	States         map[string]state `json:"States"`
}

// state is one state of any type.
type state struct {
	Type           string         `json:"Type"`
	Comment        string         `json:"Comment,omitempty"`
	Resource       string         `json:"Resource,omitempty"`
	Arguments      any            `json:"Arguments,omitempty"`
	Assign         map[string]any `json:"Assign,omitempty"`
	TimeoutSeconds any            `json:"TimeoutSeconds,omitempty"`
	Seconds        int            `json:"Seconds,omitempty"`
	Retry          []retrier      `json:"Retry,omitempty"`
	Catch          []catcher      `json:"Catch,omitempty"`
	Choices        []choice       `json:"Choices,omitempty"`
	Default        string         `json:"Default,omitempty"`
	Error          string         `json:"Error,omitempty"`
	Cause          string         `json:"Cause,omitempty"`
	Next           string         `json:"Next,omitempty"`
	End            bool           `json:"End,omitempty"`
}

type retrier struct {
	ErrorEquals     []string `json:"ErrorEquals"`
	IntervalSeconds int      `json:"IntervalSeconds"`
	MaxAttempts     int      `json:"MaxAttempts"`
	BackoffRate     float64  `json:"BackoffRate"`
	MaxDelaySeconds int      `json:"MaxDelaySeconds"`
	JitterStrategy  string   `json:"JitterStrategy"`
}

type catcher struct {
	ErrorEquals []string       `json:"ErrorEquals"`
	Assign      map[string]any `json:"Assign,omitempty"`
	Next        string         `json:"Next"`
}

type choice struct {
	Condition string `json:"Condition"`
	Next      string `json:"Next"`
}

// The types of states that the pipeline uses.
const (
	taskState    = "Task"
	passState    = "Pass"
	waitState    = "Wait"
	choiceState  = "Choice"
	failState    = "Fail"
	succeedState = "Succeed"
)

// expression writes a JSONata expression.
func expression(format string, args ...any) string {
	return "{% " + fmt.Sprintf(format, args...) + " %}"
}

// again is how a failed task is started again: often where the service had no machine or was asked too much, and as
// often as the stack says where the work itself failed. States.TaskFailed means every error but that the time was out.
func again(retries int) []retrier {
	retry := []retrier{{
		ErrorEquals: []string{
			"SageMaker.AmazonSageMakerException", "SageMaker.ResourceLimitExceededException", "SageMaker.ThrottlingException",
		},
		IntervalSeconds: 60, MaxAttempts: 5, BackoffRate: 2, MaxDelaySeconds: 900, JitterStrategy: "FULL",
	}}
	if retries == 0 {
		return retry
	}
	return append(retry, retrier{
		ErrorEquals: []string{"States.TaskFailed"}, IntervalSeconds: 30, MaxAttempts: retries, BackoffRate: 2,
		MaxDelaySeconds: 600, JitterStrategy: "FULL",
	})
}

// asked is how a request to a service is made again that failed for reasons of the service.
func asked() []retrier {
	return []retrier{{
		ErrorEquals: []string{"States.TaskFailed"}, IntervalSeconds: 5, MaxAttempts: 4, BackoffRate: 2,
		MaxDelaySeconds: 60, JitterStrategy: "FULL",
	}}
}

// stateMachineArgs describe the only state machine of a component.
type stateMachineArgs struct {
	does       string
	definition pulumi.StringInput
	logs       components.Logging
	may, keys  []Statement
}

// newStateMachine makes the state machine of a component with its role and its logs.
func (l *layer) newStateMachine(s stateMachineArgs) (*sfn.StateMachine, error) {
	name := l.physical(80)
	logs, err := l.newLogGroup("runs-logs", "/aws/vendedlogs/states/"+name, s.logs)
	if err != nil {
		return nil, err
	}
	id, err := l.newRole(role{
		part: "runs", does: s.does, may: append(slices.Clone(s.may), l.deliverLogs()...), keys: s.keys,
		trust: []Statement{l.trust("states.amazonaws.com")},
	})
	if err != nil {
		return nil, err
	}
	return sfn.NewStateMachine(l.Context, l.Part(), &sfn.StateMachineArgs{
		Name: pulumi.String(name), Type: pulumi.String("STANDARD"), RoleArn: id.ARN, Definition: s.definition,
		Tags: l.tags(confidential),
		LoggingConfiguration: &sfn.StateMachineLoggingConfigurationArgs{
			Level: pulumi.String("ALL"), LogDestination: l.Known(logs.arn+":*", logs.resource),
			IncludeExecutionData: pulumi.Bool(false), // it holds addresses that not every reader of logs may know
		},
	}, l.After(id.ready...)...)
}

// deliverLogs lets Step Functions deliver logs. Most of the actions know no resource.
func (t *Target) deliverLogs() []Statement {
	return []Statement{{
		Sid: "DeliverLogs", Resources: here("*"), Actions: []string{
			"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
			"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
		},
	}, {
		Sid: "FindLogs", Actions: []string{"logs:DescribeLogGroups"}, Resources: here(t.arn("logs", "log-group:*")),
	}}
}

// hearOfJobs lets a state machine hear of the end of a job: Step Functions does so through rules of its own.
func (t *Target) hearOfJobs() Statement {
	return Statement{
		Sid: "HearOfJobs", Actions: []string{"events:DescribeRule", "events:PutRule", "events:PutTargets"},
		Resources: here(t.arn("events", "rule/StepFunctionsGetEventsForSageMaker*")),
	}
}

// runProcessing lets a state machine run processing jobs whose names begin with a prefix.
func (t *Target) runProcessing(prefix string) Statement {
	return Statement{
		Sid: "RunSteps", Resources: here(t.arn("sagemaker", "processing-job/%s-*", prefix)), Actions: []string{
			"sagemaker:AddTags", "sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob", "sagemaker:ListTags",
			"sagemaker:StopProcessingJob",
		},
	}
}

// handOver lets a state machine hand jobs of SageMaker their roles, and hand them to nobody else.
func handOver(roles ...pulumi.StringInput) Statement {
	return Statement{
		Sid: "HandOverRoles", Actions: []string{"iam:PassRole"}, Resources: pulumi.StringArray(roles),
		Conditions: Conditions{"StringEquals": {"iam:PassedToService": {"sagemaker.amazonaws.com"}}},
	}
}
