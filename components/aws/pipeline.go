package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sfn"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/machines"
)

// stepMachine is the machine of a step that is no training.
var stepMachine = components.Machine{CPUs: 2, MemoryMiB: 8192}

// Pipeline is a state machine of Step Functions that runs the steps as jobs of SageMaker. Promoting the alias, the last
// thing that a run does, is what deploys: endpoints follow the alias.
func (t *Target) Pipeline(
	ctx *pulumi.Context, name string, args *components.PipelineArgs, opts ...pulumi.ResourceOption,
) (*components.PipelineOutputs, error) {
	l := t.layer(ctx, components.PipelineLayer, name, opts)
	if err := checkSteps(args); err != nil {
		return nil, err
	}
	if t.options.Airflow && args.Network == nil {
		return nil, fmt.Errorf("network: found nothing, want the Placement of a network for Airflow: %w",
			components.ErrRequired)
	}
	p := &pipeline{layer: l, args: args}
	if p.launches() && args.Network == nil {
		return nil, fmt.Errorf("network: found nothing, want the Placement of a network: the cluster is reached from "+
			"inside it: %w", components.ErrRequired)
	}
	p.machineARN = l.arn("states", "stateMachine:%s", l.physical(80))
	if err := p.make(); err != nil {
		return nil, err
	}
	return &components.PipelineOutputs{
		PipelineID: l.Known(p.machineARN, p.machine), DefinitionURI: p.definitionURI,
		TriggerIDs: p.triggers.ToStringMapOutput(), Identity: p.steps.ARN,
	}, nil
}

// pipeline is what is made of a pipeline so far.
type pipeline struct {
	*layer
	args          *components.PipelineArgs
	definitionURI pulumi.StringOutput
	steps         *identity // that the steps run as
	topic         *sns.Topic
	machine       *sfn.StateMachine
	machineARN    string
	triggers      pulumi.StringMap
}

// checkSteps refuses what cannot run, before anything is made.
func checkSteps(args *components.PipelineArgs) error {
	if err := pinned(args.Image); err != nil {
		return err
	}
	if args.Approval && len(args.Receivers) == 0 {
		return fmt.Errorf("approval: found true, want receivers as well, who approve: %w", components.ErrConflict)
	}
	if args.Engine != nil && args.EngineIdentity == nil {
		return fmt.Errorf("engineIdentity: found nothing, want the Identity output of the feature store: %w",
			components.ErrRequired)
	}
	return nil
}

func (p *pipeline) make() error {
	for _, made := range []func() error{
		p.putDefinition, p.makeStepRole, p.makeLaunch, p.makeTopic, p.makeMachine, p.makeTriggers,
	} {
		if err := made(); err != nil {
			return err
		}
	}
	return nil
}

// putDefinition puts pipeline.yaml where the images read it: at the top of the models zone, which every workload that
// needs it may read.
func (p *pipeline) putDefinition() error {
	models := components.ZoneURI(p.args.Lake, components.Models)
	key := p.Component + ".yaml"
	sum := sha256.Sum256([]byte(p.args.Definition))
	object, err := s3.NewBucketObjectv2(p.Context, p.Part("definition"), &s3.BucketObjectv2Args{
		Bucket: models.ApplyT(bucketOf).(pulumi.StringOutput), Key: pulumi.String(key),
		Content: pulumi.String(p.args.Definition), ContentType: pulumi.String("application/yaml"),
		SourceHash: pulumi.String(hex.EncodeToString(sum[:])), KmsKeyId: orNil(p.args.Key),
		Tags: p.objectTags(internal),
	}, p.With()...)
	if err != nil {
		return err
	}
	uri := pulumi.OutputWithDependencies(p.Context.Context(), pulumi.Sprintf("%s/%s", models, key), object)
	p.definitionURI = uri.(pulumi.StringOutput)
	return nil
}

// makeStepRole makes the role of the steps. What they may do in the lake and the registry is granted.
func (p *pipeline) makeStepRole() (err error) {
	r := role{
		part: "steps", does: "Runs the steps of the pipeline", trust: []Statement{p.trust("sagemaker.amazonaws.com")},
		may: p.runJobs(processingJobs, p.args.Network), keys: p.useDisks(p.args.Key),
	}
	if p.args.Warehouse != nil {
		r.tags = map[string]string{rolesOfUser: loaderRole}
	}
	if p.steps, err = p.newRole(r); err != nil {
		return err
	}
	return p.mayUseStores()
}

