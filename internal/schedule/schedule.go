// Package schedule checks cron expressions in one place for the pipeline and for the components.
package schedule

import (
	"fmt"
	"strings"

	"github.com/robfig/cron/v3"
)

// Check accepts a cron expression of five fields in UTC, such as "0 2 * * *", and says what is wrong with another.
func Check(expression string) error {
	const want = `want a cron expression of five fields in UTC such as "0 2 * * *"`
	if strings.HasPrefix(expression, "@") || strings.Contains(expression, "TZ=") {
		return fmt.Errorf("found %q, %s", expression, want)
	}
	if _, err := cron.ParseStandard(expression); err != nil {
		return fmt.Errorf("found %q, %s: %w", expression, want, err)
	}
	return nil
}
