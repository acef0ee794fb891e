package family

import (
	"maps"
	"runtime"
	"runtime/debug"
)

// Libraries are the versions of what computes a model: those given, Go's, and DuckDB's.
func Libraries(own map[string]string) map[string]string {
	versions := map[string]string{"go": runtime.Version()}
	maps.Copy(versions, own)
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return versions
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/duckdb/duckdb-go/v2" {
			versions["duckdb-go"] = m.Version
		}
	}
	return versions
}
