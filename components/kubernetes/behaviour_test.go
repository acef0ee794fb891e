package kubernetes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// objects are the objects of a golden graph, and the jobs that are written into them as texts.
func objects(t *testing.T, path string) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var graph []struct{ Inputs map[string]any }
	require.NoError(t, json.Unmarshal(data, &graph))
	var all []map[string]any
	add := func(text any) {
		var job map[string]any
		if s, ok := text.(string); ok && json.Unmarshal([]byte(s), &job) == nil && job["kind"] != nil {
			all = append(all, job)
		}
	}
	for _, r := range graph {
		if r.Inputs["kind"] == nil {
			continue
		}
		all = append(all, r.Inputs)
		add(at(r.Inputs, "data.job"))
		templates, _ := at(r.Inputs, "spec.templates").([]any)
		for _, template := range templates {
			add(at(template, "resource.manifest"))
		}
	}
	return all
}

// TestObjectsAreThoseOfTheAPI: every field of every object is one of the API's or of the operator's, with its type.
func TestObjectsAreThoseOfTheAPI(t *testing.T) {
	t.Parallel()
	graphs, err := filepath.Glob("testdata/graph-*.json")
	require.NoError(t, err)
	stacks, err := filepath.Glob("../../tests/testdata/graph-onprem-*.json")
	require.NoError(t, err)
	require.Len(t, graphs, 3)
	require.Len(t, stacks, 2)
	for _, path := range append(graphs, stacks...) {
		for _, object := range objects(t, path) {
			crdtest.CheckObject(t, "testdata/kinds.json", object)
		}
	}
}

// pods are the specifications of all pods of an object, wherever they are.
func pods(value any) []map[string]any {
	var found []map[string]any
	switch v := value.(type) {
	case map[string]any:
		if _, ok := v["containers"].([]any); ok && v["serviceAccountName"] != nil {
			found = append(found, v)
		}
		for _, below := range v {
			found = append(found, pods(below)...)
		}
	case []any:
		for _, below := range v {
			found = append(found, pods(below)...)
		}
	}
	return found
}

// TestPodsAreRestricted: no pod of any layer is root, can become it, can write its image or gets a token unasked.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	count := 0
	for _, object := range objects(t, "testdata/graph-prod.json") {
		for _, pod := range pods(object) {
			count++
			name := at(object, "metadata.name")
			assert.Equal(t, true, at(pod, "securityContext.runAsNonRoot"), name)
			assert.Equal(t, "RuntimeDefault", at(pod, "securityContext.seccompProfile.type"), name)
			assert.Equal(t, false, pod["automountServiceAccountToken"], name)
			assert.NotEqual(t, "default", pod["serviceAccountName"], name)
			for _, container := range pod["containers"].([]any) {
				assert.Equal(t, true, at(container, "securityContext.readOnlyRootFilesystem"), name)
				assert.Equal(t, false, at(container, "securityContext.allowPrivilegeEscalation"), name)
				assert.Equal(t, []any{"ALL"}, at(container, "securityContext.capabilities.drop"), name)
				assert.NotEmpty(t, at(container, "resources.requests.cpu"), name)
				assert.Equal(t, at(container, "resources.requests.memory"), at(container, "resources.limits.memory"), name)
			}
		}
	}
	assert.GreaterOrEqual(t, count, 6)
}

func trainingPlan(change func(*components.TrainingArgs), set func(*settings.Settings)) plan {
	return plan{change: set, build: func(ctx *pulumi.Context, target components.Target) error {
		if err := target.Begin(ctx, "platform"); err != nil {
			return err
		}
		args := &components.TrainingArgs{Image: values.Training, Checkpoint: pulumi.String("s3://fraud-models/checkpoints")}
		change(args)
		_, err := components.NewTraining(ctx, "training", target, args)
		return err
	}}
}

// job is the job that the training layer writes.
func job(t *testing.T, p plan) map[string]any {
	t.Helper()
	var job map[string]any
	text := at(p.must(t).object("ConfigMap", "training"), "data.job").(string)
	require.NoError(t, json.Unmarshal([]byte(text), &job))
	return job
}

