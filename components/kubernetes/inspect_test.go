package kubernetes_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/kubernetes"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
)

// everything is what a cluster serves that has all operators.
func everything() map[string][]string {
	served := map[string][]string{"apps/v1": nil}
	for _, name := range charts.Names() {
		maps.Copy(served, charts.Of(name).Serves)
	}
	return served
}

func inspect(t *testing.T, served map[string][]string, failed error) (unseen string, err error) {
	t.Helper()
	target, err := kubernetes.New(&kubernetes.Options{
		Scope: componenttest.Scope(components.Dev), Settings: cluster(),
		Look: func(_ context.Context, wanted []string) (map[string][]string, error) {
			assert.Contains(t, wanted, "kueue.x-k8s.io/v1beta2")
			return served, failed
		},
	})
	require.NoError(t, err)
	return target.Inspect(t.Context())
}

func TestTheListOfOperatorsIsHeldAgainstTheCluster(t *testing.T) {
	t.Parallel()
	unseen, err := inspect(t, everything(), nil)
	require.NoError(t, err)
	assert.Empty(t, unseen)
	for name, chart := range map[string]string{
		"kueue": "oci://registry.k8s.io/kueue/charts/kueue, version 0.19.0",
		"keda":  "chart keda, version 2.20.1 of https://kedacore.github.io/charts",
	} {
		served := everything()
		maps.DeleteFunc(served, func(version string, _ []string) bool {
			_, ok := charts.Of(name).Serves[version]
			return ok
		})
		_, err := inspect(t, served, nil)
		require.ErrorIs(t, err, components.ErrRequired)
		for _, text := range []string{name, chart, "kubernetes.installOperators: true", `"onprem"`} {
			require.ErrorContains(t, err, text)
		}
	}
}

func TestAnOperatorOfAnotherVersionIsFound(t *testing.T) {
	t.Parallel()
	served := everything()
	delete(served, "kueue.x-k8s.io/v1beta2")
	served["kueue.x-k8s.io/v1beta1"] = []string{"ClusterQueue"}
	_, err := inspect(t, served, nil)
	require.ErrorContains(t, err, "of kueue.x-k8s.io/v1beta2 (but kueue.x-k8s.io/v1beta1)")

	served = everything()
	served["argoproj.io/v1alpha1"] = []string{"Application"} // Argo CD has the group too
	_, err = inspect(t, served, nil)
	require.ErrorContains(t, err, "CronWorkflow, WorkflowEventBinding, WorkflowTemplate of argoproj.io/v1alpha1")
}

func TestAClusterThatCannotBeAskedIsNotTrustedSilently(t *testing.T) {
	t.Parallel()
	unseen, err := inspect(t, nil, errors.New("connection refused"))
	require.NoError(t, err)
	assert.Contains(t, unseen, "connection refused")
	unseen, err = newTarget(t, componenttest.Scope(components.Dev), cluster()).Inspect(t.Context())
	require.NoError(t, err)
	assert.Contains(t, unseen, "kubernetes.operators is taken at its word")
}

// TestEachChartIsExact: a version of three numbers, and for each operator what shows that it is there.
func TestEachChartIsExact(t *testing.T) {
	t.Parallel()
	blind := []string{charts.DCGMExporter} // it brings no kinds
	for _, name := range charts.Names() {
		chart := charts.Of(name)
		assert.Regexp(t, `^\d+\.\d+\.\d+$`, chart.Version, name)
		assert.NotEmpty(t, chart.Namespace, name)
		assert.Equal(t, slices.Contains(blind, name), len(chart.Serves) == 0, name)
	}
}
