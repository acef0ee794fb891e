package aws

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sagemaker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// The keys of the metadata table.
const (
	metadataTable = "MLTrainingMetadata"
	jobKey        = "TrainingJobName"
	versionKey    = "ModelVersion"
)

// Registry is a container repository for each image, the metadata table, and where data stays a group in SageMaker's
// own model registry, which mirrors the one in the lake.
func (t *Target) Registry(
	ctx *pulumi.Context, name string, args *components.RegistryArgs, opts ...pulumi.ResourceOption,
) (*components.RegistryOutputs, error) {
	l := t.layer(ctx, components.RegistryLayer, name, opts)
	repositories := pulumi.StringMap{}
	for _, image := range args.Repositories {
		uri, err := l.newRepository(image, args)
		if err != nil {
			return nil, err
		}
		repositories[image] = uri
	}
	table, err := l.newMetadataTable(args)
	if err != nil {
		return nil, err
	}
	group := text("")
	if *args.Retain {
		if group, err = l.newModelGroup(args.Model); err != nil {
			return nil, err
		}
	}
	if t.options.MLflow {
		if err := l.newTrackingServer(args); err != nil {
			return nil, err
		}
	}
	return &components.RegistryOutputs{
		URI: args.Models.ToStringOutput(), RepositoryURIs: repositories.ToStringMapOutput(), TableURI: table, GroupID: group,
	}, nil
}

// repositoryName is known before the repository is there. What may pull images may pull those of this prefix.
func (l *layer) repositoryName(image string) string { return l.options.Scope.Name(100) + "/" + image }

