package aws

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlpathway/mlpathway/components"
)

// run is everything that the state machine of a pipeline is made of. All of it is known where it is written.
type run struct {
	args               *components.PipelineArgs
	partition          string
	prefix, tuningName string            // of the names of jobs
	machine            string            // of the steps
	launchMachine      string            // of the step that launches jobs on the cluster
	jobKey             string            // where it finds them, in the models zone
	role               string            // that the steps run as
	key, topic, group  string            // "" for none
	engine, engineRole string            // the Spark application that makes features; "" where a step does
	logs, models       string            // buckets of the zones
	environment        map[string]string // of every step
	vpc                *vpcConfig
	tags               []tag
	training           *trainingTemplate // nil where no step trains
	states             map[string]state
}

// Names of the states that are no steps.
const (
	stBegin     = "Begin"
	stGather    = "Wait for more data"
	stOthers    = "Look for other runs"
	stTurn      = "Is it this run's turn?"
	stOutrun    = "A later run takes over"
	stDeadline  = "Set the deadline"
	stReport    = "Report the failure"
	stFailed    = "Failed"
	stDone      = "Done"
	stUnchanged = "Nothing new"
)

// gatherSeconds is how long a run waits at its begin: objects that arrive together make one run.
const gatherSeconds = 60

// definition writes the state machine of a pipeline. It is pure.
func (r *run) definition() (string, error) {
	r.states = map[string]state{}
	first := r.addSteps()
	r.addTurns(first)
	r.addEnds()
	minutes := r.args.TimeoutMinutes
	data, err := json.Marshal(stateMachine{
		Comment:       "Makes " + r.args.Model + " from raw data to a registered version",
		QueryLanguage: "JSONata", StartAt: stBegin, States: r.states,
		TimeoutSeconds: 2 * minutes * 60, // the run itself has half of it, waiting for its turn the other half
	})
	return string(data), err
}

// addTurns makes runs follow each other. A run that waits gives way to a later one, which sees all that it would see;
// so at most one run works and one waits.
func (r *run) addTurns(first string) {
	r.states[stBegin] = state{
		Type: passState, Next: stGather, Assign: map[string]any{
			"run":   expression("$replace($replace($states.context.Execution.StartTime, '-', ''), ':', '')"),
			"stamp": stampOf(),
			"began": expression("$toMillis($states.context.Execution.StartTime)"),
		},
	}
	r.states[stGather] = state{Type: waitState, Seconds: gatherSeconds, Next: stOthers}
	r.states[stOthers] = r.caught(state{
		Type: taskState, Resource: r.integration("aws-sdk:sfn:listExecutions"), Retry: asked(), Next: stTurn,
		Arguments: map[string]any{
			"StateMachineArn": expression("$states.context.StateMachine.Id"), "StatusFilter": "RUNNING",
		},
		Assign: map[string]any{
			"later":   expression("$count($states.result.Executions[$toMillis(StartDate) > $began])"),
			"earlier": expression("$count($states.result.Executions[$toMillis(StartDate) < $began])"),
		},
	})
	r.states[stTurn] = state{
		Type: choiceState, Default: stDeadline, Choices: []choice{
			{expression("$later > 0"), stOutrun}, {expression("$earlier > 0"), stGather},
		},
	}
	r.states[stOutrun] = state{Type: succeedState}
	r.states[stDeadline] = state{
		Type: passState, Next: first,
		Assign: map[string]any{"deadline": expression("$millis() + %d", r.args.TimeoutMinutes*60*1000)},
	}
}

// remaining is the time that the run has left, in seconds.
func remaining() string { return expression("$max([60, $floor(($deadline - $millis()) / 1000)])") }

// addSteps adds the steps in their order and gives the name of the first state. It goes from the last to the first, so
// that each knows what comes next.
func (r *run) addSteps() string {
	next := stDone
	for _, step := range slices.Backward(r.args.Steps) {
		switch {
		case isStep(step, "etl"):
			next = r.skipUnchanged(step, next)
		case isStep(step, "register"):
			next = r.mirror(step, next)
		}
		if step.Training {
			next = r.addTraining(step, next)
		} else {
			r.states[step.Name] = r.processing(step, next)
			next = step.Name
		}
		switch {
		case isStep(step, "register"):
			next = r.approval(step, next)
		case r.onSpark(step):
			next = r.spark(step, next)
		}
	}
	return next
}

// isStep reports whether a step runs a command of the training image.
func isStep(step components.Step, command string) bool {
	return step.Args[0] == command && !step.Training
}

// skipUnchanged ends the run after a step where there is nothing new.
func (r *run) skipUnchanged(step components.Step, next string) string {
	look, decide := "Look at the run after "+step.Name, "Is there anything new?"
	r.states[look] = r.readRecord(decide)
	r.states[decide] = state{
		Type: choiceState, Default: next,
		Choices: []choice{{expression("$record.status = 'unchanged'"), stUnchanged}},
	}
	r.states[stUnchanged] = state{Type: succeedState}
	return look
}

