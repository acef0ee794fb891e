// Package report writes plans and what differs between them: as text for a person at a terminal, as SARIF and JUnit for
// tools, as Markdown for a comment on a pull request. The same plan gives the same bytes.
package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/cost"
)

// Text writes a plan for a person at a terminal. now tells how old the prices are.
func Text(w io.Writer, d *plan.Document, now time.Time) error {
	t := &text{}
	t.line("%s", headline(d))
	t.line("")
	t.tree(d)
	t.counts(d)
	t.outputs(d)
	t.findings(d, d.Findings)
	t.cost(d, now)
	return t.flush(w)
}

// Summary writes a plan in a few lines: what it breaks and what it costs.
func Summary(w io.Writer, d *plan.Document, now time.Time) error {
	t := &text{}
	t.line("%s", headline(d))
	t.line("  %s", resources(d))
	t.findings(d, d.Findings)
	t.costLine(d, now)
	return t.flush(w)
}

func headline(d *plan.Document) string {
	place := []string{d.Target, d.Environment}
	if d.Region != "" {
		place = append(place, d.Region)
	}
	return "Plan of " + d.Stack + " (" + strings.Join(place, ", ") + ")"
}

type text struct{ b strings.Builder }

func (t *text) line(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

func (t *text) flush(w io.Writer) error {
	_, err := io.WriteString(w, t.b.String())
	return err
}

// tree shows the resources under their components, with what they are expected to cost.
func (t *text) tree(d *plan.Document) {
	children := map[string][]plan.Resource{}
	known := map[string]bool{}
	for _, r := range d.Resources {
		known[r.URN] = true
	}
	for _, r := range d.Resources {
		parent := r.Parent
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], r)
	}
	usd := map[string]float64{}
	for _, item := range d.Cost.Items {
		usd[item.URN] = item.USD.Expected
	}
	shown := map[string]bool{}
	var walk func(urn, indent string)
	walk = func(urn, indent string) {
		below := children[urn]
		slices.SortStableFunc(below, func(a, b plan.Resource) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
		})
		for _, r := range below {
			if shown[r.URN] {
				continue
			}
			shown[r.URN] = true
			price := ""
			if usd[r.URN] > 0 {
				price = "  " + dollars(usd[r.URN])
			}
			t.line("%s%s  %s%s", indent, r.Name, r.Type, price)
			walk(r.URN, indent+"  ")
		}
	}
	walk("", "  ")
}

func resources(d *plan.Document) string {
	custom := 0
	types := map[string]bool{}
	for _, r := range d.Resources {
		if r.Custom {
			custom++
			types[r.Type] = true
		}
	}
	return fmt.Sprintf("%s of %s in %s",
		count(custom, "resource"), count(len(types), "type"), count(len(d.Resources)-custom, "component"))
}

func (t *text) counts(d *plan.Document) {
	t.line("\n%s", resources(d))
	custom := map[string]bool{}
	for _, r := range d.Resources {
		custom[r.Type] = r.Custom
	}
	types := slices.SortedFunc(maps.Keys(d.Counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.Counts[b], d.Counts[a]), cmp.Compare(a, b))
	})
	for _, typ := range types {
		if custom[typ] {
			t.line("  %4d  %s", d.Counts[typ], typ)
		}
	}
}

func (t *text) outputs(d *plan.Document) {
	if len(d.Outputs) == 0 {
		return
	}
	t.line("\nOutputs")
	for _, name := range slices.Sorted(maps.Keys(d.Outputs)) {
		if inner, ok := d.Outputs[name].(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(inner)) {
				t.line("  %s.%s: %v", name, key, inner[key])
			}
			continue
		}
		t.line("  %s: %v", name, d.Outputs[name])
	}
}

// tally counts findings by what they do.
type tally struct{ mandatory, advisory, unverified, waived int }

func count4(findings []plan.Finding) tally {
	var c tally
	for i := range findings {
		switch {
		case findings[i].Outcome == plan.Waived:
			c.waived++
		case findings[i].Outcome == plan.Unverified:
			c.unverified++
		case findings[i].Stops():
			c.mandatory++
		default:
			c.advisory++
		}
	}
	return c
}

