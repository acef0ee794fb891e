package componenttest

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// One function per layer: good arguments, and every way to make them bad.

func networkCase() layerCase {
	good := func() *components.NetworkArgs {
		return &components.NetworkArgs{Listeners: map[string]int{"endpoint": 0, "extra": 18080}}
	}
	return caseFor(components.NetworkLayer, "network", components.NewNetwork,
		func(c *components.Network) *components.NetworkOutputs { return &c.NetworkOutputs }, good).
		bad("CIDR", components.ErrCIDR, func(a *components.NetworkArgs) { a.CIDR = "10.20.0.0" }).
		bad("CIDR not at its start", components.ErrCIDR, func(a *components.NetworkArgs) { a.CIDR = "10.20.1.1/16" }).
		bad("CIDR too small", components.ErrCIDR, func(a *components.NetworkArgs) { a.CIDR = "10.20.0.0/28" }).
		bad("IPv6", components.ErrCIDR, func(a *components.NetworkArgs) { a.CIDR = "fd00::/48" }).
		bad("zones", components.ErrRange, func(a *components.NetworkArgs) { a.Zones = 7 }).
		bad("NAT", components.ErrChoice, func(a *components.NetworkArgs) { a.NAT = "two" }).
		bad("endpoint", components.ErrRequired, func(a *components.NetworkArgs) { a.PrivateEndpoints = []string{""} }).
		bad("overlap", components.ErrCIDR, func(a *components.NetworkArgs) { a.Avoid = []string{"10.20.128.0/20"} }).
		bad("other network", components.ErrCIDR, func(a *components.NetworkArgs) { a.Avoid = []string{"here"} }).
		bad("existing alone", components.ErrConflict, func(a *components.NetworkArgs) { a.ExistingID = "vpc-1" }).
		bad("logs", components.ErrRange, func(a *components.NetworkArgs) { a.Logs.RetentionDays = -1 }).
		bad("port", components.ErrRange, func(a *components.NetworkArgs) { a.Listeners = map[string]int{"endpoint": 80} }).
		bad("listener", components.ErrName, func(a *components.NetworkArgs) { a.Listeners = map[string]int{"A b": 0} }).
		layerCase
}

func securityCase() layerCase {
	good := func() *components.SecurityArgs { return &components.SecurityArgs{Tokens: []string{"endpoint"}} }
	return caseFor(components.SecurityLayer, "security", components.NewSecurity,
		func(c *components.Security) *components.SecurityOutputs { return &c.SecurityOutputs }, good).
		bad("rotation", components.ErrRange, func(a *components.SecurityArgs) { a.RotationDays = 10 }).
		bad("audit", components.ErrRange, func(a *components.SecurityArgs) { a.AuditRetentionDays = 1 }).
		bad("token", components.ErrName, func(a *components.SecurityArgs) { a.Tokens = []string{"../etc"} }).
		layerCase
}

func lakeCase() layerCase {
	object := func() components.LakeObject {
		return components.LakeObject{Zone: components.Raw, Key: "first.csv", Source: "/data/first.csv", SHA256: "00"}
	}
	good := func() *components.DataLakeArgs {
		return &components.DataLakeArgs{Objects: []components.LakeObject{object()}}
	}
	withObject := func(change func(*components.LakeObject)) func(*components.DataLakeArgs) {
		return func(a *components.DataLakeArgs) { change(&a.Objects[0]) }
	}
	return caseFor(components.DataLakeLayer, "lake", components.NewDataLake,
		func(c *components.DataLake) *components.DataLakeOutputs { return &c.DataLakeOutputs }, good).
		bad("expiry", components.ErrRange, func(a *components.DataLakeArgs) { a.ExpireDays = new(-1) }).
		bad("cold", components.ErrRange, func(a *components.DataLakeArgs) { a.ColdAfterDays = new(-1) }).
		bad("cold after expiry", components.ErrConflict, func(a *components.DataLakeArgs) {
			a.ExpireDays, a.ColdAfterDays = new(10), new(10)
		}).
		bad("zone", components.ErrChoice, withObject(func(o *components.LakeObject) { o.Zone = "cellar" })).
		bad("key outside", components.ErrName, withObject(func(o *components.LakeObject) { o.Key = "../x" })).
		bad("hidden key", components.ErrName, withObject(func(o *components.LakeObject) { o.Key = ".x" })).
		bad("source", components.ErrRequired, withObject(func(o *components.LakeObject) { o.Source = "" })).
		bad("sum", components.ErrRequired, withObject(func(o *components.LakeObject) { o.SHA256 = "" })).
		layerCase
}

