package components

import "slices"

// Environment is the stage of life of a stack. It decides the defaults of every layer.
type Environment string

// The environments.
const (
	Dev   Environment = "dev"   // costs almost nothing when idle; data may go with the stack
	Stage Environment = "stage" // production made small: the same shape, one size down
	Prod  Environment = "prod"  // highly available, protected, audited
)

// Environments lists the environments from the cheapest to the safest.
func Environments() []Environment { return []Environment{Dev, Stage, Prod} }

// Valid reports whether the environment is one of the three.
func (e Environment) Valid() bool { return slices.Contains(Environments(), e) }

// Preset is the product's opinion on one environment: the defaults that the layers share. Every value can be
// overridden by the argument of the same name.
type Preset struct {
	// Zones is the number of availability zones of a network.
	Zones int
	// NAT is the way out of the private subnets.
	NAT NAT
	// FlowLogs records accepted and refused connections.
	FlowLogs bool
	// CustomerKeys encrypts with keys of one's own instead of the platform's.
	CustomerKeys bool
	// AuditTrail records who did what.
	AuditTrail bool
	// Retain keeps data when the stack is destroyed.
	Retain bool
	// Versioning keeps overwritten and deleted objects for a while.
	Versioning bool
	// ExpireDays deletes raw, curated, features, results and logs after so many days; 0 never.
	ExpireDays int
	// ColdAfterDays moves objects to a cheaper storage class after so many days; 0 never.
	ColdAfterDays int
	// LogRetentionDays keeps logs.
	LogRetentionDays int
	// MinReplicas and MaxReplicas bound an endpoint.
	MinReplicas int
	// MaxReplicas is the upper bound.
	MaxReplicas int
	// ScaleToZero lets an idle endpoint cost nothing.
	ScaleToZero bool
	// Spot trains on interruptible capacity.
	Spot bool
	// KeepVersions is the number of model versions and images that a registry keeps.
	KeepVersions int
}

// PresetFor gives the preset of an environment; that of Dev for an unknown one.
func PresetFor(e Environment) Preset {
	switch e {
	case Prod:
		return Preset{
			Zones: 3, NAT: NATPerZone, FlowLogs: true, CustomerKeys: true, AuditTrail: true, Retain: true,
			Versioning: true, ExpireDays: 0, ColdAfterDays: 90, LogRetentionDays: 365, MinReplicas: 2, MaxReplicas: 10,
			ScaleToZero: false, Spot: false, KeepVersions: 100,
		}
	case Stage:
		return Preset{
			Zones: 2, NAT: NATOne, FlowLogs: true, CustomerKeys: true, AuditTrail: true, Retain: false,
			Versioning: true, ExpireDays: 90, ColdAfterDays: 30, LogRetentionDays: 90, MinReplicas: 1, MaxReplicas: 3,
			ScaleToZero: false, Spot: true, KeepVersions: 30,
		}
	case Dev:
	}
	return Preset{
		Zones: 2, NAT: NATNone, FlowLogs: false, CustomerKeys: false, AuditTrail: false, Retain: false,
		Versioning: false, ExpireDays: 30, ColdAfterDays: 0, LogRetentionDays: 14, MinReplicas: 0, MaxReplicas: 1,
		ScaleToZero: true, Spot: true, KeepVersions: 10,
	}
}

// setDefault fills a value that the caller left at zero.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// setDefaultPtr fills a value whose zero means something, such as false or 0.
func setDefaultPtr[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
