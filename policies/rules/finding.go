package rules

import (
	"cmp"
	"slices"
)

// Outcome is what a rule says of a resource.
type Outcome uint8

// The outcomes. Passed and NotApplicable are only counted; the others are findings.
const (
	Passed        Outcome = iota + 1 // the rule is kept
	NotApplicable                    // the rule has nothing to say here
	Failed                           // the rule is broken
	Unverified                       // it can not be told before the deployment
	Waived                           // the rule is broken, and a waiver accepts it
	Broken                           // the rule itself failed: a defect in the rule, not in the stack
)

var outcomeNames = [...]string{"none", "pass", "not applicable", "fail", "unverified", "waived", "error"}

// String is the name of the outcome in lower case.
func (o Outcome) String() string { return name(outcomeNames[:], int(o)) }

// MarshalText writes the name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Finding is one place where a rule is broken, waived or can not be judged.
type Finding struct {
	// Environment of the stack.
	Environment Environment `json:"environment"`
	// Severity of the rule.
	Severity Severity `json:"severity"`
	// URN of the resource, or of the stack.
	URN string `json:"urn"`
	// Rule is the id of the rule.
	Rule string `json:"rule"`
	// Outcome is Failed, Unverified, Waived or Broken.
	Outcome Outcome `json:"outcome"`
	// Level is what the finding does: Advisory for everything that is unverified or waived.
	Level Level `json:"level"`
	// Type of the resource; "" for the stack.
	Type string `json:"type,omitempty"`
	// Path of the property, with indexes; "" for the resource as a whole.
	Path string `json:"path,omitempty"`
	// Message says what was found and what is wanted.
	Message string `json:"message"`
	// Waiver that accepts the finding; nil where none does.
	Waiver *Waiver `json:"waiver,omitempty"`
}

// Stops reports whether the finding stops a deployment.
func (f *Finding) Stops() bool { return f.Level == Mandatory }

// CompareFindings orders findings by environment, severity, URN and rule, then by place and message: two runs over the
// same stack print the same.
func CompareFindings(a, b *Finding) int {
	return cmp.Or(
		cmp.Compare(a.Environment.order(), b.Environment.order()),
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.URN, b.URN),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Outcome, b.Outcome),
		cmp.Compare(a.Message, b.Message),
	)
}

// Report is what the rules say of a stack.
type Report struct {
	// Environment of the stack.
	Environment Environment `json:"environment"`
	// Findings in the order of CompareFindings.
	Findings []Finding `json:"findings"`
	// Counts of judgements, one for each rule and resource that it looked at, by the name of their outcome.
	Counts map[string]int `json:"counts"`
	// NotInspected counts the resources of types that no rule looks at, by type.
	NotInspected map[string]int `json:"notInspected,omitempty"`
	// Used are the waivers that accepted something, by their place in the list.
	Used map[int]bool `json:"-"`
}

// Stops reports whether a finding stops the deployment.
func (r *Report) Stops() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Stops() })
}