func processingCase(v Values) layerCase {
	good := func() *components.ProcessingArgs {
		return &components.ProcessingArgs{
			Image: v.Training, Command: []string{"etl"}, Schedule: "5 * * * *",
			Environment: pulumi.StringMap{"PASSWORD": secretText()}, Network: v.Place(), Lake: v.lake(),
			Reads: []components.Zone{components.Raw}, Writes: []components.Zone{components.Curated},
		}
	}
	return caseFor(components.ProcessingLayer, "processing", components.NewProcessing,
		func(c *components.Processing) *components.ProcessingOutputs { return &c.ProcessingOutputs }, good).
		bad("image", components.ErrRequired, func(a *components.ProcessingArgs) { a.Image = "" }).
		bad("no start", components.ErrRequired, func(a *components.ProcessingArgs) { a.Schedule = "" }).
		bad("schedule", components.ErrSchedule, func(a *components.ProcessingArgs) { a.Schedule = "every day" }).
		bad("zone", components.ErrChoice, func(a *components.ProcessingArgs) { a.Reads = []components.Zone{"cellar"} }).
		bad("no lake", components.ErrRequired, func(a *components.ProcessingArgs) { a.Lake = nil }).
		bad("memory", components.ErrRange, func(a *components.ProcessingArgs) { a.MemoryMiB = 1 }).
		bad("timeout", components.ErrRange, func(a *components.ProcessingArgs) { a.TimeoutSeconds = -1 }).
		bad("retries", components.ErrRange, func(a *components.ProcessingArgs) { a.Retries = new(11) }).
		bad("concurrency", components.ErrRange, func(a *components.ProcessingArgs) { a.Concurrency = -1 }).
		layerCase
}

func warehouseCase(v Values) layerCase {
	good := func() *components.WarehouseArgs {
		return &components.WarehouseArgs{
			LoadFrom: pulumi.String(v.Zone(components.Curated)), ResultsTo: pulumi.String(v.Zone(components.Results)),
			Network: v.Place(),
		}
	}
	c := caseFor(components.WarehouseLayer, "warehouse", components.NewWarehouse,
		func(c *components.Warehouse) *components.WarehouseOutputs { return &c.WarehouseOutputs }, good).
		bad("database", components.ErrName, func(a *components.WarehouseArgs) { a.Database = "a b" }).
		bad("schema", components.ErrName, func(a *components.WarehouseArgs) { a.Schemas = []string{"a;b"} }).
		bad("cap", components.ErrRange, func(a *components.WarehouseArgs) { a.MaxCapacity = 4096 }).
		bad("floor above cap", components.ErrRange, func(a *components.WarehouseArgs) { a.MinCapacity = new(1000) }).
		bad("query", components.ErrRange, func(a *components.WarehouseArgs) { a.MaxQueryGiB = -1 }).
		bad("hours", components.ErrRange, func(a *components.WarehouseArgs) { a.MonthlyCapacityHours = -1 }).
		bad("pause", components.ErrRange, func(a *components.WarehouseArgs) { a.AutoPauseMinutes = 1 })
	if !v.OpenWarehouse {
		c.secret("connectionUri")
	}
	return c.layerCase
}

