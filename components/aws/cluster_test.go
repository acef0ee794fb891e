package aws_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
)

const (
	clusterType = "aws:eks/cluster:Cluster"
	poolType    = "kubernetes:karpenter.sh/v1:NodePool"
	classType   = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
	quotaType   = "kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue"
	releaseType = "kubernetes:helm.sh/v3:Release"
	definitions = "../kubernetes/testdata/kinds.json"
)

func clusterPlan(e components.Environment, change func(*components.ClusterArgs)) plan {
	args := &components.ClusterArgs{
		Network: testPlace(), Key: pulumi.String(lakeKey), Pools: []components.NodePool{
			{Name: "cpu", Max: 4},
			{Name: "gpu", Max: 3, DiskGiB: 200, Machine: components.Machine{Accelerator: components.GPUSmall}},
		},
	}
	if change != nil {
		change(args)
	}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewCluster(ctx, "cluster", target, args)
		return err
	}}
}

func TestControlPlane(t *testing.T) {
	t.Parallel()
	cluster := clusterPlan(components.Prod, nil).must(t).inputs(clusterType, "")
	assert.Equal(t, "fraud-prod-cluster", cluster["name"])
	logs := []any{"api", "audit", "authenticator", "controllerManager", "scheduler"}
	assert.Equal(t, logs, cluster["enabledClusterLogTypes"])
	assert.Equal(t, object{"provider": object{"keyArn": lakeKey}, "resources": []any{"secrets"}},
		cluster["encryptionConfig"])
	network := cluster["vpcConfig"].(object)
	assert.Equal(t, []any{true, false}, []any{network["endpointPrivateAccess"], network["endpointPublicAccess"]})
	assert.Equal(t, "API", cluster["accessConfig"].(object)["authenticationMode"])
	assert.Equal(t, object{"supportType": "STANDARD"}, cluster["upgradePolicy"])
	public := clusterPlan(components.Dev, func(a *components.ClusterArgs) { a.PrivateAPI = new(false) }).must(t)
	assert.Equal(t, true, public.inputs(clusterType, "")["vpcConfig"].(object)["endpointPublicAccess"])
}

func TestTheWayInHoldsNoCredentials(t *testing.T) {
	t.Parallel()
	config := clusterPlan(components.Dev, nil).must(t).document("pulumi:providers:kubernetes", "cluster-inside",
		"kubeconfig")
	assert.Equal(t, []any{object{"name": "fraud-dev-cluster", "cluster": object{
		"server":                     "https://fraud-dev-cluster.gr7.eu-central-1.eks.amazonaws.com",
		"certificate-authority-data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
	}}}, config["clusters"])
	user := config["users"].([]any)[0].(object)["user"].(object)
	assert.Equal(t, []string{"exec"}, keysOf(user), "neither token nor certificate")
}

func TestNodePoolOfAccelerators(t *testing.T) {
	t.Parallel()
	r := clusterPlan(components.Dev, nil).must(t)
	spec := r.inputs(poolType, "cluster-gpu-spot-pool")["spec"].(object)
	assert.Equal(t, object{"consolidationPolicy": "WhenEmpty", "consolidateAfter": "300s"}, spec["disruption"])
	assert.Equal(t, "3", spec["limits"].(object)["nvidia.com/gpu"])
	nodes := spec["template"].(object)["spec"].(object)
	assert.Equal(t, []any{object{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}}, nodes["taints"])
	requirements := map[any]any{}
	for _, q := range nodes["requirements"].([]any) {
		requirements[q.(object)["key"]] = q.(object)["values"]
	}
	assert.Equal(t, map[any]any{
		"karpenter.sh/capacity-type": []any{"spot"}, "kubernetes.io/arch": []any{"amd64"},
		"node.kubernetes.io/instance-type":            []any{"g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge"},
		"karpenter.k8s.aws/instance-gpu-manufacturer": []any{"nvidia"},
	}, requirements)
	cpu := r.inputs(poolType, "cluster-cpu-spot-pool")["spec"].(object)
	assert.NotContains(t, cpu["template"].(object)["spec"], "taints")
	assert.NotContains(t, cpu["limits"], "nvidia.com/gpu")
}

