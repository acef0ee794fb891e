package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
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

	// malformed says why the entry could not be read; "" where it could.
	malformed string
}

// WaiverRule is the id of findings about waivers themselves: expired, malformed, unused. They are advisory, and
// mandatory in prod.
const WaiverRule = "WAIVER"

// maxWaiverDays bounds how far ahead a waiver may expire.
const maxWaiverDays = 180

// minReason is the least length of a reason, in bytes: a word is none.
const minReason = 10

// Problem says why a waiver does not hold on a day; "" where it does. What is malformed counts as expired.
func (w *Waiver) Problem(today time.Time) string {
	if w.malformed != "" {
		return w.malformed
	}
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

// Names reports whether the waiver can mean nothing but resources of the stack: what stands before the first wildcard
// tells.
func (w *Waiver) Names(s *Stack) bool {
	literal := w.URN
	if end := strings.IndexAny(literal, "*?"); end >= 0 {
		literal = literal[:end]
	}
	return strings.HasPrefix(literal, "urn:pulumi:"+s.Name+"::")
}

// Waivers are the accepted findings.
type Waivers []Waiver

// ReadWaivers reads a file of waivers: a list under the key waivers. It gives no error: what can not be read becomes a
// waiver that holds for nothing and is reported.
func ReadWaivers(text []byte) Waivers {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	var file struct {
		Waivers []yaml.Node `yaml:"waivers"`
	}
	if err := decodeStrictly(text, &file); err != nil {
		return Waivers{{malformed: "the file is not a list under the key waivers"}}
	}
	var all Waivers
	for i := range file.Waivers {
		var w Waiver
		text, err := yaml.Marshal(&file.Waivers[i])
		if err == nil {
			err = decodeStrictly(text, &w)
		}
		if err != nil {
			w.malformed = "the entry has an unknown key or a value of the wrong type"
		}
		all = append(all, w)
	}
	return all
}

func decodeStrictly(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

// find gives the index of the first waiver that accepts a finding; -1 where none does.
func (all Waivers) find(f *Finding, today time.Time) int {
	return slices.IndexFunc(all, func(w Waiver) bool {
		if w.Rule != f.Rule || w.Environment != f.Environment || !glob(w.URN, f.URN) {
			return false
		}
		if f.Severity == Critical && f.Environment == Prod && strings.TrimSpace(w.ApprovedBy) == "" {
			return false
		}
		return w.Problem(today) == ""
	})
}

// review reports the waivers of a stack's environment that do not hold, and those that mean this stack and accept
// nothing in it.
func (run *run) review() {
	for i := range run.options.Waivers {
		w := &run.options.Waivers[i]
		if w.Environment.Valid() && w.Environment != run.stack.Environment {
			continue
		}
		problem := w.Problem(run.options.Today)
		if problem == "" && w.Names(run.stack) && !run.report.Used[i] {
			problem = "accepts nothing: the finding is gone"
		}
		if problem == "" {
			continue
		}
		finding := run.options.Waivers.Finding(i, run.stack, problem)
		run.findings.add(&finding)
	}
}

// Finding says of a stack that a waiver has a problem: advice, and mandatory in prod.
func (all Waivers) Finding(i int, s *Stack, problem string) Finding {
	w := &all[i]
	message := fmt.Sprintf("waiver %d (%s on %s, owner %s): %s", i+1, w.Rule, w.URN, w.Owner, problem)
	f := Finding{
		Rule: WaiverRule, Severity: Medium, Level: Advisory, Outcome: Failed, Environment: s.Environment, URN: s.URN(),
		Message: strings.ToValidUTF8(message, "\uFFFD"),
	}
	if s.Environment == Prod {
		f.Level = Mandatory
	}
	return f
}
