package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// sdkModule matches the modules of cloud SDKs in go.mod.
var sdkModule = regexp.MustCompile(
	`(?m)^\t(github\.com/pulumi/pulumi-(?:aws|gcp|kubernetes|random|azure-native-sdk)/[^ ]+) v`)

// Modules finds the cloud SDKs that the go.mod in a directory names, and brings in those whose sources are missing.
func Modules(ctx context.Context, root string) ([]Module, error) {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("looking for cloud SDKs: %w", err)
	}
	args := []string{"mod", "download", "-json"}
	for _, match := range sdkModule.FindAllSubmatch(data, -1) {
		args = append(args, string(match[1]))
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = root
	var diagnostics bytes.Buffer
	command.Stderr = &diagnostics
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("fetching the sources of the cloud SDKs: %w: %s%s", err, out, &diagnostics)
	}
	var modules []Module
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var m Module
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			return modules, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading what go mod download says: %w", err)
		}
		modules = append(modules, m)
	}
}

// Plugin is the name and version under which Pulumi asks for the provider of an SDK.
type Plugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Plugin reads which provider an SDK asks for. The root of the Azure SDK asks for none.
func (m Module) Plugin() (Plugin, bool, error) {
	var p Plugin
	files, err := filepath.Glob(filepath.Join(m.Dir, "go", "*", "pulumi-plugin.json"))
	if err != nil {
		return p, false, err
	}
	for _, file := range append(files, filepath.Join(m.Dir, "pulumi-plugin.json")) {
		data, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return p, false, err
		}
		if err := json.Unmarshal(data, &p); err != nil {
			return p, false, fmt.Errorf("%s: %w", file, err)
		}
		return p, p.Name != "", nil
	}
	return p, false, nil
}
