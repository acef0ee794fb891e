package kueue_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
	"github.com/mlpathway/mlpathway/components/kubernetes/kueue"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
	"github.com/mlpathway/mlpathway/components/recording"
)

func TestFieldsAreThoseOfTheDefinitions(t *testing.T) {
	t.Parallel()
	r, err := recording.Record(func(ctx *pulumi.Context) error {
		_, err := kueue.New(ctx, "flavor", object.Metadata{Name: "gpu"}, kueue.ResourceFlavor{
			NodeLabels:  map[string]string{"pool": "gpu"},
			NodeTaints:  []kueue.Taint{{Key: "nvidia.com/gpu", Value: "true", Effect: "NoSchedule"}},
			Tolerations: []kueue.Toleration{{Key: "nvidia.com/gpu", Operator: "Exists", Effect: "NoSchedule"}},
		})
		if err != nil {
			return err
		}
		_, err = kueue.New(ctx, "queue", object.Metadata{Name: "gpu"}, kueue.ClusterQueue{
			NamespaceSelector: kueue.Selector{MatchLabels: map[string]string{"team": "fraud"}},
			ResourceGroups: []kueue.ResourceGroup{{
				CoveredResources: []string{"cpu"},
				Flavors:          []kueue.FlavorQuotas{{Name: "gpu", Resources: []kueue.Quota{{Name: "cpu", NominalQuota: "4"}}}},
			}},
			QueueingStrategy: "BestEffortFIFO",
		})
		if err != nil {
			return err
		}
		_, err = kueue.New(ctx, "local", object.Metadata{Name: "gpu", Namespace: "ml"}, kueue.LocalQueue{ClusterQueue: "gpu"})
		return err
	}, recording.Options{Project: "p", Stack: "s"})
	require.NoError(t, err)
	assert.Len(t, r.Resources(), 3)
	for _, made := range r.Resources() {
		crdtest.Check(t, "../testdata/kinds.json", made)
	}
}
