// Package engine runs the real Pulumi CLI on programs and stacks without a cloud: a file backend keeps the state, and
// the stand-in of tests/standin answers for the cloud providers.
//
//	w := engine.New(t)
//	stack := w.Stack(t, "dev", engine.Inline(program), map[string]string{"mlpathway:team": "fraud"})
//	first := stack.Up(t)
//	second := stack.Up(t)
//	assert.Empty(t, second.Changed())
package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// Project is the name of the project in every workspace.
const Project = "mlpathway"

// passphrase protects the secrets in the states of tests.
const passphrase = "a passphrase for tests"

// Workspace is a directory with everything that Pulumi needs: a home with plugins, a backend, and a cloud. Stacks of
// one workspace share backend and cloud as the teams of a company do; two workspaces share nothing.
type Workspace struct {
	// Root is the directory of the project, with Pulumi.yaml and what the program reads.
	Root string
	// Cloud is what the stand-in answers from.
	Cloud *cloud.Cloud

	// Pulumi is the CLI.
	Pulumi string

	dir string
}

// New makes a workspace for the length of a test. providers are names under which the stand-in answers besides those of
// the cloud SDKs.
func New(t *testing.T, providers ...string) *Workspace {
	t.Helper()
	settings, standin, err := prepare(t)
	require.NoError(t, err)
	dir := t.TempDir()
	w := &Workspace{Root: filepath.Join(dir, "project"), dir: dir}
	for _, name := range []string{"project", "home/bin", "backend", "tmp"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o700))
	}
	w.Cloud, err = cloud.Create(filepath.Join(dir, "cloud"), settings)
	require.NoError(t, err)
	w.Pulumi, err = findPulumi()
	require.NoError(t, err)
	require.NoError(t, install(standin, filepath.Join(dir, "home", "plugins"), settings.Modules, providers))
	require.NoError(t, os.WriteFile(filepath.Join(w.Root, "Pulumi.yaml"),
		[]byte("name: "+Project+"\nruntime: go\nstackConfigDir: stacks\n"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(w.Root, "stacks"), 0o700))
	w.cleanUp(t)
	return w
}

// cleanUp demands at the end of the test that no process of the workspace is left. Providers end a moment after the
// engine that was killed.
func (w *Workspace) cleanUp(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		ended := func() bool { return len(Processes(w.dir)) == 0 }
		assert.Eventually(t, ended, Patience, 100*time.Millisecond, "processes of the test are left: %v", Processes(w.dir))
	})
}

// install puts the stand-in where the engine looks for the plugins of the cloud SDKs, and under further names.
func install(standin, plugins string, modules []schema.Module, names []string) error {
	var wanted []schema.Plugin
	for _, module := range modules {
		plugin, ok, err := module.Plugin()
		if err != nil {
			return err
		}
		if ok && !slices.Contains(wanted, plugin) {
			wanted = append(wanted, plugin)
		}
	}
	for _, name := range names { // a provider on the PATH comes before the plugins
		if err := os.Symlink(standin, filepath.Join(filepath.Dir(plugins), "bin", "pulumi-resource-"+name)); err != nil {
			return err
		}
	}
	for _, plugin := range wanted {
		dir := filepath.Join(plugins, fmt.Sprintf("resource-%s-v%s", plugin.Name, plugin.Version))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.Symlink(standin, filepath.Join(dir, "pulumi-resource-"+plugin.Name)); err != nil {
			return err
		}
	}
	return nil
}

// Clone copies the stack with its whole workspace, as both are now.
func (s *Stack) Clone(t *testing.T) *Stack {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"home", "backend", "cloud"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(s.Workspace.dir, name))))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o700))
	w := &Workspace{
		Root: filepath.Join(dir, "project"), Cloud: cloud.Open(filepath.Join(dir, "cloud")), dir: dir,
		Pulumi: s.Workspace.Pulumi,
	}
	require.NoError(t, os.CopyFS(w.Root, os.DirFS(s.Workspace.Root)))
	w.cleanUp(t)
	return &Stack{
		Name: s.Name, Workspace: w, Program: s.Program, Deadline: s.Deadline, Checkpoints: s.Checkpoints, host: startHost(t),
	}
}

var prepared = struct {
	sync.Once
	settings cloud.Settings
	standin  string
	err      error
}{}

