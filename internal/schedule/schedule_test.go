package schedule_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/schedule"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"0 2 * * *", "*/15 * * * *", "0 3 * * MON", "1,2 0-5 1 1 *"} {
		require.NoError(t, schedule.Check(good), good)
	}
	for _, bad := range []string{"", "@daily", "* * *", "61 * * * *", "CRON_TZ=UTC 0 2 * * *", "0 0 2 * * *", "never"} {
		assert.ErrorContains(t, schedule.Check(bad), "five fields", bad)
	}
}
