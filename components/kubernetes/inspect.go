package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
)

// Look asks a cluster what it serves: every group and version, and for those that are wanted their kinds.
type Look func(ctx context.Context, wanted []string) (map[string][]string, error)

// Inspect holds the operators that the stack file lists against what the API server serves. unseen says what nobody
// could look at: the cluster, where there is no way to it. Errors: ErrRequired for an operator that is not there.
func (t *Target) Inspect(ctx context.Context) (unseen string, err error) {
	trusted := fmt.Sprintf("the cluster of the context %q: kubernetes.operators is taken at its word", t.settings.Context)
	if t.options.Look == nil {
		return trusted + "; up and preview ask the cluster, before anything is made", nil
	}
	var wanted []string
	for _, operator := range t.settings.Operators {
		wanted = slices.AppendSeq(wanted, maps.Keys(charts.Of(operator).Serves))
	}
	served, err := t.options.Look(ctx, wanted)
	if err != nil {
		return fmt.Sprintf("%s, since it could not be asked: %v", trusted, err), nil
	}
	var problems []error
	for _, operator := range t.settings.Operators {
		if lack := lacking(charts.Of(operator).Serves, served); lack != "" {
			problems = append(problems, fmt.Errorf("kubernetes.operators: found %s, and the cluster of the context %q does "+
				"not serve %s; install %s, or take it off the list and set kubernetes.installOperators: true: %w",
				operator, t.settings.Context, lack, charts.Of(operator), components.ErrRequired))
		}
	}
	return "", errors.Join(problems...)
}

// lacking says which of the wanted kinds are not served; "" where all are.
func lacking(wanted, served map[string][]string) string {
	var lack []string
	for _, version := range slices.Sorted(maps.Keys(wanted)) {
		kinds, ok := served[version]
		missing := slices.DeleteFunc(slices.Clone(wanted[version]), func(kind string) bool {
			return slices.Contains(kinds, kind)
		})
		if ok && len(missing) == 0 {
			continue
		}
		text := version
		if len(missing) > 0 {
			text = strings.Join(missing, ", ") + " of " + version
		}
		if others := otherVersions(version, served); !ok && len(others) > 0 {
			text += fmt.Sprintf(" (but %s)", strings.Join(others, ", "))
		}
		lack = append(lack, text)
	}
	return strings.Join(lack, "; ")
}

// otherVersions are the versions of the same group that are served.
func otherVersions(version string, served map[string][]string) []string {
	group, _, _ := strings.Cut(version, "/")
	return slices.DeleteFunc(slices.Sorted(maps.Keys(served)), func(other string) bool {
		return !strings.HasPrefix(other, group+"/")
	})
}
