package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keptFile lists, in the state directory, what earlier stacks of this name retained. It outlives the stack, so that
// a later one that fails half-way does not take the data along.
const keptFile = ".retained.json"

// retained lists what has to stay when the stack goes: the directories that its state marks as retained, and those
// that earlier stacks of this name retained.
func (w *work) retained(ctx context.Context) ([]string, error) {
	data, err := w.pulumi.capture(ctx, "stack", "export", "--stack", w.name)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the stack %s: %w", w.name, err)
	}
	var state struct {
		Deployment struct {
			Resources []struct {
				RetainOnDelete bool            `json:"retainOnDelete"`
				Inputs         json.RawMessage `json:"inputs"`
			} `json:"resources"`
		} `json:"deployment"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, fmt.Errorf("reading the state of the stack %s: %w", w.name, err)
	}
	var paths []string
	for _, resource := range state.Deployment.Resources {
		var inputs struct {
			Path   string `json:"path"`
			Retain bool   `json:"retain"`
		}
		// Inputs of other resources have other types under these names; they are none of ours.
		if json.Unmarshal(resource.Inputs, &inputs) != nil || inputs.Path == "" {
			continue
		}
		if inputs.Retain || resource.RetainOnDelete {
			paths = append(paths, inputs.Path)
		}
	}
	earlier, err := w.keptEarlier()
	paths = append(paths, earlier...)
	slices.Sort(paths)
	return slices.Compact(paths), err
}

func (s *stack) keptEarlier() ([]string, error) {
	data, err := os.ReadFile(s.state(keptFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var paths []string
	if err == nil {
		err = json.Unmarshal(data, &paths)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what earlier stacks retained: %s: %w: mend or remove it", s.state(keptFile), err)
	}
	return paths, nil
}

// sweep removes everything from the state directory that is not retained: what a killed command had begun and no
// state knows of.
func (s *stack) sweep(kept []string) error {
	if err := removeBut(s.state(), kept); err != nil {
		return fmt.Errorf("removing the directory of the stack %s: %w", s.name, err)
	}
	if err := removeEmpty(s.state()); err != nil {
		return fmt.Errorf("removing the directory of the stack %s: %w", s.name, err)
	}
	if !isDir(s.state()) {
		return nil
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("writing down what is retained: %w", err)
	}
	if err := os.WriteFile(s.state(keptFile), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing down what is retained: %w", err)
	}
	return nil
}

// removeBut removes a directory with everything in it, save some paths and the way to them.
func removeBut(dir string, kept []string) error {
	if slices.Contains(kept, dir) {
		return nil
	}
	onTheWay := slices.ContainsFunc(kept, func(path string) bool {
		return strings.HasPrefix(path, dir+string(filepath.Separator))
	})
	if !onTheWay {
		return os.RemoveAll(dir)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := removeBut(filepath.Join(dir, entry.Name()), kept); err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes a directory with all empty ones below it. What holds a file stays.
func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeEmpty(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if entries, err = os.ReadDir(dir); err != nil || len(entries) > 0 {
		return err
	}
	return os.Remove(dir)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