// readRecord reads the record of the run, which the steps write, into the variable record.
func (r *run) readRecord(next string) state {
	return r.caught(state{
		Type: taskState, Resource: r.integration("aws-sdk:s3:getObject"), Retry: asked(), Next: next,
		Arguments: map[string]any{"Bucket": r.logs, "Key": expression("'runs/' & $run & '.json'")},
		Assign:    map[string]any{"record": expression("$parse($states.result.Body)")},
	})
}

// approval waits for a person before a step where the gate has let the model through.
func (r *run) approval(step components.Step, next string) string {
	if !r.args.Approval || r.topic == "" {
		return next
	}
	look, decide, ask := "Look at the run before "+step.Name, "Is there anything to approve?", "Wait for approval"
	r.states[look] = r.readRecord(decide)
	r.states[decide] = state{
		Type: choiceState, Default: next, Choices: []choice{{expression("$record.decision.promoted = true"), ask}},
	}
	r.states[ask] = r.caught(state{
		Type: taskState, Resource: r.integration("sns:publish.waitForTaskToken"), TimeoutSeconds: remaining(), Next: next,
		Arguments: map[string]any{
			"TopicArn": r.topic, "Subject": "Approve " + r.args.Model + "?",
			"Message": expression("'Run ' & $run & ' made a model that the gate lets through: ' & $record.decision.reason & " +
				"'. To promote it: aws stepfunctions send-task-success --task-output {} --task-token ' & " +
				"$states.context.Task.Token & ' ; to refuse it: aws stepfunctions send-task-failure --error Refused " +
				"--task-token ' & $states.context.Task.Token"),
		},
	})
	return look
}

// mirror tells SageMaker's model registry of the version that a step registered.
func (r *run) mirror(step components.Step, next string) string {
	if r.group == "" || r.args.Serving == "" {
		return next
	}
	look, decide, mirror := "Look at the run after "+step.Name, "Is there a version?", "Mirror the version"
	r.states[look] = r.readRecord(decide)
	r.states[decide] = state{
		Type: choiceState, Default: next, Choices: []choice{{expression("$exists($record.version)"), mirror}},
	}
	types := []string{"application/json", "application/jsonlines", "text/csv"}
	r.states[mirror] = r.caught(state{
		Type: taskState, Resource: r.integration("aws-sdk:sagemaker:createModelPackage"), Retry: asked(), Next: next,
		Arguments: map[string]any{
			"ModelPackageGroupName":   r.group,
			"ClientToken":             expression("$stamp"),
			"ModelPackageDescription": expression("'Version ' & $record.version & ' of run ' & $run"),
			"ModelApprovalStatus":     expression("$record.decision.promoted = true ? 'Approved' : 'Rejected'"),
			"CustomerMetadataProperties": map[string]any{
				"version": expression("$record.version"), "run": expression("$run"),
				"dataVersion": expression("$record.dataVersion"),
			},
			"InferenceSpecification": map[string]any{
				"SupportedContentTypes": types, "SupportedResponseMIMETypes": types,
				"Containers": []any{map[string]any{
					"Image": r.args.Serving,
					"ModelDataSource": map[string]any{"S3DataSource": map[string]any{
						"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": expression(
							"'s3://%s/%s/versions/' & $record.version & '/'", r.models, r.args.Model),
					}},
				}},
			},
		},
	})
	return look
}

// addEnds adds the ends of a run. Every failure is told, where there is whom to tell.
func (r *run) addEnds() {
	r.states[stDone] = state{Type: succeedState}
	r.states[stFailed] = state{
		Type: failState, Error: expression("$failure.Error"), Cause: expression("$failure.Cause"),
	}
	if r.topic == "" {
		return
	}
	r.states[stReport] = state{
		Type: taskState, Resource: r.integration("sns:publish"), Retry: asked(), Next: stFailed,
		Catch: []catcher{{ErrorEquals: []string{"States.ALL"}, Next: stFailed}},
		Arguments: map[string]any{
			"TopicArn": r.topic, "Subject": "The pipeline of " + r.args.Model + " failed",
			"Message": expression("'Run ' & $run & ': ' & $failure.Error & ': ' & $substring($failure.Cause, 0, 4000)"),
		},
	}
}

// caught sends every failure of a state to the end of failed runs.
func (r *run) caught(s state) state {
	next := stFailed
	if r.topic != "" {
		next = stReport
	}
	s.Catch = []catcher{{
		ErrorEquals: []string{"States.ALL"}, Assign: map[string]any{"failure": expression("$states.errorOutput")}, Next: next,
	}}
	return s
}

// integration is the ARN of a service integration.
func (r *run) integration(name string) string {
	return fmt.Sprintf("arn:%s:states:::%s", r.partition, name)
}
