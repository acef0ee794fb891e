package components

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Accelerator is what a workload computes on besides the CPU, as an intent: each target picks the machine.
type Accelerator string

// The accelerators.
const (
	NoAccelerator Accelerator = ""
	GPUSmall      Accelerator = "gpu-small"  // 16 GiB of GPU memory, inference and small training: T4
	GPUMedium     Accelerator = "gpu-medium" // 24 GiB: A10, L4
	GPULarge      Accelerator = "gpu-large"  // 40 or 80 GiB: A100
	GPUXLarge     Accelerator = "gpu-xlarge" // 80 GiB or more, for training over several machines: H100
	TPU           Accelerator = "tpu"        // a TPU slice, where the platform has one
)

// Accelerators lists every accelerator, the smallest first.
func Accelerators() []Accelerator {
	return []Accelerator{NoAccelerator, GPUSmall, GPUMedium, GPULarge, GPUXLarge, TPU}
}

// Machine is what one replica or one worker needs.
type Machine struct {
	// CPUs is the number of virtual processors; a half is allowed. Default 1.
	CPUs float64 `pulumi:"cpus"`
	// MemoryMiB is the memory in mebibytes. Default 2048.
	MemoryMiB int `pulumi:"memoryMiB"`
	// Accelerator is the kind of accelerator. Default none.
	Accelerator Accelerator `pulumi:"accelerator"`
	// Accelerators is the number of accelerators. Default 1 where Accelerator is set, else 0.
	Accelerators int `pulumi:"accelerators"`
}

func (m Machine) withDefaults() Machine {
	setDefault(&m.CPUs, 1)
	setDefault(&m.MemoryMiB, 2048)
	if m.Accelerator != NoAccelerator {
		setDefault(&m.Accelerators, 1)
	}
	return m
}

func (m Machine) validate(c *checker, arg string) {
	inRange(c, arg+".cpus", m.CPUs, 0.25, 192)
	inRange(c, arg+".memoryMiB", m.MemoryMiB, 128, 4*1024*1024)
	oneOf(c, arg+".accelerator", m.Accelerator, Accelerators()...)
	inRange(c, arg+".accelerators", m.Accelerators, 0, 16)
	if m.Accelerator == NoAccelerator && m.Accelerators > 0 {
		c.fail(ErrConflict, arg+".accelerators", m.Accelerators, "a kind in "+arg+".accelerator as well")
	}
}

// memoryUnits are the binary units of Kubernetes in mebibytes.
var memoryUnits = []struct {
	suffix string
	mib    float64
}{{"Ti", 1024 * 1024}, {"Gi", 1024}, {"Mi", 1}}

// ParseMemory reads an amount of memory such as 512Mi, 1.5Gi or 2Ti and gives it in whole mebibytes, rounded up.
func ParseMemory(text string) (int, error) {
	for _, unit := range memoryUnits {
		number, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(number, 64)
		if mib := math.Ceil(value * unit.mib); err == nil && value > 0 && mib <= math.MaxInt32 {
			return int(mib), nil
		}
		break
	}
	return 0, fmt.Errorf("memory: found %q, want an amount such as 512Mi, 1.5Gi or 2Ti: %w", text, ErrRange)
}

// FormatMemory writes an amount of memory in the largest unit that divides it: 1536 gives 1536Mi, 2048 gives 2Gi.
func FormatMemory(mib int) string {
	for _, unit := range memoryUnits {
		if size := int(unit.mib); mib >= size && mib%size == 0 {
			return strconv.Itoa(mib/size) + unit.suffix
		}
	}
	return strconv.Itoa(mib) + "Mi"
}

// FormatCPUs writes a number of processors as Kubernetes does: 2 gives 2, 0.5 gives 500m.
func FormatCPUs(cpus float64) string {
	milli := int(math.Ceil(cpus * 1000))
	if milli%1000 == 0 {
		return strconv.Itoa(milli / 1000)
	}
	return strconv.Itoa(milli) + "m"
}
