package aws

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// notYet lists the layers that are still to be written.
var notYet = map[components.Layer]string{
	components.ClusterLayer: "not written yet",
}

// Cluster is not offered yet.
func (*Target) Cluster(
	*pulumi.Context, string, *components.ClusterArgs, ...pulumi.ResourceOption,
) (*components.ClusterOutputs, error) {
	return nil, components.ErrUnsupported
}
