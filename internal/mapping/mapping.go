// Package mapping works on manifests that are maps of maps, as JSON and YAML give them.
package mapping

// Within gives the mapping at a path, and makes it where there is none.
func Within(m map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		below, ok := m[key].(map[string]any)
		if !ok {
			below = map[string]any{}
			m[key] = below
		}
		m = below
	}
	return m
}