func variable(container any, name string) any {
	list, _ := at(container, "env").([]any)
	for _, each := range list {
		if at(each, "name") == name {
			return at(each, "value")
		}
	}
	return nil
}

const workers = "spec.replicatedJobs.0.template.spec."

func TestRanksFindEachOther(t *testing.T) {
	t.Parallel()
	made := job(t, trainingPlan(func(a *components.TrainingArgs) {
		a.Nodes = 2
		a.Machine = components.Machine{CPUs: 8, MemoryMiB: 65536, Accelerator: components.GPULarge, Accelerators: 8}
	}, nil))
	assert.Equal(t, "JobSet", made["kind"])
	assert.InDelta(t, 2, at(made, workers+"parallelism"), 0)
	assert.Equal(t, "Indexed", at(made, workers+"completionMode"), "the index is the rank")
	container := at(made, workers+"template.spec.containers.0")
	assert.Equal(t, "2", variable(container, "WORLD_SIZE"))
	assert.Equal(t, "$(JOBSET_NAME)-workers-0-0.$(JOBSET_NAME)", variable(container, "MASTER_ADDR"))
	assert.Equal(t, "29500", variable(container, "MASTER_PORT"))
	assert.Equal(t, "JOBSET_NAME", at(container, "env.0.name"), "what MASTER_ADDR refers to comes before it")
	assert.Equal(t, "8", at(container, "resources.limits").(map[string]any)["nvidia.com/gpu"])
	assert.Equal(t, "nvidia.com/gpu", at(made, workers+"template.spec.tolerations.0.key"))
	assert.Equal(t, "s3://fraud-models/checkpoints", variable(container, "MLPATHWAY_CHECKPOINTS"))
	mounts, err := json.Marshal(at(container, "volumeMounts"))
	require.NoError(t, err)
	assert.Contains(t, string(mounts), "/dev/shm")
}

func TestOneRankNeedsNoOther(t *testing.T) {
	t.Parallel()
	container := at(job(t, trainingPlan(func(*components.TrainingArgs) {}, nil)), workers+"template.spec.containers.0")
	assert.Nil(t, variable(container, "WORLD_SIZE"))
	assert.Nil(t, variable(container, "MASTER_ADDR"))
}

func TestOnlyOnDemandIsNotDisturbed(t *testing.T) {
	t.Parallel()
	for spot, want := range map[bool]any{true: nil, false: "true"} {
		made := job(t, trainingPlan(func(a *components.TrainingArgs) { a.Spot = &spot }, func(s *settings.Settings) {
			s.Nodes.Spot, s.Nodes.OnDemand = map[string]string{"price": "spot"}, map[string]string{"price": "full"}
			s.Nodes.SpotTaint = "spot"
		}))
		template := at(made, workers+"template").(map[string]any)
		annotations, _ := at(template, "metadata.annotations").(map[string]any)
		assert.Equal(t, want, annotations["karpenter.sh/do-not-disrupt"], "spot %v", spot)
		price := map[bool]string{true: "spot", false: "full"}[spot]
		assert.Equal(t, price, at(template, "spec.nodeSelector.price"))
		assert.Equal(t, spot, at(template, "spec.tolerations") != nil)
	}
}

