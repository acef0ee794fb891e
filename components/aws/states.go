package aws

import "fmt"

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
