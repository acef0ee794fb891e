package aws

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

func TestPick(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		region string
		on     use
		m      components.Machine
		want   string
	}{
		{"eu-central-1", useTraining, components.Machine{CPUs: 2, MemoryMiB: 8192}, "ml.m5.large"},
		{"eu-central-1", useNotebook, components.Machine{CPUs: 2, MemoryMiB: 4096}, "ml.t3.medium"},
		{"eu-central-1", useServing, components.Machine{CPUs: 1, MemoryMiB: 2048}, "ml.c5.large"},
		{"eu-central-1", useServing, components.Machine{CPUs: 3, MemoryMiB: 8193}, "ml.m5.xlarge"},
		{"eu-west-3", useTraining, gpu(components.GPUSmall, 1), "ml.g4dn.xlarge"},
		{"eu-west-1", useTraining, gpu(components.GPUMedium, 2), "ml.g5.12xlarge"},
		{"us-east-1", useTraining, gpu(components.GPULarge, 1), "ml.p4d.24xlarge"},
		{"us-east-1", useTraining, gpu(components.GPUXLarge, 8), "ml.p5.48xlarge"},
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
		on     use
		m      components.Machine
		want   error
		says   string
	}{
		{"eu-central-1", useTraining, gpu(components.TPU, 1), components.ErrChoice, "only Google has"},
		{"eu-west-3", useTraining, gpu(components.GPUXLarge, 1), components.ErrChoice, "want gpu-small, or a region of us-east-1"},
		{"il-central-1", useTraining, gpu(components.GPUSmall, 1), components.ErrChoice, "want none"},
		{"us-east-1", useProcessing, gpu(components.GPUXLarge, 1), components.ErrRange, "for processing"},
		{"us-east-1", useTraining, gpu(components.GPUMedium, 16), components.ErrRange, "16 accelerators"},
		{"us-east-1", useServing, components.Machine{CPUs: 2, MemoryMiB: 1 << 20}, components.ErrRange, "1048576 MiB"},
	} {
		_, err := pick(test.region, "machine", test.on, test.m)
		require.ErrorIs(t, err, test.want)
		require.ErrorContains(t, err, test.says)
	}
}

func gpu(kind components.Accelerator, count int) components.Machine {
	return components.Machine{CPUs: 1, MemoryMiB: 1024, Accelerator: kind, Accelerators: count}
}

// TestPickIsEnough: whatever is picked offers what was asked for, and nothing that comes before it does.
func TestPickIsEnough(t *testing.T) {
	t.Parallel()
	for cpus := 1; cpus <= 96; cpus *= 2 {
		for mib := 1024; mib <= 384*1024; mib *= 2 {
			m := components.Machine{CPUs: float64(cpus), MemoryMiB: mib}
			name, err := pick("us-east-1", "machine", useTraining, m)
			require.NoError(t, err)
			for _, i := range instances {
				fits := i.accelerators == 0 && i.cpus >= cpus && i.gib*1024 >= mib && !i.lacks(useTraining)
				if "ml."+i.name == name {
					assert.True(t, fits, "%s for %v", name, m)
					break
				}
				assert.False(t, fits, "%s before %s for %v", i.name, name, m)
			}
		}
	}
}
