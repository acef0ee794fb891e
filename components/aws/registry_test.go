package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
)

func registryPlan(e components.Environment, change func(*components.RegistryArgs)) plan {
	args := &components.RegistryArgs{
		Model: "fraud", Models: pulumi.String("s3://fraud-lake-models"), Repositories: []string{"training-image"},
	}
	if e == components.Prod {
		args.Key = pulumi.String("arn:aws:kms:eu-central-1:123456789012:key/tables")
	}
	if change != nil {
		change(args)
	}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewRegistry(ctx, "registry", target, args)
		return err
	}}
}

const (
	repositoryType = "aws:ecr/repository:Repository"
	tableType      = "aws:dynamodb/table:Table"
	groupType      = "aws:sagemaker/modelPackageGroup:ModelPackageGroup"
)

func TestRepositoriesInDevGoWithTheStack(t *testing.T) {
	t.Parallel()
	r := registryPlan(components.Dev, nil).must(t)
	made := r.one(repositoryType, "registry-training-image")
	assert.False(t, made.Protect)
	inputs := r.inputs(repositoryType, "")
	assert.Equal(t, "fraud-dev/training-image", inputs["name"])
	assert.Equal(t, "IMMUTABLE", inputs["imageTagMutability"])
	assert.Equal(t, true, inputs["forceDelete"])
	assert.Equal(t, map[string]any{"scanOnPush": true}, inputs["imageScanningConfiguration"])
	assert.Equal(t, []any{map[string]any{"encryptionType": "AES256"}}, inputs["encryptionConfigurations"])
	assert.Empty(t, r.Find(groupType), "a group that holds versions would keep the stack from being destroyed")
}

func TestRepositoriesInProdStay(t *testing.T) {
	t.Parallel()
	r := registryPlan(components.Prod, nil).must(t)
	made := r.one(repositoryType, "")
	assert.True(t, made.Protect)
	assert.True(t, made.Retain)
	inputs := r.inputs(repositoryType, "")
	assert.Equal(t, false, inputs["forceDelete"])
	assert.Equal(t, []any{map[string]any{
		"encryptionType": "KMS", "kmsKey": "arn:aws:kms:eu-central-1:123456789012:key/tables",
	}}, inputs["encryptionConfigurations"])
	assert.Equal(t, "fraud-prod-registry-fraud", r.inputs(groupType, "")["modelPackageGroupName"])
	assert.True(t, r.one(groupType, "").Protect)
}

func TestImagesAreForgotten(t *testing.T) {
	t.Parallel()
	r := registryPlan(components.Dev, func(a *components.RegistryArgs) { a.KeepVersions = 7 }).must(t)
	rules := r.document("aws:ecr/lifecyclePolicy:LifecyclePolicy", "", "policy")["rules"].([]any)
	assert.Len(t, rules, 2)
	untagged, newest := rules[0].(map[string]any), rules[1].(map[string]any)
	assert.Equal(t, map[string]any{
		"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7.0,
	}, untagged["selection"])
	assert.Equal(t, map[string]any{
		"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 7.0,
	}, newest["selection"])
	assert.Less(t, untagged["rulePriority"], newest["rulePriority"], "a rule for any image must come last")
}

func TestOnlyFunctionsOfTheStackPull(t *testing.T) {
	t.Parallel()
	r := registryPlan(components.Dev, nil).must(t)
	policy := r.document("aws:ecr/repositoryPolicy:RepositoryPolicy", "", "policy")
	assert.Equal(t, []any{map[string]any{
		"Sid": "PullForFunctions", "Effect": "Allow", "Principal": map[string]any{"Service": []any{"lambda.amazonaws.com"}},
		"Action": []any{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
		"Condition": map[string]any{"ArnLike": map[string]any{
			"aws:SourceArn": []any{"arn:aws:lambda:eu-central-1:123456789012:function:fraud-dev-*"},
		}},
	}}, policy["Statement"])
}

func TestMetadataTable(t *testing.T) {
	t.Parallel()
	for e, kept := range map[components.Environment]struct{ recovery, protected bool }{
		components.Dev: {}, components.Stage: {recovery: true}, components.Prod: {recovery: true, protected: true},
	} {
		r := registryPlan(e, nil).must(t)
		table := r.inputs(tableType, "registry-table")
		assert.Equal(t, "fraud-"+string(e)+"-registry-MLTrainingMetadata", table["name"])
		assert.Equal(t, "PAY_PER_REQUEST", table["billingMode"])
		assert.Equal(t, "TrainingJobName", table["hashKey"])
		assert.Equal(t, "ModelVersion", table["rangeKey"])
		assert.Equal(t, map[string]any{"enabled": kept.recovery}, table["pointInTimeRecovery"])
		assert.Equal(t, kept.protected, table["deletionProtectionEnabled"])
		assert.Equal(t, kept.protected, r.one(tableType, "").Protect)
		assert.Equal(t, e == components.Prod, table["serverSideEncryption"] != nil)
	}
}

func TestTrackingServerIsAnOption(t *testing.T) {
	t.Parallel()
	const server = "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer"
	p := registryPlan(components.Dev, nil)
	assert.Empty(t, p.must(t).Find(server))
	p.options = aws.Options{MLflow: true}
	r := p.must(t)
	assert.Equal(t, "s3://fraud-lake-models/mlflow", r.inputs(server, "")["artifactStoreUri"])
	allowed := r.allowed("registry-mlflow")
	assert.Equal(t, []string{"arn:aws:s3:::fraud-lake-models/mlflow/*"}, allowed["s3:PutObject"])
	assert.Equal(t, []string{"arn:aws:s3:::fraud-lake-models"}, allowed["s3:ListBucket"])
	assert.NotContains(t, allowed, "sagemaker:CreateModelPackage")
}
