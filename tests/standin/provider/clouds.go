package provider

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// awsPrefixes begin the ids of the types whose ids are invented by AWS.
var awsPrefixes = map[string]string{
	"ec2/vpc:Vpc": "vpc", "ec2/subnet:Subnet": "subnet", "ec2/securityGroup:SecurityGroup": "sg",
	"ec2/routeTable:RouteTable": "rtb", "ec2/routeTableAssociation:RouteTableAssociation": "rtbassoc",
	"ec2/route:Route": "r-rtb", "ec2/internetGateway:InternetGateway": "igw", "ec2/natGateway:NatGateway": "nat",
	"ec2/eip:Eip": "eipalloc", "ec2/vpcEndpoint:VpcEndpoint": "vpce", "ec2/flowLog:FlowLog": "fl",
	"ec2/launchTemplate:LaunchTemplate": "lt", "ec2/networkAcl:NetworkAcl": "acl",
	"ec2/securityGroupRule:SecurityGroupRule":                               "sgrule",
	"vpc/securityGroupIngressRule:SecurityGroupIngressRule":                 "sgr",
	"vpc/securityGroupEgressRule:SecurityGroupEgressRule":                   "sgr",
	"efs/fileSystem:FileSystem":                                             "fs",
	"ec2/vpcEndpointSubnetAssociation:VpcEndpointSubnetAssociation":         "a",
	"eks/podIdentityAssociation:PodIdentityAssociation":                     "a",
	"ec2/defaultSecurityGroup:DefaultSecurityGroup":                         "sg",
	"cloudwatch/eventTarget:EventTarget":                                    "target",
	"ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation": "a",
	"redshiftserverless/usageLimit:UsageLimit":                              "limit", // one for each period
}

// arnIsID are the types whose id is their ARN.
var arnIsID = []string{
	"sfn/stateMachine:StateMachine", "sns/topic:Topic", "sns/topicSubscription:TopicSubscription", "iam/policy:Policy",
	"secretsmanager/secret:Secret", "iam/openIdConnectProvider:OpenIdConnectProvider",
	"sagemaker/modelPackageGroup:ModelPackageGroup",
}

// awsSingles are the types of which an account has one in each region.
var awsSingles = []string{"guardduty/detector:Detector"}

func (i invention) awsType() string {
	_, typ, _ := strings.Cut(string(i.urn.Type()), ":")
	return typ
}

func (i invention) awsID() string {
	n := i.naming()
	typ := i.awsType()
	prefix, ok := awsPrefixes[typ]
	switch {
	case slices.Contains(awsSingles, typ):
		return strings.ToLower(n.typeName()) + "-" + account
	case ok:
		return prefix + "-" + n.digits("id", 17)
	case slices.Contains(arnIsID, typ):
		return i.arn("arn")
	case n.service() == "kms" && n.typeName() == "Key":
		return n.uuid("id")
	case n.service() == "sqs" && n.typeName() == "Queue":
		return "https://sqs." + region + ".amazonaws.com/" + account + "/" + i.name()
	case strings.HasPrefix(n.typeName(), "BucketObject"):
		return text(i.inputs, "bucket") + "/" + text(i.inputs, "key")
	case n.property() != "":
		return strings.Join(append(i.owners(), i.name()), ":")
	}
	if id := i.scalars(); id != "" {
		return id
	}
	return strings.ToLower(n.typeName()) + "-" + n.digits("id", 17)
}

// awsOwners are the inputs that name what a resource of AWS lies in. Its name is unique only there.
var awsOwners = []string{
	"clusterName", "role", "bucket", "rule", "functionName", "logGroupName", "domainId", "resourceId", "databaseName",
}

// owners are the names of what a resource lies in, such as the cluster of a node group.
func (i invention) owners() []string {
	var owners []string
	n := i.naming()
	for _, key := range slices.Sorted(maps.Keys(i.definition.Inputs)) {
		known := i.definition.Inputs[key]
		owner := strings.HasSuffix(key, "Name") && key != "resourceGroupName"
		if n.pkg() == "aws" {
			owner = slices.Contains(awsOwners, key)
		}
		if value := text(i.inputs, key); owner && value != "" && key != n.property() && known.Required {
			owners = append(owners, value)
		}
	}
	return owners
}

// arnParts say how the last part of an ARN is written, by service and type.
var arnParts = map[string]string{
	"lambda:Function": "function:", "cloudwatch:LogGroup": "log-group:", "sfn:StateMachine": "stateMachine:",
	"sns:Topic": "", "sqs:Queue": "", "kms:Key": "key/", "kms:Alias": "alias/", "ecr:Repository": "repository/",
	"cloudwatch:EventRule": "rule/", "cloudwatch:MetricAlarm": "alarm:", "dynamodb:Table": "table/",
	"iam:OpenIdConnectProvider": "oidc-provider/", "sagemaker:EndpointConfiguration": "endpoint-config/",
	"iam:InstanceProfile": "instance-profile/", "sagemaker:ModelPackageGroup": "model-package-group/",
}

// arnServices are the services that an ARN calls by another name than the SDK.
var arnServices = map[string]string{
	"sfn": "states", "redshiftserverless": "redshift-serverless", "emrserverless": "emr-serverless",
	"vpc": "ec2", "kinesis": "firehose",
}

