package aws

import (
	"fmt"
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

// inside is the target that builds in the namespace of the stack on its cluster. What the stack itself knows of its
// cluster and its lake is set here; the zones of the lake come with the arguments of the layers.
func (t *Target) inside(provider pulumi.ProviderResource) (*kubernetes.Target, error) {
	s := t.options.Kubernetes
	s.Context = t.options.Scope.Name(40, "cluster")
	s.Lake = settings.Lake{URI: "s3://{zone}", Region: t.options.Region}
	return kubernetes.New(&kubernetes.Options{
		Scope: t.options.Scope, Settings: s, Provider: provider, DataClass: string(confidential), Credentials: podAgent,
	})
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
	_, err := t.inside(nil)
	return err
}

// trustPods lets the agent of EKS take a role for the pods that it is associated with.
func (l *layer) trustPods() Statement {
	return Statement{
		Sid: "TakeRole", Principals: &Principals{Service: []string{"pods.eks.amazonaws.com"}},
		Actions: []string{"sts:AssumeRole", "sts:TagSession"}, Conditions: l.ownAccount(),
	}
}

// serveOnCluster makes the endpoint as a Deployment on the cluster. Its pods have a role of their own, which holds
// nothing but what is granted to it: nodes pull the image, and the image writes no metrics of AWS.
func (t *Target) serveOnCluster(
	ctx *pulumi.Context, name string, args *components.EndpointArgs, opts []pulumi.ResourceOption,
) (*components.EndpointOutputs, error) {
	c := t.cluster
	if c == nil {
		return nil, fmt.Errorf("aws.serveOnCluster: found true, want false, or a cluster in the stack file: %w",
			components.ErrConflict)
	}
	if err := pinned(args.Image); err != nil {
		return nil, err
	}
	if args.Auth != components.AuthPlatform {
		return nil, fmt.Errorf("auth: found %s, want platform: on the cluster the network lets callers in: %w",
			args.Auth, components.ErrConflict)
	}
	inside, err := t.inside(c.provider)
	if err != nil {
		return nil, err
	}
	l := t.layer(ctx, components.EndpointLayer, name, opts)
	id, err := l.newRole(role{does: "Serves predictions on the cluster", trust: []Statement{l.trustPods()}})
	if err != nil {
		return nil, err
	}
	bound, err := eks.NewPodIdentityAssociation(ctx, l.part("pods"), &eks.PodIdentityAssociationArgs{
		ClusterName: c.plane.Name, Namespace: pulumi.String(inside.Namespace()), ServiceAccount: pulumi.String(name),
		RoleArn: id.ARN, Tags: l.tags(noData),
	}, l.after(id.ready...)...)
	if err != nil {
		return nil, err
	}
	outputs, err := place(ctx, inside, name, args, c.hosts(opts, bound))
	if err != nil {
		return nil, err
	}
	outputs.Identity = id.ARN
	return outputs, nil
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

// place makes the namespace, closes its network, and makes the endpoint in it.
func place(
	ctx *pulumi.Context, inside *kubernetes.Target, name string, args *components.EndpointArgs,
	opts []pulumi.ResourceOption,
) (*components.EndpointOutputs, error) {
	if err := inside.Begin(ctx, name, opts...); err != nil {
		return nil, err
	}
	if _, err := inside.Network(ctx, name+"-network", &components.NetworkArgs{}, opts...); err != nil {
		return nil, err
	}
	return inside.Endpoint(ctx, name, args, opts...)
}
