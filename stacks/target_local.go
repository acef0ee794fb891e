//go:build local || !(aws || gcp || azure || kubernetes)

package stacks

import (
	"path/filepath"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/local"
)

var localTarget builder = newLocalTarget

// newLocalTarget keeps everything of a stack under .mlpathway and finds the programs under bin, both in the project.
func newLocalTarget(p place, c *Config) (components.Target, error) {
	return local.New(&local.Options{
		Scope:    c.scope(p.Project),
		StateDir: filepath.Join(p.Root, ".mlpathway", p.Stack),
		BinDir:   filepath.Join(p.Root, "bin"),
		Unbuilt:  p.Plan,
	})
}