// makeTopic makes the topic of failed runs and approvals, where there is somebody to tell.
func (p *pipeline) makeTopic() (err error) {
	if len(p.args.Receivers) == 0 {
		return nil
	}
	key := orNil(p.args.Key)
	if p.args.Key == nil {
		key = pulumi.String("alias/aws/sns")
	}
	name := p.topicName()
	p.topic, err = sns.NewTopic(p.Context, p.Part("news"), &sns.TopicArgs{
		Name: pulumi.String(name), KmsMasterKeyId: key, Tags: p.tags(internal),
	}, p.With()...)
	if err != nil {
		return err
	}
	_, err = sns.NewTopicPolicy(p.Context, p.Part("news"), &sns.TopicPolicyArgs{
		Arn: p.topic.Arn, Policy: document(Statement{
			Sid: "RefusePlainHTTP", Effect: Deny, Principals: &Principals{AWS: []string{"*"}},
			Actions: []string{"sns:Publish"}, Resources: here(p.arn("sns", "%s", name)),
			Conditions: Conditions{"Bool": {"aws:SecureTransport": {"false"}}},
		}),
	}, p.With()...)
	if err != nil {
		return err
	}
	for _, receiver := range slices.Compact(slices.Sorted(slices.Values(p.args.Receivers))) {
		part := components.FitName(p.Part("to", receiver), 60)
		_, err := sns.NewTopicSubscription(p.Context, part, &sns.TopicSubscriptionArgs{
			Topic: p.topic.Arn, Protocol: pulumi.String("email"), Endpoint: pulumi.String(receiver),
		}, p.With()...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *pipeline) topicName() string { return p.physical(256, "news") }

// makeMachine makes the state machine with its role and its logs.
func (p *pipeline) makeMachine() error {
	machine, err := pick(p.options.Region, "machine", machines.Processing, stepMachine)
	if err != nil {
		return err
	}
	launcher, err := pick(p.options.Region, "machine", machines.Processing, launchMachine)
	if err != nil {
		return err
	}
	may, keys := p.orchestrate()
	p.machine, err = p.newStateMachine(stateMachineArgs{
		does:       "Runs the pipeline: starts jobs and hands them their roles",
		definition: p.definition(machine, launcher), logs: p.args.Logs, may: may, keys: keys,
	})
	return err
}

// definition resolves what the state machine is made of and writes it.
func (p *pipeline) definition(machine, launcher string) pulumi.StringOutput {
	a := p.args
	environment := components.ZoneVariables(a.Lake, components.Zones()...)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_PIPELINE": p.definitionURI, "MLPATHWAY_METADATA": a.Table, "MLPATHWAY_MODEL": pulumi.String(a.Model),
	})
	if a.Warehouse != nil {
		environment["MLPATHWAY_WAREHOUSE"] = a.Warehouse
	}
	if a.Online != nil {
		environment["MLPATHWAY_ONLINE"] = a.Online
	}
	if a.FeatureGroup != nil {
		environment["MLPATHWAY_GROUP"] = pulumi.Sprintf("sagemaker-featurestore://%s?region=%s",
			a.FeatureGroup.ToStringOutput().ApplyT(lastOf), p.options.Region)
	}
	topic := text("")
	if p.topic != nil {
		topic = p.Known(p.arn("sns", "%s", p.topicName()), p.topic)
	}
	return pulumi.All(
		environment.ToStringMapOutput(), placed(a.Network), orEmpty(a.Training), orEmpty(a.Key), orEmpty(a.Group), topic,
		p.steps.ARN, orEmpty(a.Engine), orEmpty(a.EngineIdentity),
	).ApplyT(func(all []any) (string, error) {
		r := &run{
			args: a, partition: p.region.partition, prefix: p.jobPrefix(), tuningName: p.tuningPrefix(), machine: machine,
			environment: all[0].(map[string]string), vpc: all[1].(*vpcConfig), key: all[3].(string), group: all[4].(string),
			topic: all[5].(string), role: all[6].(string), tags: p.jobTags(),
			engine: all[7].(string), engineRole: all[8].(string), launchMachine: launcher, jobKey: p.jobKey(),
		}
		r.logs, r.models = bucketOf(r.environment["MLPATHWAY_LOGS"]), bucketOf(r.environment["MLPATHWAY_MODELS"])
		if given := all[2].(string); given != "" {
			template, err := parseTraining(given)
			if err != nil {
				return "", err
			}
			r.training = template
		}
		return r.definition()
	}).(pulumi.StringOutput)
}

// jobPrefix begins the names of the jobs.
func (p *pipeline) jobPrefix() string { return p.physical(jobNamePrefix) }

// tuningPrefix begins the names of searches, which may have no more than 32 characters.
func (p *pipeline) tuningPrefix() string {
	sum := sha256.Sum256([]byte(p.physical(200)))
	return "t" + hex.EncodeToString(sum[:])[:7]
}
