package components

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Target translates the layers into the resources of one platform. The constructors of this package call it; a target
// is never handed bad arguments, and the options that it gets already carry the component as the parent: it passes
// them to every resource that it makes, and adds to them. All outputs of a layer must be set.
type Target interface {
	// Name of the target as it stands in a stack file.
	Name() string
	// Scope says for whom the target builds.
	Scope() Scope
	// Unsupported lists the layers that the target cannot give, each with the reason. Their methods are never called.
	Unsupported() map[Layer]string

	Network(*pulumi.Context, string, *NetworkArgs, ...pulumi.ResourceOption) (*NetworkOutputs, error)
	Security(*pulumi.Context, string, *SecurityArgs, ...pulumi.ResourceOption) (*SecurityOutputs, error)
	DataLake(*pulumi.Context, string, *DataLakeArgs, ...pulumi.ResourceOption) (*DataLakeOutputs, error)
	Processing(*pulumi.Context, string, *ProcessingArgs, ...pulumi.ResourceOption) (*ProcessingOutputs, error)
	Warehouse(*pulumi.Context, string, *WarehouseArgs, ...pulumi.ResourceOption) (*WarehouseOutputs, error)
	Features(*pulumi.Context, string, *FeaturesArgs, ...pulumi.ResourceOption) (*FeaturesOutputs, error)
	Cluster(*pulumi.Context, string, *ClusterArgs, ...pulumi.ResourceOption) (*ClusterOutputs, error)
	Training(*pulumi.Context, string, *TrainingArgs, ...pulumi.ResourceOption) (*TrainingOutputs, error)
	Pipeline(*pulumi.Context, string, *PipelineArgs, ...pulumi.ResourceOption) (*PipelineOutputs, error)
	Registry(*pulumi.Context, string, *RegistryArgs, ...pulumi.ResourceOption) (*RegistryOutputs, error)
	Endpoint(*pulumi.Context, string, *EndpointArgs, ...pulumi.ResourceOption) (*EndpointOutputs, error)
	Batch(*pulumi.Context, string, *BatchArgs, ...pulumi.ResourceOption) (*BatchOutputs, error)
	Monitoring(*pulumi.Context, string, *MonitoringArgs, ...pulumi.ResourceOption) (*MonitoringOutputs, error)
	Budget(*pulumi.Context, string, *BudgetArgs, ...pulumi.ResourceOption) (*BudgetOutputs, error)
	Workbench(*pulumi.Context, string, *WorkbenchArgs, ...pulumi.ResourceOption) (*WorkbenchOutputs, error)
	Delivery(*pulumi.Context, string, *DeliveryArgs, ...pulumi.ResourceOption) (*DeliveryOutputs, error)

	// GrantLake gives an identity access to zones of a lake, and to nothing else.
	GrantLake(*pulumi.Context, string, *LakeGrant, ...pulumi.ResourceOption) error
	// GrantRegistry gives an identity access to the repositories and the metadata table of a registry.
	GrantRegistry(*pulumi.Context, string, *RegistryGrant, ...pulumi.ResourceOption) error
	// Begin is called once, before the first layer, with the platform as the parent: the place for what all layers
	// stand on, such as a directory or a resource group.
	Begin(*pulumi.Context, string, ...pulumi.ResourceOption) error
	// Finish is called once, after the last layer, with the platform as the parent. A target that has to see the whole
	// before it can start it does so here. It returns what it wants to show as outputs of the stack besides the usual.
	Finish(*pulumi.Context, string, ...pulumi.ResourceOption) (pulumi.Map, error)
}

// Layer names a layer of the platform.
type Layer string

// The layers, in the order in which a platform is built.
const (
	NetworkLayer    Layer = "Network"
	SecurityLayer   Layer = "Security"
	DataLakeLayer   Layer = "DataLake"
	ProcessingLayer Layer = "Processing"
	WarehouseLayer  Layer = "Warehouse"
	FeaturesLayer   Layer = "Features"
	ClusterLayer    Layer = "Cluster"
	TrainingLayer   Layer = "Training"
	PipelineLayer   Layer = "Pipeline"
	RegistryLayer   Layer = "Registry"
	EndpointLayer   Layer = "Endpoint"
	BatchLayer      Layer = "Batch"
	MonitoringLayer Layer = "Monitoring"
	BudgetLayer     Layer = "Budget"
	WorkbenchLayer  Layer = "Workbench"
	DeliveryLayer   Layer = "Delivery"
)

// Layers lists every layer in the order in which a platform is built.
func Layers() []Layer {
	return []Layer{
		NetworkLayer, SecurityLayer, DataLakeLayer, ProcessingLayer, WarehouseLayer, FeaturesLayer, ClusterLayer,
		TrainingLayer, PipelineLayer, RegistryLayer, EndpointLayer, BatchLayer, MonitoringLayer, BudgetLayer,
		WorkbenchLayer, DeliveryLayer,
	}
}

// Token is the Pulumi type token of a layer's component. Tokens are a public contract: they stand in every state.
func (l Layer) Token() string {
	modules := map[Layer]string{
		NetworkLayer: "network:Network", SecurityLayer: "security:Security", DataLakeLayer: "data:Lake",
		ProcessingLayer: "data:Processing", WarehouseLayer: "data:Warehouse", FeaturesLayer: "data:Features",
		ClusterLayer: "compute:Cluster", TrainingLayer: "model:Training", PipelineLayer: "model:Pipeline",
		RegistryLayer: "model:Registry", EndpointLayer: "serve:Endpoint", BatchLayer: "serve:Batch",
		MonitoringLayer: "operate:Monitoring", BudgetLayer: "operate:Budget", WorkbenchLayer: "team:Workbench",
		DeliveryLayer: "team:Delivery",
	}
	return "mlpathway:" + modules[l]
}

// Errors that a caller may test with errors.Is. Each comes wrapped in a message that names the layer, the argument,
// the value that was found and what to write instead.
var (
	// ErrUnsupported means that the target cannot give the layer.
	ErrUnsupported = errors.New("the target does not offer this layer")
	// ErrRequired means that an argument without a default is missing.
	ErrRequired = errors.New("a required value is missing")
	// ErrName means that a name breaks the rules that hold on every target.
	ErrName = errors.New("not a valid name")
	// ErrRange means that a number lies outside its bounds.
	ErrRange = errors.New("value out of range")
	// ErrChoice means that a value is none of a closed set.
	ErrChoice = errors.New("not one of the allowed values")
	// ErrCIDR means that a network range is malformed or too small.
	ErrCIDR = errors.New("not a usable network range")
	// ErrSchedule means that a schedule is no cron expression of five fields.
	ErrSchedule = errors.New("not a cron expression")
	// ErrConflict means that two arguments contradict each other.
	ErrConflict = errors.New("arguments contradict each other")
	// ErrNoOutput means that a target left an output of a layer unset: a defect of the target.
	ErrNoOutput = errors.New("the target left an output unset")
)