func featuresCase(v Values) layerCase {
	good := func() *components.FeaturesArgs {
		return &components.FeaturesArgs{
			Views:   []components.FeatureView{{Name: "tumour", Key: "sample_id", SQL: "SELECT * FROM curated"}},
			Offline: pulumi.String(v.Zone(components.Features)), Network: v.Place(),
		}
	}
	return caseFor(components.FeaturesLayer, "features", components.NewFeatures,
		func(c *components.FeatureStore) *components.FeaturesOutputs { return &c.FeaturesOutputs }, good).
		bad("no view", components.ErrRequired, func(a *components.FeaturesArgs) { a.Views = nil }).
		bad("view", components.ErrName, func(a *components.FeaturesArgs) { a.Views[0].Name = "X" }).
		bad("twice", components.ErrConflict, func(a *components.FeaturesArgs) { a.Views = append(a.Views, a.Views[0]) }).
		bad("offline", components.ErrRequired, func(a *components.FeaturesArgs) { a.Offline = nil }).
		bad("ttl", components.ErrRange, func(a *components.FeaturesArgs) { a.TTLDays = -1 }).
		bad("workers", components.ErrRange, func(a *components.FeaturesArgs) { a.MaxWorkers = 101 }).
		bad("idle", components.ErrRange, func(a *components.FeaturesArgs) { a.IdleMinutes = 61 }).
		bad("worker", components.ErrRange, func(a *components.FeaturesArgs) { a.Worker.CPUs = 1000 }).
		layerCase
}

func clusterCase(v Values) layerCase {
	good := func() *components.ClusterArgs {
		return &components.ClusterArgs{
			Pools:   []components.NodePool{{Name: "gpu", Machine: components.Machine{Accelerator: components.GPUSmall}}},
			Network: v.Place(),
		}
	}
	withPool := func(change func(*components.NodePool)) func(*components.ClusterArgs) {
		return func(a *components.ClusterArgs) { change(&a.Pools[0]) }
	}
	return caseFor(components.ClusterLayer, "cluster", components.NewCluster,
		func(c *components.Cluster) *components.ClusterOutputs { return &c.ClusterOutputs }, good).
		secret("kubeconfig").
		bad("no pool", components.ErrRequired, func(a *components.ClusterArgs) { a.Pools = nil }).
		bad("pool", components.ErrName, withPool(func(p *components.NodePool) { p.Name = "X" })).
		bad("twice", components.ErrConflict, func(a *components.ClusterArgs) { a.Pools = append(a.Pools, a.Pools[0]) }).
		bad("max", components.ErrRange, withPool(func(p *components.NodePool) { p.Max = -1 })).
		bad("min above max", components.ErrRange, withPool(func(p *components.NodePool) { p.Min, p.Max = 5, 2 })).
		bad("spot", components.ErrRange, withPool(func(p *components.NodePool) { p.SpotPercent = new(101) })).
		bad("disk", components.ErrRange, withPool(func(p *components.NodePool) { p.DiskGiB = 1 })).
		bad("accelerator", components.ErrChoice, withPool(func(p *components.NodePool) { p.Machine.Accelerator = "abacus" })).
		bad("quota", components.ErrRange, func(a *components.ClusterArgs) { a.GPUQuota = -1 }).
		layerCase
}

