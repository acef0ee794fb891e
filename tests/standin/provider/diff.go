package provider

import (
	"context"
	"slices"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"

	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/mlpathway/mlpathway/internal/immutable"
	"github.com/mlpathway/mlpathway/tests/standin/cloud"
)

// diff compares inputs and says what can only be changed by a new resource.
func (s *standin) diff(_ context.Context, r p.DiffRequest) (resp p.DiffResponse, err error) {
	call := cloud.Call{Operation: cloud.Diff, URN: string(r.Urn), Type: string(r.Urn.Type()), ID: r.ID}
	err = s.record(call, func(*cloud.Call) error {
		definition, err := s.definition(string(r.Urn.Type()))
		if err != nil {
			return err
		}
		n := naming{definition: definition, urn: r.Urn}
		before, after := plain(r.OldInputs).Delete(defaults), plain(r.Inputs).Delete(defaults)
		resp.DetailedDiff = n.compare("", before, after)
		resp.HasChanges = len(resp.DetailedDiff) > 0
		resp.DeleteBeforeReplace = n.sameName(before, r.Inputs)
		return nil
	})
	return resp, err
}

// compare lists the differences. It looks into an object where some of its properties are immutable.
func (n naming) compare(path string, before, after property.Map) map[string]p.PropertyDiff {
	found := map[string]p.PropertyDiff{}
	add := func(key string, update, replace p.DiffKind) {
		at := join(path, key)
		kind := update
		if n.fixed(at) {
			kind = replace
		}
		found[at] = p.PropertyDiff{Kind: kind, InputDiff: true}
	}
	for key, value := range after.All {
		old, ok := before.GetOk(key)
		switch {
		case !ok:
			add(key, p.Add, p.AddReplace)
		case n.leadsIn(join(path, key)) && value.IsMap() && old.IsMap():
			for at, difference := range n.compare(join(path, key), old.AsMap(), value.AsMap()) {
				found[at] = difference
			}
		case !old.Equals(value):
			add(key, p.Update, p.UpdateReplace)
		}
	}
	for key := range before.All {
		if _, ok := after.GetOk(key); !ok {
			add(key, p.Delete, p.DeleteReplace)
		}
	}
	return found
}

// paths are the immutable properties of the type.
func (n naming) paths() []string {
	all := immutable.Paths(string(n.urn.Type()))
	if key := n.property(); key != "" {
		all = append(all, key, key+"Prefix")
	} else if n.definition != nil && n.pkg() == "aws" {
		// What has no name is known by what it is attached to.
		for key, known := range n.definition.Inputs {
			if known.Required && slices.Contains([]string{"bucket", "role", "roleName", "policyArn"}, key) {
				all = append(all, key)
			}
		}
	}
	return all
}

func (n naming) fixed(path string) bool {
	paths := n.paths()
	return slices.Contains(paths, path) || slices.Contains(paths, "*") && path != "tags" && path != "tagsAll"
}

func (n naming) leadsIn(path string) bool {
	return slices.ContainsFunc(n.paths(), func(other string) bool { return strings.HasPrefix(other, path+".") })
}

// sameName tells that the replacement would have the name of what it replaces, because the program chose it: the old
// resource has to go first. The real providers decide by the same rule.
func (n naming) sameName(before, after property.Map) bool {
	key := n.property()
	if n.object() {
		name := text(before, "metadata", "name")
		return name != "" && after.Get(defaults).IsNull() && name == text(plain(after), "metadata", "name")
	}
	return key != "" && after.Get(defaults).IsNull() && text(before, key) != "" &&
		text(before, key) == text(plain(after), key)
}
