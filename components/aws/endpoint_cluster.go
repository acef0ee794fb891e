package aws

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// serveOnCluster makes the endpoint as a Deployment on the cluster. Its image writes no metrics of AWS.
func (t *Target) serveOnCluster(
	ctx *pulumi.Context, name string, args *components.EndpointArgs, opts []pulumi.ResourceOption,
) (*components.EndpointOutputs, error) {
	if t.cluster == nil {
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
	l := t.layer(ctx, components.EndpointLayer, name, opts)
	id, bound, err := l.podRole("Serves predictions on the cluster")
	if err != nil {
		return nil, err
	}
	outputs, err := t.cluster.space.Endpoint(ctx, name, args, t.cluster.hosts(opts, bound)...)
	if err != nil {
		return nil, err
	}
	outputs.Identity = id.ARN
	return outputs, nil
}
