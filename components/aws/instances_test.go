package aws

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/machines"
)

func TestPick(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		region string
		on     machines.Use
		m      components.Machine
		want   string
	}{
		{"eu-central-1", machines.Training, components.Machine{CPUs: 2, MemoryMiB: 8192}, "ml.m5.large"},
		{"eu-central-1", machines.Notebook, components.Machine{CPUs: 2, MemoryMiB: 4096}, "ml.t3.medium"},
		{"eu-central-1", machines.Serving, components.Machine{CPUs: 1, MemoryMiB: 2048}, "ml.c5.large"},
		{"eu-central-1", machines.Serving, components.Machine{CPUs: 3, MemoryMiB: 8193}, "ml.m5.xlarge"},
		{"eu-west-3", machines.Training, gpu(components.GPUSmall, 1), "ml.g4dn.xlarge"},
		{"eu-west-1", machines.Training, gpu(components.GPUMedium, 2), "ml.g5.12xlarge"},
		{"us-east-1", machines.Training, gpu(components.GPULarge, 1), "ml.p4d.24xlarge"},
		{"us-east-1", machines.Training, gpu(components.GPUXLarge, 8), "ml.p5.48xlarge"},
	} {
		got, err := pick(test.region, "machine", test.on, test.m)
		require.NoError(t, err)
		assert.Equal(t, test.want, got)
	}
}

func TestPickRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		region string
		on     machines.Use
		m      components.Machine
		want   error
		says   string
	}{
		{"eu-central-1", machines.Training, gpu(components.TPU, 1), components.ErrChoice, "only Google has"},
		{"eu-west-3", machines.Training, gpu(components.GPUXLarge, 1), components.ErrChoice,
			"want gpu-small, or a region of us-east-1"},
		{"il-central-1", machines.Training, gpu(components.GPUSmall, 1), components.ErrChoice, "want none"},
		{"us-east-1", machines.Processing, gpu(components.GPUXLarge, 1), components.ErrRange, "for processing"},
		{"us-east-1", machines.Training, gpu(components.GPUMedium, 16), components.ErrRange, "16 accelerators"},
		{"us-east-1", machines.Serving, components.Machine{CPUs: 2, MemoryMiB: 1 << 20}, components.ErrRange, "1048576 MiB"},
	} {
		_, err := pick(test.region, "machine", test.on, test.m)
		require.ErrorIs(t, err, test.want)
		require.ErrorContains(t, err, test.says)
	}
}

func gpu(kind components.Accelerator, count int) components.Machine {
	return components.Machine{CPUs: 1, MemoryMiB: 1024, Accelerator: kind, Accelerators: count}
}

// TestKindsOfMachines: the table of machines names accelerators as the portable layers do, and has all but Google's.
func TestKindsOfMachines(t *testing.T) {
	t.Parallel()
	var kinds []components.Accelerator
	for _, m := range machines.All() {
		kinds = append(kinds, components.Accelerator(m.Accelerator))
	}
	for _, kind := range components.Accelerators() {
		if kind == components.TPU {
			assert.NotContains(t, kinds, kind)
		} else {
			assert.Contains(t, kinds, kind)
		}
	}
	for _, kind := range kinds {
		assert.Contains(t, components.Accelerators(), kind)
	}
}
