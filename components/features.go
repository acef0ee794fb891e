package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// FeatureView is one table of features.
type FeatureView struct {
	// Name of the view.
	Name string `pulumi:"name"`
	// Key is the column that identifies a row; "" where rows have none, and then there is no online store.
	Key string `pulumi:"key"`
	// SQL makes the view from the curated data, in the common part of DuckDB's and Spark's dialects.
	SQL string `pulumi:"sql"`
}

// FeaturesArgs describe how features are made and kept.
type FeaturesArgs struct {
	// Views to make; at least one.
	Views []FeatureView `pulumi:"views"`
	// Online keeps the newest row of each key where an endpoint can look it up in milliseconds. Default on.
	Online *bool `pulumi:"online"`
	// Groups fills the platform's own feature groups as well, where it has such, for teams that share features. The steps
	// of the pipeline must reach that service: by a way out of the network, or privately. Default off in dev, on
	// elsewhere.
	Groups *bool `pulumi:"groups"`
	// TTLDays forgets online rows after so many days; 0 never. Default 0.
	TTLDays int `pulumi:"ttlDays"`
	// Distributed makes features on the batch engine, for data that outgrows one machine, where the platform has one.
	// Default off: a step of the pipeline makes them on one machine.
	Distributed bool `pulumi:"distributed"`
	// MaxWorkers caps the batch engine, and with it the bill, 1 to 100. Default 2 in dev, 4 in stage, 10 in prod.
	MaxWorkers int `pulumi:"maxWorkers"`
	// Worker is the size of one worker of the batch engine. Default 4 CPUs and 16 GiB.
	Worker Machine `pulumi:"worker"`
	// IdleMinutes stops an idle batch engine, 1 to 60, where the platform can. Default 5.
	IdleMinutes int `pulumi:"idleMinutes"`
	// Retain keeps the online store when the stack is destroyed. Default only in prod.
	Retain *bool `pulumi:"retain"`
	// Offline is the address of the features zone.
	Offline pulumi.StringInput `pulumi:"offline"`
	// Network places the batch engine: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Key encrypts the stores: that of the data class tables. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *FeaturesArgs) setDefaults(s Scope) {
	setDefaultPtr(&a.Online, true)
	setDefaultPtr(&a.Groups, a.KeepsGroups(s.Environment))
	setDefault(&a.MaxWorkers, map[Environment]int{Dev: 2, Stage: 4, Prod: 10}[s.Environment])
	setDefault(&a.Worker.CPUs, 4)
	setDefault(&a.Worker.MemoryMiB, 16384)
	a.Worker = a.Worker.withDefaults()
	setDefault(&a.IdleMinutes, 5)
	setDefaultPtr(&a.Retain, PresetFor(s.Environment).Retain)
	a.Logs = a.Logs.withDefaults(s)
}

// KeepsGroups reports whether rows go into feature groups, where the arguments are not filled yet.
func (a *FeaturesArgs) KeepsGroups(e Environment) bool {
	if a.Groups != nil {
		return *a.Groups
	}
	return e != Dev
}

func (a *FeaturesArgs) validate(c *checker) {
	c.required("views", len(a.Views) > 0, "at least one view")
	seen := map[string]bool{}
	for i, view := range a.Views {
		arg := fmt.Sprintf("views[%d]", i)
		c.named(arg+".name", view.Name)
		if seen[view.Name] {
			c.fail(ErrConflict, arg+".name", view.Name, "a name of its own")
		}
		seen[view.Name] = true
	}
	c.required("offline", a.Offline != nil, "the address of the features zone")
	inRange(c, "ttlDays", a.TTLDays, 0, 3650)
	inRange(c, "maxWorkers", a.MaxWorkers, 1, 100)
	inRange(c, "idleMinutes", a.IdleMinutes, 1, 60)
	a.Worker.validate(c, "worker")
	a.Logs.validate(c)
}

// FeaturesOutputs are what the other layers need of the feature store.
type FeaturesOutputs struct {
	// GroupIDs identify the feature groups on the platform, by view.
	GroupIDs pulumi.StringMapOutput `pulumi:"groupIds"`
	// EngineID identifies the batch engine; "" where the pipeline's own step is the engine.
	EngineID pulumi.StringOutput `pulumi:"engineId,optional"`
	// OnlineURI is the address of the online store; "" where it is off.
	OnlineURI pulumi.StringOutput `pulumi:"onlineUri,optional"`
	// Identity is the principal of the batch engine.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// FeatureStore makes features and keeps them.
type FeatureStore struct {
	pulumi.ResourceState
	FeaturesOutputs
}

// NewFeatures declares a feature store. Errors: ErrRequired, ErrName, ErrConflict, ErrRange, ErrUnsupported.
func NewFeatures(
	ctx *pulumi.Context, name string, target Target, args *FeaturesArgs, opts ...pulumi.ResourceOption,
) (*FeatureStore, error) {
	f := &FeatureStore{}
	c := construction{ctx, FeaturesLayer, name, target, f, opts}
	if err := construct(c, args, target.Features, &f.FeaturesOutputs); err != nil {
		return nil, err
	}
	return f, nil
}
