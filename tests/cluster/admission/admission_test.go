// Package admission_test puts every object of every stack before a real API server that knows all definitions. Nothing
// acts on them: that is what the tests beside it are for.
package admission_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
	"github.com/mlpathway/mlpathway/tests/cluster/graph"
)

const root = "../../.."

// shared is the one API server of all tests.
var shared struct {
	once   sync.Once
	server *controlplane.ControlPlane
	err    error
	dir    string
	bare   built // what a program found before the server had any definition
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		shared.server.Stop()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func server(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	cache := binaries.Need(t, root, binaries.Admission)
	shared.once.Do(func() { shared.server, shared.err = start(cache) })
	require.NoError(t, shared.err)
	return shared.server
}

func start(cache *binaries.Cache) (*controlplane.ControlPlane, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var err error
	if shared.dir, err = os.MkdirTemp("", "mlpathway-admission-"); err != nil {
		return nil, err
	}
	c, err := controlplane.Start(ctx, cache, controlplane.Options{Dir: shared.dir, Timeout: 5 * time.Minute})
	if err != nil {
		return nil, err
	}
	shared.bare = build(c)
	if err := c.InstallDefinitions(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// TestStacks puts the objects of each stack before the server, in each environment, with the jobs that they describe
// and the pods that would be made of them.
func TestStacks(t *testing.T) {
	t.Parallel()
	c := server(t)
	names, err := graph.Stacks(root)
	require.NoError(t, err)
	require.NotEmpty(t, names, "no stack builds on a cluster")
	for _, name := range names {
		for _, environment := range []string{"dev", "stage", "prod"} {
			objects, err := graph.Of(root, name, map[string]string{
				"mlpathway:environment": environment, "mlpathway:team": name, // each its own namespaces
			})
			require.NoError(t, err, "%s in %s", name, environment)
			judge(t, c, fmt.Sprintf("%s in %s", name, environment), objects)
		}
	}
}

// options is a stack that has everything which the stacks of the project leave out.
const options = `{
	"context": "options", "trainer": "trainjob", "registry": "registry.example.com/vision", "pullSecret": "registry",
	"operators": ["jobset", "kueue", "trainer", "karpenter", "argo-workflows", "gateway-api", "prometheus",
		"prometheus-adapter", "dcgm-exporter", "spark-operator"],
	"lake": {"uri": "s3://vision-{zone}", "endpoint": "https://minio.minio.svc", "secret": "lake"},
	"identity": {"cloud": "azure", "accounts": {"features": "00000000-0000-0000-0000-000000000001"}},
	"access": {"lakeNamespace": "minio", "apiServers": ["10.0.0.10/32"]},
	"gateway": {"host": "tumour.example.com", "class": "envoy", "certificate": "tumour"},
	"spark": {"image": "registry.example.com/spark:1"},
	"feast": {"image": "registry.example.com/feast:1", "redis": "registry.example.com/redis:1"},
	"nodes": {"karpenter": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
		"provision": "queued-provisioning.gke.io", "topology": ["topology.kubernetes.io/zone"], "spotTaint": "spot"},
	"quota": {"cpus": 1000, "memoryGiB": 8000, "accelerators": 24},
	"prices": {"cpu": 0.02, "memoryGiB": 0.003, "accelerator": 1.5}
}`

// TestOptions puts the objects of that stack before the server.
func TestOptions(t *testing.T) {
	t.Parallel()
	c := server(t)
	objects, err := graph.Of(root, inspected, map[string]string{
		"mlpathway:team": "options", "mlpathway:kubernetes": options, "mlpathway:features": `{"distributed": true}`,
	})
	require.NoError(t, err)
	for _, kind := range []string{
		"NodePool", "Topology", "AdmissionCheck", "ProvisioningRequestConfig", "Gateway", "TrainingRuntime",
		"HorizontalPodAutoscaler",
	} {
		assert.NotEmpty(t, graph.Kind(objects, kind), kind)
	}
	judge(t, c, "options", objects)
}

// foundations are what must be there before others are judged: whose namespace, account and limits they refer to.
var foundations = []string{"Namespace", "ServiceAccount", "LimitRange", "ResourceQuota"}

func judge(t *testing.T, c *controlplane.ControlPlane, stack string, objects []graph.Object) {
	t.Helper()
	require.NotEmpty(t, objects)
	for _, kind := range foundations {
		for _, o := range graph.Kind(objects, kind) {
			require.NoError(t, c.DryRun(t.Context(), o.Unstructured), "%s: %s", stack, o.URN)
			require.NoError(t, c.Create(t.Context(), o.Unstructured), "%s: %s", stack, o.URN)
		}
	}
	kinds, pods := map[string]int{}, 0
	take := func(object *unstructured.Unstructured, from string) {
		if !slices.Contains(foundations, object.GetKind()) {
			err := c.DryRun(t.Context(), object)
			assert.NoError(t, err, "%s: %s", stack, from) //nolint:testifylint // list all that is wrong
		}
		kinds[object.GetKind()]++
		for name, pod := range graph.Pods(object) {
			err := c.DryRun(t.Context(), pod)
			assert.NoError(t, err, "%s: the pod %s of %s", stack, name, from)
			pods++
		}
	}
	for _, o := range objects {
		for _, field := range o.Unknown {
			assert.Equal(t, "Secret", o.GetKind(), "%s: what the server would get for %s is not known", o.URN, field)
		}
		take(o.Unstructured, o.URN)
		manifests, err := o.Manifests("run")
		require.NoError(t, err)
		for _, manifest := range manifests {
			take(manifest, "the manifest in "+o.URN)
		}
	}
	assert.NotZero(t, pods)
	fmt.Printf("%s: the server takes %d objects and %d pods: %v\n", stack, len(objects), pods, kinds)
	for _, kind := range slices.Backward(foundations) { // the next stack may have the same names
		for _, o := range graph.Kind(objects, kind) {
			if kind != "Namespace" { // nobody acts here: a namespace would never go
				require.NoError(t, c.Delete(t.Context(), o.Unstructured))
			}
		}
	}
}
