package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

func clusterPlan(change func(*components.ClusterArgs), set func(*settings.Settings)) plan {
	room := func(s *settings.Settings) {
		s.Quota = settings.Quota{CPUs: 2000, MemoryGiB: 20000, Accelerators: 100}
		if set != nil {
			set(s)
		}
	}
	return plan{change: room, build: func(ctx *pulumi.Context, target components.Target) error {
		gpus := components.Machine{CPUs: 96, MemoryMiB: 1 << 20, Accelerator: components.GPULarge, Accelerators: 8}
		args := &components.ClusterArgs{GPUQuota: 20, Pools: []components.NodePool{
			{Name: "cpu", Machine: components.Machine{CPUs: 16, MemoryMiB: 65536}, Max: 2, SpotPercent: new(0)},
			{Name: "gpu", Machine: gpus, Max: 4, SpotPercent: new(75)},
		}}
		if change != nil {
			change(args)
		}
		_, err := components.NewCluster(ctx, "cluster", target, args)
		return err
	}}
}

// quotas are the nominal quotas of a ClusterQueue by flavor and resource.
func quotas(queue map[string]any) (order []string, nominal map[string]map[string]any) {
	nominal = map[string]map[string]any{}
	for _, flavor := range at(queue, "spec.resourceGroups.0.flavors").([]any) {
		name := at(flavor, "name").(string)
		order, nominal[name] = append(order, name), map[string]any{}
		for _, quota := range at(flavor, "resources").([]any) {
			nominal[name][at(quota, "name").(string)] = at(quota, "nominalQuota")
		}
	}
	return order, nominal
}

func TestQuotasFollowPoolsAndTheTeamsBound(t *testing.T) {
	t.Parallel()
	r := clusterPlan(nil, func(s *settings.Settings) { s.Nodes.Topology = []string{"zone", "rack"} }).must(t)
	queue := r.object("ClusterQueue", "fraud-dev")
	order, nominal := quotas(queue)
	assert.Equal(t, []string{"fraud-dev-gpu-spot", "fraud-dev-gpu", "fraud-dev-cpu"}, order,
		"a job takes the first flavor that it fits: accelerators first")
	assert.Equal(t, "20", nominal["fraud-dev-gpu-spot"]["nvidia.com/gpu"], "3 of 4 nodes have 24, the team may use 20")
	assert.Equal(t, "0", nominal["fraud-dev-gpu"]["nvidia.com/gpu"], "nothing is left for the fourth")
	assert.Equal(t, "0", nominal["fraud-dev-cpu"]["nvidia.com/gpu"])
	assert.Equal(t, "32", nominal["fraud-dev-cpu"]["cpu"])
	assert.Equal(t, "fraud-dev", at(r.object("LocalQueue", "jobs"), "spec.clusterQueue"))
	for flavor, taints := range map[string]int{"fraud-dev-gpu": 1, "fraud-dev-cpu": 0} {
		list, _ := at(r.object("ResourceFlavor", flavor), "spec.nodeTaints").([]any)
		assert.Len(t, list, taints, "a job without toleration never gets accelerated nodes")
	}
	assert.Equal(t, "zone", at(r.object("Topology", "fraud-dev-topology"), "spec.levels.0.nodeLabel"))
}

func TestACohortLendsAndBorrows(t *testing.T) {
	t.Parallel()
	queue := clusterPlan(nil, func(s *settings.Settings) {
		s.Nodes.Cohort, s.Nodes.LendPercent, s.Nodes.BorrowPercent = "ml", new(50), new(150)
	}).must(t).object("ClusterQueue", "fraud-dev")
	assert.Equal(t, "ml", at(queue, "spec.cohortName"))
	assert.Equal(t, "Any", at(queue, "spec.preemption.reclaimWithinCohort"), "what was lent comes back when it is needed")
	cpu := at(queue, "spec.resourceGroups.0.flavors.2.resources.0")
	assert.Equal(t, []any{"32", "16", "48"},
		[]any{at(cpu, "nominalQuota"), at(cpu, "lendingLimit"), at(cpu, "borrowingLimit")})
}

func karpenter(s *settings.Settings) {
	s.Nodes.Karpenter = settings.NodeClass{Group: "karpenter.k8s.aws", Kind: "EC2NodeClass", Name: "gpu"}
}

func TestKarpenterMakesTheNodes(t *testing.T) {
	t.Parallel()
	r := clusterPlan(nil, karpenter).must(t)
	spot := r.object("NodePool", "fraud-dev-gpu-spot")
	crdtest.CheckObject(t, "testdata/kinds.json", spot)
	assert.Equal(t, []any{"spot"}, at(spot, "spec.template.spec.requirements.0.values"))
	assert.Equal(t, "24", at(spot, "spec.limits").(map[string]any)["nvidia.com/gpu"])
	assert.Equal(t, "WhenEmpty", at(spot, "spec.disruption.consolidationPolicy"))
	for key := range at(spot, "spec.template.metadata.labels").(map[string]any) {
		assert.NotContains(t, key, "kubernetes.io", "Karpenter refuses labels of that domain: %s", key)
	}
	labels := at(r.object("ResourceFlavor", "fraud-dev-gpu-spot"), "spec.nodeLabels").(map[string]any)
	assert.Equal(t, "spot", labels["karpenter.sh/capacity-type"])
	assert.Equal(t, at(spot, "spec.template.metadata.labels").(map[string]any)["mlpathway/pool"], labels["mlpathway/pool"])

	_, err := clusterPlan(func(a *components.ClusterArgs) { a.Pools[0].Min = 1 }, karpenter).run(t)
	require.ErrorIs(t, err, components.ErrConflict)
	require.ErrorContains(t, err, "pools[0].min")
}

