package aws

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// launchMachine is the machine of the step that waits for a job on the cluster.
var launchMachine = components.Machine{CPUs: 1, MemoryMiB: 1024}

// launches reports whether the training of the pipeline runs on the cluster.
func (p *pipeline) launches() bool { return p.args.Training != nil && p.Target.launches }

// jobKey is where the description of the jobs lies, in the models zone.
func (p *pipeline) jobKey() string { return p.Component + "-training.json" }

// makeLaunch lets the steps launch jobs on the cluster: they find the description in the lake, reach the control plane,
// and log in as a group that may make, see and delete jobs in the namespace of the stack.
func (p *pipeline) makeLaunch() error {
	if !p.launches() {
		return nil
	}
	group, c := "mlpathway:"+p.Part("launch"), p.cluster
	_, err := eks.NewAccessEntry(p.Context, p.Part("launch"), &eks.AccessEntryArgs{
		ClusterName: c.plane.Name, PrincipalArn: p.steps.ARN, Type: pulumi.String("STANDARD"),
		KubernetesGroups: pulumi.ToStringArray([]string{group}), Tags: p.tags(noData),
	}, p.After(p.steps.ready...)...)
	if err != nil {
		return err
	}
	if err := c.space.LetLaunch(p.Context, p.Part("launch"), group, c.hosts(p.Given)...); err != nil {
		return err
	}
	plane := c.plane.VpcConfig.ClusterSecurityGroupId().Elem()
	if err := p.allowIn(p.Part("launch"), "The steps that launch jobs", plane, p.args.Network.Group); err != nil {
		return err
	}
	models := components.ZoneURI(p.args.Lake, components.Models)
	_, err = s3.NewBucketObjectv2(p.Context, p.Part("training"), &s3.BucketObjectv2Args{
		Bucket: models.ApplyT(bucketOf).(pulumi.StringOutput), Key: pulumi.String(p.jobKey()),
		Content:     p.args.Training.ToStringOutput().ApplyT(launchOf).(pulumi.StringOutput),
		ContentType: pulumi.String("application/json"), KmsKeyId: orNil(p.args.Key), Tags: p.objectTags(internal),
	}, p.With()...)
	return err
}

// launchOf gives what to launch out of a template.
func launchOf(text string) (string, error) {
	template, err := parseTraining(text)
	if err != nil {
		return "", err
	}
	if template.Launch == nil {
		return "", fmt.Errorf("training: found a job of SageMaker, want one with a queue, as another of the stack has: %w",
			components.ErrConflict)
	}
	data, err := json.Marshal(template.Launch)
	return string(data), err
}

// launching is a step that launches the training on the cluster and waits for its end.
func (r *run) launching(step components.Step, next string) state {
	job := r.stepJob(step)
	job.arguments, job.machine = []string{"launch"}, r.launchMachine
	job.environment["MLPATHWAY_JOB"] = r.environment["MLPATHWAY_MODELS"] + "/" + r.jobKey
	return r.processed(job, next)
}
