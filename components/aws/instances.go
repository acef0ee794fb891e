package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/machines"
)

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
func pick(region, arg string, on machines.Use, m components.Machine) (string, error) {
	switch {
	case m.Accelerator == components.TPU:
		return "", fmt.Errorf("%s.accelerator: found %q, which only Google has; want one of %s: %w",
			arg, m.Accelerator, gpus(), components.ErrChoice)
	case m.Accelerator != components.NoAccelerator && !hasAccelerator(region, m.Accelerator):
		return "", fmt.Errorf("%s.accelerator: found %q, which SageMaker lacks in %s; want %s, or a region of %s: %w",
			arg, m.Accelerator, region, gpusIn(region), regionsWith(m.Accelerator), components.ErrChoice)
	}
	if machine, ok := machines.Pick(on, needOf(m)); ok {
		return machine.SageMaker(), nil
	}
	return "", fmt.Errorf("%s: found %v processors, %d MiB and %d accelerators %q, for which SageMaker has no machine "+
		"for %s: %w", arg, m.CPUs, m.MemoryMiB, m.Accelerators, m.Accelerator, on, components.ErrRange)
}

// needOf says what a workload needs in the words of the table of machines.
func needOf(m components.Machine) machines.Need {
	return machines.Need{
		CPUs: m.CPUs, MemoryMiB: m.MemoryMiB, Accelerator: string(m.Accelerator), Accelerators: m.Accelerators,
	}
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