func trainingCase(v Values) layerCase {
	good := func() *components.TrainingArgs {
		return &components.TrainingArgs{
			Image: v.Training, Checkpoint: pulumi.String(v.Zone(components.Models) + "/checkpoints"), Network: v.Place(),
		}
	}
	return caseFor(components.TrainingLayer, "training", components.NewTraining,
		func(c *components.Training) *components.TrainingOutputs { return &c.TrainingOutputs }, good).
		bad("image", components.ErrRequired, func(a *components.TrainingArgs) { a.Image = "" }).
		bad("machine", components.ErrRange, func(a *components.TrainingArgs) { a.Machine.MemoryMiB = 1 }).
		bad("accelerators without a kind", components.ErrConflict, func(a *components.TrainingArgs) {
			a.Machine.Accelerators = 2
		}).
		bad("nodes", components.ErrRange, func(a *components.TrainingArgs) { a.Nodes = 1000 }).
		bad("distribution", components.ErrChoice, func(a *components.TrainingArgs) { a.Nodes, a.Distribution = 2, "x" }).
		bad("distribution of one", components.ErrConflict, func(a *components.TrainingArgs) {
			a.Distribution = components.ModelParallel
		}).
		bad("spot without checkpoint", components.ErrConflict, func(a *components.TrainingArgs) {
			a.Spot, a.Checkpoint = new(true), nil
		}).
		bad("runtime", components.ErrRange, func(a *components.TrainingArgs) { a.MaxRuntimeMinutes = -1 }).
		bad("strategy", components.ErrChoice, func(a *components.TrainingArgs) {
			a.Tuning = &components.Tuning{Strategy: "luck"}
		}).
		bad("trials", components.ErrRange, func(a *components.TrainingArgs) { a.Tuning = &components.Tuning{Trials: -1} }).
		bad("parallel", components.ErrRange, func(a *components.TrainingArgs) {
			a.Tuning = &components.Tuning{Trials: 2, Parallel: 3}
		}).
		bad("variable", components.ErrRequired, func(a *components.TrainingArgs) {
			a.Environment = map[string]string{"": "x"}
		}).
		layerCase
}

func pipelineCase(v Values) layerCase {
	good := func() *components.PipelineArgs {
		return &components.PipelineArgs{
			Image: v.Training, Model: "tumour", Definition: "name: tumour\n", Lake: v.lake(),
			Training: pulumi.String("{}"), Table: pulumi.String(v.Table),
			Warehouse: secretAfter(v.Warehouse), EventSource: pulumi.String(v.EventSource), Schedule: "0 3 * * *",
			Network: v.Place(),
		}
	}
	return caseFor(components.PipelineLayer, "pipeline", components.NewPipeline,
		func(c *components.Pipeline) *components.PipelineOutputs { return &c.PipelineOutputs }, good).
		bad("image", components.ErrRequired, func(a *components.PipelineArgs) { a.Image = "" }).
		bad("model", components.ErrName, func(a *components.PipelineArgs) { a.Model = "" }).
		bad("definition", components.ErrRequired, func(a *components.PipelineArgs) { a.Definition = "" }).
		bad("lake", components.ErrRequired, func(a *components.PipelineArgs) { a.Lake = nil }).
		bad("table", components.ErrRequired, func(a *components.PipelineArgs) { a.Table = nil }).
		bad("training", components.ErrRequired, func(a *components.PipelineArgs) { a.Training = nil }).
		bad("step", components.ErrName, func(a *components.PipelineArgs) { a.Steps = []components.Step{{Name: "X"}} }).
		bad("step twice", components.ErrConflict, func(a *components.PipelineArgs) {
			a.Steps = []components.Step{{Name: "etl"}, {Name: "etl"}}
		}).
		bad("schedule", components.ErrSchedule, func(a *components.PipelineArgs) { a.Schedule = "@daily" }).
		bad("timeout", components.ErrRange, func(a *components.PipelineArgs) { a.TimeoutMinutes = -1 }).
		bad("retries", components.ErrRange, func(a *components.PipelineArgs) { a.Retries = new(-1) }).
		bad("receiver", components.ErrName, func(a *components.PipelineArgs) { a.Receivers = []string{"nobody"} }).
		layerCase
}

func registryCase(v Values) layerCase {
	good := func() *components.RegistryArgs {
		return &components.RegistryArgs{Model: "tumour", Models: pulumi.String(v.Zone(components.Models))}
	}
	return caseFor(components.RegistryLayer, "registry", components.NewRegistry,
		func(c *components.Registry) *components.RegistryOutputs { return &c.RegistryOutputs }, good).
		bad("model", components.ErrName, func(a *components.RegistryArgs) { a.Model = "A" }).
		bad("models", components.ErrRequired, func(a *components.RegistryArgs) { a.Models = nil }).
		bad("repository", components.ErrName, func(a *components.RegistryArgs) { a.Repositories = []string{"a/b"} }).
		bad("versions", components.ErrRange, func(a *components.RegistryArgs) { a.KeepVersions = 1001 }).
		layerCase
}