func TestASearchGoesBeforeTheTraining(t *testing.T) {
	t.Parallel()
	p := trainingPlan(func(a *components.TrainingArgs) { a.Tuning = &components.Tuning{Trials: 20, Parallel: 4} }, nil)
	train := p.build
	p.build = func(ctx *pulumi.Context, target components.Target) error {
		if err := train(ctx, target); err != nil {
			return err
		}
		template := pulumi.String(`{"kind":"List","items":[{"kind":"JobSet","metadata":{"labels":{"which":"search"}}},` +
			`{"kind":"JobSet","metadata":{"labels":{"which":"train"}}}]}`)
		_, err := components.NewPipeline(ctx, "pipeline", target, &components.PipelineArgs{
			Image: values.Training, Model: "tumour", Definition: "name: tumour\n", Lake: zones(), Training: template,
			Table: pulumi.String(values.Table),
		})
		return err
	}
	made := job(t, p)
	assert.Equal(t, "List", made["kind"])
	search := at(made, "items.0")
	assert.Equal(t, []any{"tune"}, at(search, workers+"template.spec.containers.0.args"))
	assert.InDelta(t, 4, at(search, workers+"completions"), 0)
	steps := at(p.must(t).object("WorkflowTemplate", "pipeline"), "spec.templates")
	which := map[any]any{}
	var order []string
	for _, step := range steps.([]any) {
		if text, ok := at(step, "resource.manifest").(string); ok {
			var made map[string]any
			require.NoError(t, json.Unmarshal([]byte(text), &made))
			which[at(step, "name")] = at(made, "metadata.labels.which")
		}
		order = append(order, at(step, "name").(string))
	}
	assert.Equal(t, map[any]any{"tune": "search", "train": "train"}, which)
	assert.Less(t, slices.Index(order, "tune"), slices.Index(order, "train"))
}

func TestTrainJobs(t *testing.T) {
	t.Parallel()
	three := func(a *components.TrainingArgs) { a.Nodes = 3 }
	p := trainingPlan(three, func(s *settings.Settings) { s.Trainer = "trainjob" })
	made := job(t, p)
	assert.Equal(t, "TrainJob", made["kind"])
	assert.InDelta(t, 3, at(made, "spec.trainer.numNodes"), 0)
	assert.Equal(t, "training", at(made, "spec.runtimeRef.name"))
	runtime := p.must(t).object("TrainingRuntime", "training")
	crdtest.CheckObject(t, "testdata/kinds.json", runtime)
	crdtest.CheckObject(t, "testdata/kinds.json", made)
	assert.Equal(t, "node", at(runtime, "spec.template.spec.replicatedJobs.0.name"))
	assert.NotNil(t, at(runtime, "spec.mlPolicy.torch"), "by it the ranks find each other")
}

func TestAMissingOperatorIsNamedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	bare := func(s *settings.Settings) { s.Operators = nil }
	p := trainingPlan(func(*components.TrainingArgs) {}, bare)
	_, err := p.run(t)
	require.ErrorIs(t, err, components.ErrRequired)
	for _, text := range []string{"jobset", "oci://registry.k8s.io/jobset/charts/jobset", "0.12.0", "installOperators"} {
		require.ErrorContains(t, err, text)
	}
	p.change = func(s *settings.Settings) { s.Operators, s.InstallOperators = nil, true }
	charts := p.must(t).Find("kubernetes:helm.sh/v3:Release")
	require.Len(t, charts, 1)
	assert.Equal(t, "0.12.0", charts[0].Inputs["version"].StringValue())
}

