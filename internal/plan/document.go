// Package plan is the plan of a stack: what would be made, which rules it breaks, what it would cost. It is a document
// that can be saved, read again and compared; docs/plan.schema.json has its form. The package planner makes it.
package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// Version of the form of the document. A reader refuses every other one.
const Version = 1

// The texts that stand in a document for what it does not hold.
const (
	// Secret stands for a value that must not be shown.
	Secret = "[secret]"
	// Unknown stands for a value that is not known before the deployment.
	Unknown = "[unknown]"
	// Project stands for the path of the working copy, so that a plan does not depend on where it was made.
	Project = "[project]"
)

// Document is the plan of one stack. All lists are sorted: the same input gives the same bytes.
type Document struct {
	// Version of the form.
	Version int `json:"version"`
	// Project and Stack are Pulumi's names.
	Project string `json:"project"`
	// Stack is the name of the stack.
	Stack string `json:"stack"`
	// Target that the stack is built on, Environment and Region as its file says.
	Target string `json:"target"`
	// Environment is dev, stage or prod.
	Environment string `json:"environment"`
	// Region of the stack; "" where it says none.
	Region string `json:"region,omitempty"`
	// Resources by URN.
	Resources []Resource `json:"resources"`
	// Counts of resources by type.
	Counts map[string]int `json:"counts"`
	// Outputs of the stack by name.
	Outputs map[string]any `json:"outputs"`
	// Findings in the order of their weight.
	Findings []Finding `json:"findings"`
	// Judgements counts what the rules said, by outcome.
	Judgements map[string]int `json:"judgements"`
	// NotInspected counts resources of types that no rule looks at, by type.
	NotInspected map[string]int `json:"notInspected"`
	// Unseen says what the plan could not look at, for want of credentials; "" where there is nothing.
	Unseen string `json:"unseen,omitempty"`
	// MonthlyBudgetUSD is the bound of the stack's file; 0 where it has none.
	MonthlyBudgetUSD float64 `json:"monthlyBudgetUSD,omitempty"`
	// Cost of each month.
	Cost *cost.Estimate `json:"cost"`
}

// Resource is a resource that would be made.
type Resource struct {
	// URN of the resource.
	URN string `json:"urn"`
	// Type token.
	Type string `json:"type"`
	// Name is its logical name.
	Name string `json:"name"`
	// Parent is the URN of its parent; "" for the stack.
	Parent string `json:"parent,omitempty"`
	// Custom tells resources of a provider from components.
	Custom bool `json:"custom,omitempty"`
	// Protect tells whether the engine refuses to delete it.
	Protect bool `json:"protect,omitempty"`
	// Retain tells whether it stays behind when the stack is destroyed.
	Retain bool `json:"retain,omitempty"`
	// Dependencies are the URNs that must be there first.
	Dependencies []string `json:"dependencies,omitempty"`
	// Inputs with Secret, Unknown and Project in place of what they stand for.
	Inputs map[string]any `json:"inputs,omitempty"`
}

// Finding is what a rule says of a resource. See rules.Finding.
type Finding struct {
	// Rule is its id, Severity and Level how bad it is and what it does.
	Rule string `json:"rule"`
	// Severity is critical, high, medium, low or info.
	Severity string `json:"severity"`
	// Level is advisory or mandatory.
	Level string `json:"level"`
	// Outcome is fail, unverified, waived or error.
	Outcome string `json:"outcome"`
	// URN of the resource, or of the stack.
	URN string `json:"urn"`
	// Type of the resource; "" for the stack.
	Type string `json:"type,omitempty"`
	// Path of the property.
	Path string `json:"path,omitempty"`
	// Message says what was found and what is wanted.
	Message string `json:"message"`
	// Waiver that accepts the finding; nil where none does.
	Waiver *rules.Waiver `json:"waiver,omitempty"`
}

// The outcomes of findings.
const (
	Failed     = "fail"
	Unverified = "unverified"
	Waived     = "waived"
	Broken     = "error"
)