// TestKarpenterMakesNodesThatPodsFind: what pods select by is required of the machines.
func TestKarpenterMakesNodesThatPodsFind(t *testing.T) {
	t.Parallel()
	r := clusterPlan(nil, func(s *settings.Settings) {
		karpenter(s)
		s.Nodes.Accelerators = map[string]map[string]string{"gpu-large": {"karpenter.k8s.aws/instance-gpu-name": "a100"}}
		s.Nodes.Spot = map[string]string{"karpenter.sh/capacity-type": "spot", "price": "low"}
		s.Nodes.OnDemand = map[string]string{"price": "full"}
	}).must(t)
	for pool, want := range map[string]map[any]any{
		"gpu-spot": {"karpenter.sh/capacity-type": "spot", "price": "low", "karpenter.k8s.aws/instance-gpu-name": "a100"},
		"gpu": {
			"karpenter.sh/capacity-type": "on-demand", "price": "full", "karpenter.k8s.aws/instance-gpu-name": "a100",
		},
		"cpu": {"karpenter.sh/capacity-type": "on-demand", "price": "full"},
	} {
		found := map[any]any{"kubernetes.io/arch": nil}
		requirements := at(r.object("NodePool", "fraud-dev-"+pool), "spec.template.spec.requirements").([]any)
		for _, one := range requirements {
			found[at(one, "key")] = at(one, "values.0")
		}
		want["kubernetes.io/arch"] = "amd64"
		assert.Equal(t, want, found, pool)
		assert.Len(t, requirements, len(want), "each once: %s", pool)
	}
}

func TestNodesAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	r := clusterPlan(nil, func(s *settings.Settings) { s.Nodes.Provision = "queued-provisioning.gke.io" }).must(t)
	check := r.object("AdmissionCheck", "fraud-dev-provision")
	crdtest.CheckObject(t, "testdata/kinds.json", check)
	config := r.object("ProvisioningRequestConfig", "fraud-dev-provision")
	crdtest.CheckObject(t, "testdata/kinds.json", config)
	assert.Equal(t, "queued-provisioning.gke.io", at(config, "spec.provisioningClassName"))
	rule := at(r.object("ClusterQueue", "fraud-dev"), "spec.admissionChecksStrategy.admissionChecks.0")
	assert.Equal(t, []any{"fraud-dev-gpu-spot", "fraud-dev-gpu"}, at(rule, "onFlavors"), "only for accelerators")
}

func TestAPlatformDoesNotWaitForWhatComesLater(t *testing.T) {
	t.Parallel()
	r := endpointPlan(nil, nil).must(t)
	for _, kind := range []string{"Deployment", "Service"} {
		annotations, _ := at(r.object(kind, "endpoint"), "metadata.annotations").(map[string]any)
		assert.Equal(t, "true", annotations["pulumi.com/skipAwait"], "no pod is ready before there is a model")
	}
	for _, made := range r.Find("kubernetes:apps/v1:Deployment") {
		assert.Contains(t, strings.Join(made.Dependencies, " "), "ServiceAccount::endpoint-serviceaccount")
	}
}

// TestWhatTheQueueAdmitsFits: a job that the queue admits must not be refused by the namespace or by the budget.
func TestWhatTheQueueAdmitsFits(t *testing.T) {
	t.Parallel()
	cohort := func(s *settings.Settings) { s.Nodes.Cohort, s.Nodes.BorrowPercent = "ml", new(50) }
	_, err := clusterPlan(nil, func(s *settings.Settings) { cohort(s); s.Quota.Accelerators = 29 }).run(t)
	require.ErrorIs(t, err, components.ErrConflict)
	require.ErrorContains(t, err, `kubernetes.quota.accelerators: found "29", want 30 at least`)
	_, err = clusterPlan(nil, func(s *settings.Settings) { s.Quota = settings.Quota{} }).run(t)
	for _, key := range []string{"quota.cpus", "quota.memoryGiB", "quota.accelerators"} {
		require.ErrorContains(t, err, key)
	}

	budget := func(usd float64, set func(*settings.Settings)) error {
		p := clusterPlan(nil, set)
		queue := p.build
		p.build = func(ctx *pulumi.Context, target components.Target) error {
			if err := queue(ctx, target); err != nil {
				return err
			}
			_, err := components.NewBudget(ctx, "budget", target, &components.BudgetArgs{
				MonthlyUSD: usd, Receivers: []string{"a@example.com"},
			})
			return err
		}
		_, err := p.run(t)
		return err
	}
	price := func(s *settings.Settings) { s.Prices = settings.Prices{CPU: 0.01, MemoryGiB: 0.0001, Accelerator: 1} }
	require.NoError(t, budget(20*730, price), "the 20 of the quota")
	require.ErrorContains(t, budget(19*730, price), "19 accelerators of 20")
	borrowing := func(s *settings.Settings) { price(s); cohort(s) }
	require.ErrorContains(t, budget(20*730, borrowing), "20 accelerators of 30", "and what may be borrowed")
	require.NoError(t, budget(30*730, borrowing))
	dear := func(s *settings.Settings) { price(s); s.Prices.CPU, s.Prices.MemoryGiB = 1, 1 }
	err = budget(30*730, dear)
	require.ErrorContains(t, err, "30 CPUs of 416, 30 GiB of memory of 4224")
	require.ErrorIs(t, err, components.ErrConflict)
}
