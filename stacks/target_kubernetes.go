//go:build kubernetes || !(local || aws || gcp || azure)

package stacks

import (
	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes"
)

var kubernetesTarget builder = newKubernetesTarget

// newKubernetesTarget builds in a namespace of the cluster that the stack file describes.
func newKubernetesTarget(p place, c *Config) (components.Target, error) {
	return kubernetes.New(&kubernetes.Options{
		Scope: c.scope(p.Project), Settings: c.Kubernetes, DataClass: c.DataClass,
	})
}
