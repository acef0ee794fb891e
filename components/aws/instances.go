package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
)

// use is what SageMaker needs a machine for: not every machine serves every use.
type use string

// The uses.
const (
	useTraining   use = "training"
	useProcessing use = "processing"
	useServing    use = "serving"
	useNotebook   use = "notebook"
)

// instance is a machine type of SageMaker, named without its prefix ml. as EC2 names it.
type instance struct {
	name         string
	cpus, gib    int
	accelerator  components.Accelerator
	accelerators int
}

// instances lists the machine types that the target picks from, the cheapest of a kind first.
// Source: aws.amazon.com/ec2/instance-types and docs.aws.amazon.com/sagemaker, as of 2026.
var instances = []instance{
	{"t3.medium", 2, 4, "", 0}, {"t3.large", 2, 8, "", 0}, {"t3.xlarge", 4, 16, "", 0},
	{"c5.large", 2, 4, "", 0}, {"m5.large", 2, 8, "", 0}, {"c5.xlarge", 4, 8, "", 0}, {"m5.xlarge", 4, 16, "", 0},
	{"c5.2xlarge", 8, 16, "", 0}, {"m5.2xlarge", 8, 32, "", 0}, {"c5.4xlarge", 16, 32, "", 0},
	{"m5.4xlarge", 16, 64, "", 0}, {"c5.9xlarge", 36, 72, "", 0}, {"m5.12xlarge", 48, 192, "", 0},
	{"c5.18xlarge", 72, 144, "", 0}, {"m5.24xlarge", 96, 384, "", 0},
	{"g4dn.xlarge", 4, 16, components.GPUSmall, 1}, {"g4dn.2xlarge", 8, 32, components.GPUSmall, 1},
	{"g4dn.4xlarge", 16, 64, components.GPUSmall, 1}, {"g4dn.8xlarge", 32, 128, components.GPUSmall, 1},
	{"g4dn.12xlarge", 48, 192, components.GPUSmall, 4},
	{"g5.xlarge", 4, 16, components.GPUMedium, 1}, {"g5.2xlarge", 8, 32, components.GPUMedium, 1},
	{"g5.4xlarge", 16, 64, components.GPUMedium, 1}, {"g5.8xlarge", 32, 128, components.GPUMedium, 1},
	{"g5.12xlarge", 48, 192, components.GPUMedium, 4}, {"g5.24xlarge", 96, 384, components.GPUMedium, 4},
	{"g5.48xlarge", 192, 768, components.GPUMedium, 8},
	{"p4d.24xlarge", 96, 1152, components.GPULarge, 8},
	{"p5.48xlarge", 192, 2048, components.GPUXLarge, 8},
}

// lacking lists the families that a use does not have in SageMaker.
var lacking = map[use][]string{
	useTraining: {"t3.", "c5.large"}, useServing: {"t3."}, useProcessing: {"c5.large", "p4d.", "p5."}, useNotebook: {"p5."},
}

// acceleratorRegions lists the regions in which SageMaker has a kind of accelerator. T4 machines are everywhere that
// the target builds except where exceptT4 says so. A region that was added since is missing here until it is looked up.
// Source: aws.amazon.com/sagemaker/pricing by region.
var acceleratorRegions = map[components.Accelerator][]string{
	components.GPUMedium: {
		"us-east-1", "us-east-2", "us-west-2", "ca-central-1", "sa-east-1", "eu-central-1", "eu-west-1", "eu-west-2",
		"eu-north-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-2",
	},
	components.GPULarge: {
		"us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1", "ap-northeast-2",
		"ap-southeast-1",
	},
	components.GPUXLarge: {"us-east-1", "us-east-2", "us-west-2", "eu-north-1", "ap-northeast-1"},
}

// exceptT4 are the regions without T4 machines.
var exceptT4 = []string{"eu-central-2", "eu-south-2", "ap-southeast-3", "me-central-1", "il-central-1"}

// hasAccelerator reports whether a region has a kind of accelerator.
func hasAccelerator(region string, kind components.Accelerator) bool {
	if kind == components.GPUSmall {
		return !slices.Contains(exceptT4, region)
	}
	return slices.Contains(acceleratorRegions[kind], region)
}

// pick gives the cheapest machine type that offers what a workload asks for, with SageMaker's prefix.
// Errors: ErrChoice where the region or SageMaker lacks the accelerator, ErrRange where no machine is large enough.
func pick(region, arg string, on use, m components.Machine) (string, error) {
	switch {
	case m.Accelerator == components.TPU:
		return "", fmt.Errorf("%s.accelerator: found %q, which only Google has; want one of %s: %w",
			arg, m.Accelerator, gpus(), components.ErrChoice)
	case m.Accelerator != components.NoAccelerator && !hasAccelerator(region, m.Accelerator):
		return "", fmt.Errorf("%s.accelerator: found %q, which SageMaker lacks in %s; want %s, or a region of %s: %w",
			arg, m.Accelerator, region, gpusIn(region), regionsWith(m.Accelerator), components.ErrChoice)
	}
	for _, i := range instances {
		if i.accelerator != m.Accelerator || i.accelerators < m.Accelerators || float64(i.cpus) < m.CPUs ||
			i.gib*1024 < m.MemoryMiB || i.lacks(on) {
			continue
		}
		return "ml." + i.name, nil
	}
	return "", fmt.Errorf("%s: found %v processors, %d MiB and %d accelerators %q, for which SageMaker has no machine "+
		"for %s: %w", arg, m.CPUs, m.MemoryMiB, m.Accelerators, m.Accelerator, on, components.ErrRange)
}

// lacks reports whether SageMaker does not offer the machine for a use.
func (i instance) lacks(on use) bool {
	return slices.ContainsFunc(lacking[on], func(family string) bool { return strings.HasPrefix(i.name, family) })
}

func gpus() string {
	return strings.Join([]string{
		string(components.GPUSmall), string(components.GPUMedium), string(components.GPULarge), string(components.GPUXLarge),
	}, ", ")
}

// gpusIn lists the accelerators that a region has.
func gpusIn(region string) string {
	var has []string
	for _, kind := range components.Accelerators() {
		if kind != components.NoAccelerator && hasAccelerator(region, kind) {
			has = append(has, string(kind))
		}
	}
	if len(has) == 0 {
		return "none"
	}
	return strings.Join(has, ", ")
}

func regionsWith(kind components.Accelerator) string {
	if kind == components.GPUSmall {
		return "the others than " + strings.Join(exceptT4, ", ")
	}
	return strings.Join(acceleratorRegions[kind], ", ")
}
