package provider

import p "github.com/pulumi/pulumi-go-provider"

// differ collects the properties that changed between the state and the wanted inputs.
type differ struct{ changed map[string]p.PropertyDiff }

// update marks a property that can change in place.
func (d *differ) update(name string, changed bool) { d.mark(name, changed, p.Update) }

// replace marks a property whose change needs a new resource.
func (d *differ) replace(name string, changed bool) { d.mark(name, changed, p.UpdateReplace) }

func (d *differ) mark(name string, changed bool, kind p.DiffKind) {
	if !changed {
		return
	}
	if d.changed[name].Kind == p.UpdateReplace {
		return // a replacement covers every other change
	}
	if d.changed == nil {
		d.changed = map[string]p.PropertyDiff{}
	}
	// The state may differ from what was once asked for, so the engine must compare with the state and not with the
	// old inputs: InputDiff stays false.
	d.changed[name] = p.PropertyDiff{Kind: kind}
}

func (d *differ) response() p.DiffResponse {
	return p.DiffResponse{HasChanges: len(d.changed) > 0, DetailedDiff: d.changed}
}
