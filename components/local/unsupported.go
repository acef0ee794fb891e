package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// The layers that Unsupported lists; their constructors refuse before they get here.

// Cluster is not offered.
func (*Target) Cluster(
	*pulumi.Context, string, *components.ClusterArgs, ...pulumi.ResourceOption,
) (*components.ClusterOutputs, error) {
	return nil, components.ErrUnsupported
}

// Budget is not offered.
func (*Target) Budget(
	*pulumi.Context, string, *components.BudgetArgs, ...pulumi.ResourceOption,
) (*components.BudgetOutputs, error) {
	return nil, components.ErrUnsupported
}

// Workbench is not offered.
func (*Target) Workbench(
	*pulumi.Context, string, *components.WorkbenchArgs, ...pulumi.ResourceOption,
) (*components.WorkbenchOutputs, error) {
	return nil, components.ErrUnsupported
}

// Delivery is not offered.
func (*Target) Delivery(
	*pulumi.Context, string, *components.DeliveryArgs, ...pulumi.ResourceOption,
) (*components.DeliveryOutputs, error) {
	return nil, components.ErrUnsupported
}
