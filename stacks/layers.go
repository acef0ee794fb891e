package stacks

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/pipeline"
)

// The names of the listeners, tokens and layers of a platform. They stand in every state and never change.
const endpointName = "endpoint"

func (b *platform) buildNetwork() (err error) {
	args := b.config.Network
	args.Layers, args.Logs = b.config.layers(), b.logging()
	args.Listeners = maps.Clone(args.Listeners)
	if args.Listeners == nil {
		args.Listeners = map[string]int{}
	}
	if _, ok := args.Listeners[endpointName]; !ok {
		args.Listeners[endpointName] = 0
	}
	b.network, err = components.NewNetwork(b.ctx, "network", b.target, &args, b.under)
	return err
}

func (b *platform) buildSecurity() (err error) {
	args := b.config.Security
	if b.config.Endpoint.Auth == components.AuthToken && !slices.Contains(args.Tokens, endpointName) {
		args.Tokens = append(slices.Clone(args.Tokens), endpointName)
	}
	b.security, err = components.NewSecurity(b.ctx, "security", b.target, &args, b.under)
	return err
}

func (b *platform) buildLake() (err error) {
	args := b.config.DataLake
	args.Key, args.Logs = b.security.Key(components.LakeData), b.logging()
	if b.problem.data != "" {
		args.Objects = append(slices.Clone(args.Objects), components.LakeObject{
			Zone: components.Raw, Key: filepath.Base(b.problem.data), Source: b.problem.data, SHA256: b.problem.sum,
		})
	}
	b.lake, err = components.NewDataLake(b.ctx, "lake", b.target, &args, b.under)
	return err
}

func (b *platform) buildRegistry() (err error) {
	args := b.config.Registry
	args.Model, args.Models = b.problem.spec.Name, b.lake.URI(components.Models)
	args.Key = b.security.Key(components.TableData)
	b.registry, err = components.NewRegistry(b.ctx, "registry", b.target, &args, b.under)
	return err
}

func (b *platform) buildWarehouse() (err error) {
	if !b.config.on("warehouse") {
		return nil
	}
	args := b.config.Warehouse
	args.LoadFrom, args.ResultsTo = b.lake.URI(components.Curated), b.lake.URI(components.Results)
	args.Key, args.Network, args.Logs = b.security.Key(components.TableData), b.network.Placement(), b.logging()
	args.Tables = []components.WarehouseTable{{Name: b.problem.spec.Name, Columns: curatedColumns(b.problem.spec)}}
	b.warehouse, err = components.NewWarehouse(b.ctx, "warehouse", b.target, &args, b.under)
	return err
}

func (b *platform) buildFeatures() (err error) {
	args := b.config.Features
	spec := b.problem.spec
	args.Views = []components.FeatureView{{Name: spec.Name, Key: spec.Source.Key, SQL: spec.Features}}
	args.Offline, args.Key = b.lake.URI(components.Features), b.security.Key(components.TableData)
	args.Network, args.Logs = b.network.Placement(), b.logging()
	b.features, err = components.NewFeatures(b.ctx, "features", b.target, &args, b.under)
	return err
}

func (b *platform) buildCluster() (err error) {
	if b.config.Cluster == nil {
		return nil
	}
	args := *b.config.Cluster
	args.Key, args.Network, args.Logs = b.security.Key(components.SecretData), b.network.Placement(), b.logging()
	b.cluster, err = components.NewCluster(b.ctx, "cluster", b.target, &args, b.under)
	return err
}

func (b *platform) buildTraining() (err error) {
	args := b.config.Training
	args.Image, args.Key = b.config.Images.Training, b.security.Key(components.LakeData)
	if own := b.problem.spec.Model.Image; own != "" {
		args.Image = own
	}
	args.Network, args.Logs = b.network.Placement(), b.logging()
	if pool := b.config.AWS.TrainOnCluster; pool != "" {
		args.Queue = b.cluster.Queues.MapIndex(pulumi.String(pool))
	}
	args.Checkpoint = pulumi.Sprintf("%s/checkpoints", b.lake.URI(components.Models))
	b.training, err = components.NewTraining(b.ctx, "training", b.target, &args, b.under)
	return err
}

