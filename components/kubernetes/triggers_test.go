package kubernetes_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// The watcher of the raw zone may ask Argo's server for runs of its own template, reaches nothing else of the cluster,
// and never runs twice at a time.
func TestTheWatcherMayAskForRunsAndNoMore(t *testing.T) {
	t.Parallel()
	r := plan{build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewPipeline(ctx, "pipeline", target, &components.PipelineArgs{
			Image: values.Training, Model: "tumour", Definition: "name: tumour\n", Lake: zones(),
			Table: pulumi.String(values.Table), Steps: []components.Step{{Name: "etl"}},
			EventSource: pulumi.String("s3://other-raw"),
		})
		return err
	}}.must(t)
	assert.Equal(t, []any{
		map[string]any{"apiGroups": []any{"argoproj.io"}, "resources": []any{"workfloweventbindings"},
			"verbs": []any{"list"}},
		map[string]any{"apiGroups": []any{"argoproj.io"}, "resources": []any{"workflowtemplates"},
			"resourceNames": []any{"pipeline"}, "verbs": []any{"get"}},
		map[string]any{"apiGroups": []any{"argoproj.io"}, "resources": []any{"workflows"}, "verbs": []any{"create"}},
	}, r.object("Role", "pipeline-watch")["rules"])

	watcher := r.object("Deployment", "pipeline-watch")
	assert.Equal(t, "Recreate", at(watcher, "spec.strategy.type"))
	assert.InDelta(t, 1, at(watcher, "spec.replicas"), 0)
	pod := at(watcher, "spec.template.spec")
	assert.Equal(t, false, at(pod, "automountServiceAccountToken"), "it has the one token that Argo's server takes")
	assert.Equal(t, "pipeline-watch", at(pod, "serviceAccountName"))
	assert.Equal(t, "s3://other-raw", variable(at(pod, "containers.0"), "MLPATHWAY_RAW"))

	egress := at(r.object("NetworkPolicy", "pipeline-argo"), "spec.egress").([]any)
	assert.Len(t, egress, 1)
	assert.Equal(t, map[string]any{"kubernetes.io/metadata.name": "argo"},
		at(egress[0], "to.0.namespaceSelector.matchLabels"))
}

// Spot capacity that has a taint is for those alone that tolerate it, and a queue is for its own namespace.
func TestAQueueKeepsToItsNamespaceAndSpotToItsTaint(t *testing.T) {
	t.Parallel()
	r := clusterPlan(nil, func(s *settings.Settings) {
		s.Nodes.Spot, s.Nodes.OnDemand = map[string]string{"price": "spot"}, map[string]string{"price": "full"}
		s.Nodes.SpotTaint = "spot"
	}).must(t)
	queue := r.object("ClusterQueue", "fraud-dev")
	assert.Equal(t, map[string]any{"kubernetes.io/metadata.name": "fraud-dev"},
		at(queue, "spec.namespaceSelector.matchLabels"))
	for flavor, want := range map[string][]string{
		"gpu-spot": {"nvidia.com/gpu", "spot"}, "gpu": {"nvidia.com/gpu"}, "cpu": nil,
	} {
		var keys []string
		taints, _ := at(r.object("ResourceFlavor", "fraud-dev-"+flavor), "spec.nodeTaints").([]any)
		for _, taint := range taints {
			keys = append(keys, at(taint, "key").(string))
		}
		assert.Equal(t, want, keys, flavor)
	}
}

// A training on spot begins again after a loss, and every training ends.
func TestATrainingOnSpotBeginsAgainAndEnds(t *testing.T) {
	t.Parallel()
	for spot, restarts := range map[bool]float64{true: 20, false: 2} {
		made := job(t, trainingPlan(func(a *components.TrainingArgs) { a.Spot, a.MaxRuntimeMinutes = &spot, 90 }, nil))
		assert.InDelta(t, restarts, at(made, "spec.failurePolicy.maxRestarts"), 0, "spot %v", spot)
		assert.InDelta(t, 5400, at(made, workers+"activeDeadlineSeconds"), 0)
	}
}

// The API server refuses whatever pod is not restricted.
func TestTheNamespaceTakesRestrictedPodsAlone(t *testing.T) {
	t.Parallel()
	made := trainingPlan(func(*components.TrainingArgs) {}, nil).must(t).Find("kubernetes:core/v1:Namespace")
	require.Len(t, made, 1)
	labels := at(made[0].Inputs.Mappable(), "metadata.labels").(map[string]any)
	assert.Equal(t, "restricted", labels["pod-security.kubernetes.io/enforce"])
}
