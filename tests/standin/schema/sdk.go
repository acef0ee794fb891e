package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Module is a Go module of a cloud SDK.
type Module struct {
	// Path and Version of the module as in go.mod.
	Path, Version string
	// Dir holds its sources.
	Dir string
}

// SDKs looks things up in the sources of SDKs.
type SDKs struct {
	modules []Module
	cache   string

	mu       sync.Mutex
	packages map[string]*sourcePackage
	known    map[string]result
}

type result struct {
	definition *Definition
	err        error
}

// New looks things up in the sources of modules and keeps what it found under cache.
func New(modules []Module, cache string) *SDKs {
	return &SDKs{modules: modules, cache: cache, packages: map[string]*sourcePackage{}, known: map[string]result{}}
}

// Resource is the definition of a resource. Errors: ErrNotChecked, ErrUnknown.
func (s *SDKs) Resource(text string) (*Definition, error) {
	return s.find(text, (*sourcePackage).resource)
}

// Function is the definition of a function. Errors: ErrNotChecked, ErrUnknown.
func (s *SDKs) Function(text string) (*Definition, error) {
	return s.find(text, (*sourcePackage).function)
}

func (s *SDKs) find(text string, read func(*sourcePackage, sdkToken) (*Definition, error)) (*Definition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.known[text]; ok {
		return r.definition, r.err
	}
	definition, err := s.load(text, read)
	if err != nil {
		err = fmt.Errorf("%s: %w", text, err)
	}
	s.known[text] = result{definition, err}
	return definition, err
}

func (s *SDKs) load(text string, read func(*sourcePackage, sdkToken) (*Definition, error)) (*Definition, error) {
	t, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	module, importPath, err := s.locate(t)
	if err != nil {
		return nil, err
	}
	cached := s.cacheFile(module, text)
	if data, err := os.ReadFile(cached); err == nil {
		var d Definition
		if json.Unmarshal(data, &d) == nil {
			return &d, nil
		}
	}
	p, err := s.open(importPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, t.missing()
	}
	if err != nil {
		return nil, err
	}
	d, err := read(p, t)
	if err != nil {
		return nil, err
	}
	return d, s.keep(cached, d)
}

// missing is the error for a type that its SDK does not hold. A custom resource of Kubernetes is anybody's.
func (t sdkToken) missing() error {
	group, _, _ := strings.Cut(t.module, "/")
	if t.pkg == kubernetes && !builtIn(group) {
		return ErrNotChecked
	}
	return ErrUnknown
}

// builtIn tells whether a group comes with Kubernetes itself: apps, networking.k8s.io, and two with a longer name.
func builtIn(group string) bool {
	name, ours := strings.CutSuffix(group, ".k8s.io")
	return !strings.Contains(name, ".") && (ours || name == group) ||
		group == "rbac.authorization.k8s.io" || group == "flowcontrol.apiserver.k8s.io"
}

// format is part of the name of the cache: change it with what is kept.
const format = "1"

func (s *SDKs) cacheFile(m Module, text string) string {
	name := strings.NewReplacer("/", "_", ":", "_").Replace(text) + ".json"
	return filepath.Join(s.cache, format, strings.ReplaceAll(m.Path, "/", "_")+"@"+m.Version, name)
}

// keep writes a definition into the cache, whole or not at all.
func (s *SDKs) keep(path string, d *Definition) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // nothing of it is private
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// The packages that the stand-in answers for.
const (
	aws         = "aws"
	gcp         = "gcp"
	kubernetes  = "kubernetes"
	azureNative = "azure-native"
	random      = "random"
)

// locate finds the module and the import path of the Go package that holds a token.
func (s *SDKs) locate(t sdkToken) (Module, string, error) {
	switch t.pkg {
	case aws, gcp, kubernetes, random:
		prefix := "github.com/pulumi/pulumi-" + t.pkg + "/sdk/"
		m, ok := s.module(func(m Module) bool { return strings.HasPrefix(m.Path, prefix) })
		if !ok {
			return m, "", ErrNotChecked
		}
		return m, path.Join(m.Path, "go", t.pkg, t.folder()), nil
	case azureNative:
		service, version, _ := strings.Cut(t.module, "/")
		prefix := "github.com/pulumi/pulumi-azure-native-sdk/" + service + "/"
		m, ok := s.module(func(m Module) bool { return strings.HasPrefix(m.Path, prefix) })
		if !ok {
			return m, "", ErrNotChecked
		}
		if info, err := os.Stat(filepath.Join(m.Dir, version)); version == "" || err != nil || !info.IsDir() {
			version = ""
		}
		return m, path.Join(m.Path, version), nil
	default:
		return Module{}, "", ErrNotChecked
	}
}

// folder is the folder of the token's module inside its SDK.
func (t sdkToken) folder() string {
	first, rest, _ := strings.Cut(t.module, "/")
	if t.pkg == kubernetes {
		group, _, _ := strings.Cut(first, ".") // rbac.authorization.k8s.io/v1 lies in rbac/v1
		return path.Join(group, rest)
	}
	if first == "index" {
		return ""
	}
	return first
}

func (s *SDKs) module(is func(Module) bool) (Module, bool) {
	i := slices.IndexFunc(s.modules, is)
	if i < 0 {
		return Module{}, false
	}
	return s.modules[i], true
}

// open reads a Go package of an SDK.
func (s *SDKs) open(importPath string) (*sourcePackage, error) {
	if p, ok := s.packages[importPath]; ok {
		return p, nil
	}
	m, ok := s.module(func(m Module) bool { return importPath == m.Path || strings.HasPrefix(importPath, m.Path+"/") })
	if !ok {
		return nil, fmt.Errorf("%s: %w", importPath, ErrNotChecked)
	}
	dir := filepath.Join(m.Dir, filepath.FromSlash(strings.TrimPrefix(importPath, m.Path)))
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	p := &sourcePackage{sdks: s, path: importPath, dir: dir}
	s.packages[importPath] = p
	return p, nil
}
