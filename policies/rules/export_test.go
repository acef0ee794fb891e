package rules

// Generic is generic, for tests of the catalogue.
func Generic(path string) string { return generic(path) }

// Traced are options that tell which properties each rule reads.
func Traced(trace func(rule, typ, path string)) Options { return Options{trace: trace} }
