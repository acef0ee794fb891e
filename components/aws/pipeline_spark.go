package aws

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// onSpark reports whether the query of a step runs on the batch engine first.
func (r *run) onSpark(step components.Step) bool { return r.engine != "" && isStep(step, "features") }

// sparkResult is where the engine leaves the result of a run's query.
func (r *run) sparkResult() string {
	return expression("'%s/%s/' & $run", r.environment["MLPATHWAY_FEATURES"], enginePrefix)
}

// spark runs the feature SQL on the batch engine before a step, which takes its result.
func (r *run) spark(step components.Step, next string) string {
	look, name := "Look at the run before "+step.Name, "Spark "+step.Name
	r.states[look] = r.readRecord(name)
	features, curated := r.environment["MLPATHWAY_FEATURES"], r.environment["MLPATHWAY_CURATED"]
	r.states[name] = r.caught(state{
		Type: taskState, Resource: r.integration("emr-serverless:startJobRun.sync"), TimeoutSeconds: remaining(),
		Retry: again(*r.args.Retries), Next: next,
		Arguments: map[string]any{
			"ApplicationId": r.engine, "ExecutionRoleArn": r.engineRole, "Name": r.jobName(step.Name),
			"ExecutionTimeoutMinutes": r.args.TimeoutMinutes,
			"JobDriver": map[string]any{"SparkSubmit": map[string]any{
				"EntryPoint": features + "/" + sparkKey,
				"EntryPointArguments": []string{
					expression("'%s/' & $record.dataVersion & '/part-00000.parquet'", curated), r.sparkResult(),
					features + "/" + queryKey(r.args.Model),
				},
			}},
			"Tags": tagMap(r.tags),
		},
	})
	return look
}

// tagMap are tags as EMR takes them.
func tagMap(tags []tag) map[string]string {
	all := map[string]string{}
	for _, t := range tags {
		all[t.Key] = t.Value
	}
	return all
}

// runSpark lets the state machine run jobs of the engine and hand them their role.
func (p *pipeline) runSpark() []Statement {
	if p.args.Engine == nil || p.args.EngineIdentity == nil {
		return nil
	}
	app := pulumi.Sprintf("%s%s", p.arn("emr-serverless", "/applications/"), p.args.Engine)
	return []Statement{{
		Sid: "RunSpark", Actions: []string{"emr-serverless:StartJobRun", "emr-serverless:TagResource"},
		Resources: pulumi.StringArray{app, pulumi.Sprintf("%s/jobruns/*", app)},
	}, {
		Sid: "FollowSpark", Actions: []string{"emr-serverless:CancelJobRun", "emr-serverless:GetJobRun"},
		Resources: pulumi.StringArray{pulumi.Sprintf("%s/jobruns/*", app)},
	}, {
		Sid: "HandOverSparkRole", Actions: []string{"iam:PassRole"}, Resources: pulumi.StringArray{p.args.EngineIdentity},
		Conditions: Conditions{"StringEquals": {"iam:PassedToService": {"emr-serverless.amazonaws.com"}}},
	}, {
		Sid: "HearOfSpark", Actions: []string{"events:DescribeRule", "events:PutRule", "events:PutTargets"},
		Resources: here(p.arn("events", "rule/StepFunctionsGetEventsForEMRServerless*")),
	}}
}
