package cluster_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
	"github.com/mlpathway/mlpathway/tests/cluster/graph"
)

// TestPodSecurity refuses pods that could take their node, and takes the same pod without that right.
func TestPodSecurity(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(plainStack, nil, nil)
	const bare = `
apiVersion: v1
kind: Pod
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  %[3]s
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: main
      image: registry.test/training:1
      resources: {limits: {memory: 1Gi}, requests: {cpu: "1"}}
      securityContext: {%[4]s}
`
	const proper = "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}"
	for _, twin := range []struct{ name, spec, context, refusal string }{
		{"privileged", "", "privileged: true, capabilities: {drop: [ALL]}", "privileged (container \"main\" must not set"},
		{"escalates", "", "capabilities: {drop: [ALL]}", "allowPrivilegeEscalation != false"},
		{"capable", "", "allowPrivilegeEscalation: false", "unrestricted capabilities"},
		{"root", "", proper + ", runAsUser: 0", "runAsUser=0"},
		{"host-network", "hostNetwork: true", proper, "host namespaces (hostNetwork=true)"},
		{"host-path", "volumes: [{name: host, hostPath: {path: /}}]", proper, "restricted volume types"},
	} {
		objects, err := controlplane.Decode(fmt.Appendf(nil, bare, p.namespace, twin.name, twin.spec, twin.context))
		require.NoError(t, err)
		err = s.Create(t.Context(), objects[0])
		if assert.Error(t, err, twin.name) {
			assert.True(t, apierrors.IsForbidden(err), "%s: %v", twin.name, err)
			assert.Contains(t, err.Error(), `violates PodSecurity "restricted:latest"`)
			assert.Contains(t, err.Error(), twin.refusal)
		}
	}
	s.make(fmt.Sprintf(bare, p.namespace, "proper", "", proper))
	bring, err := os.ReadFile("../../examples/kind/bring.yaml") // the documentation's
	require.NoError(t, err)
	s.make(string(bring))
}

// actions are what somebody who broke into a pod would try.
var actions = []controlplane.Action{
	{Verb: "list", Resource: "pods"}, {Verb: "create", Resource: "pods"}, {Verb: "create", Resource: "pods/exec"},
	{Verb: "get", Resource: "secrets"}, {Verb: "list", Resource: "secrets"}, {Verb: "get", Resource: "configmaps"},
	{Verb: "update", Resource: "configmaps"}, {Verb: "create", Resource: "serviceaccounts/token"},
	{Verb: "create", Group: "apps", Resource: "deployments"}, {Verb: "delete", Group: "apps", Resource: "deployments"},
	{Verb: "create", Group: "batch", Resource: "jobs"}, {Verb: "create", Group: "jobset.x-k8s.io", Resource: "jobsets"},
	{Verb: "get", Group: "jobset.x-k8s.io", Resource: "jobsets"},
	{Verb: "delete", Group: "jobset.x-k8s.io", Resource: "jobsets"},
	{Verb: "create", Group: "argoproj.io", Resource: "workflows"},
	{Verb: "delete", Group: "argoproj.io", Resource: "workflows"},
	{Verb: "get", Group: "argoproj.io", Resource: "workflowtemplates", Name: "pipeline"},
	{Verb: "update", Group: "argoproj.io", Resource: "workflowtemplates", Name: "pipeline"},
	{Verb: "create", Group: "argoproj.io", Resource: "workflowtaskresults"},
	{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "rolebindings"},
	{Verb: "update", Group: "kueue.x-k8s.io", Resource: "clusterqueues"},
	{Verb: "update", Group: "networking.k8s.io", Resource: "networkpolicies"}, {Verb: "list", Resource: "nodes"},
	{Verb: "list", Resource: "namespaces"}, {Verb: "impersonate", Resource: "users"},
}

// allowed is what accounts may do of that, by account. Those that are not named may do nothing.
var allowed = map[string][]string{
	"pipeline-executor": {"create jobsets", "get jobsets", "create workflowtaskresults"},
	"pipeline-watch":    {"create workflows", "get workflowtemplates"},
}

// TestAccess asks the server, as each account of the stack, what that may do: kubectl auth can-i as a table.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, nil, nil)
	accounts := graph.Kind(p.objects, "ServiceAccount")
	require.Greater(t, len(accounts), len(allowed))
	for _, account := range accounts {
		client, err := s.AccountClient(s.during(), p.namespace, account.GetName())
		require.NoError(t, err)
		may := []string{}
		for _, a := range actions {
			a.Namespace = p.namespace
			yes, err := client.CanI(s.during(), a)
			require.NoError(t, err)
			if yes {
				may = append(may, a.Verb+" "+a.Resource)
			}
		}
		t.Logf("%-20s may of %d things: %s", account.GetName(), len(actions), strings.Join(may, ", "))
		assert.ElementsMatch(t, allowed[account.GetName()], may, account.GetName())
	}
}
