package kubernetes

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
)

// Network closes the namespace in both directions and opens what every workload needs: names, and the lake. What one
// workload needs besides is opened by its own layer. It bounds what the namespace may ask for, and gives containers
// without figures some. Zones, NAT and flow logs are the cluster's.
func (t *Target) Network(
	ctx *pulumi.Context, name string, _ *components.NetworkArgs, opts ...pulumi.ResourceOption,
) (*components.NetworkOutputs, error) {
	l := t.layer(ctx, components.NetworkLayer, name, opts)
	for _, p := range []struct {
		part string
		spec api.NetworkPolicy
	}{
		{"closed", api.NetworkPolicy{PolicyTypes: []string{"Ingress", "Egress"}}},
		{"names", api.NetworkPolicy{PolicyTypes: []string{"Egress"}, Egress: []api.Egress{toNames()}}},
		{"lake", api.NetworkPolicy{PolicyTypes: []string{"Egress"}, Egress: l.toLake()}},
		{"credentials", api.NetworkPolicy{PolicyTypes: []string{"Egress"}, Egress: l.toCredentials()}},
	} {
		if len(p.spec.Egress) == 0 && p.part != "closed" {
			continue
		}
		if err := l.policy(p.part, p.spec); err != nil {
			return nil, err
		}
	}
	if err := l.bound(); err != nil {
		return nil, err
	}
	var on []pulumi.Resource
	if t.space != nil {
		on = append(on, t.space)
	}
	return &components.NetworkOutputs{
		NetworkID: l.Known(t.namespace, on...), PrivateSubnetIDs: pulumi.StringArray{}.ToStringArrayOutput(),
		WorkloadGroupID: text(""), EndpointIDs: none(), Addresses: none(),
	}, nil
}

// policy opens or closes paths of the network for pods of the namespace.
func (l *layer) policy(part string, p api.NetworkPolicy) error {
	_, err := l.object("networking.k8s.io/v1", "NetworkPolicy", []string{part}, spec(p))
	return err
}

// namespaceName selects a namespace by the label that every one has.
func namespaceName(name string) *api.Selector {
	return &api.Selector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": name}}
}

// toNames leads to the cluster's name server.
func toNames() api.Egress {
	return api.Egress{
		To: []api.Peer{{
			NamespaceSelector: namespaceName("kube-system"),
			PodSelector:       &api.Selector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
		}},
		Ports: []api.PolicyPort{{Protocol: "UDP", Port: 53}, {Protocol: "TCP", Port: 53}},
	}
}

// toLake leads to the store of the lake; nowhere where it is a disk.
func (l *layer) toLake() []api.Egress {
	if onDisk(l.settings.Lake) {
		return nil
	}
	a := l.settings.Access
	ports := []api.PolicyPort{{Protocol: "TCP", Port: a.LakePort}}
	if a.LakeNamespace != "" {
		return []api.Egress{{To: []api.Peer{{NamespaceSelector: namespaceName(a.LakeNamespace)}}, Ports: ports}}
	}
	ranges := a.Lake
	if len(ranges) == 0 {
		ranges = []string{"0.0.0.0/0"}
	}
	return []api.Egress{{To: peers(ranges), Ports: ports}}
}

// toCredentials leads to what gives pods credentials of a cloud; nowhere where nothing does.
func (l *layer) toCredentials() []api.Egress {
	if l.options.Credentials == "" {
		return nil
	}
	return []api.Egress{{
		To: peers([]string{l.options.Credentials}), Ports: []api.PolicyPort{{Protocol: "TCP", Port: 80}},
	}}
}

// toAPI leads to the cluster's own API.
func (l *layer) toAPI() api.Egress {
	return api.Egress{
		To: peers(l.settings.Access.APIServers), Ports: []api.PolicyPort{{Protocol: "TCP", Port: l.settings.Access.APIPort}},
	}
}

func peers(ranges []string) []api.Peer {
	var all []api.Peer
	for _, cidr := range ranges {
		all = append(all, api.Peer{IPBlock: &api.IPBlock{CIDR: cidr}})
	}
	return all
}

// bound sets what the namespace may ask for, and figures for containers that name none.
func (l *layer) bound() error {
	q := l.settings.Quota
	memory := strconv.Itoa(q.MemoryGiB) + "Gi"
	hard := map[string]string{
		"requests.cpu": strconv.Itoa(q.CPUs), "requests.memory": memory, "limits.memory": memory,
		"pods": strconv.Itoa(q.Pods), "requests.storage": fmt.Sprintf("%dGi", q.StorageGiB),
		"persistentvolumeclaims": "20", "services.loadbalancers": "0", "services.nodeports": "0",
		"requests." + gpuResource: strconv.Itoa(l.accelerators()),
	}
	if _, err := l.object("v1", "ResourceQuota", []string{"quota"}, spec(api.ResourceQuota{Hard: hard})); err != nil {
		return err
	}
	_, err := l.object("v1", "LimitRange", []string{"limits"}, spec(api.LimitRange{Limits: []api.Limit{{
		Type:           "Container",
		DefaultRequest: map[string]string{"cpu": "100m", "memory": "128Mi"},
		Default:        map[string]string{"memory": "512Mi"},
		Max:            map[string]string{"memory": memory},
	}, {
		Type: "PersistentVolumeClaim", Max: map[string]string{"storage": fmt.Sprintf("%dGi", q.StorageGiB)},
	}}}))
	return err
}

// accelerators is how many the namespace may ask for.
func (l *layer) accelerators() int {
	if n := l.settings.Quota.Accelerators; n > 0 {
		return n
	}
	return 8
}
