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
	t.findings(d)
	t.advice(d)
	t.cost(d, now)
	return t.flush(w)
}

// Summary writes a plan in a few lines: what it breaks and what it costs.
func Summary(w io.Writer, d *plan.Document, now time.Time) error {
	t := &text{}
	t.line("%s", headline(d))
	t.line("  %s", resources(d))
	t.findings(d)
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

// findings shows what is broken, gathered by what is said, and what was accepted; what waits is counted by rule.
func (t *text) findings(d *plan.Document) {
	t.line("\nFindings: %s", tallyOf(d.Findings))
	for _, g := range grouped(d, d.Findings, broken...) {
		t.group(&g, oneLine(g.Message))
	}
	for _, g := range grouped(d, d.Findings, plan.Waived) {
		t.group(&g, oneLine(g.Message)+"; "+oneLine(accepted(&g.Finding)))
	}
	if rules := waiting(d.Findings); rules != "" {
		t.line("  not known yet: %s", rules)
	}
	if text := notInspected(d); text != "" {
		t.line("  %s", text)
	}
}

// nameWidth is how wide a list of names becomes.
const nameWidth = 100

func (t *text) group(g *group, what string) {
	if len(g.names) == 1 {
		t.line("  %s %s [%s] %s: %s", g.word(), g.Rule, g.Severity, g.names[0], what)
		return
	}
	t.line("  %s %s [%s] %s: %s", g.word(), g.Rule, g.Severity, count(len(g.names), "resource"), what)
	t.wrapped("      ", g.resources())
}

// wrapped writes a text in lines that are not too long.
func (t *text) wrapped(indent, s string) {
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len(line)+1+len(word) > nameWidth {
			t.line("%s%s", indent, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	t.line("%s%s", indent, line)
}

// advice says how to fix what is broken, and what neither a rule nor the plan looks at.
func (t *text) advice(d *plan.Document) {
	if all := fixes(d.Findings); len(all) > 0 {
		t.line("\nHow to fix them; docs/policies.md has the rules")
		for _, fix := range all {
			t.wrapped("  ", oneLine(fix))
		}
	}
	if len(d.NotInspected) > 0 {
		t.line("\nNot inspected by any rule")
		t.wrapped("  ", listed(d.NotInspected))
	}
	if d.Unseen != "" {
		t.line("\nNot looked at")
		t.wrapped("  ", oneLine(d.Unseen))
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
	for _, c := range dearest(e) {
		t.line("  %-28s %12s %12s %12s", c.Name, dollars(c.USD.Idle), dollars(c.USD.Expected), dollars(c.USD.Maximum))
	}
	t.line("  %-28s %12s %12s %12s", "all",
		dollars(e.Total.Idle), dollars(e.Total.Expected), dollars(e.Total.Maximum))
	for _, doubt := range doubts(e) {
		t.line("  %s", doubt)
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
