package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
)

// services are the interface endpoints that the workloads of each layer need to work without a way out. Those of S3
// and DynamoDB are always there.
var services = map[components.Layer][]string{
	components.PipelineLayer:   {"ecr.api", "ecr.dkr", "kms", "logs", "sagemaker.api", "secretsmanager", "states", "sts"},
	components.TrainingLayer:   {"ecr.api", "ecr.dkr", "logs", "sagemaker.api", "sts"},
	components.EndpointLayer:   {"ecr.api", "ecr.dkr", "logs", "sagemaker.runtime", "secretsmanager"},
	components.BatchLayer:      {"ecr.api", "ecr.dkr", "logs", "sagemaker.api"},
	components.ProcessingLayer: {"kms", "logs", "sqs"},
	components.MonitoringLayer: {"logs", "monitoring"},
	components.WarehouseLayer:  {"athena", "glue", "redshift-data"},
	components.FeaturesLayer:   {"glue", "logs", "sagemaker.featurestore-runtime"},
	components.ClusterLayer: {
		"ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "elasticloadbalancing", "logs", "sqs", "ssm", "sts",
	},
	components.WorkbenchLayer: {"logs", "sagemaker.api", "sagemaker.runtime", "studio", "sts"},
}

// privateServices lists the interface endpoints of a network in alphabetical order: those that were asked for by name,
// and those that the layers need where the network reaches services privately.
func privateServices(args *components.NetworkArgs) ([]string, error) {
	known := map[string]bool{}
	for _, names := range services {
		for _, name := range names {
			known[name] = true
		}
	}
	wanted := map[string]bool{}
	for _, name := range args.PrivateEndpoints {
		if !known[name] {
			return nil, fmt.Errorf("privateEndpoints: found %q, want some of %s: %w",
				name, strings.Join(slices.Sorted(maps.Keys(known)), ", "), components.ErrChoice)
		}
		wanted[name] = true
	}
	if *args.PrivateServices {
		for _, layer := range args.Layers {
			for _, name := range services[layer] {
				wanted[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(wanted)), nil
}

// serviceName is the name of a service's endpoint.
func (t *Target) serviceName(service string) string {
	if service == "studio" {
		return "aws.sagemaker." + t.options.Region + ".studio"
	}
	return "com.amazonaws." + t.options.Region + "." + service
}

// gatewayPolicy lets principals of this account through to S3 or DynamoDB, and to S3 whoever pulls the layers of an
// image: those addresses are signed by ECR.
func (t *Target) gatewayPolicy(service string) []Statement {
	own := Statement{
		Sid: "OwnPrincipals", Principals: &Principals{AWS: []string{"*"}}, Resources: here("*"),
		Conditions: Conditions{"StringEquals": {"aws:PrincipalAccount": {t.options.Account}}},
	}
	if service == "dynamodb" {
		own.Actions = []string{
			"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable",
			"dynamodb:DescribeTimeToLive", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan",
			"dynamodb:UpdateItem",
		}
		return []Statement{own}
	}
	own.Actions = []string{
		"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectAttributes",
		"s3:GetObjectTagging", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketMultipartUploads",
		"s3:ListBucketVersions", "s3:ListMultipartUploadParts", "s3:PutObject", "s3:PutObjectTagging",
	}
	return []Statement{own, {
		Sid: "ImageLayers", Principals: &Principals{AWS: []string{"*"}}, Actions: []string{"s3:GetObject"},
		Resources: here(t.bucketARN("prod-%s-starport-layer-bucket/*", t.options.Region)),
	}}
}
