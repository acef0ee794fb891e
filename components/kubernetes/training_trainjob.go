package kubernetes

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/trainer"
)

// trainJob makes the runtime of Kubeflow Trainer and writes a TrainJob that uses it. The runtime holds the pods; ranks
// find each other by the variables that Trainer sets for torch, which the training image reads as well.
func (j *training) trainJob() (pulumi.StringOutput, error) {
	w := j.worker(nil)
	w.part = trainer.Node
	set := j.set(trainer.Node, j.job(j.args.Nodes, j.pod(w)))
	// Trainer names the pods, numbers them and decides what counts as success.
	set.ReplicatedJobs[0].Template.Metadata.Labels[trainer.StepLabel] = trainer.StepName
	pods := &set.ReplicatedJobs[0].Template.Spec.Template
	pods.Metadata.Labels = j.podLabels(workersPart)
	made, err := j.object(trainer.APIVersion, trainer.RuntimeKind, nil, spec(trainer.Runtime{
		MLPolicy: trainer.MLPolicy{NumNodes: j.args.Nodes}, Template: trainer.Template{Spec: set},
	}), j.operated(charts.JobSet, charts.Trainer)...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	job := j.manifest(trainer.APIVersion, trainer.JobKind, trainingPriority, trainer.Job{
		RuntimeRef: trainer.RuntimeRef{APIGroup: trainer.Group, Kind: trainer.RuntimeKind, Name: j.Component},
		Trainer: trainer.Trainer{
			Image: j.args.Image, Args: j.args.Args, NumNodes: j.args.Nodes, NumProcPerNode: 1, Env: []api.EnvVar{},
		},
		ActiveDeadlineSeconds: j.args.MaxRuntimeMinutes * 60,
	})
	return pulumi.OutputWithDependencies(j.Context.Context(), j.write(job), made).(pulumi.StringOutput), nil
}