// prepare builds the stand-in and finds the SDKs, once for all tests of a package.
func prepare(t *testing.T) (cloud.Settings, string, error) {
	t.Helper()
	p := &prepared
	p.Do(func() {
		root, err := Source()
		if err != nil {
			p.err = err
			return
		}
		p.settings.Modules, p.err = schema.Modules(t.Context(), root)
		if p.err != nil {
			return
		}
		cache := cacheDir(t, root)
		p.settings.Cache = filepath.Join(filepath.Dir(cache), "schema")
		p.standin, p.err = Build(t, filepath.Join(cache, "standin"), "./tests/standin", "local")
	})
	return p.settings, p.standin, p.err
}

// cacheDir is where the programs of a working copy are kept.
func cacheDir(t *testing.T, root string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(root))
	return filepath.Join(cache, "mlpathway", hex.EncodeToString(sum[:8]))
}

// Build builds a program of the project into a file; where nothing has changed, that takes a moment. Others may build
// and run the same file at the same time.
func Build(t *testing.T, path, pkg, tags string) (string, error) {
	t.Helper()
	root, err := Source()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a program is for everybody
		return "", err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }() // releases the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	command := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-ldflags=-s -w", "-o", path, pkg)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", pkg, err, out)
	}
	return path, nil
}

// Source is the root of the working copy that the test belongs to.
func Source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "Pulumi.yaml")); err == nil {
			return at, nil
		}
	}
	return "", fmt.Errorf("there is no Pulumi.yaml above %s", dir)
}

// findPulumi prefers the installed CLI over the one that make builds, as the product does.
func findPulumi() (string, error) {
	if path, err := exec.LookPath("pulumi"); err == nil {
		return path, nil
	}
	root, err := Source()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "pulumi")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no pulumi on the PATH and none in bin: make build: %w", err)
	}
	return path, nil
}

// Environment is what Pulumi runs with: nothing of the person's own account, and no way to any network but loopback.
func (w *Workspace) Environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		cloud := strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "ARM_") || strings.HasPrefix(name, "GOOGLE_")
		if !strings.HasPrefix(name, "PULUMI_") && !cloud && name != "KUBECONFIG" {
			kept = append(kept, variable)
		}
	}
	nowhere := "http://127.0.0.1:9" // the port of nobody
	return append(kept,
		"PULUMI_HOME="+filepath.Join(w.dir, "home"),
		"PULUMI_BACKEND_URL=file://"+filepath.ToSlash(filepath.Join(w.dir, "backend")),
		"PULUMI_CONFIG_PASSPHRASE="+passphrase,
		"PULUMI_SKIP_UPDATE_CHECK=1",
		"PULUMI_DEBUG_COMMANDS=1", // knows --event-log
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=1",
		"PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS=1",
		"PATH="+strings.Join([]string{
			filepath.Join(w.dir, "home", "bin"), filepath.Dir(w.Pulumi), os.Getenv("PATH"),
		}, string(os.PathListSeparator)),
		"HTTP_PROXY="+nowhere, "HTTPS_PROXY="+nowhere, "NO_PROXY=127.0.0.1,localhost", "GOPROXY=off",
		"TMPDIR="+filepath.Join(w.dir, "tmp"),
		cloud.Variable+"="+filepath.Join(w.dir, "cloud"),
	)
}

// Stack makes a stack in the workspace, with a program and a configuration.
func (w *Workspace) Stack(t *testing.T, name string, program Program, config map[string]string) *Stack {
	t.Helper()
	if config != nil {
		data, err := yaml.Marshal(map[string]any{"config": config})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(w.stackFile(name), data, 0o600))
	}
	s := &Stack{Name: name, Workspace: w, Program: program, host: startHost(t)}
	out, err := s.command(t.Context(), "stack", "init", name, "--non-interactive").CombinedOutput()
	require.NoError(t, err, string(out))
	return s
}

func (w *Workspace) stackFile(name string) string {
	return filepath.Join(w.Root, "stacks", "Pulumi."+name+".yaml")
}

// quiet tells that at most one call is under way.
func (w *Workspace) quiet() bool {
	calls, err := w.Cloud.Calls(0)
	if err != nil {
		return false
	}
	open := 0
	for _, call := range calls {
		if call.Ended.IsZero() {
			open++
		}
	}
	return open <= 1
}
