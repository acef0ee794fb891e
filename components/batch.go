package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ColumnType is the type of a column of a table, the same on every platform.
type ColumnType string

// The types.
const (
	TextColumn    ColumnType = "text"
	BooleanColumn ColumnType = "boolean"
	IntegerColumn ColumnType = "integer" // 64 bits
	FloatColumn   ColumnType = "float"   // 32 bits
	DoubleColumn  ColumnType = "double"  // 64 bits
	TimeColumn    ColumnType = "time"    // microseconds, UTC
)

// Column is a column of a table.
type Column struct {
	// Name of the column.
	Name string `pulumi:"name"`
	// Type of the column.
	Type ColumnType `pulumi:"type"`
}

// BatchArgs describe predictions for many rows at a time.
type BatchArgs struct {
	// Image that predicts: the inference image. Required.
	Image string `pulumi:"image"`
	// Model is the name of the model. Required.
	Model string `pulumi:"model"`
	// Alias of the registry. Default production.
	Alias string `pulumi:"alias"`
	// Lake holds the URIs of the lake's zones: features and models to read, results to write. Required.
	Lake pulumi.StringMapInput `pulumi:"lake"`
	// Schedule: a cron expression of five fields in UTC. Default "0 2 * * *". It is refused to be empty.
	Schedule string `pulumi:"schedule"`
	// Parallelism is the number of workers, 1 to 1000. Default 1.
	Parallelism int `pulumi:"parallelism"`
	// Machine of one worker. Default 1 CPU and 2 GiB.
	Machine Machine `pulumi:"machine"`
	// TimeoutMinutes ends a run, 1 to 10080. Default 60.
	TimeoutMinutes int `pulumi:"timeoutMinutes"`
	// Network places the workers: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Key encrypts disks and predictions: that of the data class lake. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
	// Database of a warehouse in which the predictions can be queried. Default none.
	Database pulumi.StringInput `pulumi:"database"`
	// RowKey is the column of the features that identifies a row. Default the number of the row.
	RowKey string `pulumi:"rowKey" yaml:"-"`
	// Columns of the predictions. Without them the warehouse gets no table.
	Columns []Column `pulumi:"columns" yaml:"-"`
}

func (a *BatchArgs) setDefaults(s Scope) {
	a.Logs = a.Logs.withDefaults(s)
	setDefault(&a.Alias, "production")
	setDefault(&a.Schedule, "0 2 * * *")
	setDefault(&a.Parallelism, 1)
	a.Machine = a.Machine.withDefaults()
	setDefault(&a.TimeoutMinutes, 60)
}

func (a *BatchArgs) validate(c *checker) {
	c.required("image", a.Image != "", "the inference image")
	c.named("model", a.Model)
	c.named("alias", a.Alias)
	c.required("lake", a.Lake != nil, "the URIs output of a lake")
	c.schedule(a.Schedule)
	inRange(c, "parallelism", a.Parallelism, 1, 1000)
	a.Machine.validate(c, "machine")
	a.Logs.validate(c)
	inRange(c, "timeoutMinutes", a.TimeoutMinutes, 1, 10080)
	for i, column := range a.Columns {
		arg := fmt.Sprintf("columns[%d]", i)
		c.required(arg+".name", column.Name != "", "the name of a column")
		oneOf(c, arg+".type", column.Type, TextColumn, BooleanColumn, IntegerColumn, FloatColumn, DoubleColumn, TimeColumn)
	}
}

// BatchOutputs are what users need of batch predictions.
type BatchOutputs struct {
	// JobID identifies the scheduled job on the platform.
	JobID pulumi.StringOutput `pulumi:"jobId"`
	// ResultsURI is where the predictions land.
	ResultsURI pulumi.StringOutput `pulumi:"resultsUri"`
	// Identity is the principal that the job runs as.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// Batch predicts many rows at a time.
type Batch struct {
	pulumi.ResourceState
	BatchOutputs
}

// NewBatch declares scheduled predictions. Errors: ErrRequired, ErrName, ErrSchedule, ErrRange, ErrUnsupported.
func NewBatch(
	ctx *pulumi.Context, name string, target Target, args *BatchArgs, opts ...pulumi.ResourceOption,
) (*Batch, error) {
	b := &Batch{}
	c := construction{ctx, BatchLayer, name, target, b, opts}
	if err := construct(c, args, target.Batch, &b.BatchOutputs); err != nil {
		return nil, err
	}
	return b, nil
}
