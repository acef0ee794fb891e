package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// project is a working copy.
type project struct {
	root string // absolute
	name string // of the Pulumi project
}

// stack is one stack file of a working copy.
type stack struct {
	*project
	name string
	file string // absolute path of the stack file
	// local stacks keep state and secrets in the working copy, away from the person's own Pulumi account.
	local bool
}

// stackName keeps names inside their directory. Pulumi allows no others either.
var stackName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$`)

// reserved are the names in .mlpathway/ that are not states of stacks.
var reserved = []string{"backend", "home", "locks", "passphrase", "plans"}

// findProject looks for the working copy: in a directory and those above it, then beside this program.
func findProject(dir string) (*project, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if p := readProject(at); p != nil {
			return p, nil
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if program, err := os.Executable(); err == nil {
		if p := readProject(filepath.Dir(filepath.Dir(program))); p != nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no Pulumi.yaml with stackConfigDir: stacks in %s or above it: go to the working copy and "+
		"run again", dir)
}

func readProject(dir string) *project {
	data, err := os.ReadFile(filepath.Join(dir, "Pulumi.yaml"))
	if err != nil {
		return nil
	}
	var file struct {
		Name           string `yaml:"name"`
		StackConfigDir string `yaml:"stackConfigDir"`
	}
	if yaml.Unmarshal(data, &file) != nil || file.Name == "" || file.StackConfigDir != "stacks" {
		return nil
	}
	return &project{root: dir, name: file.Name}
}

// stack reads a stack file. Where there is none the error lists those that there are.
func (p *project) stack(name string) (*stack, error) {
	if !stackName.MatchString(name) || slices.Contains(reserved, name) {
		return nil, fmt.Errorf("stack %q: want letters, digits, '.', '_' and '-', and none of %s: %w",
			name, strings.Join(reserved, ", "), errUsage)
	}
	s := &stack{project: p, name: name, file: filepath.Join(p.root, "stacks", "Pulumi."+name+".yaml")}
	data, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no stack %s: %s does not exist\n  stacks: %s\n  to make one, copy and edit: "+
			"cp stacks/Pulumi.%s.yaml stacks/Pulumi.%s.yaml",
			name, s.file, strings.Join(p.stackNames(), ", "), defaultStack, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the stack %s: %w", name, err)
	}
	var file struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("reading the stack %s: %s: %w", name, s.file, err)
	}
	target := file.Config[p.name+":target"]
	s.local = target.Value == "local"
	return s, nil
}

func (p *project) stackNames() []string {
	files, err := filepath.Glob(filepath.Join(p.root, "stacks", "Pulumi.*.yaml"))
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		names = append(names, name)
	}
	return names
}

// own is the directory in the working copy that holds everything the local stacks make.
func (p *project) own(names ...string) string {
	return filepath.Join(append([]string{p.root, ".mlpathway"}, names...)...)
}

// bin is the directory with the programs that make builds.
func (p *project) bin(name string) string { return filepath.Join(p.root, "bin", name) }

// state is the directory of everything that a local stack makes: its lake, its registry, its logs.
func (s *stack) state(names ...string) string {
	return s.own(append([]string{s.name}, names...)...)
}

// settings is where Pulumi's own settings of a local stack lie, so that it never writes into the stack file.
func (s *stack) settings(names ...string) string {
	return s.own(append([]string{"home", "stacks", s.name}, names...)...)
}
