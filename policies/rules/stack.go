package rules

import "slices"

// Environment is the stage of life of a stack.
type Environment string

// The environments.
const (
	Dev   Environment = "dev"
	Stage Environment = "stage"
	Prod  Environment = "prod"
)

// Environments lists the environments from the cheapest to the safest.
func Environments() []Environment { return []Environment{Dev, Stage, Prod} }

// order is the place of the environment in Environments.
func (e Environment) order() int {
	switch e {
	case Dev:
		return 0
	case Stage:
		return 1
	case Prod:
	}
	return 2
}

// Valid reports whether the environment is one of the three.
func (e Environment) Valid() bool { return slices.Contains(Environments(), e) }

// Confidential is the class of data that needs a key of the customer's own in production.
const Confidential = "confidential"

// Stack is what rules may know of a stack besides its resources. An empty list allows everything: a rule that needs an
// allow-list does not apply where there is none.
type Stack struct {
	// Project and Name of the stack.
	Project string `yaml:"project"`
	Name    string `yaml:"name"`
	// Environment decides levels and limits.
	Environment Environment `yaml:"environment"`
	// Team, Owner and CostCenter as the tags should say.
	Team       string `yaml:"team"`
	Owner      string `yaml:"owner"`
	CostCenter string `yaml:"costCenter"`
	// Compliance names profiles whose rules become stricter: cis, hipaa, nist, pci, soc2.
	Compliance []string `yaml:"compliance"`
	// DataClass of the data in the stack, e.g. public, internal, confidential. Default "".
	DataClass string `yaml:"dataClass"`
	// AllowedRegions are region names, or globs such as eu-*.
	AllowedRegions []string `yaml:"allowedRegions"`
	// AllowedSizes are globs of instance types and machine types.
	AllowedSizes []string `yaml:"allowedSizes"`
	// AllowedRegistries are prefixes of image references.
	AllowedRegistries []string `yaml:"allowedRegistries"`
	// AllowedCostCenters are the values that a cost-center tag may have.
	AllowedCostCenters []string `yaml:"allowedCostCenters"`
	// RequiredTags are the tags that every taggable resource carries. Empty: DefaultTags.
	RequiredTags []string `yaml:"requiredTags"`
	// MaxAccelerators bounds the accelerators of one machine or node group; 0 does not.
	MaxAccelerators int `yaml:"maxAccelerators"`
	// MonthlyBudgetUSD is the ceiling of the expected monthly cost; 0 where there is none.
	MonthlyBudgetUSD float64 `yaml:"monthlyBudgetUSD"`
	// MaxCostIncreaseUSD bounds how much a change may add to the monthly cost; 0 does not.
	MaxCostIncreaseUSD float64 `yaml:"maxCostIncreaseUSD"`
	// Cost is the estimate; nil where none was made.
	Cost *Cost `yaml:"cost"`
}

// Cost is an estimate in USD each month.
type Cost struct {
	// IdleUSD, ExpectedUSD and MaximumUSD: nothing runs, the usual use, every autoscaler at its cap.
	IdleUSD     float64 `yaml:"idleUSD"`
	ExpectedUSD float64 `yaml:"expectedUSD"`
	MaximumUSD  float64 `yaml:"maximumUSD"`
	// Priced and Unpriced count resources that cost money.
	Priced   int `yaml:"priced"`
	Unpriced int `yaml:"unpriced"`
	// BaselineUSD is the expected cost before the change; nil where there is nothing to compare with.
	BaselineUSD *float64 `yaml:"baselineUSD"`
	// SteadyOnDemandUSD is the part of ExpectedUSD for machines that run all month at the on-demand price.
	SteadyOnDemandUSD float64 `yaml:"steadyOnDemandUSD"`
	// ByURN is the expected cost of each priced resource.
	ByURN map[string]float64 `yaml:"byURN"`
}

// URN of the stack itself, to which findings about the whole belong.
func (s *Stack) URN() string {
	return "urn:pulumi:" + s.Name + "::" + s.Project + "::pulumi:pulumi:Stack::" + s.Project + "-" + s.Name
}

// Profile reports whether the stack must comply with a profile.
func (s *Stack) Profile(name string) bool { return slices.Contains(s.Compliance, name) }
