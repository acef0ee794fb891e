package aws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
)

// trainOnClusterPlan is a training in the queue of a pool, and the pipeline that launches it.
func trainOnClusterPlan(e components.Environment, queue string, change func(*pipelineParts)) plan {
	cluster := &components.ClusterArgs{Network: testPlace(), Pools: []components.NodePool{
		{Name: "cpu", Max: 4}, {Name: "gpu", Max: 3, Machine: components.Machine{Accelerator: components.GPUSmall}},
	}}
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		made, err := components.NewCluster(ctx, "cluster", target, cluster)
		if err != nil {
			return err
		}
		return pipelinePlan(e, func(p *pipelineParts) {
			p.training.Queue = made.Queues.MapIndex(pulumi.String(queue))
			if change != nil {
				change(p)
			}
		}).build(ctx, target)
	}}
}

const (
	objectType = "aws:s3/bucketObjectv2:BucketObjectv2"
	inVPCType  = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
)

// TestTrainingOnTheCluster: the step launches what lies in the lake, and the job stands in the queue of its pool.
func TestTrainingOnTheCluster(t *testing.T) {
	t.Parallel()
	r := trainOnClusterPlan(components.Dev, "gpu", func(p *pipelineParts) {
		p.training.Machine.Accelerator, p.training.Nodes = components.GPUSmall, 2
		p.training.Environment = map[string]string{"OWN": "x"}
	}).must(t)
	checkStates(t, r.machine())
	in, end := drive(t, r, answers{record: promoted})
	assert.Equal(t, "Succeed", end)
	step := in.calls["train"]
	sageMakerAPI(t).check(t, "CreateProcessingJob", step)
	assert.Equal(t, object{"ImageUri": trainer, "ContainerArguments": []any{"launch"}}, step["AppSpecification"])
	environment := step["Environment"].(object)
	assert.Equal(t, []any{"s3://fraud-lake-models/pipeline-training.json", "20261122T123456.789Z"},
		[]any{environment["MLPATHWAY_JOB"], environment["MLPATHWAY_RUN"]})
	assert.Equal(t, "ml.t3.medium", step["ProcessingResources"].(object)["ClusterConfig"].(object)["InstanceType"])
	assert.Equal(t, object{"SecurityGroupIds": []any{"sg-1"}, "Subnets": []any{"subnet-1", "subnet-2"}},
		step["NetworkConfig"].(object)["VpcConfig"])

	lies := r.inputs(objectType, "pipeline-training")
	assert.Equal(t, []any{"fraud-lake-models", "pipeline-training.json"}, []any{lies["bucket"], lies["key"]})
	description := decode(t, lies["content"])
	assert.Equal(t, object{
		"kind": "eks", "name": "fraud-dev-cluster", "region": "eu-central-1",
		"endpoint":             "https://fraud-dev-cluster.gr7.eu-central-1.eks.amazonaws.com",
		"certificateAuthority": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
	}, description["cluster"])
	require.Len(t, description["jobs"], 1)
	job := description["jobs"].([]any)[0].(object)
	crdtest.CheckObject(t, definitions, job)
	metadata := job["metadata"].(object)
	assert.Equal(t, []any{"JobSet", "training-", "fraud-dev", "gpu"}, []any{
		job["kind"], metadata["generateName"], metadata["namespace"],
		metadata["labels"].(object)["kueue.x-k8s.io/queue-name"],
	})
	workers := job["spec"].(object)["replicatedJobs"].([]any)[0].(object)["template"].(object)["spec"].(object)
	assert.Equal(t, []any{2.0, "Indexed"}, []any{workers["completions"], workers["completionMode"]})
	pod := workers["template"].(object)["spec"].(object)
	assert.Equal(t, []any{"training", object{"karpenter.sh/capacity-type": "spot"}},
		[]any{pod["serviceAccountName"], pod["nodeSelector"]})
	container := pod["containers"].([]any)[0].(object)
	assert.Equal(t, []any{trainer, []any{"train"}}, []any{container["image"], container["args"]})
	assert.Equal(t, "1", container["resources"].(object)["limits"].(object)["nvidia.com/gpu"])
	variables := map[any]any{}
	for _, v := range container["env"].([]any) {
		variables[v.(object)["name"]] = v.(object)["value"]
	}
	for name, want := range map[string]string{
		"OWN": "x", "AWS_REGION": "eu-central-1", "MLPATHWAY_CHECKPOINTS": checkpoints, "WORLD_SIZE": "2",
	} {
		assert.Equal(t, want, variables[name], name)
	}
	for _, made := range r.Resources() {
		assert.NotContains(t, made.Type, "sagemaker/")
	}
}

