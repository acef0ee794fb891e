package aws

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// podAgent is where the agent of EKS hands pods the credentials of their roles.
// Source: docs.aws.amazon.com/eks, Set up the Amazon EKS Pod Identity Agent (looked up on 2026-11-25).
const podAgent = "169.254.170.23/32"

// capacityLabel is on every node that Karpenter makes: spot or on-demand.
const capacityLabel = "karpenter.sh/capacity-type"

// within is the target that builds in the namespace of the stack on its cluster. What the stack itself knows of its
// cluster and its lake is set here; the zones of the lake come with the arguments of the layers.
func (t *Target) within(provider pulumi.ProviderResource, pools []nodePool) (*kubernetes.Target, error) {
	s := t.options.Kubernetes
	s.Context, s.Identity, s.Trainer = t.options.Scope.Name(40, "cluster"), settings.Identity{}, ""
	s.Lake = settings.Lake{URI: "s3://{zone}", Region: t.options.Region}
	s.Operators = append(slices.Clone(s.Operators), jobSetChart, kueueChart)
	s.Nodes.Spot = map[string]string{capacityLabel: "spot"}
	s.Nodes.OnDemand = map[string]string{capacityLabel: "on-demand"}
	q := &s.Quota // what the pools may grow to, unless the stack says otherwise
	q.CPUs = orSum(q.CPUs, pools, func(p nodePool) int { return p.cpus })
	q.MemoryGiB = orSum(q.MemoryGiB, pools, func(p nodePool) int { return p.gib })
	q.Accelerators = orSum(q.Accelerators, pools, func(p nodePool) int { return p.accelerators })
	return kubernetes.New(&kubernetes.Options{
		Scope: t.options.Scope, Settings: s, Provider: provider, DataClass: string(confidential), Credentials: podAgent,
	})
}

// orSum is a figure, or where it is not given the sum over all pools.
func orSum(given int, pools []nodePool, of func(nodePool) int) int {
	if given > 0 {
		return given
	}
	for _, p := range pools {
		given += of(p)
	}
	return given
}

// checkInside refuses settings of a cluster that contradict the stack's own.
func (t *Target) checkInside(wrong func(sentinel error, key, found, want string)) error {
	s := t.options.Kubernetes
	const known = "nothing: with aws.serveOnCluster the stack sets it"
	if s.Context != "" {
		wrong(components.ErrConflict, "kubernetes.context", s.Context, known)
	}
	if s.Lake != (settings.Lake{}) {
		wrong(components.ErrConflict, "kubernetes.lake", s.Lake.URI, known)
	}
	if s.Identity.Cloud != "" || len(s.Identity.Accounts) > 0 {
		wrong(components.ErrConflict, "kubernetes.identity", s.Identity.Cloud, known)
	}
	_, err := t.within(nil, nil)
	return err
}

// makeSpace makes the namespace of the stack, for its jobs and its endpoint: restricted pods, bounded resources, and a
// network that is closed but for names, the lake and credentials.
func (c *cluster) makeSpace() (err error) {
	if c.space, err = c.within(c.provider, c.pools); err != nil {
		return err
	}
	opts := append(slices.Clone(c.Given), pulumi.DependsOn(c.ready))
	if err := c.space.Begin(c.Context, c.Part("jobs"), opts...); err != nil {
		return err
	}
	_, err = c.space.Network(c.Context, c.Part("jobs"), &components.NetworkArgs{}, opts...)
	return err
}

// hosts gives the options of what runs on the cluster: after its network and its nodes, and after what is added. A pod
// that started before its association would have no credentials.
func (c *cluster) hosts(opts []pulumi.ResourceOption, on ...pulumi.Resource) []pulumi.ResourceOption {
	on = append(on, c.ready...)
	for _, name := range slices.Sorted(maps.Keys(c.software)) {
		on = append(on, c.software[name])
	}
	return append(slices.Clone(opts), pulumi.DependsOn(on))
}

// trustPods lets the agent of EKS take a role for the pods that it is associated with.
func (l *layer) trustPods() Statement {
	return Statement{
		Sid: "TakeRole", Principals: &Principals{Service: []string{"pods.eks.amazonaws.com"}},
		Actions: []string{"sts:AssumeRole", "sts:TagSession"}, Conditions: l.ownAccount(),
	}
}

// podRole makes the role of the pods of a layer in the namespace of the stack. It holds nothing but what is granted to
// it: nodes pull the images.
func (l *layer) podRole(does string) (*identity, pulumi.Resource, error) {
	id, err := l.newRole(role{does: does, trust: []Statement{l.trustPods()}})
	if err != nil {
		return nil, nil, err
	}
	bound, err := eks.NewPodIdentityAssociation(l.Context, l.Part("pods"), &eks.PodIdentityAssociationArgs{
		ClusterName: l.cluster.plane.Name, Namespace: pulumi.String(l.cluster.space.Namespace()),
		ServiceAccount: pulumi.String(l.Component), RoleArn: id.ARN, Tags: l.tags(noData),
	}, l.After(id.ready...)...)
	return id, bound, err
}
