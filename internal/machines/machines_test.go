package machines_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/machines"
)

// TestPickIsEnough: whatever is picked has what was asked for, and nothing that comes before it does.
func TestPickIsEnough(t *testing.T) {
	t.Parallel()
	for cpus := 1; cpus <= 96; cpus *= 2 {
		for mib := 1024; mib <= 384*1024; mib *= 2 {
			need := machines.Need{CPUs: float64(cpus), MemoryMiB: mib}
			picked, ok := machines.Pick(machines.Training, need)
			require.True(t, ok, "%v", need)
			for _, m := range machines.All() {
				fits := m.Accelerators == 0 && m.CPUs >= cpus && m.GiB*1024 >= mib && m.For(machines.Training)
				if m == picked {
					assert.True(t, fits, "%s for %v", picked.Name, need)
					break
				}
				assert.False(t, fits, "%s before %s for %v", m.Name, picked.Name, need)
			}
		}
	}
}

func TestPickFindsNone(t *testing.T) {
	t.Parallel()
	for _, need := range []machines.Need{
		{CPUs: 97}, {MemoryMiB: 384*1024 + 1}, {Accelerator: "tpu", Accelerators: 1},
		{Accelerator: "gpu-medium", Accelerators: 9},
	} {
		_, ok := machines.Pick(machines.Training, need)
		assert.False(t, ok, "%v", need)
	}
	_, ok := machines.Pick(machines.Processing, machines.Need{Accelerator: "gpu-large", Accelerators: 1})
	assert.False(t, ok, "no processing job runs on p4d")
}
