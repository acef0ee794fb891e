package admission_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// twin is an object that the server takes, and what is said of it when one line is wrong.
type twin struct {
	name, sound  string
	right, wrong string
	says         string
}

const (
	podSpec = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: predict, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: predict}}
  template:
    metadata: {labels: {app: predict}}
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      containers: [{name: serve, image: "registry.test/serve:1", resources: {limits: {memory: 512Mi}}}]
`
	clusterQueue = `
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: team}
spec:
  namespaceSelector: {}
  resourceGroups:
    - coveredResources: [cpu, nvidia.com/gpu]
      flavors:
        - name: gpu
          resources: [{name: cpu, nominalQuota: 64}, {name: nvidia.com/gpu, nominalQuota: 8}]
`
	resourceFlavor = `
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: gpu}
spec:
  nodeLabels: {pool: gpu}
  tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
`
	nodePool = `
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  limits: {nvidia.com/gpu: "16"}
  disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: 5m}
  template:
    metadata: {labels: {pool: gpu}}
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu}
      requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [spot]}]
`
	policy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: default}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`
	budget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: predict, namespace: default}
spec: {minAvailable: 1, selector: {matchLabels: {app: predict}}}
`
	monitor = `
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: predict, namespace: default}
spec: {selector: {matchLabels: {app: predict}}, endpoints: [{port: http, interval: 30s}]}
`
)

// twins hold the mistakes that a server must find. What only the controllers know, such as a queue that does not exist,
// is tested where they run.
var twins = []twin{
	{"misspelt field", podSpec, "replicas:", "replicsa:", `unknown field "spec.replicsa"`},
	{
		"misspelt field, of a custom resource", monitor, "interval:", "intervall:",
		`unknown field "spec.endpoints[0].intervall"`,
	},
	{"wrong unit", podSpec, "512Mi", "512MiB", "quantities must match the regular expression"},
	{"wrong unit, of a quota", clusterQueue, "nominalQuota: 64", "nominalQuota: 64GPU", "nominalQuota"},
	{
		"toleration without operator", podSpec, "key: nvidia.com/gpu, operator: Exists,", "",
		"operator must be Exists when `key` is empty",
	},
	{
		"toleration without operator, of a flavor", resourceFlavor, "key: nvidia.com/gpu, operator: Exists,", "",
		"operator must be Exists when 'key' is empty",
	},
	{
		"unknown operator", resourceFlavor, "operator: Exists", "operator: Exist",
		"supported toleration values: 'Equal'(default), 'Exists'",
	},
	{
		"quota without resource", clusterQueue, "{name: cpu, nominalQuota: 64}, ", "",
		"flavors must have the same number of resources as the coveredResources",
	},
	{
		"forbidden label", nodePool, "labels: {pool: gpu}", "labels: {karpenter.sh/pool: gpu}",
		`label domain "karpenter.sh" is restricted`,
	},
	{"unknown policy", nodePool, "WhenEmpty,", "WhenIdle,", `Unsupported value: "WhenIdle"`},
	{"unknown direction", policy, "Egress", "Outgress", `Unsupported value: "Outgress"`},
	{"contradiction", budget, "minAvailable: 1,", "minAvailable: 1, maxUnavailable: 1,", "cannot be both set"},
}

func replaceOnce(t *testing.T, text, right, wrong string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, right), right)
	return strings.Replace(text, right, wrong, 1)
}

// TestTwins sees that the server takes each object, refuses it with one mistake, and says which.
func TestTwins(t *testing.T) {
	t.Parallel()
	c := server(t)
	for _, w := range twins {
		sound, err := controlplane.Decode([]byte(w.sound))
		require.NoError(t, err)
		require.NoError(t, c.DryRun(t.Context(), sound[0]), w.name)
		broken, err := controlplane.Decode([]byte(replaceOnce(t, w.sound, w.right, w.wrong)))
		require.NoError(t, err, w.name)
		err = c.DryRun(t.Context(), broken[0])
		if assert.Error(t, err, w.name) {
			assert.Contains(t, err.Error(), w.says, w.name)
			t.Logf("%s: %v", w.name, err)
		}
	}
}
