package planner

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/policies/graph"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// graphOf gives what a program registered as the rules see it. The recorder takes two resources with one URN, which an
// engine refuses: an error here too.
func graphOf(r *recording.Recorder, config map[string]string) (*rules.Graph, error) {
	seen := map[string]bool{}
	for _, registered := range r.Resources() {
		if seen[registered.URN] {
			return nil, fmt.Errorf("two resources have the URN %s; give one of them another name", registered.URN)
		}
		seen[registered.URN] = true
	}
	return graph.FromRecorder(r, config), nil
}

// parent of a resource; "" where that is the stack.
func parent(urn string) string {
	if resource.URN(urn).IsValid() && resource.URN(urn).QualifiedType() == resource.RootStackType {
		return ""
	}
	return urn
}