func (b *platform) buildPipeline() (err error) {
	args := components.PipelineArgs{
		Image: b.config.Images.Training, Serving: b.config.Images.Inference, Receivers: b.config.Monitoring.Receivers,
		Model: b.problem.spec.Name, Definition: b.problem.definition,
		Training: b.training.Template, Lake: b.lake.URIs, Table: b.registry.TableURI, Online: b.features.OnlineURI,
		EventSource: b.lake.EventSource, Schedule: orNever(b.problem.spec.Schedules.Train),
		Group: b.registry.GroupID, Key: b.security.Key(components.LakeData), Network: b.network.Placement(),
		Logs: b.logging(),
	}
	if b.config.Features.KeepsGroups(b.config.Environment) {
		args.FeatureGroup = b.features.GroupIDs.MapIndex(pulumi.String(b.problem.spec.Name))
		args.StoreKey = b.security.Key(components.TableData)
	}
	if b.config.Features.Distributed {
		args.Engine, args.EngineIdentity = b.features.EngineID, b.features.Identity
	}
	if b.problem.spec.Tuning != nil && b.config.Training.Tuning == nil {
		args.Steps = withTuning(components.DefaultSteps())
	}
	if b.warehouse != nil {
		args.Warehouse = b.warehouse.ConnectionURI
	}
	b.pipeline, err = components.NewPipeline(b.ctx, "pipeline", b.target, &args, b.under)
	return err
}

// withTuning puts the search of pipeline.yaml before the training.
func withTuning(steps []components.Step) []components.Step {
	at := slices.IndexFunc(steps, func(s components.Step) bool { return s.Training })
	return slices.Insert(steps, at, components.Step{Name: "tune"})
}

func (b *platform) buildEndpoint() (err error) {
	args := b.config.Endpoint
	args.Image, args.Model, args.Lake = b.config.Images.Inference, b.problem.spec.Name, b.lake.URIs
	args.Address = b.network.Addresses.MapIndex(pulumi.String(endpointName))
	args.Key, args.Network, args.Logs = b.security.Key(components.LakeData), b.network.Placement(), b.logging()
	if args.Auth == components.AuthToken {
		args.TokenURI = b.security.TokenURIs.MapIndex(pulumi.String(endpointName))
	}
	b.endpoint, err = components.NewEndpoint(b.ctx, endpointName, b.target, &args, b.under)
	return err
}

func (b *platform) buildBatch() (err error) {
	schedule := orNever(b.problem.spec.Schedules.Batch)
	if !b.config.on("batch") || schedule == "" {
		return nil
	}
	args := b.config.Batch
	args.Image, args.Model, args.Lake = b.config.Images.Inference, b.problem.spec.Name, b.lake.URIs
	args.Key, args.Network, args.Logs = b.security.Key(components.LakeData), b.network.Placement(), b.logging()
	if b.warehouse != nil {
		args.Database, args.Columns = b.warehouse.Database, predictionColumns(b.problem.spec)
	}
	args.RowKey = b.problem.spec.Source.Key
	if args.Schedule == "" {
		args.Schedule = schedule
	}
	b.batch, err = components.NewBatch(b.ctx, "batch", b.target, &args, b.under)
	return err
}

func (b *platform) buildMonitoring() (err error) {
	schedule := orNever(b.problem.spec.Schedules.Monitor)
	if !b.config.on("monitoring") || schedule == "" {
		return nil
	}
	args := b.config.Monitoring
	args.Image, args.Model, args.Lake = b.config.Images.Inference, b.problem.spec.Name, b.lake.URIs
	args.DefinitionURI, args.Key = b.pipeline.DefinitionURI, b.security.Key(components.LogData)
	args.Network, args.Queues = b.network.Placement(), b.queues
	args.Endpoint, args.Pipeline = b.endpoint.EndpointID, b.pipeline.PipelineID
	if args.Schedule == "" {
		args.Schedule = schedule
	}
	b.monitoring, err = components.NewMonitoring(b.ctx, "monitoring", b.target, &args, b.under)
	return err
}

