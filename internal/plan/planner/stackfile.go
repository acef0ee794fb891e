package planner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/internal/plan"
)

// Values reads the configuration of a stack as the engine would hand it to the program: one text for each key, lists
// and mappings as JSON. A value that is encrypted stays so: a plan needs no passphrase, and shows plan.Secret.
func Values(root, stack string) (map[string]string, error) {
	path := filepath.Join(root, "stacks", "Pulumi."+stack+".yaml")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		names, _ := Stacks(root)
		return nil, fmt.Errorf("there is no stack %s; the stacks are %s", stack, strings.Join(names, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the stack %s: %w", stack, err)
	}
	var file struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("reading the stack %s: %w", stack, err)
	}
	values := map[string]string{}
	for key, node := range file.Config {
		if values[key], err = value(&node); err != nil {
			return nil, fmt.Errorf("reading the stack %s: %s: %w", stack, key, err)
		}
	}
	return values, nil
}

// value writes one value of a stack file.
func value(node *yaml.Node) (string, error) {
	if node.Kind == yaml.ScalarNode {
		return node.Value, nil
	}
	var plain any
	if err := node.Decode(&plain); err != nil {
		return "", err
	}
	if m, ok := plain.(map[string]any); ok && len(m) == 1 && m["secure"] != nil {
		return plan.Secret, nil
	}
	data, err := json.Marshal(plain)
	return string(data), err
}

// Stacks lists the stacks that a working copy has files of.
func Stacks(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "stacks", "Pulumi.*.yaml"))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	slices.Sort(names)
	return names, nil
}
