package planner

import (
	"strings"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// writer writes values without what must not be shown, and without where the working copy lies.
type writer struct{ replace *strings.Replacer }

func newWriter(root string) *writer { return &writer{replace: strings.NewReplacer(root, plan.Project)} }

func (w *writer) text(s string) string {
	return strings.ToValidUTF8(w.replace.Replace(s), "\uFFFD")
}

func (w *writer) finding(f rules.Finding) plan.Finding {
	return plan.Finding{
		Rule: f.Rule, Severity: f.Severity.String(), Level: f.Level.String(), Outcome: f.Outcome.String(), URN: f.URN,
		Type: f.Type, Path: f.Path, Message: w.text(f.Message), Waiver: f.Waiver,
	}
}

// value writes a value for JSON.
func (w *writer) value(v rules.Value) any {
	switch {
	case v.IsAbsent():
		return nil
	case v.IsUnknown():
		return plan.Unknown
	case v.Secret():
		return plan.Secret
	case v.Kind() == rules.Map:
		return w.entries(v)
	case v.Kind() == rules.List:
		items, _ := v.List()
		list := make([]any, 0, len(items))
		for _, item := range items {
			list = append(list, w.value(item))
		}
		return list
	case v.Kind() == rules.String:
		text, _ := v.Text()
		return w.text(text)
	case v.Kind() == rules.Bool:
		b, _ := v.Bool()
		return b
	case v.Kind() == rules.Number:
		n, _ := v.Number()
		return n
	default:
		return "[" + v.Kind().String() + "]"
	}
}

func (w *writer) entries(v rules.Value) map[string]any {
	entries := map[string]any{}
	for _, key := range v.Keys() {
		entries[w.text(key)] = w.value(v.Key(key))
	}
	return entries
}