func (b *platform) buildJobs() error {
	for _, name := range slices.Sorted(maps.Keys(b.config.Jobs)) {
		args := b.config.Jobs[name]
		args.Lake, args.DefinitionURI = b.lake.URIs, b.pipeline.DefinitionURI
		args.Key, args.Network, args.Logs = b.security.Key(components.LakeData), b.network.Placement(), b.logging()
		if args.Schedule == "" {
			args.EventSource = b.lake.EventSource
		}
		job, err := components.NewProcessing(b.ctx, name, b.target, &args, b.under)
		if err != nil {
			return err
		}
		b.jobs[name] = job
		if args.Schedule == "" {
			b.queues[name] = job.QueueID
		}
	}
	return nil
}

// buildExtras makes the layers that a stack asks for by giving them.
func (b *platform) buildExtras() error {
	if args := b.config.Budget; args != nil {
		if _, err := components.NewBudget(b.ctx, "budget", b.target, args, b.under); err != nil {
			return err
		}
	}
	if args := b.config.Workbench; args != nil {
		wired := *args
		wired.Key, wired.Network = b.security.Key(components.LakeData), b.network.Placement()
		made, err := components.NewWorkbench(b.ctx, "workbench", b.target, &wired, b.under)
		if err != nil {
			return err
		}
		b.workbench = made
	}
	if args := b.config.Delivery; args != nil {
		if _, err := components.NewDelivery(b.ctx, "delivery", b.target, args, b.under); err != nil {
			return err
		}
	}
	return nil
}

// logging says how the layers keep their logs: as long as monitoring does.
func (b *platform) logging() components.Logging {
	return components.Logging{
		RetentionDays: b.config.Monitoring.RetentionDays, Key: b.security.Key(components.LogData),
	}
}

// orNever turns the word never into an empty schedule.
func orNever(schedule string) string {
	if schedule == pipeline.Never {
		return ""
	}
	return schedule
}

// predictionColumns are the columns that the inference image writes.
func predictionColumns(spec *pipeline.Spec) []components.Column {
	key, prediction := components.Column{Name: "row", Type: components.IntegerColumn}, components.TextColumn
	if spec.Source.Key != "" {
		key = components.Column{Name: spec.Source.Key, Type: keyType(spec)}
	}
	if spec.Task == pipeline.Regression {
		prediction = components.DoubleColumn
	}
	columns := []components.Column{key, {Name: "prediction", Type: prediction}}
	for _, class := range spec.Classes() {
		columns = append(columns, components.Column{Name: "probability_" + class, Type: components.FloatColumn})
	}
	return append(columns, components.Column{Name: "model", Type: components.TextColumn},
		components.Column{Name: "version", Type: components.TextColumn},
		components.Column{Name: "time", Type: components.TimeColumn})
}

// curatedColumns are the columns of the accepted rows.
func curatedColumns(spec *pipeline.Spec) []components.Column {
	columns := make([]components.Column, len(spec.Source.Columns))
	for i, column := range spec.Source.Columns {
		columns[i] = components.Column{Name: column.Name, Type: columnType(column.Type)}
	}
	return columns
}

// keyType is the type of the column that identifies a row.
func keyType(spec *pipeline.Spec) components.ColumnType {
	column, _ := spec.Column(spec.Source.Key)
	return columnType(column.Type)
}

// columnType is the type of a column of the source in a table.
func columnType(kind pipeline.Type) components.ColumnType {
	types := map[pipeline.Type]components.ColumnType{
		pipeline.Integer: components.IntegerColumn, pipeline.Float: components.DoubleColumn,
		pipeline.Boolean: components.BooleanColumn, pipeline.Timestamp: components.TimeColumn,
	}
	if known, ok := types[kind]; ok {
		return known
	}
	return components.TextColumn
}