func TestNodeClass(t *testing.T) {
	t.Parallel()
	spec := clusterPlan(components.Dev, nil).must(t).inputs(classType, "cluster-gpu-spot-class")["spec"].(object)
	assert.Equal(t, []any{object{"alias": "bottlerocket@v1.53.0"}}, spec["amiSelectorTerms"], "the image is pinned")
	assert.Equal(t, object{"httpTokens": "required", "httpPutResponseHopLimit": 1.0, "httpEndpoint": "enabled"},
		spec["metadataOptions"])
	disk := spec["blockDeviceMappings"].([]any)[1].(object)["ebs"].(object)
	assert.Equal(t, object{
		"volumeSize": "200Gi", "volumeType": "gp3", "encrypted": true, "deleteOnTermination": true,
	}, disk)
	assert.Equal(t, []any{object{"id": "subnet-1"}, object{"id": "subnet-2"}}, spec["subnetSelectorTerms"])
	assert.Equal(t, []any{object{"id": "sg-0123456789abcdef9"}}, spec["securityGroupSelectorTerms"])
	assert.Equal(t, false, spec["associatePublicIPAddress"])
	for _, tag := range []string{"team", "environment", "cost-center", "owner", "data-class"} {
		assert.Contains(t, spec["tags"], tag)
	}
}

func TestSpotShareDividesAPool(t *testing.T) {
	t.Parallel()
	r := clusterPlan(components.Prod, func(a *components.ClusterArgs) {
		a.Pools[1].Max, a.Pools[1].SpotPercent = 10, new(30)
	}).must(t)
	gpus := func(pool string) any {
		return r.inputs(poolType, pool)["spec"].(object)["limits"].(object)["nvidia.com/gpu"]
	}
	assert.Equal(t, []any{"3", "7"}, []any{gpus("cluster-gpu-spot-pool"), gpus("cluster-gpu-pool")})
	assert.Len(t, r.Find(poolType), 3, "cpu is on-demand in prod")
}

func TestQueuesAndTheirQuota(t *testing.T) {
	t.Parallel()
	gpus := func(r recorded) string {
		groups := r.inputs(quotaType, "cluster-gpu-quota")["spec"].(object)["resourceGroups"].([]any)
		resources := groups[0].(object)["flavors"].([]any)[0].(object)["resources"].([]any)
		last := resources[len(resources)-1].(object)
		require.Equal(t, "nvidia.com/gpu", last["name"])
		return last["nominalQuota"].(string)
	}
	assert.Equal(t, "3", gpus(clusterPlan(components.Dev, nil).must(t)))
	assert.Equal(t, "2", gpus(clusterPlan(components.Dev, func(a *components.ClusterArgs) { a.GPUQuota = 2 }).must(t)))
}

func TestCustomResourcesKeepTheirDefinitions(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, made := range clusterPlan(components.Prod, nil).must(t).Resources() {
		if !strings.HasPrefix(made.Type, "kubernetes:karpenter") && !strings.HasPrefix(made.Type, "kubernetes:kueue") {
			continue
		}
		crdtest.Check(t, definitions, made)
		checked++
	}
	assert.Equal(t, 10, checked)
}

func TestChartsArePinned(t *testing.T) {
	t.Parallel()
	charts := map[any]any{}
	for _, made := range clusterPlan(components.Dev, nil).must(t).Find(releaseType) {
		charts[made.Inputs["name"].StringValue()] = made.Inputs["version"].StringValue()
	}
	assert.Equal(t, map[any]any{
		"karpenter": "1.11.1", "jobset": "0.12.0", "kueue": "0.19.0", "dcgm-exporter": "4.0.4",
	}, charts)
	without := clusterPlan(components.Dev, func(a *components.ClusterArgs) { a.Pools = a.Pools[:1] }).must(t)
	assert.Len(t, without.Find(releaseType), 3, "without accelerators there is nothing to drive")
}

func TestKarpenterHearsOfInterruptions(t *testing.T) {
	t.Parallel()
	r := clusterPlan(components.Dev, nil).must(t)
	assert.Len(t, r.Find("aws:cloudwatch/eventRule:EventRule"), 4)
	pattern := r.document("aws:cloudwatch/eventRule:EventRule", "cluster-spot", "eventPattern")
	assert.Equal(t, []any{"EC2 Spot Instance Interruption Warning"}, pattern["detail-type"])
	values := r.inputs(releaseType, "cluster-karpenter")["values"].(object)["settings"].(object)
	assert.Equal(t, r.inputs("aws:sqs/queue:Queue", "")["name"], values["interruptionQueue"])
	allowed := r.allowed("cluster-karpenter")
	assert.Equal(t, []string{"arn:aws:sqs:eu-central-1:123456789012:fraud-dev-cluster-interruptions"},
		allowed["sqs:ReceiveMessage"])
	require.Len(t, allowed["iam:PassRole"], 1)
	assert.Contains(t, allowed["iam:PassRole"][0], "fraud-dev-cluster-nodes")
	for _, action := range []string{"iam:CreateInstanceProfile", "ec2:CreateSecurityGroup", "s3:GetObject"} {
		assert.NotContains(t, allowed, action)
	}
	trust := r.document("aws:iam/role:Role", "cluster-karpenter", "assumeRolePolicy")["Statement"].([]any)[0].(object)
	assert.Equal(t, object{"Service": []any{"pods.eks.amazonaws.com"}}, trust["Principal"])
	assert.Equal(t, "karpenter", r.inputs("aws:eks/podIdentityAssociation:PodIdentityAssociation", "")["serviceAccount"])
	assert.Equal(t, "EC2_LINUX", r.inputs("aws:eks/accessEntry:AccessEntry", "")["type"])
}

