package cost

// trainingComponent is the portable layer whose arguments say what a training job needs. The job itself is started by
// the pipeline's state machine and is no resource.
const trainingComponent = "mlpathway:model:Training"

// shape is a machine of SageMaker. Source: the instance types of EC2 that carry the same names.
type shape struct {
	sku          string
	cpus, memory float64 // vCPUs, GiB
	kind         string  // of accelerator, as the portable layers name it
	accelerators float64
}

var shapes = []shape{
	{"ml.c5.large", 2, 4, "", 0}, {"ml.c5.xlarge", 4, 8, "", 0}, {"ml.c5.2xlarge", 8, 16, "", 0},
	{"ml.m5.large", 2, 8, "", 0}, {"ml.m5.xlarge", 4, 16, "", 0}, {"ml.m5.2xlarge", 8, 32, "", 0},
	{"ml.g4dn.xlarge", 4, 16, "gpu-small", 1},
	{"ml.g5.xlarge", 4, 16, "gpu-medium", 1}, {"ml.g5.2xlarge", 8, 32, "gpu-medium", 1},
	{"ml.g5.12xlarge", 48, 192, "gpu-medium", 4}, {"ml.g5.48xlarge", 192, 768, "gpu-medium", 8},
}

// training bills the hours that the training jobs of the stack run, on the cheapest machine that has what they need.
// Interruptible capacity of SageMaker has no price in the table: the full one is its dear end.
func (p *pricer) training() {
	layers := p.graph.OfType(trainingComponent)
	if len(layers) == 0 {
		p.unpriced("jobs that it starts", "the stack does not say which machines they need")
		return
	}
	for _, layer := range layers {
		need := layer.Properties.Get("machine")
		kind, _ := need.Get("accelerator").Text()
		sku, ok := p.cheapest(shape{
			cpus: numberOf(need, "cpus", 1), memory: numberOf(need, "memoryMiB", 2048) / 1024, kind: kind,
			accelerators: numberOf(need, "accelerators", 0),
		})
		if !ok {
			p.unpriced("training jobs", "the table has no price for a machine that has what they need")
			continue
		}
		hours := p.use("trainingHours") * numberOf(layer.Properties, "nodes", 1)
		p.sagemakerHours("training on", "training", sku, Amount{0, hours, hours})
		p.uncap()
	}
}

// cheapest finds the machine with the lowest price that has what is needed.
func (p *pricer) cheapest(need shape) (sku string, ok bool) {
	lowest := 0.0
	for _, s := range shapes {
		if s.cpus < need.cpus || s.memory < need.memory || s.kind != need.kind || s.accelerators < need.accelerators {
			continue
		}
		for _, service := range []string{"sagemaker-training", "sagemaker-hosting", "sagemaker-instance"} {
			row, found := p.find(service, s.sku)
			if found && (!ok || row.USD < lowest) {
				sku, lowest, ok = s.sku, row.USD, true
			}
			if found {
				break
			}
		}
	}
	return sku, ok
}
