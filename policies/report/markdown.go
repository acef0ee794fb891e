package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/plan"
)

// Marker begins every comment, so that a CI job finds the one that it wrote before and writes it anew.
const Marker = "<!-- mlpathway stack check -->"

// maxComment bounds a comment, in bytes: GitHub takes 65,536 characters.
const maxComment = 60000

// Markdown writes plans as a comment for a pull request: one line for each stack, then what is broken, what differs and
// what it costs. A comment that is too long for a code host is cut, and says so.
func Markdown(w io.Writer, set *plan.Set, now time.Time) error {
	m := &markdown{}
	m.line("%s", Marker)
	m.line("## Stack check: %s\n", conclusion(set))
	m.overview(set)
	for _, f := range set.Failures {
		m.line("\n### %s: no plan\n\n```\n%s\n```", cell(f.Stack), strings.ReplaceAll(f.Message, "```", "'''"))
	}
	for _, d := range set.Plans {
		m.stack(set, d)
	}
	for _, d := range set.Plans {
		if warning := Stale(d.Cost, now); warning != "" {
			m.line("\n> Warning: %s", warning)
			break
		}
	}
	m.line("\n<sub>Expected use and prices are assumptions with sources: docs/cost.md. Rules: docs/policies.md.</sub>")
	_, err := io.WriteString(w, m.cut())
	return err
}

func conclusion(set *plan.Set) string {
	mandatory := 0
	for _, d := range set.Plans {
		mandatory += tallyOf(d.Findings).mandatory
	}
	switch {
	case len(set.Failures) > 0:
		return fmt.Sprintf("no plan of %s", count(len(set.Failures), "stack"))
	case mandatory > 0:
		return fmt.Sprintf("%s stop the deployment", count(mandatory, "mandatory finding"))
	default:
		return "nothing stops the deployment"
	}
}