// TestRightsOfATrainingOnTheCluster: the steps may make, see and delete jobs in one namespace; pods have a role of
// their own, which holds what is granted to it; the state machine starts no training of SageMaker.
func TestRightsOfATrainingOnTheCluster(t *testing.T) {
	t.Parallel()
	r := trainOnClusterPlan(components.Prod, "cpu", nil).must(t)
	entry := r.inputs("aws:eks/accessEntry:AccessEntry", "pipeline-launch")
	assert.Equal(t, []any{"fraud-prod-cluster", "STANDARD", []any{"mlpathway:pipeline-launch"}},
		[]any{entry["clusterName"], entry["type"], entry["kubernetesGroups"]})
	assert.Contains(t, entry["principalArn"], ":role/fraud-prod-pipeline-steps-")
	const rbac = "kubernetes:rbac.authorization.k8s.io/v1:"
	assert.Equal(t, []any{object{
		"apiGroups": []any{"jobset.x-k8s.io"}, "resources": []any{"jobsets"}, "verbs": []any{"create", "delete", "get"},
	}}, r.inputs(rbac+"Role", "")["rules"])
	binding := r.inputs(rbac+"RoleBinding", "")
	assert.Equal(t, []any{object{
		"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "mlpathway:pipeline-launch",
	}}, binding["subjects"])
	assert.Equal(t, []any{"fraud-prod", "pipeline-launch"},
		[]any{binding["metadata"].(object)["namespace"], binding["roleRef"].(object)["name"]})
	rule := r.inputs(inVPCType, "pipeline-launch")
	assert.Equal(t, []any{"sg-0123456789abcdef9", "sg-1", "tcp", 443.0, 443.0}, []any{
		rule["securityGroupId"], rule["referencedSecurityGroupId"], rule["ipProtocol"], rule["fromPort"], rule["toPort"],
	})

	bound := r.inputs(associationType, "training-pods")
	assert.Equal(t, []any{"fraud-prod", "training"}, []any{bound["namespace"], bound["serviceAccount"]})
	assert.Contains(t, bound["roleArn"], ":role/fraud-prod-training-")
	on := 0
	for _, made := range r.Resources() {
		if strings.HasPrefix(made.Type, "kubernetes:") && strings.HasPrefix(made.Name, "training") {
			on++
			assert.True(t, slices.ContainsFunc(made.Dependencies, func(urn string) bool {
				return strings.HasSuffix(urn, "::training-pods")
			}), "%s: a pod that starts before its association has no credentials", made.Name)
		}
	}
	assert.Positive(t, on)
	trust := r.document("aws:iam/role:Role", "training", "assumeRolePolicy")["Statement"].([]any)
	assert.Equal(t, object{"Service": []any{"pods.eks.amazonaws.com"}}, trust[0].(object)["Principal"])
	assert.Empty(t, r.allowed("training"))
	allowed := r.allowed("pipeline-runs")
	assert.Contains(t, allowed, "sagemaker:CreateProcessingJob")
	for _, action := range []string{"sagemaker:CreateTrainingJob", "sagemaker:CreateHyperParameterTuningJob"} {
		assert.NotContains(t, allowed, action)
	}
	require.Len(t, allowed["iam:PassRole"], 1)
	assert.Contains(t, allowed["iam:PassRole"][0], "pipeline-steps")
}

// TestASearchOnTheClusterComesFirst: both jobs lie in the description, in their order.
func TestASearchOnTheClusterComesFirst(t *testing.T) {
	t.Parallel()
	r := trainOnClusterPlan(components.Dev, "cpu", func(p *pipelineParts) {
		p.training.Tuning = &components.Tuning{Trials: 8, Parallel: 2}
	}).must(t)
	in, _ := drive(t, r, answers{record: promoted})
	assert.NotContains(t, in.trace, "Tune train")
	var commands []any
	for _, job := range decode(t, r.inputs(objectType, "pipeline-training")["content"])["jobs"].([]any) {
		set := job.(object)["spec"].(object)["replicatedJobs"].([]any)[0].(object)["template"].(object)["spec"].(object)
		pod := set["template"].(object)["spec"].(object)
		commands = append(commands, pod["containers"].([]any)[0].(object)["args"], set["completions"])
	}
	assert.Equal(t, []any{[]any{"tune"}, 2.0, []any{"train"}, 1.0}, commands)
}

func TestTheQueueKnowsJobSets(t *testing.T) {
	t.Parallel()
	r := clusterPlan(components.Dev, nil).must(t)
	assert.True(t, slices.ContainsFunc(r.one(releaseType, "cluster-kueue").Dependencies, func(urn string) bool {
		return strings.HasSuffix(urn, "::cluster-jobset")
	}), "Kueue looks for JobSets when it starts")
	queue := r.inputs("kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue", "cluster-gpu-queue")
	assert.Equal(t, object{"name": "gpu", "namespace": "fraud-dev"}, queue["metadata"])
}

func TestTrainingOnTheClusterRefuses(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		sentinel error
		queue    string
		change   func(*pipelineParts)
	}{
		`maxRuntimeMinutes: found 20160, want at most 10080`: {components.ErrRange, "cpu",
			func(p *pipelineParts) { p.training.MaxRuntimeMinutes = 20160 }},
		`queue: found "tpu", want that of a pool: ["cpu" "gpu"]`: {components.ErrChoice, "cpu",
			func(p *pipelineParts) { p.training.Queue = pulumi.String("tpu") }},
		`spot: found false, want true, or another spotPercent of the pool cpu`: {components.ErrConflict, "cpu",
			func(p *pipelineParts) { p.training.Spot = new(false) }},
		`machine.accelerator: found "", want "gpu-small", which is that of the pool gpu`: {
			components.ErrConflict, "gpu", nil,
		},
		`nodes: found 5, want at most 4, the spot nodes of the pool cpu`: {components.ErrRange, "cpu",
			func(p *pipelineParts) { p.training.Nodes = 5 }},
		`machine: found 64 processors`: {components.ErrRange, "cpu",
			func(p *pipelineParts) { p.training.Machine.CPUs = 64 }},
		`network: found nothing, want the Placement of a network`: {components.ErrRequired, "cpu",
			func(p *pipelineParts) { p.pipeline.Network = nil }},
		`digest`: {components.ErrName, "cpu", func(p *pipelineParts) { p.training.Image = "training-image" }},
	} {
		trainOnClusterPlan(components.Dev, test.queue, test.change).refusedAfter(t, test.sentinel, text)
	}
}
