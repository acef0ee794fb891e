package pack

import (
	"context"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"

	"github.com/mlpathway/mlpathway/policies/graph"
)

// remediate mends what can be mended safely, and says what it changed.
func (j *judge) remediate(_ context.Context, args policyx.ResourceRemediationArgs) (*property.Map, error) {
	r := graph.Resource(&args.Resource)
	remedies := j.engine.Remedies(r, j.stack, j.options)
	if len(remedies) == 0 {
		return nil, nil
	}
	changed := args.Resource.Properties
	for _, remedy := range remedies {
		changed = graph.Apply(changed, remedy.Changes)
		lines := []string{remedy.Rule + " mends " + r.URN}
		for _, change := range remedy.Changes {
			lines = append(lines, change.String())
		}
		j.say(strings.Join(lines, "\n"))
	}
	return &changed, nil
}
