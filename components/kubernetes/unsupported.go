package kubernetes

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Unsupported implements components.Target.
func (*Target) Unsupported() map[components.Layer]string {
	return map[components.Layer]string{
		components.WarehouseLayer: "a cluster has no database for analysts; DuckDB and Trino read the lake's Parquet",
		components.WorkbenchLayer: "JupyterHub is a platform of its own; its notebooks need the lake's address alone",
		components.DeliveryLayer:  "who may deploy is decided by the login of the cluster's API server",
	}
}

// The layers that Unsupported lists; their constructors refuse before they get here.

// Warehouse is not offered.
func (*Target) Warehouse(
	*pulumi.Context, string, *components.WarehouseArgs, ...pulumi.ResourceOption,
) (*components.WarehouseOutputs, error) {
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
