package rules

import (
	"strings"
	"time"
)

// Waiver accepts the findings of a rule on some resources for a while.
type Waiver struct {
	// Rule is the id of the rule.
	Rule string `yaml:"rule" json:"rule"`
	// URN is a glob: * stands for any text.
	URN string `yaml:"urn" json:"urn"`
	// Environment in which it holds.
	Environment Environment `yaml:"environment" json:"environment"`
	// Reason why the finding is acceptable.
	Reason string `yaml:"reason" json:"reason"`
	// Owner answers for it.
	Owner string `yaml:"owner" json:"owner"`
	// Ticket where it is discussed. Optional.
	Ticket string `yaml:"ticket" json:"ticket,omitempty"`
	// Expires is the last day on which it holds, as in 2026-11-22.
	Expires string `yaml:"expires" json:"expires"`
	// ApprovedBy is a second person. Needed for critical rules in prod.
	ApprovedBy string `yaml:"approvedBy" json:"approvedBy,omitempty"`
}

// maxWaiverDays bounds how far ahead a waiver may expire.
const maxWaiverDays = 180

// minReason is the least length of a reason, in bytes: a word is none.
const minReason = 10

// Problem says why a waiver does not hold on a day; "" where it does. What is malformed counts as expired.
func (w *Waiver) Problem(today time.Time) string {
	for _, field := range []struct{ name, value string }{
		{"rule", w.Rule}, {"urn", w.URN}, {"environment", string(w.Environment)}, {"reason", w.Reason}, {"owner", w.Owner},
		{"expires", w.Expires},
	} {
		if strings.TrimSpace(field.value) == "" {
			return field.name + " is missing"
		}
	}
	if !w.Environment.Valid() {
		return "environment is not dev, stage or prod"
	}
	if len(strings.TrimSpace(w.Reason)) < minReason {
		return "reason is too short to be one"
	}
	expires, err := time.Parse(time.DateOnly, w.Expires)
	if err != nil {
		return "expires is not a date such as 2026-11-22"
	}
	days := int(expires.Sub(day(today)) / (24 * time.Hour))
	switch {
	case days < 0:
		return "expired on " + w.Expires
	case days > maxWaiverDays:
		return "expires more than 180 days ahead"
	}
	return ""
}

// day is the beginning of the day in UTC.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// Waivers are the accepted findings.
type Waivers []Waiver

// find gives the first waiver that accepts a finding; nil where none does.
func (all Waivers) find(f Finding, today time.Time) *Waiver {
	for i := range all {
		w := &all[i]
		if w.Rule != f.Rule || w.Environment != f.Environment || !glob(w.URN, f.URN) {
			continue
		}
		if f.Severity == Critical && f.Environment == Prod && strings.TrimSpace(w.ApprovedBy) == "" {
			continue
		}
		if w.Problem(today) == "" {
			return w
		}
	}
	return nil
}