type markdown struct{ b strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

func (m *markdown) overview(set *plan.Set) {
	if len(set.Plans) == 0 {
		return
	}
	m.line("| stack | target | resources | mandatory | advisory | waived | unverified | expected cost a month | change |")
	m.line("|---|---|---:|---:|---:|---:|---:|---:|---:|")
	for _, d := range set.Plans {
		c, change := tallyOf(d.Findings), ""
		if diff := diffOf(set, d); diff != nil {
			change = delta(diff)
		}
		m.line("| %s | %s | %d | %d | %d | %d | %d | %s | %s |", cell(d.Stack), cell(d.Target+", "+d.Environment),
			len(d.Resources), c.mandatory, c.advisory, c.waived, c.unverified, expected(d.Cost), change)
	}
}

func diffOf(set *plan.Set, d *plan.Document) *plan.Diff {
	for _, diff := range set.Diffs {
		if diff.Stack == d.Stack {
			return diff
		}
	}
	return nil
}

func (m *markdown) stack(set *plan.Set, d *plan.Document) {
	diff := diffOf(set, d)
	if len(d.Findings) == 0 && (diff == nil || diff.Empty()) && len(d.Cost.Items) == 0 {
		return
	}
	m.line("\n### %s", cell(d.Stack))
	m.findings(d)
	if diff != nil && !diff.Empty() {
		m.diff(d, diff)
	}
	if len(d.Cost.Items) > 0 {
		m.cost(d)
	}
}

// findings shows what is broken as a table; how to fix it, what was accepted and what was not judged are folded away.
func (m *markdown) findings(d *plan.Document) {
	if found := grouped(d, d.Findings, broken...); len(found) > 0 {
		m.line("\n| level | rule | severity | resources | finding |")
		m.line("|---|---|---|---|---|")
		for _, g := range found {
			m.line("| %s | %s | %s | %s | %s |",
				g.Level, cell(g.Rule), g.Severity, cell(g.resources()), cell(g.Message))
		}
	}
	if all := fixes(d.Findings); len(all) > 0 {
		m.line("\n<details><summary>How to fix them</summary>\n")
		for _, fix := range all {
			m.line("- %s", cell(fix))
		}
		m.line("\n</details>")
	}
	if waived := grouped(d, d.Findings, plan.Waived); len(waived) > 0 {
		m.line("\n<details><summary>Waived: %d</summary>\n", tallyOf(d.Findings).waived)
		m.line("| rule | severity | resources | finding | accepted |")
		m.line("|---|---|---|---|---|")
		for _, g := range waived {
			m.line("| %s | %s | %s | %s | %s |", cell(g.Rule), g.Severity, cell(g.resources()),
				cell(g.Message), cell(accepted(&g.Finding)))
		}
		m.line("\n</details>")
	}
	m.unjudged(d)
}

// unjudged says what the rules could not tell yet, and what no rule looks at.
func (m *markdown) unjudged(d *plan.Document) {
	unverified, types := waiting(d.Findings), notInspected(d)
	if unverified == "" && types == "" && d.Unseen == "" {
		return
	}
	m.line("\n<details><summary>Not judged yet: %d that can be told only when the stack is made%s</summary>\n",
		tallyOf(d.Findings).unverified, prefixed("; ", types))
	if unverified != "" {
		m.line("- not known yet: %s", cell(unverified))
	}
	if types != "" {
		m.line("- not inspected by any rule: %s", cell(listed(d.NotInspected)))
	}
	if d.Unseen != "" {
		m.line("- not looked at: %s", cell(d.Unseen))
	}
	m.line("\n</details>")
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func (m *markdown) diff(d *plan.Document, diff *plan.Diff) {
	m.line("\n<details><summary>Compared with %s: %s</summary>\n", cell(diff.Base), DiffCounts(diff))
	m.line("| | resource | type | what |")
	m.line("|---|---|---|---|")
	for _, r := range diff.Added {
		m.line("| + | %s | %s | |", cell(r.Name), cell(r.Type))
	}
	for _, r := range diff.Removed {
		m.line("| - | %s | %s | |", cell(r.Name), cell(r.Type))
	}
	same, changed := together(diff.Changed)
	for _, c := range same {
		m.line("| ~ | %s | | %s |", count(c.resources, "resource"), cell(c.line("→")))
	}
	for _, c := range changed {
		var what []string
		for _, p := range c.Properties {
			what = append(what, p.Path+": "+short(p.Before)+" → "+short(p.After))
		}
		m.line("| %s | %s | %s | %s%s |", sign(c), cell(c.Name), cell(c.Type), cell(strings.Join(what, "; ")), remark(c))
	}
	for _, c := range diff.Costs {
		m.line("| $ | %s | %s | %s → %s a month |",
			cell(d.Name(c.URN)), cell(c.Type), dollars(c.BeforeUSD), dollars(c.AfterUSD))
	}
	for _, g := range grouped(d, diff.NewFindings, outcomes...) {
		m.line("| new | %s | %s %s | %s |", cell(g.resources()), g.word(), cell(g.Rule), cell(g.Message))
	}
	for _, g := range grouped(d, diff.FixedFindings, outcomes...) {
		m.line("| fixed | %s | %s %s | %s |", cell(g.resources()), g.word(), cell(g.Rule), cell(g.Message))
	}
	m.line("\n</details>")
}

func (m *markdown) cost(d *plan.Document) {
	e := d.Cost
	m.line("\n<details><summary>Cost a month: idle %s, expected %s, maximum %s</summary>\n",
		dollars(e.Total.Idle), expected(e), dollars(e.Total.Maximum))
	m.line("| component | idle | expected | maximum |")
	m.line("|---|---:|---:|---:|")
	for _, c := range dearest(e) {
		m.line("| %s | %s | %s | %s |",
			cell(c.Name), dollars(c.USD.Idle), dollars(c.USD.Expected), dollars(c.USD.Maximum))
	}
	m.line("| **all** | %s | %s | %s |", dollars(e.Total.Idle), dollars(e.Total.Expected), dollars(e.Total.Maximum))
	m.line("")
	for _, doubt := range doubts(e) {
		m.line("- %s", doubt)
	}
	if len(e.Unpriced) > 0 {
		m.line("\nWithout a price, and in no sum:\n")
		for _, u := range e.Unpriced {
			m.line("- %s %s: %s", cell(d.Name(u.URN)), cell(u.What), cell(u.Why))
		}
	}
	m.line("\n</details>")
}

// cut bounds the comment at the end of a line.
func (m *markdown) cut() string {
	s := m.b.String()
	if len(s) <= maxComment {
		return s
	}
	s = s[:maxComment]
	s = s[:strings.LastIndex(s, "\n")+1]
	// What was open at the cut is closed, or the note would stand inside it.
	if strings.Count(s, "<details>") > strings.Count(s, "</details>") {
		s += "\n</details>\n"
	}
	return s + "\n**The comment is cut here; the reports have everything.**\n"
}

// cell keeps a text inside one cell of a table, as the text that it is: no markup, no HTML, no mention of a person.
func cell(s string) string {
	return cellEscapes.Replace(oneLine(s))
}

var cellEscapes = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"@", "&#64;", "#", "&#35;", "!", `\!`, "~", `\~`,
)
