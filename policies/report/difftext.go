package report

import (
	"fmt"
	"io"

	"github.com/mlpathway/mlpathway/internal/plan"
)

// DiffText writes what differs between two plans of a stack. d is the later one.
func DiffText(w io.Writer, d *plan.Document, diff *plan.Diff) error {
	t := &text{}
	t.line("\nCompared with %s", diff.Base)
	if diff.Empty() {
		t.line("  nothing differs")
		return t.flush(w)
	}
	t.line("  %s", DiffCounts(diff))
	for _, r := range diff.Added {
		t.line("  + %s  %s", r.Name, r.Type)
	}
	for _, r := range diff.Removed {
		t.line("  - %s  %s", r.Name, r.Type)
	}
	same, changed := together(diff.Changed)
	for _, c := range same {
		t.line("  ~ %s  %s", count(c.resources, "resource"), c.line("->"))
	}
	for _, c := range changed {
		t.line("  %s %s  %s%s", sign(c), c.Name, c.Type, remark(c))
		for _, p := range c.Properties {
			t.line("      %s: %s -> %s%s", p.Path, short(p.Before), short(p.After), forces(p))
		}
	}
	t.line("  expected cost a month: %s -> %s (%s)",
		dollars(diff.BeforeUSD.Expected), dollars(diff.AfterUSD.Expected), delta(diff))
	for _, c := range diff.Costs {
		t.line("      %s  %s -> %s", d.Name(c.URN), dollars(c.BeforeUSD), dollars(c.AfterUSD))
	}
	for _, g := range grouped(d, diff.NewFindings, outcomes...) {
		t.line("  new: %s %s %s: %s", g.word(), g.Rule, g.resources(), oneLine(g.Message))
	}
	for _, g := range grouped(d, diff.FixedFindings, outcomes...) {
		t.line("  fixed: %s %s %s", g.word(), g.Rule, g.resources())
	}
	return t.flush(w)
}

// DiffCounts says in a line how much differs.
func DiffCounts(d *plan.Diff) string {
	return fmt.Sprintf("%d added, %d removed, %d changed, of which %d replaced; %s, %d fixed",
		len(d.Added), len(d.Removed), len(d.Changed), d.Replaced(), count(len(d.NewFindings), "new finding"),
		len(d.FixedFindings))
}

func sign(c plan.Change) string {
	if c.Replace {
		return "±"
	}
	return "~"
}

func remark(c plan.Change) string {
	switch {
	case c.Replace:
		return "  replaced"
	case c.MayReplace:
		return "  replaced if the unknown value differs"
	case !c.SchemaKnown:
		return "  (whether this type can be changed in place is not known)"
	default:
		return ""
	}
}

func forces(p plan.PropertyChange) string {
	if p.Replace {
		return "  (cannot be changed in place)"
	}
	return ""
}

func delta(d *plan.Diff) string {
	change := d.AfterUSD.Expected - d.BeforeUSD.Expected
	if change > 0 {
		return "+" + dollars(change)
	}
	return dollars(change)
}

// shortValue bounds what a line shows of a value, in bytes.
const shortValue = 60

func short(v any) string {
	var s string
	switch v := v.(type) {
	case nil:
		return "(none)"
	case string:
		s = fmt.Sprintf("%q", v)
	case map[string]any:
		return fmt.Sprintf("a mapping of %d", len(v))
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	default:
		s = fmt.Sprint(v)
	}
	if len(s) > shortValue {
		cut := shortValue
		for cut > 0 && s[cut]&0xC0 == 0x80 {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}
