package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// WarehouseTable is a table over files in the lake.
type WarehouseTable struct {
	// Name of the table: that of the model.
	Name string `pulumi:"name"`
	// Columns of the table, in their order.
	Columns []Column `pulumi:"columns"`
}

// WarehouseArgs describe a database for analysts.
type WarehouseArgs struct {
	// Database is its name. Default analytics.
	Database string `pulumi:"database"`
	// Schemas to make. Default curated.
	Schemas []string `pulumi:"schemas"`
	// MinCapacity is the capacity that is always there, in the platform's own units; 0 means pay per query. Default 0
	// in dev, the platform's least elsewhere.
	MinCapacity *int `pulumi:"minCapacity"`
	// MaxCapacity caps the capacity, and with it the bill, in the platform's own units. Default 8 in dev, 32 in stage,
	// 128 in prod.
	MaxCapacity int `pulumi:"maxCapacity"`
	// AutoPauseMinutes puts an idle warehouse to sleep, 5 to 1440, where the platform can. Default 10.
	AutoPauseMinutes int `pulumi:"autoPauseMinutes"`
	// LoadFrom is the address of the zone to load from, mostly curated. Default none.
	LoadFrom pulumi.StringInput `pulumi:"loadFrom"`
	// Retain keeps the data when the stack is destroyed. Default only in prod.
	Retain *bool `pulumi:"retain"`
	// Tables of that zone which a step of the pipeline fills, where the platform reads them in the lake. Default none.
	Tables []WarehouseTable `pulumi:"tables" yaml:"-"`
	// ResultsTo is the address of the zone for results of queries, where the platform writes them to the lake. Default
	// none.
	ResultsTo pulumi.StringInput `pulumi:"resultsTo"`
	// MaxQueryGiB ends a query that scans more, where the platform charges by the scanned byte. Default 10 in dev, 100
	// in stage, 1000 in prod.
	MaxQueryGiB int `pulumi:"maxQueryGiB"`
	// MonthlyCapacityHours ends the work of a month after so many hours of one unit of capacity, where the platform
	// charges by them. Default 50 in dev, 500 in stage, 5000 in prod.
	MonthlyCapacityHours int `pulumi:"monthlyCapacityHours"`
	// Network places the warehouse: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Key encrypts the data: that of the data class tables. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *WarehouseArgs) setDefaults(s Scope) {
	setDefault(&a.Database, "analytics")
	if len(a.Schemas) == 0 {
		a.Schemas = []string{"curated"}
	}
	capacity := map[Environment][2]int{Dev: {0, 8}, Stage: {8, 32}, Prod: {8, 128}}[s.Environment]
	setDefaultPtr(&a.MinCapacity, capacity[0])
	setDefault(&a.MaxCapacity, capacity[1])
	setDefault(&a.AutoPauseMinutes, 10)
	setDefault(&a.MaxQueryGiB, map[Environment]int{Dev: 10, Stage: 100, Prod: 1000}[s.Environment])
	setDefault(&a.MonthlyCapacityHours, map[Environment]int{Dev: 50, Stage: 500, Prod: 5000}[s.Environment])
	a.Logs = a.Logs.withDefaults(s)
	setDefaultPtr(&a.Retain, PresetFor(s.Environment).Retain)
}

func (a *WarehouseArgs) validate(c *checker) {
	c.named("database", a.Database)
	for _, schema := range a.Schemas {
		c.named("schemas", schema)
	}
	for i, table := range a.Tables {
		c.named(fmt.Sprintf("tables[%d].name", i), table.Name)
		c.required(fmt.Sprintf("tables[%d].columns", i), len(table.Columns) > 0, "at least one column")
	}
	inRange(c, "maxCapacity", a.MaxCapacity, 1, 1024)
	inRange(c, "minCapacity", *a.MinCapacity, 0, a.MaxCapacity)
	inRange(c, "maxQueryGiB", a.MaxQueryGiB, 1, 1_000_000)
	inRange(c, "monthlyCapacityHours", a.MonthlyCapacityHours, 1, 10_000_000)
	a.Logs.validate(c)
	inRange(c, "autoPauseMinutes", a.AutoPauseMinutes, 5, 1440)
}

// WarehouseOutputs are what the other layers need of a warehouse.
type WarehouseOutputs struct {
	// ConnectionURI opens the warehouse. It is a secret where it carries a password or names a file.
	ConnectionURI pulumi.StringOutput `pulumi:"connectionUri"`
	// Database is its name on the platform.
	Database pulumi.StringOutput `pulumi:"database"`
	// Identity is the principal that loads and queries as the warehouse; "" where queries run as whoever asks.
	Identity pulumi.StringOutput `pulumi:"identity,optional"`
}

// Warehouse is a database for analysts.
type Warehouse struct {
	pulumi.ResourceState
	WarehouseOutputs
}

// NewWarehouse declares a warehouse. Errors: ErrName, ErrRange, ErrUnsupported.
func NewWarehouse(
	ctx *pulumi.Context, name string, target Target, args *WarehouseArgs, opts ...pulumi.ResourceOption,
) (*Warehouse, error) {
	w := &Warehouse{}
	c := construction{ctx, WarehouseLayer, name, target, w, opts}
	if err := construct(c, args, target.Warehouse, &w.WarehouseOutputs); err != nil {
		return nil, err
	}
	return w, nil
}
