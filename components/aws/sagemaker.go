package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// What the requests for SageMaker's jobs have in common, under the names of its API.
// Source: docs.aws.amazon.com/sagemaker/latest/APIReference.

// vpcConfig places a job in a network.
type vpcConfig struct {
	SecurityGroupIDs []string `json:"SecurityGroupIds"`
	Subnets          []string `json:"Subnets"`
}

// stoppingCondition ends a job. A job on spot capacity may wait for it.
type stoppingCondition struct {
	MaxRuntimeInSeconds  int `json:"MaxRuntimeInSeconds"`
	MaxWaitTimeInSeconds int `json:"MaxWaitTimeInSeconds,omitempty"`
}

// tag is a tag of a job.
type tag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

// jobTags are the tags of the jobs that a component describes, in alphabetical order.
func (l *layer) jobTags() []tag {
	all := l.options.Scope.Tags(l.Layer, l.Component)
	all["data-class"] = string(confidential)
	var tags []tag
	for _, key := range slices.Sorted(maps.Keys(all)) {
		tags = append(tags, tag{key, all[key]})
	}
	return tags
}

// scratchGB is the disk of a job, in gigabytes: the images keep nothing there that they need twice.
const scratchGB = 30

// diskKey is the key for the disk of a machine. Machines with accelerators have disks of their own that encrypt
// themselves, and SageMaker refuses a key for them.
func diskKey(m components.Machine, key string) string {
	if m.Accelerator != components.NoAccelerator {
		return ""
	}
	return key
}

// pinned refuses an image that may change under its name.
func pinned(image string) error {
	if strings.Contains(image, "@sha256:") {
		return nil
	}
	return fmt.Errorf("image: found %q, want a reference with a digest, <repository>@sha256:<digest>: %w",
		image, components.ErrName)
}

// jobKind is a kind of jobs of SageMaker: its log group, and the metrics of its machines.
type jobKind string

// The kinds.
const (
	trainingJobs   jobKind = "TrainingJobs"
	processingJobs jobKind = "ProcessingJobs"
)

// runJobs is what the role of a job of SageMaker needs besides what is granted to it: its logs, its metrics and, in a
// network, an interface. The log groups belong to the account, which all stacks in it share: nobody can own them.
func (l *layer) runJobs(kind jobKind, place *components.Placement) []Statement {
	group := "/aws/sagemaker/" + string(kind)
	statements := []Statement{{
		Sid:       "WriteLogs",
		Actions:   []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
		Resources: here(l.arn("logs", "log-group:%s", group), l.arn("logs", "log-group:%s:*", group)),
	}, {
		Sid: "WriteMetrics", Actions: []string{"cloudwatch:PutMetricData"}, Resources: here("*"), // knows no resource
		Conditions: Conditions{"StringLike": {"cloudwatch:namespace": {"/aws/sagemaker/*"}}},
	}}
	return append(statements, l.joinPlace(place)...)
}

// joinPlace lets SageMaker connect what runs as a role to a network.
func (l *layer) joinPlace(place *components.Placement) []Statement {
	if place == nil {
		return nil
	}
	return []Statement{{
		Sid: "JoinNetwork", Resources: here(
			l.arn("ec2", "network-interface/*"), l.arn("ec2", "security-group/*"), l.arn("ec2", "subnet/*")),
		Actions: []string{
			"ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
			"ec2:DeleteNetworkInterfacePermission",
		},
	}, {
		Sid: "FindNetwork", Resources: here("*"), // these know no resource
		Actions: []string{
			"ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
			"ec2:DescribeVpcs",
		},
	}}
}

// useDisks lets a role have disks encrypted by a key: SageMaker borrows it for the machine.
func (l *layer) useDisks(key pulumi.StringInput) []Statement {
	return l.useKey(key, lends, "sagemaker")
}

// lends is what whoever starts a machine with an encrypted disk does with the key: he lends it to the machine.
var lends = append([]string{"kms:CreateGrant"}, encrypts...)

// placed resolves a placement: nil for none.
func placed(place *components.Placement) pulumi.AnyOutput {
	if place == nil {
		return pulumi.Any((*vpcConfig)(nil))
	}
	return pulumi.All(place.Subnets, place.Group).ApplyT(func(all []any) any {
		return &vpcConfig{Subnets: all[0].([]string), SecurityGroupIDs: []string{all[1].(string)}}
	}).(pulumi.AnyOutput)
}

// orEmpty is an input that may be left out, as a text.
func orEmpty(value pulumi.StringInput) pulumi.StringOutput {
	if value == nil {
		return text("")
	}
	return value.ToStringOutput()
}
