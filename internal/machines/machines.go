// Package machines is the table of the machine types that the platform picks from on AWS. Whoever declares a machine
// and whoever says what it will cost read the same table.
package machines

import (
	"slices"
	"strings"
)

// Use is what SageMaker needs a machine for: not every machine serves every use.
type Use string

// The uses.
const (
	Training   Use = "training"
	Processing Use = "processing"
	Serving    Use = "serving"
	Notebook   Use = "notebook"
)

// Machine is a machine type, named as EC2 names it; SageMaker puts ml. before it.
type Machine struct {
	// Name such as m5.large.
	Name string
	// CPUs and GiB of memory.
	CPUs, GiB int
	// Accelerator is its kind as the portable layers name it; "" for none.
	Accelerator string
	// Accelerators is how many it has.
	Accelerators int
}

// Need is what a workload asks for.
type Need struct {
	// CPUs and memory.
	CPUs      float64
	MemoryMiB int
	// Accelerator is the kind as the portable layers name it; "" for none.
	Accelerator string
	// Accelerators is how many of them.
	Accelerators int
}

// The kinds of accelerators that the machines have.
const (
	small  = "gpu-small"
	medium = "gpu-medium"
	large  = "gpu-large"
	xlarge = "gpu-xlarge"
)

// table lists the machine types, the cheapest of a kind first.
// Source: aws.amazon.com/ec2/instance-types and docs.aws.amazon.com/sagemaker, as of 2026.
var table = []Machine{
	{"t3.medium", 2, 4, "", 0}, {"t3.large", 2, 8, "", 0}, {"t3.xlarge", 4, 16, "", 0},
	{"c5.large", 2, 4, "", 0}, {"m5.large", 2, 8, "", 0}, {"c5.xlarge", 4, 8, "", 0}, {"m5.xlarge", 4, 16, "", 0},
	{"c5.2xlarge", 8, 16, "", 0}, {"m5.2xlarge", 8, 32, "", 0}, {"c5.4xlarge", 16, 32, "", 0},
	{"m5.4xlarge", 16, 64, "", 0}, {"c5.9xlarge", 36, 72, "", 0}, {"m5.12xlarge", 48, 192, "", 0},
	{"c5.18xlarge", 72, 144, "", 0}, {"m5.24xlarge", 96, 384, "", 0},
	{"g4dn.xlarge", 4, 16, small, 1}, {"g4dn.2xlarge", 8, 32, small, 1}, {"g4dn.4xlarge", 16, 64, small, 1},
	{"g4dn.8xlarge", 32, 128, small, 1}, {"g4dn.12xlarge", 48, 192, small, 4},
	{"g5.xlarge", 4, 16, medium, 1}, {"g5.2xlarge", 8, 32, medium, 1}, {"g5.4xlarge", 16, 64, medium, 1},
	{"g5.8xlarge", 32, 128, medium, 1}, {"g5.12xlarge", 48, 192, medium, 4}, {"g5.24xlarge", 96, 384, medium, 4},
	{"g5.48xlarge", 192, 768, medium, 8},
	{"p4d.24xlarge", 96, 1152, large, 8},
	{"p5.48xlarge", 192, 2048, xlarge, 8},
}

// lacking lists the families that a use does not have in SageMaker.
var lacking = map[Use][]string{
	Training: {"t3.", "c5.large"}, Serving: {"t3."}, Processing: {"c5.large", "p4d.", "p5."}, Notebook: {"p5."},
}

// All gives every machine type, the cheapest of a kind first.
func All() []Machine { return slices.Clone(table) }

// Pick gives the cheapest machine type that has what a workload of SageMaker needs; false where there is none.
func Pick(on Use, need Need) (Machine, bool) {
	i := slices.IndexFunc(table, func(m Machine) bool { return m.Has(need) && m.For(on) })
	if i < 0 {
		return Machine{}, false
	}
	return table[i], true
}

// Has reports whether the machine has what is needed: the same kind of accelerator, and no less of anything.
func (m Machine) Has(need Need) bool {
	return m.Accelerator == need.Accelerator && m.Accelerators >= need.Accelerators && float64(m.CPUs) >= need.CPUs &&
		m.GiB*1024 >= need.MemoryMiB
}

// For reports whether SageMaker offers the machine for a use.
func (m Machine) For(on Use) bool {
	return !slices.ContainsFunc(lacking[on], func(family string) bool { return strings.HasPrefix(m.Name, family) })
}

// SageMaker is the name of the machine type there.
func (m Machine) SageMaker() string { return "ml." + m.Name }
