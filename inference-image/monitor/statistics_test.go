package monitor

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The statistics are those of SciPy; testdata/statistics.py says how its values were made.
func TestStatisticsAreThoseOfSciPy(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/statistics.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			Training, Live []int
			PSI, KS, JS    float64
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Cases, 24)
	for _, c := range file.Cases {
		assert.InDelta(t, c.PSI, PSI(c.Training, c.Live), 1e-12, "PSI of %v and %v", c.Training, c.Live)
		assert.InDelta(t, c.KS, KS(c.Training, c.Live), 1e-12, "KS of %v and %v", c.Training, c.Live)
		assert.InDelta(t, c.JS, JS(c.Training, c.Live), 1e-7, "JS of %v and %v", c.Training, c.Live)
	}
}
