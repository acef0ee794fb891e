package aws

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Versions that belong together. A newer one is a change of the stack, never a surprise. Looked up on 2026-11-25:
// EKS supports 1.35 until 2027-03-27, and 1.34 until 2026-12-02 (endoflife.date/amazon-eks); Karpenter 1.11, that of
// package charts, knows Kubernetes 1.29 to 1.35 (endoflife.date/karpenter); the first image for 1.35 is that of
// Bottlerocket 1.53.0, its release notes of 2026-01.
const (
	kubernetesVersion = "1.35"
	nodeImage         = "bottlerocket@v1.53.0"
)

// systemMachine is the type of the nodes that Karpenter itself runs on.
const systemMachine = "m5.large"

// Cluster is an EKS cluster: two small nodes for the system, and all others made by Karpenter when pods need them.
// Karpenter, Kueue and the software for accelerators are put into it, so whoever runs Pulumi must reach it: from inside
// the network where the control plane is private.
func (t *Target) Cluster(
	ctx *pulumi.Context, name string, args *components.ClusterArgs, opts ...pulumi.ResourceOption,
) (*components.ClusterOutputs, error) {
	c := &cluster{layer: t.layer(ctx, components.ClusterLayer, name, opts), args: args}
	if args.Network == nil {
		return nil, fmt.Errorf("network: found nothing, want the Placement of a network: %w", components.ErrRequired)
	}
	var err error
	if c.pools, err = planPools(t.options.Region, args.Pools); err != nil {
		return nil, err
	}
	for _, made := range []func() error{
		c.makeControlPlane, c.makeSystemNodes, c.makeAddons, c.makeNodeRole, c.makeInterruptions, c.makeController,
		c.makeProvider, c.makeSoftware, c.makePools, c.makeSpace, c.makeQueues,
	} {
		if err := made(); err != nil {
			return nil, err
		}
	}
	t.cluster = c
	queues := pulumi.StringMap{}
	for _, pool := range poolNames(c.pools) {
		queues[pool] = c.Known(pool, c.queues[pool])
	}
	return &components.ClusterOutputs{
		Kubeconfig: c.kubeconfig, ClusterID: c.Known(c.clusterName(), c.plane), Queues: queues.ToStringMapOutput(),
	}, nil
}

// cluster is what is made of a cluster so far.
type cluster struct {
	*layer
	args          *components.ClusterArgs
	pools         []nodePool
	plane         *eks.Cluster
	system        *eks.NodeGroup
	nodeRole      *identity
	profile       *iam.InstanceProfile
	interruptions *madeQueue
	ready         []pulumi.Resource // what Karpenter needs before it starts
	kubeconfig    pulumi.StringOutput
	provider      pulumi.ProviderResource
	software      map[string]pulumi.Resource
	space         *kubernetes.Target
	queues        map[string]pulumi.Resource
}

func (c *cluster) clusterName() string { return c.physical(40) }

