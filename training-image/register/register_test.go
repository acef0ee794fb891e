package register_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/register"
)

// Two runs within one second may train the same model, for instance when only the gate has changed: their versions
// are two all the same, and sort by time.
func TestRunsOfOneSecondHaveVersionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 12, 34, 56, 0, time.FixedZone("east", 3600))
	first := register.Name(&registry.Run{Started: start}, "0123456789abcdef")
	second := register.Name(&registry.Run{Started: start.Add(time.Millisecond)}, "0123456789abcdef")
	assert.Equal(t, "20261122T113456.000Z-01234567", first)
	assert.Less(t, first, second)
	assert.Equal(t, first, register.Name(&registry.Run{Started: start}, "0123456789abcdef"), "a repeated registration")
}
