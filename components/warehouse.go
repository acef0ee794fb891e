package components

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

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
	// Network to run in. Default none.
	Network pulumi.StringInput `pulumi:"network"`
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
	setDefaultPtr(&a.Retain, PresetFor(s.Environment).Retain)
}

func (a *WarehouseArgs) validate(c *checker) {
	c.named("database", a.Database)
	for _, schema := range a.Schemas {
		c.named("schemas", schema)
	}
	inRange(c, "maxCapacity", a.MaxCapacity, 1, 1024)
	inRange(c, "minCapacity", *a.MinCapacity, 0, a.MaxCapacity)
	inRange(c, "autoPauseMinutes", a.AutoPauseMinutes, 5, 1440)
}

// WarehouseOutputs are what the other layers need of a warehouse.
type WarehouseOutputs struct {
	// ConnectionURI opens the warehouse. It is a secret: on some platforms it carries a password.
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