// makeControlPlane makes the control plane with its role and its logs.
func (c *cluster) makeControlPlane() error {
	name := c.clusterName()
	logs, err := c.newLogGroup("plane-logs", "/aws/eks/"+name+"/cluster", c.args.Logs)
	if err != nil {
		return err
	}
	id, err := c.newRole(role{
		part: "plane", does: "Runs the control plane of the cluster", trust: []Statement{c.trust("eks.amazonaws.com")},
		keys: c.useKey(c.args.Key, lends, "eks"),
	})
	if err != nil {
		return err
	}
	attached, err := c.attachManaged("plane", id, "AmazonEKSClusterPolicy")
	if err != nil {
		return err
	}
	version := c.args.Version
	if version == "" {
		version = kubernetesVersion
	}
	args := &eks.ClusterArgs{
		Name: pulumi.String(name), RoleArn: id.ARN, Version: pulumi.String(version),
		EnabledClusterLogTypes: pulumi.ToStringArray([]string{
			"api", "audit", "authenticator", "controllerManager", "scheduler",
		}),
		BootstrapSelfManagedAddons: pulumi.Bool(false),
		AccessConfig: &eks.ClusterAccessConfigArgs{
			AuthenticationMode: pulumi.String("API"), BootstrapClusterCreatorAdminPermissions: pulumi.Bool(true),
		},
		VpcConfig: &eks.ClusterVpcConfigArgs{
			SubnetIds: c.args.Network.Subnets, EndpointPrivateAccess: pulumi.Bool(true),
			EndpointPublicAccess: pulumi.Bool(!*c.args.PrivateAPI),
		},
		// Extended support would cost six times as much: a version that has run out is upgraded.
		UpgradePolicy: &eks.ClusterUpgradePolicyArgs{SupportType: pulumi.String("STANDARD")},
		Tags:          c.tags(confidential),
	}
	if c.args.Key != nil {
		args.EncryptionConfig = &eks.ClusterEncryptionConfigArgs{
			Provider:  &eks.ClusterEncryptionConfigProviderArgs{KeyArn: c.args.Key},
			Resources: pulumi.ToStringArray([]string{"secrets"}),
		}
	}
	needs := append(append(id.ready, attached...), logs.resource)
	c.plane, err = eks.NewCluster(c.Context, c.Part(), args, c.After(needs...)...)
	return err
}

// attachManaged attaches policies that AWS keeps for the software of EKS to a role.
func (c *cluster) attachManaged(part string, id *identity, policies ...string) ([]pulumi.Resource, error) {
	var attached []pulumi.Resource
	for _, policy := range policies {
		made, err := iam.NewRolePolicyAttachment(c.Context, components.FitName(c.Part(part, policy), 60),
			&iam.RolePolicyAttachmentArgs{
				Role:      nameOf(id.ARN),
				PolicyArn: pulumi.String(fmt.Sprintf("arn:%s:iam::aws:policy/%s", c.region.partition, policy)),
			}, c.With()...)
		if err != nil {
			return nil, err
		}
		attached = append(attached, made)
	}
	return attached, nil
}

// nodePolicies are what every node needs: to join, to pull images, to give pods addresses.
var nodePolicies = []string{
	"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy",
}

// makeSystemNodes makes the nodes that everything else starts from.
func (c *cluster) makeSystemNodes() error {
	id, err := c.newRole(role{
		part: "system", does: "Nodes for the cluster's own software", trust: []Statement{c.trust("ec2.amazonaws.com")},
	})
	if err != nil {
		return err
	}
	attached, err := c.attachManaged("system", id, nodePolicies...)
	if err != nil {
		return err
	}
	c.system, err = eks.NewNodeGroup(c.Context, c.Part("system"), &eks.NodeGroupArgs{
		ClusterName: c.plane.Name, NodeGroupName: pulumi.String(c.physical(63, "system")), NodeRoleArn: id.ARN,
		SubnetIds: c.args.Network.Subnets, InstanceTypes: pulumi.ToStringArray([]string{systemMachine}),
		AmiType: pulumi.String("BOTTLEROCKET_x86_64"), CapacityType: pulumi.String("ON_DEMAND"), DiskSize: pulumi.Int(20),
		ScalingConfig: &eks.NodeGroupScalingConfigArgs{
			MinSize: pulumi.Int(2), DesiredSize: pulumi.Int(2), MaxSize: pulumi.Int(3),
		},
		Labels:       pulumi.ToStringMap(c.labels()),
		UpdateConfig: &eks.NodeGroupUpdateConfigArgs{MaxUnavailable: pulumi.Int(1)},
		Tags:         c.tags(internal),
	}, c.After(append(id.ready, attached...)...)...)
	return err
}

// Addons of EKS that are told something, or that only endpoints on the cluster need.
// Source: docs.aws.amazon.com/eks, Restrict Pod network traffic with Kubernetes network policies.
const (
	networkAddon = "vpc-cni"
	metricsAddon = "metrics-server"
)

