package aws

import (
	"encoding/json"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// interruptions are the events that tell that a node will go, by what they are called here.
var interruptions = []struct{ part, source, detail string }{
	{"spot", "aws.ec2", "EC2 Spot Instance Interruption Warning"},
	{"rebalance", "aws.ec2", "EC2 Instance Rebalance Recommendation"},
	{"state", "aws.ec2", "EC2 Instance State-change Notification"},
	{"health", "aws.health", "AWS Health Event"},
}

// makeInterruptions makes the queue from which Karpenter hears that nodes will go, so that it moves their pods.
func (c *cluster) makeInterruptions() (err error) {
	name := c.physical(80, "interruptions")
	c.interruptions, err = c.newQueue(queue{
		part: "interruptions", keepDays: 1, policy: []Statement{{
			Sid: "TakeInterruptions", Principals: &Principals{Service: []string{"events.amazonaws.com"}},
			Actions: []string{"sqs:SendMessage"}, Resources: here(c.arn("sqs", "%s", name)),
			Conditions: Conditions{"ArnLike": {"aws:SourceArn": {c.arn("events", "rule/%s-*", c.physical(40))}}},
		}},
	})
	if err != nil {
		return err
	}
	for _, event := range interruptions {
		pattern, err := json.Marshal(map[string]any{
			"source": []string{event.source}, "detail-type": []string{event.detail},
		})
		if err != nil {
			return err
		}
		rule, err := cloudwatch.NewEventRule(c.Context, c.Part(event.part), &cloudwatch.EventRuleArgs{
			Name: pulumi.String(c.physical(64, event.part)), Description: pulumi.String("Nodes that will go: " + event.detail),
			EventPattern: pulumi.String(string(pattern)), Tags: c.tags(noData),
		}, c.With()...)
		if err != nil {
			return err
		}
		_, err = cloudwatch.NewEventTarget(c.Context, c.Part(event.part), &cloudwatch.EventTargetArgs{
			Rule: rule.Name, TargetId: pulumi.String("karpenter"),
			Arn: c.Known(c.interruptions.arn, c.interruptions.ready...),
		}, c.With()...)
		if err != nil {
			return err
		}
	}
	return nil
}

// karpenterAccount is the service account of Karpenter.
const (
	karpenterSpace   = "kube-system"
	karpenterAccount = "karpenter"
)

// makeController makes the role of Karpenter and gives it to its pods.
func (c *cluster) makeController() error {
	id, err := c.newRole(role{
		part: "karpenter", does: "Makes and removes nodes", may: append(c.makeNodes(), c.knowNodes()...),
		trust: []Statement{c.trustPods()},
	})
	if err != nil {
		return err
	}
	association, err := eks.NewPodIdentityAssociation(c.Context, c.Part("karpenter"), &eks.PodIdentityAssociationArgs{
		ClusterName: c.plane.Name, Namespace: pulumi.String(karpenterSpace), ServiceAccount: pulumi.String(karpenterAccount),
		RoleArn: id.ARN, Tags: c.tags(noData),
	}, c.With()...)
	c.ready = append(append(c.ready, id.ready...), association, c.system)
	return err
}

// makeNodes lets Karpenter make, tag and end machines of this cluster, which it tells by their tags.
// Source: karpenter.sh, reference of the controller policy.
func (c *cluster) makeNodes() []Statement {
	ec2 := func(kinds ...string) pulumi.StringArray {
		list := pulumi.StringArray{}
		for _, kind := range kinds {
			list = append(list, pulumi.String(c.arn("ec2", "%s/*", kind)))
		}
		return list
	}
	images := here(
		"arn:"+c.region.partition+":ec2:"+c.options.Region+"::image/*",
		"arn:"+c.region.partition+":ec2:"+c.options.Region+"::snapshot/*",
	)
	owned := "kubernetes.io/cluster/" + c.clusterName()
	of := func(kind string) Conditions {
		return Conditions{
			"StringEquals": {"aws:" + kind + "/" + owned: {"owned"}},
			"StringLike":   {"aws:" + kind + "/karpenter.sh/nodepool": {"*"}},
		}
	}
	made := []string{"fleet", "instance", "launch-template", "network-interface", "spot-instances-request", "volume"}
	tagging := of("RequestTag")
	tagging["StringEquals"]["ec2:CreateAction"] = []string{"CreateFleet", "CreateLaunchTemplate", "RunInstances"}
	return []Statement{{
		Sid: "StartFrom", Actions: []string{"ec2:CreateFleet", "ec2:RunInstances"},
		Resources: append(images, ec2("capacity-reservation", "security-group", "subnet")...),
	}, {
		Sid: "StartFromOwnTemplates", Actions: []string{"ec2:CreateFleet", "ec2:RunInstances"},
		Resources: ec2("launch-template"), Conditions: of("ResourceTag"),
	}, {
		Sid: "StartTagged", Actions: []string{"ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:RunInstances"},
		Resources: ec2(made...), Conditions: of("RequestTag"),
	}, {
		Sid: "TagWhatItMakes", Actions: []string{"ec2:CreateTags"}, Resources: ec2(made...), Conditions: tagging,
	}, {
		Sid: "NameNodes", Actions: []string{"ec2:CreateTags"}, Resources: ec2("instance"), Conditions: Conditions{
			"StringEquals": {"aws:ResourceTag/" + owned: {"owned"}},
			"ForAllValues:StringEquals": {"aws:TagKeys": {
				"eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name",
			}},
		},
	}, {
		Sid: "EndOwnNodes", Actions: []string{"ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"},
		Resources: ec2("instance", "launch-template"), Conditions: of("ResourceTag"),
	}, {
		Sid: "HandOverNodeRole", Actions: []string{"iam:PassRole"}, Resources: pulumi.StringArray{c.nodeRole.ARN},
		Conditions: Conditions{"StringEquals": {"iam:PassedToService": {"ec2.amazonaws.com"}}},
	}}
}

// knowNodes lets Karpenter look at what it chooses from, at the cluster and at its queue.
func (c *cluster) knowNodes() []Statement {
	return []Statement{{
		Sid: "SeeMachines", Resources: here("*"), // these know no resource
		Actions: []string{
			"ec2:DescribeCapacityReservations", "ec2:DescribeImages", "ec2:DescribeInstances",
			"ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplates",
			"ec2:DescribeSecurityGroups", "ec2:DescribeSpotPriceHistory", "ec2:DescribeSubnets",
		},
		Conditions: Conditions{"StringEquals": {"aws:RequestedRegion": {c.options.Region}}},
	}, {
		Sid: "FindImages", Actions: []string{"ssm:GetParameter"},
		Resources: here("arn:" + c.region.partition + ":ssm:" + c.options.Region + "::parameter/aws/service/*"),
	}, {
		Sid: "SeeInstanceProfile", Actions: []string{"iam:GetInstanceProfile"},
		Resources: here(c.globalARN("iam", "instance-profile/%s", c.profileName())),
	}, {
		Sid: "FindInstanceProfiles", Actions: []string{"iam:ListInstanceProfiles"},
		Resources: here(c.globalARN("iam", "instance-profile/*")),
	}, {
		Sid: "SeeCluster", Actions: []string{"eks:DescribeCluster"},
		Resources: here(c.arn("eks", "cluster/%s", c.clusterName())),
	}, {
		Sid: "HearOfInterruptions", Actions: []string{"sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"},
		Resources: here(c.interruptions.arn),
	}}
}
