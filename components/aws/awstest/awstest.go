// Package awstest makes up what AWS would return, so that graphs can be recorded without an account. It links no SDK.
package awstest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/mlpathway/mlpathway/components/recording"
)

// Account and Region are those that made-up ids and ARNs belong to.
const (
	Account = "123456789012"
	Region  = "eu-central-1"
)

// Invent is a recording.Invent. Ids have the form of the real ones and depend on the URN only.
func Invent(r recording.Resource) (string, resource.PropertyMap) {
	id, outputs := idOf(r), resource.PropertyMap{}
	if service, ok := strings.CutPrefix(r.Type, "aws:"); ok {
		service, _, _ = strings.Cut(service, "/")
		outputs["arn"] = resource.NewProperty(arnOf(r, service, id))
	}
	if name, ok := given(r, "name"); !ok {
		outputs["name"] = resource.NewProperty(id)
	} else {
		outputs["name"] = resource.NewProperty(name)
	}
	if r.Type == "random:index/randomPassword:RandomPassword" {
		outputs["result"] = resource.MakeSecret(resource.NewProperty(strings.Repeat("x", 40)))
	}
	for key, value := range more(r, id) {
		outputs[resource.PropertyKey(key)] = resource.NewProperty(value)
	}
	if r.Type == "aws:eks/cluster:Cluster" {
		network := r.Inputs["vpcConfig"].ObjectValue().Copy()
		network["clusterSecurityGroupId"] = resource.NewProperty("sg-0123456789abcdef9")
		outputs["vpcConfig"] = resource.NewProperty(network)
		outputs["certificateAuthority"] = resource.NewProperty(resource.PropertyMap{
			"data": resource.NewProperty("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"),
		})
	}
	return id, outputs
}

// prefixes are those of ids that AWS draws by itself.
var prefixes = map[string]string{
	"aws:ec2/vpc:Vpc": "vpc", "aws:ec2/subnet:Subnet": "subnet", "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce",
	"aws:ec2/natGateway:NatGateway": "nat", "aws:ec2/eip:Eip": "eipalloc", "aws:ec2/flowLog:FlowLog": "fl",
	"aws:ec2/routeTable:RouteTable": "rtb", "aws:ec2/internetGateway:InternetGateway": "igw",
	"aws:ec2/securityGroup:SecurityGroup": "sg", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "sg",
	"aws:ec2/launchTemplate:LaunchTemplate": "lt", "aws:sagemaker/domain:Domain": "d",
}

func idOf(r recording.Resource) string {
	sum := sha256.Sum256([]byte(r.URN))
	digest := hex.EncodeToString(sum[:])
	if prefix, ok := prefixes[r.Type]; ok {
		return prefix + "-" + digest[:17]
	}
	if r.Type == "aws:kms/key:Key" {
		return fmt.Sprintf("%s-%s-%s-%s-%s", digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32])
	}
	for _, key := range []resource.PropertyKey{"bucket", "name", "namePrefix", "functionName"} {
		if name, ok := given(r, key); ok {
			return name
		}
	}
	return r.Name + "-" + digest[:7]
}

func given(r recording.Resource, key resource.PropertyKey) (string, bool) {
	value, ok := r.Inputs[key]
	if !ok || !value.IsString() {
		return "", false
	}
	return value.StringValue(), true
}

// arnOf writes an ARN as the service does.
func arnOf(r recording.Resource, service, id string) string {
	kind := strings.ToLower(r.Type[strings.LastIndex(r.Type, ":")+1:])
	switch {
	case strings.HasPrefix(r.Type, "aws:s3/"):
		return "arn:aws:s3:::" + id
	case service == "iam":
		return fmt.Sprintf("arn:aws:iam::%s:%s/%s", Account, kind, id)
	case service == "sqs" || service == "sns":
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, Region, Account, id)
	case r.Type == "aws:cloudwatch/logGroup:LogGroup":
		return fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s", Region, Account, id)
	case service == "lambda" || service == "sfn" || r.Type == "aws:cloudwatch/metricAlarm:MetricAlarm":
		name := map[string]string{"sfn": "states", "cloudwatch": "cloudwatch"}[service]
		if name == "" {
			name = service
		}
		label := map[string]string{"statemachine": "stateMachine", "metricalarm": "alarm"}[kind]
		if label == "" {
			label = kind
		}
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s:%s", name, Region, Account, label, id)
	case r.Type == "aws:cloudwatch/eventRule:EventRule":
		return fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", Region, Account, id)
	default:
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s/%s", service, Region, Account, kind, id)
	}
}

// more are outputs that single types have besides id, name and ARN.
func more(r recording.Resource, id string) map[string]string {
	switch r.Type {
	case "aws:kms/key:Key":
		return map[string]string{"keyId": id}
	case "aws:redshiftserverless/namespace:Namespace":
		return map[string]string{"adminPasswordSecretArn": fmt.Sprintf(
			"arn:aws:secretsmanager:%s:%s:secret:redshift!%s-admin",
			Region, Account, id)}
	case "aws:sqs/queue:Queue":
		return map[string]string{"url": fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", Region, Account, id)}
	case "aws:ec2/vpc:Vpc":
		return map[string]string{"defaultSecurityGroupId": "sg-" + id[4:], "defaultRouteTableId": "rtb-" + id[4:]}
	case "aws:ecr/repository:Repository":
		return map[string]string{
			"repositoryUrl": fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s", Account, Region, id), "registryId": Account,
		}
	case "aws:eks/cluster:Cluster":
		return map[string]string{"endpoint": "https://" + id + ".gr7." + Region + ".eks.amazonaws.com"}
	case "aws:sagemaker/domain:Domain":
		return map[string]string{"url": "https://" + id + ".studio." + Region + ".sagemaker.aws"}
	case "aws:cloudwatch/dashboard:Dashboard":
		return map[string]string{"dashboardArn": fmt.Sprintf("arn:aws:cloudwatch::%s:dashboard/%s", Account, id)}
	default:
		return nil
	}
}
