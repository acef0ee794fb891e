package aws

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// orchestrate is what the state machine may do: start and watch its own jobs, hand them their roles, read the records
// of runs, and tell people.
func (p *pipeline) orchestrate() (may, keys []Statement) {
	may = append(p.startJobs(), p.hearOfJobs(), p.passRoles(), Statement{
		Sid: "FindOtherRuns", Actions: []string{"states:ListExecutions"}, Resources: here(p.machineARN),
	}, p.readRecords())
	may = append(may, p.runSpark()...)
	keyed := []string{"s3", "sagemaker"}
	if p.topic != nil {
		may = append(may, Statement{
			Sid: "TellPeople", Actions: []string{"sns:Publish"}, Resources: here(p.arn("sns", "%s", p.topicName())),
		})
		keyed = append(keyed, "sns")
	}
	if p.args.Group != nil && p.args.Serving != "" {
		may = append(may, Statement{
			Sid: "MirrorVersions", Actions: []string{"sagemaker:CreateModelPackage"},
			Resources: here(p.arn("sagemaker", "model-package-group/%s-*", p.options.Scope.Name(63)),
				p.arn("sagemaker", "model-package/%s-*", p.options.Scope.Name(63))),
		})
	}
	return may, p.useKey(p.args.Key, lends, keyed...)
}

// startJobs are the statements on jobs. The names of all jobs of a pipeline begin alike.
func (p *pipeline) startJobs() []Statement {
	statements := []Statement{p.runProcessing(p.jobPrefix())}
	if p.args.Training == nil || p.launches() {
		return statements
	}
	return append(statements, Statement{
		Sid: "RunTraining", Actions: []string{
			"sagemaker:AddTags", "sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:ListTags",
			"sagemaker:StopTrainingJob",
		},
		Resources: here(p.arn("sagemaker", "training-job/%s-*", p.jobPrefix()),
			p.arn("sagemaker", "training-job/%s-*", p.tuningPrefix())),
	}, Statement{
		Sid: "RunSearches", Actions: []string{
			"sagemaker:AddTags", "sagemaker:CreateHyperParameterTuningJob", "sagemaker:DescribeHyperParameterTuningJob",
			"sagemaker:ListTags", "sagemaker:StopHyperParameterTuningJob",
		},
		Resources: here(p.arn("sagemaker", "hyper-parameter-tuning-job/%s-*", p.tuningPrefix())),
	})
}

// passRoles lets the state machine hand the jobs their roles, and hand them to nobody else.
func (p *pipeline) passRoles() Statement {
	if p.args.Training == nil || p.launches() {
		return handOver(p.steps.ARN)
	}
	return handOver(p.steps.ARN, pulumi.All(p.args.Training, p.steps.ARN).ApplyT(trainingRole).(pulumi.StringOutput))
}

// trainingRole gives the role of the training jobs; that of the steps, which is passed anyway, where the template names
// none.
func trainingRole(all []any) (string, error) {
	template, err := parseTraining(all[0].(string))
	if err != nil || template.Job.RoleArn == "" {
		return all[1].(string), err
	}
	return template.Job.RoleArn, nil
}

// readRecords lets the state machine read what the steps say of a run.
func (p *pipeline) readRecords() Statement {
	logs := components.ZoneURI(p.args.Lake, components.Logs).ApplyT(bucketOf).(pulumi.StringOutput)
	return Statement{
		Sid: "ReadRecords", Actions: []string{"s3:GetObject"},
		Resources: pulumi.StringArray{pulumi.Sprintf("arn:%s:s3:::%s/runs/*", p.region.partition, logs)},
	}
}
