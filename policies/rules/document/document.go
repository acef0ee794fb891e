// Package document writes docs/policies.md from the rules.
package document

import (
	"bytes"
	_ "embed" // head.md
	"fmt"
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// head is what the page says before the rules.
//
//go:embed head.md
var head string

// Write gives the page, the same bytes for the same rules.
func Write(families []rules.Family) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	writeLevels(&b, families)
	for _, family := range families {
		fmt.Fprintf(&b, "\n## %s\n", family.Title)
		for _, rule := range family.Rules() {
			writeRule(&b, &rule)
		}
	}
	return b.Bytes()
}

// writeLevels writes the one table in which contradictions are settled.
func writeLevels(b *bytes.Buffer, families []rules.Family) {
	count, types := 0, map[string]bool{}
	var rows bytes.Buffer
	for _, family := range families {
		for _, rule := range family.Rules() {
			count++
			for i := range rule.Matchers {
				types[rule.Matchers[i].Type] = true
			}
			fmt.Fprintf(&rows, "| [%s](#%s) | %s | %s | %s | %s | %s | %s | %s |\n", rule.ID, strings.ToLower(rule.ID),
				cell(rule.Title), rule.Severity, mark(rule.Levels.Dev), mark(rule.Levels.Stage), mark(rule.Levels.Prod),
				clouds(&rule), profiles(&rule))
		}
	}
	fmt.Fprintf(b, "\n## All rules\n\n%d rules on %d types.\n\n", count, len(types))
	b.WriteString("| rule | what holds | severity | dev | stage | prod | clouds | profiles |\n" +
		"|---|---|---|---|---|---|---|---|\n")
	b.Write(rows.Bytes())
}

func writeRule(b *bytes.Buffer, rule *rules.Rule) {
	fmt.Fprintf(b, "\n### %s\n\n**%s.** %s\n\n", rule.ID, rule.Title, rule.Why)
	fmt.Fprintf(b, "- Severity %s; dev %s, stage %s, prod %s.", rule.Severity, rule.Levels.Dev, rule.Levels.Stage,
		rule.Levels.Prod)
	if rule.Scope == rules.OnStack {
		b.WriteString(" Judged when the whole stack is known.")
	}
	fmt.Fprintf(b, "\n- To fix it: %s\n- Automatic remedy: %s\n", rule.Fix, rule.Remediation)
	for _, control := range rule.Controls.List() {
		fmt.Fprintf(b, "- %s: %s\n", framework(control.Framework), strings.Join(control.Numbers, ", "))
	}
	if rule.Peers != "" {
		fmt.Fprintf(b, "- Also asked by: %s\n", rule.Peers)
	}
	if len(rule.Matchers) == 0 {
		return
	}
	b.WriteString("\n| inspects | properties |\n|---|---|\n")
	for i := range rule.Matchers {
		writeMatcher(b, &rule.Matchers[i])
	}
}

func writeMatcher(b *bytes.Buffer, m *rules.Matcher) {
	what := "`" + m.Type + "`"
	if m.Type == rules.AnyType {
		what = "every resource"
	}
	if m.Unchecked {
		what += " (from its documentation: no SDK to check against)"
	}
	paths := make([]string, 0, len(m.Paths))
	for _, path := range m.Paths {
		paths = append(paths, "`"+path+"`")
	}
	if len(paths) == 0 {
		paths = []string{"that it is there"}
		if m.Type == rules.AnyType {
			paths = []string{"its options, its provider and its type"}
		}
	}
	fmt.Fprintf(b, "| %s | %s |\n", what, strings.Join(paths, ", "))
}

func mark(l rules.Level) string {
	switch l {
	case rules.Off:
		return "–"
	case rules.Advisory:
		return "A"
	case rules.Mandatory:
	}
	return "**M**"
}

func clouds(rule *rules.Rule) string {
	var names []string
	for _, cloud := range rule.Clouds() {
		names = append(names, string(cloud))
	}
	return strings.Join(names, ", ")
}

func profiles(rule *rules.Rule) string {
	var names []string
	for _, profile := range rules.Profiles() {
		if rule.Controls.Profile(profile) {
			names = append(names, profile)
		}
	}
	return strings.Join(names, ", ")
}

func framework(key string) string {
	for _, f := range rules.Frameworks() {
		if f.Key == key {
			return f.Name
		}
	}
	return key
}

// cell makes a text fit into a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