// arn makes up an ARN: the resource's own, or for another property that of something else of the same service.
func (i invention) arn(key string) string {
	n := i.naming()
	service := n.service()
	if service == "s3" && strings.HasPrefix(n.typeName(), "Bucket") {
		return "arn:aws:s3:::" + i.name()
	}
	place := region + ":" + account
	if service == "iam" {
		place = ":" + account
	}
	last := i.arnName()
	if part, ok := arnParts[service+":"+n.typeName()]; ok {
		last = part + last
	} else {
		last = lowerDashed(n.typeName()) + "/" + last
	}
	if key != "arn" {
		last += "/" + key
	}
	if n.typeName() == "LogGroup" || n.typeName() == "MetricAlarm" {
		service = map[string]string{"LogGroup": "logs", "MetricAlarm": "cloudwatch"}[n.typeName()]
	} else if service == "cloudwatch" {
		service = "events"
	}
	if name, ok := arnServices[service]; ok {
		service = name
	}
	return "arn:aws:" + service + ":" + place + ":" + last
}

func (i invention) arnName() string {
	n := i.naming()
	if prefix, ok := awsPrefixes[i.awsType()]; ok {
		return prefix + "-" + n.digits("id", 17)
	}
	switch {
	case n.service() == "kms" && n.typeName() == "Key":
		return n.uuid("id")
	case n.typeName() == "OpenIdConnectProvider":
		return strings.TrimPrefix(text(i.inputs, "url"), "https://")
	case n.property() != "":
		return i.name()
	default:
		return n.digits("id", 17)
	}
}

func lowerDashed(name string) string {
	var b strings.Builder
	for at, r := range name {
		if r >= 'A' && r <= 'Z' && at > 0 {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

func (i invention) gcpPath() string {
	n := i.naming()
	place := "projects/" + first(text(i.inputs, "project"), project)
	if where := first(text(i.inputs, "location"), text(i.inputs, "region"), text(i.inputs, "zone")); where != "" {
		place += "/locations/" + where
	}
	for _, owner := range i.owners() {
		place += "/" + owner
	}
	kind := n.typeName()
	return place + "/" + strings.ToLower(kind[:1]) + kind[1:] + "s/" + i.name()
}

func (i invention) gcpID() string {
	n := i.naming()
	switch {
	case n.service() == "storage" && n.typeName() == "Bucket":
		return i.name()
	case n.property() == "" && i.scalars() != "":
		return strings.ToLower(n.typeName()) + "/" + i.scalars()
	default:
		return i.gcpPath()
	}
}

func (i invention) azureType() string {
	n := i.naming()
	kind := n.typeName()
	service := n.service()
	return "Microsoft." + strings.ToUpper(service[:1]) + service[1:] + "/" + strings.ToLower(kind[:1]) + kind[1:] + "s"
}

func (i invention) azureID() string {
	base := "/subscriptions/" + subscription
	group := text(i.inputs, "resourceGroupName")
	if group == "" {
		base = first(text(i.inputs, "scope"), base)
	} else {
		base += "/resourceGroups/" + group
	}
	if i.naming().typeName() == "ResourceGroup" {
		return "/subscriptions/" + subscription + "/resourceGroups/" + i.name()
	}
	path := ""
	if i.definition != nil {
		for _, owner := range i.owners() {
			path += "/" + owner
		}
	}
	return base + "/providers/" + i.azureType() + path + "/" + i.name()
}

// clusterScoped are the kinds of Kubernetes that lie in no namespace.
var clusterScoped = []string{
	"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PersistentVolume", "StorageClass",
	"PriorityClass", "RuntimeClass", "IngressClass", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "APIService",
	"ClusterQueue", "ResourceFlavor", "Cohort", "Topology", "AdmissionCheck", "WorkloadPriorityClass", // Kueue
	"NodePool", "EC2NodeClass", "ClusterTrainingRuntime", "ClusterTriggerAuthentication",
}

func (i invention) kubernetesName() string {
	if name := text(i.inputs, "metadata", "name"); name != "" {
		return name
	}
	return text(i.inputs, "metadata", "generateName") + i.naming().digits("name", 5)
}

func (i invention) kubernetesID() string {
	if !i.naming().object() {
		return first(text(i.inputs, "namespace"), "default") + "/" + i.name()
	}
	if slices.Contains(clusterScoped, i.naming().typeName()) {
		return i.kubernetesName()
	}
	return first(text(i.inputs, "metadata", "namespace"), "default") + "/" + i.kubernetesName()
}

// kubernetesOutputs adds what the API server writes into the metadata.
func (i invention) kubernetesOutputs(outputs map[string]property.Value) {
	metadata := property.Map{}
	if given := outputs["metadata"]; given.IsMap() {
		metadata = given.AsMap()
	}
	metadata = metadata.Set("name", property.New(i.kubernetesName())).
		Set("uid", property.New(i.naming().uuid("uid"))).
		Set("creationTimestamp", property.New(moment))
	if !slices.Contains(clusterScoped, i.naming().typeName()) && metadata.Get("namespace").IsNull() {
		metadata = metadata.Set("namespace", property.New("default"))
	}
	outputs["metadata"] = property.New(metadata)
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
