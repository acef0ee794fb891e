package planner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// Waivers reads policies/waivers.yaml of a working copy; none where there is no such file.
func Waivers(root string) (rules.Waivers, error) {
	data, err := os.ReadFile(filepath.Join(root, "policies", "waivers.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the waivers: %w", err)
	}
	return rules.ReadWaivers(data), nil
}

// Review adds to the plans of all stacks what none of them can tell alone: a waiver that means no stack in
// particular, or one that is not there, and that accepts nothing in any of them. It is said in the plans of its
// environment, or else in the first one.
func (p *Planner) Review(plans []*plan.Document) {
	for i := range p.Waivers {
		w := &p.Waivers[i]
		if w.Problem(p.Today) != "" || slices.ContainsFunc(plans, func(d *plan.Document) bool {
			return w.Names(stackOf(d)) || accepts(d, w)
		}) {
			continue
		}
		in := slices.DeleteFunc(slices.Clone(plans), func(d *plan.Document) bool {
			return d.Environment != string(w.Environment)
		})
		if len(in) == 0 {
			in = plans[:min(len(plans), 1)]
		}
		for _, d := range in {
			f := p.Waivers.Finding(i, stackOf(d), "accepts nothing in any stack")
			d.Findings = append(d.Findings, newWriter(p.Root).finding(f))
		}
	}
}

func stackOf(d *plan.Document) *rules.Stack {
	return &rules.Stack{Project: d.Project, Name: d.Stack, Environment: rules.Environment(d.Environment)}
}

// accepts reports whether a waiver has accepted something in a plan.
func accepts(d *plan.Document, w *rules.Waiver) bool {
	return slices.ContainsFunc(d.Findings, func(f plan.Finding) bool { return f.Waiver != nil && *f.Waiver == *w })
}