// TestAddons: the plug-in of the network keeps to its policies, which it ignores unless it is told; an endpoint on the
// cluster brings what its autoscaler asks.
func TestAddons(t *testing.T) {
	t.Parallel()
	settings := func(r recorded) map[string]any {
		all := map[string]any{}
		for _, made := range r.Find("aws:eks/addon:Addon") {
			inputs := r.inputs("aws:eks/addon:Addon", made.Name)
			all[inputs["addonName"].(string)] = nil
			if text, ok := inputs["configurationValues"]; ok {
				all[inputs["addonName"].(string)] = decode(t, text)
			}
		}
		return all
	}
	want := map[string]any{
		"vpc-cni": object{"enableNetworkPolicy": "true"}, "kube-proxy": nil, "eks-pod-identity-agent": nil, "coredns": nil,
	}
	assert.Equal(t, want, settings(clusterPlan(components.Dev, nil).must(t)))
	serving := clusterPlan(components.Dev, nil)
	serving.options.ServeOnCluster = true
	want["metrics-server"] = nil
	assert.Equal(t, want, settings(serving.must(t)))
}

func TestClusterUpdatesReplaceNothing(t *testing.T) {
	t.Parallel()
	replacing := map[string][]string{clusterType: {"name", "roleArn", "encryptionConfig", "vpcConfig", "accessConfig"},
		"aws:eks/nodeGroup:NodeGroup": {"nodeGroupName", "instanceTypes", "amiType", "capacityType", "diskSize"}}
	before := clusterPlan(components.Prod, nil).must(t)
	after := clusterPlan(components.Prod, func(a *components.ClusterArgs) {
		a.Version, a.Pools[0].Max, a.Logs.RetentionDays, a.GPUQuota = "1.36", 9, 731, 1
	}).must(t)
	for token, keys := range replacing {
		for _, key := range keys {
			assert.Equal(t, before.inputs(token, "")[key], after.inputs(token, "")[key], "%s: %s", token, key)
		}
	}
	assert.Equal(t, "1.36", after.inputs(clusterType, "")["version"])
}

func TestClusterRefuses(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		sentinel error
		change   func(*components.ClusterArgs)
	}{
		"network": {components.ErrRequired, func(a *components.ClusterArgs) { a.Network = nil }},
		"min":     {components.ErrConflict, func(a *components.ClusterArgs) { a.Pools[0].Min = 1 }},
		"only Google": {components.ErrChoice, func(a *components.ClusterArgs) {
			a.Pools[1].Machine.Accelerator = components.TPU
		}},
		"eu-central-1": {components.ErrChoice, func(a *components.ClusterArgs) {
			a.Pools[1].Machine.Accelerator = components.GPUXLarge
		}},
	} {
		clusterPlan(components.Dev, test.change).refused(t, test.sentinel, text)
	}
}

// TestNodesAndNamespaceSayWhoseTheyAre: labels hold what tags hold, in the letters that Kubernetes takes.
func TestNodesAndNamespaceSayWhoseTheyAre(t *testing.T) {
	t.Parallel()
	r := clusterPlan(components.Prod, nil).must(t)
	want := map[string]any{
		"team": "fraud", "environment": "prod", "cost-center": "cc-1234", "owner": "fraud_at_example.com",
		"data-class": "confidential",
	}
	assert.Subset(t, r.inputs("aws:eks/nodeGroup:NodeGroup", "")["labels"], want)
	space := r.inputs("kubernetes:core/v1:Namespace", "cluster-jobs-namespace")["metadata"].(object)["labels"].(object)
	assert.Subset(t, space, want)
	assert.Equal(t, []any{"fraud", "restricted"}, []any{
		space["mlpathway/team"], space["pod-security.kubernetes.io/enforce"],
	})
}