func (c tally) String() string {
	return fmt.Sprintf("%d mandatory, %d advisory, %d waived, %d that can be told only when the stack is made",
		c.mandatory, c.advisory, c.waived, c.unverified)
}

// findings shows what is broken; what is waived or unverified is counted.
func (t *text) findings(d *plan.Document, findings []plan.Finding) {
	t.line("\nFindings: %s", count4(findings))
	for i := range findings {
		f := &findings[i]
		if f.Outcome == plan.Failed || f.Outcome == plan.Broken {
			t.line("  %s %s [%s] %s: %s", f.Level, f.Rule, f.Severity, d.Name(f.URN), oneLine(f.Message))
		}
	}
}

func (t *text) costLine(d *plan.Document, now time.Time) {
	e := d.Cost
	t.line("\nCost a month: idle %s, expected %s, maximum %s",
		dollars(e.Total.Idle), expected(e), dollars(e.Total.Maximum))
	priced, unpriced, free := e.Resources()
	t.line("  %s priced, %d with something that has no price, %d free", count(priced, "resource"), unpriced, free)
	if d.MonthlyBudgetUSD > 0 {
		t.line("  the budget of the stack is %s", dollars(d.MonthlyBudgetUSD))
	}
	if warning := Stale(e, now); warning != "" && priced > 0 {
		t.line("  warning: %s", warning)
	}
}

// Stale warns of an old price table; "" where it is not.
func Stale(e *cost.Estimate, now time.Time) string {
	made, err := time.Parse(time.DateOnly, e.TableDate)
	days := int(now.Sub(made).Hours() / 24)
	if err != nil || days <= cost.StaleDays {
		return ""
	}
	return fmt.Sprintf("the prices are of %s, %d days ago: mlpathway prices update", e.TableDate, days)
}

// cost shows components, what has no price, and how good the prices are.
func (t *text) cost(d *plan.Document, now time.Time) {
	t.costLine(d, now)
	e := d.Cost
	if len(e.Items) == 0 {
		return
	}
	t.line("  prices of %s; the plan as JSON has every line with its price and its source", e.TableDate)
	t.line("\n  %-28s %12s %12s %12s", "component", "idle", "expected", "maximum")
	for _, c := range e.Components {
		t.line("  %-28s %12s %12s %12s", c.Name, dollars(c.USD.Idle), dollars(c.USD.Expected), dollars(c.USD.Maximum))
	}
	var standIn, low, uncapped int
	for _, item := range e.Items {
		for _, line := range item.Lines {
			standIn += one(line.StandIn)
			low += one(slices.Contains(line.Marks, cost.LowConfidence))
			uncapped += one(line.Uncapped)
		}
	}
	for _, note := range []struct {
		n    int
		what string
	}{
		{uncapped, "of use that nothing bounds: their maximum is the expected use"},
		{standIn, "at the price of another region, because the table has none of the stack's"},
		{low, "at a price of low confidence"},
	} {
		if note.n > 0 {
			t.line("  %s %s", count(note.n, "line"), note.what)
		}
	}
	if len(e.Unpriced) > 0 {
		t.line("\n  Without a price, and in no sum:")
		for _, u := range e.Unpriced {
			what := ""
			if u.What != "" {
				what = " (" + u.What + ")"
			}
			t.line("    %s  %s%s: %s", d.Name(u.URN), u.Type, what, u.Why)
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func expected(e *cost.Estimate) string {
	if e.ExpectedLowUSD < e.Total.Expected-0.005 {
		return dollars(e.ExpectedLowUSD) + " to " + dollars(e.Total.Expected)
	}
	return dollars(e.Total.Expected)
}

// dollars writes an amount with cents and thousands.
func dollars(usd float64) string {
	whole, cents, _ := strings.Cut(fmt.Sprintf("%.2f", max(usd, -usd)), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	sign := ""
	if usd < 0 && whole+cents != "000" {
		sign = "-"
	}
	return sign + "$" + whole + "." + cents
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// oneLine keeps a message from breaking the line that it stands in.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
