package aws

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/clusterjob"
	"github.com/mlpathway/mlpathway/internal/machines"
)

// Training makes the role of the jobs and describes them; the pipeline starts them in SageMaker, or in a queue of the
// cluster, each with the run that it belongs to.
func (t *Target) Training(
	ctx *pulumi.Context, name string, args *components.TrainingArgs, opts ...pulumi.ResourceOption,
) (*components.TrainingOutputs, error) {
	if err := pinned(args.Image); err != nil {
		return nil, err
	}
	if args.Queue != nil {
		return t.trainOnCluster(ctx, name, args, opts)
	}
	machine, err := pick(t.options.Region, "machine", machines.Training, args.Machine)
	if err != nil {
		return nil, err
	}
	l := t.layer(ctx, components.TrainingLayer, name, opts)
	id, err := l.newRole(role{
		does: "Trains models", trust: []Statement{l.trust("sagemaker.amazonaws.com")},
		may: l.runJobs(trainingJobs, args.Network), keys: l.useDisks(args.Key),
	})
	if err != nil {
		return nil, err
	}
	template := pulumi.All(id.ARN, placed(args.Network), orEmpty(args.Key), orEmpty(args.Checkpoint)).ApplyT(
		func(all []any) (string, error) {
			data, err := json.Marshal(newTrainingTemplate(args, trainingPlace{
				machine: machine, role: all[0].(string), vpc: all[1].(*vpcConfig), key: all[2].(string),
				checkpoint: all[3].(string), tags: l.jobTags(), encryptTraffic: l.options.Scope.Environment != components.Dev,
			}))
			return string(data), err
		}).(pulumi.StringOutput)
	return &components.TrainingOutputs{Template: template, Identity: id.ARN}, nil
}

// trainingPlace is where and as whom a training job runs.
type trainingPlace struct {
	machine, role, key, checkpoint string
	vpc                            *vpcConfig
	tags                           []tag
	encryptTraffic                 bool
}

// trainingTemplate is what the pipeline needs to know of training jobs: the job, and the search that comes first.
type trainingTemplate struct {
	Job    trainingJob     `json:"job"`
	Tuning *tuningTemplate `json:"tuning,omitempty"`
	// Launch is what runs on the cluster instead; nil where SageMaker trains.
	Launch *clusterjob.Description `json:"launch,omitempty"`
}

// trainingJob is a request CreateTrainingJob without what belongs to a run: its name, where its output goes, and the
// run's own part of checkpoint and environment.
type trainingJob struct {
	AlgorithmSpecification                algorithm         `json:"AlgorithmSpecification"`
	CheckpointConfig                      *checkpointConfig `json:"CheckpointConfig,omitempty"`
	EnableInterContainerTrafficEncryption bool              `json:"EnableInterContainerTrafficEncryption"`
	EnableManagedSpotTraining             bool              `json:"EnableManagedSpotTraining"`
	Environment                           map[string]string `json:"Environment"`
	ResourceConfig                        resourceConfig    `json:"ResourceConfig"`
	RoleArn                               string            `json:"RoleArn"`
	StoppingCondition                     stoppingCondition `json:"StoppingCondition"`
	Tags                                  []tag             `json:"Tags"`
	VpcConfig                             *vpcConfig        `json:"VpcConfig,omitempty"`
}

type algorithm struct {
	TrainingImage      string   `json:"TrainingImage"`
	TrainingInputMode  string   `json:"TrainingInputMode"`
	ContainerArguments []string `json:"ContainerArguments,omitempty"`
}

type checkpointConfig struct {
	S3Uri     string `json:"S3Uri"`
	LocalPath string `json:"LocalPath"`
}

type resourceConfig struct {
	InstanceCount  int    `json:"InstanceCount"`
	InstanceType   string `json:"InstanceType"`
	VolumeSizeInGB int    `json:"VolumeSizeInGB"`
	VolumeKmsKeyID string `json:"VolumeKmsKeyId,omitempty"`
}

// longestJob is the longest time that SageMaker trains or waits, in seconds: 28 days.
const longestJob = 28 * 24 * 3600

// newTrainingTemplate describes the jobs. It is pure.
func newTrainingTemplate(args *components.TrainingArgs, p trainingPlace) trainingTemplate {
	runtime := args.MaxRuntimeMinutes * 60
	job := trainingJob{
		AlgorithmSpecification: algorithm{
			TrainingImage: args.Image, TrainingInputMode: "File", ContainerArguments: args.Args,
		},
		EnableInterContainerTrafficEncryption: args.Nodes > 1 && p.encryptTraffic,
		EnableManagedSpotTraining:             *args.Spot,
		Environment:                           maps.Clone(args.Environment),
		ResourceConfig: resourceConfig{
			InstanceCount: args.Nodes, InstanceType: p.machine, VolumeSizeInGB: scratchGB,
			VolumeKmsKeyID: diskKey(args.Machine, p.key),
		},
		RoleArn: p.role, StoppingCondition: stoppingCondition{MaxRuntimeInSeconds: runtime}, Tags: p.tags, VpcConfig: p.vpc,
	}
	if job.Environment == nil {
		job.Environment = map[string]string{}
	}
	if args.Distribution != "" {
		job.Environment["MLPATHWAY_DISTRIBUTION"] = string(args.Distribution)
	}
	if p.checkpoint != "" {
		// SageMaker mirrors the directory while the job runs, and fills it when the job goes on elsewhere.
		job.CheckpointConfig = &checkpointConfig{S3Uri: p.checkpoint, LocalPath: "/opt/ml/checkpoints"}
	}
	if *args.Spot {
		job.StoppingCondition.MaxWaitTimeInSeconds = min(2*runtime, longestJob)
	}
	template := trainingTemplate{Job: job}
	if args.Tuning != nil {
		template.Tuning = newTuningTemplate(args.Tuning)
	}
	return template
}

// parseTraining reads the template of the training layer.
func parseTraining(text string) (*trainingTemplate, error) {
	var template trainingTemplate
	if err := json.Unmarshal([]byte(text), &template); err != nil {
		return nil, fmt.Errorf("training: want the Template output of a Training on AWS: %w", err)
	}
	return &template, nil
}