// Stops reports whether the finding stops a deployment.
func (f *Finding) Stops() bool { return f.Level == "mandatory" }

// Key names what was found, whatever the message says of the values.
func (f *Finding) Key() string {
	return strings.Join([]string{f.Rule, f.URN, f.Path, f.Outcome}, "\x00")
}

// Stops reports whether a finding stops the deployment.
func (d *Document) Stops() bool {
	return slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Stops() })
}

// Name is the logical name of a resource, or the stack's for the stack itself.
func (d *Document) Name(urn string) string {
	if i, ok := slices.BinarySearchFunc(d.Resources, urn, func(r Resource, urn string) int {
		return strings.Compare(r.URN, urn)
	}); ok {
		return d.Resources[i].Name
	}
	return "stack " + d.Stack
}

// Encode writes the document as indented JSON with a newline at its end.
func (d *Document) Encode() ([]byte, error) { return encode(d) }

// Encode writes a document, a set of plans or a difference as indented JSON with a newline at its end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("writing a plan: %w", err)
	}
	return b.Bytes(), nil
}

// Set is the plans of several stacks, by name.
type Set struct {
	// Version of the form.
	Version int `json:"version"`
	// Plans by the name of their stack.
	Plans []*Document `json:"plans"`
	// Failures are the stacks of which no plan could be made.
	Failures []Failure `json:"failures,omitempty"`
	// Diffs compare plans with earlier ones, where that was asked.
	Diffs []*Diff `json:"diffs,omitempty"`
}

// Failure is a stack of which no plan could be made.
type Failure struct {
	// Stack is its name.
	Stack string `json:"stack"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
}

// Encode writes the set as indented JSON with a newline at its end.
func (s *Set) Encode() ([]byte, error) { return encode(s) }

// Plan gives the plan of a stack; nil where the set has none.
func (s *Set) Plan(stack string) *Document {
	for _, d := range s.Plans {
		if d.Stack == stack {
			return d
		}
	}
	return nil
}

// ErrVersion means that a plan was written by another version of the program.
var ErrVersion = errors.New("another version of the form of a plan")

// maxBytes bounds what is read as a plan.
const maxBytes = 256 << 20

// Read reads a saved plan, or a saved set of plans.
func Read(r io.Reader) (*Set, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a plan: %w", err)
	case len(data) > maxBytes:
		return nil, fmt.Errorf("reading a plan: it is larger than %d bytes", maxBytes)
	}
	var head struct {
		Version int             `json:"version"`
		Plans   json.RawMessage `json:"plans"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("reading a plan: this is no plan: %w", err)
	}
	if head.Version != Version {
		return nil, fmt.Errorf("reading a plan: found version %d, want %d: %w; make it again with this program",
			head.Version, Version, ErrVersion)
	}
	set := &Set{Version: Version}
	if head.Plans != nil {
		err = strict(data, set)
	} else {
		d := &Document{}
		err = strict(data, d)
		set.Plans = []*Document{d}
	}
	if err != nil {
		return nil, fmt.Errorf("reading a plan: %w", err)
	}
	for _, d := range set.Plans {
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("reading a plan: %w", err)
		}
	}
	return set, nil
}

func strict(data []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the plan")
	}
	return nil
}

// check finds what the other functions rely on.
func (d *Document) check() error {
	switch {
	case d == nil:
		return errors.New("a plan is empty")
	case d.Version != Version:
		return fmt.Errorf("found version %d, want %d: %w", d.Version, Version, ErrVersion)
	case d.Stack == "":
		return errors.New("a plan does not name its stack")
	case d.Cost == nil:
		return fmt.Errorf("the plan of %s has no cost", d.Stack)
	}
	for i := 1; i < len(d.Resources); i++ {
		if d.Resources[i-1].URN >= d.Resources[i].URN {
			return fmt.Errorf("the plan of %s: %s stands twice or out of order", d.Stack, d.Resources[i].URN)
		}
	}
	return nil
}
