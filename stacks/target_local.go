//go:build local || !(aws || gcp || azure || kubernetes)

package stacks

import (
	"os"
	"path/filepath"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/local"
)

// Variables that move the directories of a local stack; the tests use them.
const (
	stateDirVariable = "MLPATHWAY_STATE_DIR" // default .mlpathway in the project
	binDirVariable   = "MLPATHWAY_BIN_DIR"   // default bin in the project
)

var localTarget builder = newLocalTarget

func newLocalTarget(p place, c *Config) (components.Target, error) {
	state := directory(p.Root, stateDirVariable, ".mlpathway")
	return local.New(&local.Options{
		Scope:    c.scope(p.Project),
		StateDir: filepath.Join(state, p.Stack),
		BinDir:   directory(p.Root, binDirVariable, "bin"),
	})
}

func directory(root, variable, fallback string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	return filepath.Join(root, fallback)
}
