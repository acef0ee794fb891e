package aws

import (
	"maps"

	"github.com/mlpathway/mlpathway/components"
)

// jobName gives each job a name of its own: the step, the run and the attempt.
func (r *run) jobName(step string) string {
	return expression("'%s-%s-' & $stamp & '-' & $string($states.context.State.RetryCount)", r.prefix,
		components.FitName(step, jobNameStep))
}

// What the names of jobs are made of: 63 characters, of which the stamp of a run takes 19, the attempt 2 and hyphens 3.
const (
	jobNamePrefix = 20
	jobNameStep   = 18
)

// stepEnvironment is the environment of a job of the run.
func (r *run) stepEnvironment(more map[string]string) map[string]string {
	environment := maps.Clone(r.environment)
	for key, value := range more {
		if _, ok := environment[key]; !ok { // the pipeline's own win
			environment[key] = value
		}
	}
	environment["MLPATHWAY_RUN"] = expression("$run")
	return environment
}

// longestStep is the longest time that SageMaker processes, in seconds: 7 days.
const longestStep = 7 * 24 * 3600

// processing is a step that runs the training image as a processing job.
func (r *run) processing(step components.Step, next string) state {
	job := r.stepJob(step)
	if r.onSpark(step) {
		job.environment["MLPATHWAY_RESULT"] = r.sparkResult()
	}
	return r.processed(job, next)
}

// stepJob is the job of a step.
func (r *run) stepJob(step components.Step) processingJob {
	return processingJob{
		name: r.jobName(step.Name), image: r.args.Image, arguments: step.Args, environment: r.stepEnvironment(nil),
		machine: r.machine, key: r.key, role: r.role, vpc: r.vpc, minutes: r.args.TimeoutMinutes, tags: r.tags,
	}
}

// processed is a state that runs a processing job to its end.
func (r *run) processed(job processingJob, next string) state {
	return r.caught(state{
		Type: taskState, Resource: r.integration("sagemaker:createProcessingJob.sync"), TimeoutSeconds: remaining(),
		Retry: again(*r.args.Retries), Next: next, Arguments: job.request(),
	})
}

// processingJob is a request CreateProcessingJob: an image that runs to its end.
type processingJob struct {
	name, image, machine, key, role string
	arguments                       []string
	environment                     map[string]string
	vpc                             *vpcConfig
	minutes                         int
	tags                            []tag
}

func (j processingJob) request() map[string]any {
	cluster := map[string]any{"InstanceCount": 1, "InstanceType": j.machine, "VolumeSizeInGB": scratchGB}
	if j.key != "" {
		cluster["VolumeKmsKeyId"] = j.key
	}
	network := map[string]any{"EnableNetworkIsolation": false} // the image reads and writes the lake itself
	if j.vpc != nil {
		network["VpcConfig"] = j.vpc
	}
	return map[string]any{
		"ProcessingJobName":   j.name,
		"AppSpecification":    map[string]any{"ImageUri": j.image, "ContainerArguments": j.arguments},
		"Environment":         j.environment,
		"NetworkConfig":       network,
		"ProcessingResources": map[string]any{"ClusterConfig": cluster},
		"RoleArn":             j.role,
		"StoppingCondition":   stoppingCondition{MaxRuntimeInSeconds: min(j.minutes*60, longestStep)},
		"Tags":                j.tags,
	}
}

// addTraining adds a step that runs as the job of the Training layer, after the search for its parameters where there
// is one, and gives the name of the first of its states.
func (r *run) addTraining(step components.Step, next string) string {
	if r.training.Launch != nil {
		r.states[step.Name] = r.launching(step, next)
		return step.Name
	}
	job := r.trainingArguments()
	job["TrainingJobName"] = r.jobName(step.Name)
	environment := r.stepEnvironment(r.training.Job.Environment)
	job["Environment"] = environment
	tune := r.training.Tuning != nil
	if tune {
		job["HyperParameters"] = expression("$tuned")
	}
	r.states[step.Name] = r.caught(state{
		Type: taskState, Resource: r.integration("sagemaker:createTrainingJob.sync"), TimeoutSeconds: remaining(),
		Retry: again(*r.args.Retries), Next: next, Arguments: job,
	})
	if !tune {
		return step.Name
	}
	name := "Tune " + step.Name
	r.states[name] = r.tuning(step.Name)
	return name
}

// trainingArguments is what a training job and a trial of a search have in common.
func (r *run) trainingArguments() map[string]any {
	job := r.training.Job
	output := map[string]any{"S3OutputPath": "s3://" + r.logs + "/training"}
	if r.key != "" {
		output["KmsKeyId"] = r.key
	}
	arguments := map[string]any{
		"AlgorithmSpecification": job.AlgorithmSpecification, "ResourceConfig": job.ResourceConfig, "RoleArn": job.RoleArn,
		"StoppingCondition": job.StoppingCondition, "EnableManagedSpotTraining": job.EnableManagedSpotTraining,
		"EnableInterContainerTrafficEncryption": job.EnableInterContainerTrafficEncryption,
		"EnableNetworkIsolation":                false, "OutputDataConfig": output, "Tags": job.Tags,
	}
	if job.VpcConfig != nil {
		arguments["VpcConfig"] = job.VpcConfig
	}
	if c := job.CheckpointConfig; c != nil {
		// All attempts of a run share its checkpoints: a new one goes on where the last one was interrupted.
		arguments["CheckpointConfig"] = map[string]any{
			"S3Uri": expression("'%s/' & $run", c.S3Uri), "LocalPath": c.LocalPath,
		}
	}
	return arguments
}

// tuning is the search for the parameters of a training step. A trial trains and measures, and writes no model.
func (r *run) tuning(next string) state {
	trial := r.trainingArguments()
	delete(trial, "Tags")             // the search has them
	delete(trial, "CheckpointConfig") // trials side by side must not meet: an interrupted one begins anew
	trial["AlgorithmSpecification"] = map[string]any{
		"TrainingImage":     r.training.Job.AlgorithmSpecification.TrainingImage,
		"TrainingInputMode": "File", "MetricDefinitions": tuningMetrics,
	}
	trial["Environment"] = r.stepEnvironment(withTrial(r.training.Job.Environment))
	trial["StaticHyperParameters"] = map[string]string{"trial": "true"}
	return r.caught(state{
		Type: taskState, Resource: r.integration("sagemaker:createHyperParameterTuningJob.sync"),
		TimeoutSeconds: remaining(), Retry: again(*r.args.Retries), Next: next,
		Arguments: map[string]any{
			"HyperParameterTuningJobName": expression(
				"'%s-' & $stamp & '-' & $string($states.context.State.RetryCount)", r.tuningName),
			"HyperParameterTuningJobConfig": r.training.Tuning, "TrainingJobDefinition": trial, "Tags": r.tags,
		},
		Assign: map[string]any{"tuned": expression("$states.result.BestTrainingJob.TunedHyperParameters")},
	})
}

// withTrial tells the training image that it measures parameters and makes no candidate.
func withTrial(environment map[string]string) map[string]string {
	all := map[string]string{"MLPATHWAY_TRIAL": "true"}
	maps.Copy(all, environment)
	return all
}
