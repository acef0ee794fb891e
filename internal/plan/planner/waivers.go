package planner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// Waivers reads policies/waivers.yaml of a working copy; none where there is no such file.
func Waivers(root string) (rules.Waivers, error) {
	data, err := os.ReadFile(filepath.Join(root, "policies", "waivers.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the waivers: %w", err)
	}
	return rules.ReadWaivers(data), nil
}