// makeAddons makes what EKS itself puts into a cluster. The agent for pod identities gives pods their roles.
func (c *cluster) makeAddons() error {
	addons := []string{networkAddon, "kube-proxy", "eks-pod-identity-agent", "coredns"}
	if c.options.ServeOnCluster { // the autoscaler asks it how busy pods are
		addons = append(addons, metricsAddon)
	}
	for _, addon := range addons {
		options := c.With()
		if addon == "coredns" || addon == metricsAddon { // they need nodes to be healthy; nodes need the others
			options = c.After(c.system)
		}
		args := &eks.AddonArgs{
			ClusterName: c.plane.Name, AddonName: pulumi.String(addon), Preserve: pulumi.Bool(false),
			ResolveConflictsOnCreate: pulumi.String("OVERWRITE"), ResolveConflictsOnUpdate: pulumi.String("OVERWRITE"),
			Tags: c.tags(internal),
		}
		if addon == networkAddon { // without it policies of the network are ignored
			args.ConfigurationValues = pulumi.String(`{"enableNetworkPolicy":"true"}`)
		}
		made, err := eks.NewAddon(c.Context, c.Part(addon), args, options...)
		if err != nil {
			return err
		}
		c.ready = append(c.ready, made)
	}
	return nil
}

// makeNodeRole makes the role of Karpenter's nodes and lets them into the cluster.
func (c *cluster) makeNodeRole() (err error) {
	c.nodeRole, err = c.newRole(role{
		part: "nodes", does: "Nodes that Karpenter makes", trust: []Statement{c.trust("ec2.amazonaws.com")},
	})
	if err != nil {
		return err
	}
	attached, err := c.attachManaged("nodes", c.nodeRole, nodePolicies...)
	if err != nil {
		return err
	}
	c.profile, err = iam.NewInstanceProfile(c.Context, c.Part("nodes"), &iam.InstanceProfileArgs{
		Name: pulumi.String(c.profileName()), Role: nameOf(c.nodeRole.ARN), Tags: c.tags(noData),
	}, c.With()...)
	if err != nil {
		return err
	}
	entry, err := eks.NewAccessEntry(c.Context, c.Part("nodes"), &eks.AccessEntryArgs{
		ClusterName: c.plane.Name, PrincipalArn: c.nodeRole.ARN, Type: pulumi.String("EC2_LINUX"), Tags: c.tags(noData),
	}, c.With()...)
	c.ready = append(append(c.ready, attached...), entry, c.profile)
	return err
}

func (c *cluster) profileName() string { return c.global(128, "nodes") }

// makeProvider makes the way into the cluster. The kubeconfig holds no credentials: it asks for them when it is used.
func (c *cluster) makeProvider() (err error) {
	name := c.clusterName()
	config := pulumi.All(c.plane.Endpoint, c.plane.CertificateAuthority.Data().Elem()).ApplyT(
		func(all []any) (string, error) {
			return kubeconfig(name, c.options.Region, all[0].(string), all[1].(string))
		})
	c.kubeconfig = pulumi.ToSecret(config).(pulumi.StringOutput)
	c.provider, err = object.NewProvider(c.Context, c.Part("inside"), config.(pulumi.StringOutput), c.Given...)
	return err
}

// kubeconfig writes the file with which kubectl opens the cluster.
func kubeconfig(name, region, endpoint, authority string) (string, error) {
	data, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []any{map[string]any{"name": name, "cluster": map[string]any{
			"server": endpoint, "certificate-authority-data": authority,
		}}},
		"contexts": []any{map[string]any{"name": name, "context": map[string]any{"cluster": name, "user": name}}},
		"users": []any{map[string]any{"name": name, "user": map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "interactiveMode": "Never",
			"args": []string{"--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"},
		}}}},
	})
	return string(data), err
}