// TestChartsAskForNothingThatIsNotThere: they bring ServiceMonitors only where the cluster knows the kind.
func TestChartsAskForNothingThatIsNotThere(t *testing.T) {
	t.Parallel()
	for operators, looked := range map[string]bool{"": false, "prometheus": true} {
		p := clusterPlan(nil, func(s *settings.Settings) {
			s.InstallOperators, s.Operators = true, strings.Fields(operators)
		})
		values := map[string]any{}
		for _, chart := range p.must(t).Find("kubernetes:helm.sh/v3:Release") {
			values[chart.Inputs["name"].StringValue()] = chart.Inputs["values"].Mappable()
		}
		assert.Equal(t, looked, at(values, "dcgm-exporter.serviceMonitor.enabled"))
		assert.Equal(t, "nvidia.com/gpu", at(values, "dcgm-exporter.tolerations.0.key"), "it runs where the accelerators are")
		assert.Equal(t, looked, at(values, "kueue.enablePrometheus"))
	}
	p := featuresPlan(distributed, func(s *settings.Settings) {
		withSpark(s)
		s.InstallOperators, s.Operators = true, []string{"prometheus"}
	})
	values := map[string]any{}
	for _, chart := range p.must(t).Find("kubernetes:helm.sh/v3:Release") {
		values[chart.Inputs["name"].StringValue()] = chart.Inputs["values"].Mappable()
	}
	assert.Equal(t, []any{""}, at(values, "spark-operator.spark.jobNamespaces"), "every namespace")
	assert.Equal(t, []any{"client"}, at(values, "argo-workflows.server.authModes"))
	assert.Equal(t, true, at(values, "argo-workflows.controller.serviceMonitor.enabled"))
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*settings.Settings)
		sentinel error
		text     string
	}{
		"context":  {func(s *settings.Settings) { s.Context = "" }, components.ErrRequired, "kubernetes.context"},
		"operator": {func(s *settings.Settings) { s.Operators = []string{"istio"} }, components.ErrChoice, "keda"},
		"no lake":  {func(s *settings.Settings) { s.Lake.URI = "" }, components.ErrRequired, "kubernetes.lake.uri"},
		"scheme":   {func(s *settings.Settings) { s.Lake.URI = "ftp://x/{zone}" }, components.ErrChoice, "s3://"},
		"no zone":  {func(s *settings.Settings) { s.Lake.URI = "s3://fraud" }, components.ErrChoice, "{zone}"},
		"query":    {func(s *settings.Settings) { s.Lake.URI = "s3://f-{zone}?a=b" }, components.ErrChoice, "endpoint"},
		"endpoint": {func(s *settings.Settings) { s.Lake.Endpoint = "minio" }, components.ErrChoice, "endpoint"},
		"cloud":    {func(s *settings.Settings) { s.Identity.Cloud = "moon" }, components.ErrChoice, "identity.cloud"},
		"range":    {func(s *settings.Settings) { s.Access.Lake = []string{"here"} }, components.ErrCIDR, "access.lake"},
		"trainer":  {func(s *settings.Settings) { s.Trainer = "tfjob" }, components.ErrChoice, "trainjob"},
		"accelerator": {func(s *settings.Settings) {
			s.Nodes.Accelerators = map[string]map[string]string{"abacus": nil}
		}, components.ErrChoice, "abacus"},
		"host":        {func(s *settings.Settings) { s.Gateway.Host = "" }, components.ErrRequired, "gateway.host"},
		"certificate": {func(s *settings.Settings) { s.Gateway.Certificate = "" }, components.ErrRequired, "certificate"},
		"both":        {func(s *settings.Settings) { s.Gateway.Name = "public" }, components.ErrConflict, "gateway.class"},
		"class":       {func(s *settings.Settings) { s.Nodes.Karpenter.Name = "gpu" }, components.ErrRequired, "karpenter"},
		"lend":        {func(s *settings.Settings) { s.Nodes.LendPercent = new(-1) }, components.ErrRange, "lendPercent"},
	} {
		s := cluster()
		c.change(&s)
		_, err := newWith(s)
		require.ErrorIs(t, err, c.sentinel, name)
		require.ErrorContains(t, err, c.text, name)
	}
}

// TestTheNamespaceIsClosed: without a policy of its own a pod reaches names and the lake, and nobody reaches it.
func TestTheNamespaceIsClosed(t *testing.T) {
	t.Parallel()
	r := plan{build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewNetwork(ctx, "network", target, nil)
		return err
	}}.must(t)
	closed := r.object("NetworkPolicy", "network-closed")
	assert.Equal(t, map[string]any{}, at(closed, "spec.podSelector"))
	assert.Equal(t, []any{"Ingress", "Egress"}, at(closed, "spec.policyTypes"))
	assert.Nil(t, at(closed, "spec.ingress"))
	assert.Nil(t, at(closed, "spec.egress"))
	for _, made := range r.Find("kubernetes:networking.k8s.io/v1:NetworkPolicy") {
		assert.False(t, strings.Contains(made.Name, "network-") && made.Inputs["spec"].ObjectValue().HasValue("ingress"))
	}
	lake := r.object("NetworkPolicy", "network-lake")
	assert.Equal(t, map[string]any{"kubernetes.io/metadata.name": "minio"},
		at(lake, "spec.egress.0.to.0.namespaceSelector.matchLabels"))
}
