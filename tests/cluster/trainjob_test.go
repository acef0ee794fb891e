package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// asTrainJob makes training jobs those of Kubeflow Trainer.
func asTrainJob() changes {
	return changes{
		"training": spot["training"], "cluster": spot["cluster"], "kubernetes": func(value any) any {
			return with(map[string]any{"trainer": "trainjob"})(with(spotFlavors)(value))
		},
	}
}

// TestTrainJob takes Kubeflow Trainer's way through the queue: two nodes with 8 GPUs each, one of them taken away in
// the middle, and completed.
func TestTrainJob(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := s.deploy(shareStack, asTrainJob(), nil)
	gpus, _ := p.machines(3)
	job, pods := p.launch("run", nil)
	workers := s.running(p.namespace, pods, 2)
	for _, w := range workers {
		assert.Contains(t, gpus, w.node)
	}
	s.end(controlplane.Succeeds, s.moved(p.namespace, pods, workers)...)
	s.condition(job, "Complete")
}
