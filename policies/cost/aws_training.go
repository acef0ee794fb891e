package cost

import "github.com/mlpathway/mlpathway/internal/machines"

// trainingComponent is the portable layer whose arguments say what a training job needs. The job itself is started by
// the pipeline's state machine and is no resource.
const trainingComponent = "mlpathway:model:Training"

// training bills the hours that the training jobs of the stack run, on the machine that the target picks for what they
// need. Interruptible capacity of SageMaker has no price in the table: the full one is its dear end.
func (p *pricer) training() {
	layers := p.graph.OfType(trainingComponent)
	if len(layers) == 0 {
		p.unpriced("jobs that it starts", "the stack does not say which machines they need")
		return
	}
	for _, layer := range layers {
		need := layer.Properties.Get("machine")
		kind, _ := need.Get("accelerator").Text()
		machine, ok := machines.Pick(machines.Training, machines.Need{
			CPUs: numberOf(need, "cpus", 1), MemoryMiB: int(numberOf(need, "memoryMiB", 2048)), Accelerator: kind,
			Accelerators: int(numberOf(need, "accelerators", 0)),
		})
		if !ok {
			p.unpriced("training jobs", "no machine of SageMaker has what they need")
			continue
		}
		hours := p.use("trainingHours") * numberOf(layer.Properties, "nodes", 1)
		p.sagemakerHours("training on", "training", machine.SageMaker(), Amount{0, hours, hours})
		p.uncap()
	}
}