// newRepository makes a repository whose tags never move and gives its address.
func (l *layer) newRepository(image string, args *components.RegistryArgs) (pulumi.StringOutput, error) {
	encryption := &ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("AES256")}
	if args.Key != nil {
		encryption = &ecr.RepositoryEncryptionConfigurationArgs{
			EncryptionType: pulumi.String("KMS"), KmsKey: orNil(args.Key),
		}
	}
	name := l.repositoryName(image)
	repository, err := ecr.NewRepository(l.Context, l.Part(image), &ecr.RepositoryArgs{
		Name: pulumi.String(name), ImageTagMutability: pulumi.String("IMMUTABLE"), ForceDelete: pulumi.Bool(!*args.Retain),
		EncryptionConfigurations:   ecr.RepositoryEncryptionConfigurationArray{encryption},
		ImageScanningConfiguration: &ecr.RepositoryImageScanningConfigurationArgs{ScanOnPush: pulumi.Bool(*args.Scan)},
		Tags:                       l.tags(internal),
	}, l.kept(*args.Retain)...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	rules, err := imageRules(args.KeepVersions)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	lifecycle, err := ecr.NewLifecyclePolicy(l.Context, l.Part(image, "lifecycle"), &ecr.LifecyclePolicyArgs{
		Repository: repository.Name, Policy: pulumi.String(rules),
	}, l.With()...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	policy, err := ecr.NewRepositoryPolicy(l.Context, l.Part(image, "policy"), &ecr.RepositoryPolicyArgs{
		Repository: repository.Name, Policy: document(l.pullForLambda()),
	}, l.With()...)
	uri := fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s", l.options.Account, l.options.Region, name)
	return l.Known(uri, repository, lifecycle, policy), err
}

// pullForLambda lets Lambda, which pulls by itself and not as the function's role, fetch images for functions of this
// stack.
func (l *layer) pullForLambda() Statement {
	return Statement{
		Sid: "PullForFunctions", Principals: &Principals{Service: []string{"lambda.amazonaws.com"}},
		Actions: []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
		Conditions: Conditions{"ArnLike": {
			"aws:SourceArn": {l.arn("lambda", "function:%s-*", l.options.Scope.Name(63))},
		}},
	}
}

// untaggedDays is how long an image stays whose tag was taken away, such as one of a broken push.
const untaggedDays = 7

// imageRules is the lifecycle policy of a repository: it keeps the newest images.
func imageRules(keep int) (string, error) {
	type selection struct {
		TagStatus   string `json:"tagStatus"`
		CountType   string `json:"countType"`
		CountUnit   string `json:"countUnit,omitempty"`
		CountNumber int    `json:"countNumber"`
	}
	rule := func(priority int, description string, s selection) map[string]any {
		return map[string]any{
			"rulePriority": priority, "description": description, "selection": s,
			"action": map[string]string{"type": "expire"},
		}
	}
	data, err := json.Marshal(map[string]any{"rules": []any{
		rule(1, "forget images without a tag", selection{"untagged", "sinceImagePushed", "days", untaggedDays}),
		rule(2, "keep the newest images", selection{"any", "imageCountMoreThan", "", keep}),
	}})
	return string(data), err
}

// newMetadataTable makes the table with one row per training job and gives its address in the form that the images
// read. It is billed by request, so that an idle one costs nothing.
func (l *layer) newMetadataTable(args *components.RegistryArgs) (pulumi.StringOutput, error) {
	name := l.physical(200) + "-" + metadataTable
	recovery := *args.Retain || l.options.Scope.Environment != components.Dev
	made, err := l.newTable(table{
		part: "table", name: name, hash: jobKey, sort: versionKey, key: args.Key, recoverable: recovery,
		retain: *args.Retain, class: internal,
	})
	query := url.Values{"partition_key": {jobKey}, "sort_key": {versionKey}, "region": {l.options.Region}}
	return l.Known("dynamodb://"+name+"?"+query.Encode(), made), err
}

// newModelGroup makes a group in SageMaker's model registry and gives its ARN. SageMaker refuses to delete a group that
// holds versions: there is none where the data goes with the stack.
func (l *layer) newModelGroup(model string) (pulumi.StringOutput, error) {
	name := l.physical(63, model)
	group, err := sagemaker.NewModelPackageGroup(l.Context, l.Part("models"), &sagemaker.ModelPackageGroupArgs{
		ModelPackageGroupName:        pulumi.String(name),
		ModelPackageGroupDescription: pulumi.String("Versions of " + model + ", a mirror of the registry in the lake"),
		Tags:                         l.tags(internal),
	}, l.kept(true)...)
	return l.Known(l.arn("sagemaker", "model-package-group/%s", name), group), err
}

// useOwnKeys lets a role use the keys of this stack through a service, where a layer does not know which key that is.
func (l *layer) useOwnKeys(service string, actions ...string) []Statement {
	return []Statement{{
		Sid: "UseKeysOfTheStack", Actions: actions, Resources: here(l.arn("kms", "key/*")),
		Conditions: Conditions{
			"ForAnyValue:StringLike": {"kms:ResourceAliases": {"alias/" + l.options.Scope.Name(63) + "-*"}},
			"StringEquals":           {"kms:ViaService": {service + "." + l.options.Region + ".amazonaws.com"}},
		},
	}}
}

// newTrackingServer makes a tracking server for experiments beside the registry. It costs by the hour.
func (l *layer) newTrackingServer(args *components.RegistryArgs) error {
	const prefix = "mlflow"
	bucket := pulumi.Sprintf("arn:%s:s3:::%s", l.region.partition, args.Models.ToStringOutput().ApplyT(bucketOf))
	id, err := l.newRole(role{
		part: prefix, does: "Keeps the artifacts of the tracking server " + l.physical(200),
		trust: []Statement{l.trust("sagemaker.amazonaws.com")},
		may: []Statement{{
			Sid: "ListArtifacts", Actions: []string{"s3:ListBucket"}, Resources: pulumi.StringArray{bucket},
			Conditions: Conditions{"StringLike": {"s3:prefix": {prefix + "/*"}}},
		}, {
			Sid:       "KeepArtifacts",
			Actions:   []string{"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
			Resources: pulumi.StringArray{pulumi.Sprintf("%s/%s/*", bucket, prefix)},
		}},
		keys: l.useOwnKeys("s3", encrypts...),
	})
	if err != nil {
		return err
	}
	_, err = sagemaker.NewMlflowTrackingServer(l.Context, l.Part(prefix), &sagemaker.MlflowTrackingServerArgs{
		TrackingServerName: pulumi.String(l.physical(256, prefix)), TrackingServerSize: pulumi.String("Small"),
		ArtifactStoreUri: pulumi.Sprintf("%s/%s", args.Models, prefix), RoleArn: id.ARN,
		AutomaticModelRegistration: pulumi.Bool(false), Tags: l.tags(confidential),
	}, l.After(id.ready...)...)
	return err
}
