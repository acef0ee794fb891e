package components_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

func TestParseMemory(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"512Mi": 512, "1.5Gi": 1536, "2Ti": 2 << 20, "0.1Mi": 1, "1Gi": 1024} {
		got, err := components.ParseMemory(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "Gi", "12", "1GB", "-1Gi", "0Mi", "1e30Ti", "NaNGi", "InfMi", "1 Gi"} {
		_, err := components.ParseMemory(text)
		assert.ErrorIs(t, err, components.ErrRange, text)
	}
}

func FuzzMemory(f *testing.F) {
	f.Add(1)
	f.Add(1536)
	f.Add(3 << 20)
	f.Fuzz(func(t *testing.T, mib int) {
		if mib < 1 || mib > 1<<31-1 {
			return
		}
		back, err := components.ParseMemory(components.FormatMemory(mib))
		require.NoError(t, err)
		assert.Equal(t, mib, back)
	})
}

func TestFormatCPUs(t *testing.T) {
	t.Parallel()
	for cpus, want := range map[float64]string{2: "2", 0.5: "500m", 1.5: "1500m", 0.0001: "1m"} {
		assert.Equal(t, want, components.FormatCPUs(cpus))
	}
}

func TestFormatMemory(t *testing.T) {
	t.Parallel()
	for mib, want := range map[int]string{512: "512Mi", 2048: "2Gi", 1536: "1536Mi", 1 << 20: "1Ti"} {
		assert.Equal(t, want, components.FormatMemory(mib))
	}
}
