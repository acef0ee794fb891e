//go:build kubernetes || !(local || aws || gcp || azure)

package stacks

import (
	"context"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes"
	"github.com/mlpathway/mlpathway/components/kubernetes/discovery"
)

var kubernetesTarget builder = newKubernetesTarget

// newKubernetesTarget builds in a namespace of the cluster that the stack file describes.
func newKubernetesTarget(p place, c *Config) (components.Target, error) {
	o := &kubernetes.Options{Scope: c.scope(p.Project), Settings: c.Kubernetes, DataClass: c.DataClass}
	if !p.Plan {
		o.Look = func(ctx context.Context, wanted []string) (map[string][]string, error) {
			return discovery.Look(ctx, c.Kubernetes.Context, wanted)
		}
	}
	return kubernetes.New(o)
}
