// Package local is the target that runs the whole platform on one machine: the lake is a directory, a workload is a
// process under a supervisor, an address is a port on loopback. It needs no account, no container engine and no
// network.
//
// Its resources belong to the project's own Pulumi provider in the folder provider.
package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Name of the target in a stack file.
const Name = "local"

// Identity is the principal of every workload: all of them are processes of the person who runs Pulumi.
const identity = "local"

// Options say where the target keeps things on this machine.
type Options struct {
	// Scope says for whom the target builds.
	Scope components.Scope
	// StateDir is the absolute path of the directory that holds everything of the stack.
	StateDir string
	// BinDir is the absolute path of the directory with the programs: images by their names, and process-compose.
	BinDir string
	// ReadySeconds bounds the wait for an endpoint's first model. Default 600.
	ReadySeconds int
	// Unbuilt takes every program as not built yet, for a plan: none has to be there, and all have one digest.
	Unbuilt bool
}

// Target implements components.Target on one machine.
type Target struct {
	options Options
	root    *directory // nil before Begin

	mu        sync.Mutex
	processes pulumi.StringMap  // digest of every process by name
	waits     []readiness       // endpoints whose first model Finish waits for
	pipeline  string            // the process that makes that model; "" where there is none
	digests   map[string]string // digest of every program by path
}

var _ components.Target = (*Target)(nil)

// New makes the target. It fails where a path is not absolute or the programs have not been built.
func New(o *Options) (*Target, error) {
	for name, path := range map[string]string{"StateDir": o.StateDir, "BinDir": o.BinDir} {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("creating the local target: %s: found %q, want an absolute path", name, path)
		}
	}
	t := &Target{options: *o, processes: pulumi.StringMap{}, digests: map[string]string{}}
	if t.options.ReadySeconds == 0 {
		t.options.ReadySeconds = 600
	}
	if _, err := t.program("process-compose"); err != nil {
		return nil, err
	}
	return t, nil
}

// Name implements components.Target.
func (*Target) Name() string { return Name }

// Scope implements components.Target.
func (t *Target) Scope() components.Scope { return t.options.Scope }

// Unsupported implements components.Target.
func (*Target) Unsupported() map[components.Layer]string {
	return map[components.Layer]string{
		components.ClusterLayer:   "workloads are processes of the machine itself",
		components.BudgetLayer:    "a machine of one's own sends no bill",
		components.WorkbenchLayer: "any notebook on this machine can open the lake's directory",
		components.DeliveryLayer:  "there is no account whose roles a CI system could take",
	}
}

// Begin makes the directory that holds everything else.
func (t *Target) Begin(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
	root, err := newDirectory(ctx, name, directoryArgs{Path: t.options.StateDir}, opts...)
	t.root = root
	return err
}

// Finish starts the supervisor with all processes and waits until every endpoint serves a model.
func (t *Target) Finish(
	ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption,
) (pulumi.Map, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	program, err := t.program("process-compose")
	if err != nil {
		return nil, err
	}
	s, err := newSupervisor(ctx, name+"-supervisor", supervisorArgs{
		Directory: t.supervisorDir(), Binary: program.path, Processes: t.processes,
	}, t.under(opts)...)
	if err != nil {
		return nil, err
	}
	for _, wait := range t.waits {
		if t.pipeline == "" {
			break
		}
		wait.Pipeline, wait.Socket, wait.TimeoutSeconds = t.pipeline, s.Socket, t.options.ReadySeconds
		if _, err := newReady(ctx, wait.Process+"-ready", wait, opts...); err != nil {
			return nil, err
		}
	}
	return pulumi.Map{
		"supervisor": s.Socket, "logs": pulumi.String(filepath.Join(t.supervisorDir(), "logs")),
		"stateDir": pulumi.String(t.options.StateDir),
	}, nil
}

// GrantLake makes nothing: all processes run as one user, and the state directory is closed to everybody else.
func (*Target) GrantLake(*pulumi.Context, string, *components.LakeGrant, ...pulumi.ResourceOption) error {
	return nil
}

// GrantRegistry makes nothing, for the same reason as GrantLake.
func (*Target) GrantRegistry(
	*pulumi.Context, string, *components.RegistryGrant, ...pulumi.ResourceOption,
) error {
	return nil
}

// under adds to the options of a resource that it lies in the state directory, so that the directory goes last.
func (t *Target) under(opts []pulumi.ResourceOption) []pulumi.ResourceOption {
	if t.root == nil {
		return opts
	}
	return append(append([]pulumi.ResourceOption{}, opts...), pulumi.DependsOn([]pulumi.Resource{t.root}))
}

// path joins names to the state directory.
func (t *Target) path(names ...string) string {
	return filepath.Join(append([]string{t.options.StateDir}, names...)...)
}

func (t *Target) supervisorDir() string { return t.path("supervisor") }

// program is a file that can be run.
type program struct{ path, digest string }

// ErrNoProgram means that an image or a tool has not been built.
var ErrNoProgram = errors.New("the program has not been built")

// program finds a program in the directory for programs, or anywhere by an absolute path, and takes its digest, so
// that a rebuilt program restarts its processes.
func (t *Target) program(name string) (program, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.options.BinDir, name)
	}
	if t.options.Unbuilt {
		return program{path, "unbuilt"}, nil
	}
	if digest, ok := t.digests[path]; ok {
		return program{path, digest}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return program{}, fmt.Errorf("looking for %s: %w: %w; run `make build`", path, ErrNoProgram, err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return program{}, fmt.Errorf("reading %s: %w", path, err)
	}
	t.digests[path] = hex.EncodeToString(sum.Sum(nil))
	return program{path, t.digests[path]}, nil
}

// uri writes a path as a URI with a scheme such as file, sqlite or duckdb.
func uri(scheme, path string) string {
	return (&url.URL{Scheme: scheme, Path: filepath.ToSlash(path)}).String()
}
