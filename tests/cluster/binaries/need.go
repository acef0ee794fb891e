package binaries

import (
	"os"
	"strings"
	"testing"
)

// RequireVariable makes tests fail whose programs are missing: admission for those that judge objects alone, anything
// else for all of them.
const RequireVariable = "MLPATHWAY_REQUIRE_CLUSTER"

// Need is the cache of the project at root with the programs that a test needs. Where one is missing the test is
// skipped and says how to build it, or fails where the environment demands it.
func Need(tb testing.TB, root string, names []string) *Cache {
	tb.Helper()
	cache, err := Open(root)
	if err != nil {
		tb.Fatal(err)
	}
	missing := cache.Missing(names)
	if len(missing) == 0 {
		return cache
	}
	message := "not built: " + strings.Join(missing, ", ") + "; make test-cluster builds them (15 minutes of CPU, once)"
	demanded := os.Getenv(RequireVariable)
	if demanded == "" || demanded == "admission" && len(names) > len(Admission) {
		tb.Skip(message)
	}
	tb.Fatal(message)
	return nil
}
