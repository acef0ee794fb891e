// Package binaries builds the programs of a Kubernetes control plane from the modules that tools/k8s/go.mod and
// tools/argo/go.mod pin, once, into a cache.
package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Names of the programs.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kwok              = "kwok"
	JobSet            = "jobset"
	Kueue             = "kueue"
	Trainer           = "trainer"
	Karpenter         = "karpenter"
	Workflows         = "workflow-controller"
)

// KubernetesVersion is the version of the control plane, which its programs do not know when they are built from a
// module. It is that of k8s.io/kubernetes in tools/k8s/go.mod.
const KubernetesVersion = "v1.36.3"

// Admission are the programs that judge objects, Behaviour those that act on them. Behaviour holds Admission.
var (
	Admission = []string{Etcd, APIServer}
	Behaviour = []string{
		Etcd, APIServer, ControllerManager, Scheduler, Kwok, JobSet, Kueue, Trainer, Karpenter, Workflows,
	}
)

var packages = map[string]string{
	Etcd:              "go.etcd.io/etcd/server/v3",
	APIServer:         "k8s.io/kubernetes/cmd/kube-apiserver",
	ControllerManager: "k8s.io/kubernetes/cmd/kube-controller-manager",
	Scheduler:         "k8s.io/kubernetes/cmd/kube-scheduler",
	Kwok:              "sigs.k8s.io/kwok/cmd/kwok",
	JobSet:            "sigs.k8s.io/jobset",
	Kueue:             "sigs.k8s.io/kueue/cmd/kueue",
	Trainer:           "github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager",
	Karpenter:         "sigs.k8s.io/karpenter/kwok",
	Workflows:         Argo + "/cmd/workflow-controller",
}

// Argo is the module of Argo Workflows. Its dependencies and Kubernetes' do not go together: it has its own go.mod.
const Argo = "github.com/argoproj/argo-workflows/v3"

// tools is the folder of the go.mod that pins the module of a package.
func tools(pkg string) string {
	if strings.HasPrefix(pkg, Argo) {
		return "argo"
	}
	return "k8s"
}

// ErrMissing means that programs are not in the cache.
var ErrMissing = errors.New("the programs of the control plane are not built")

// Cache is where the programs of one set of versions lie.
type Cache struct {
	// Root is the directory of the project.
	Root string
	// Dir holds a folder for each content of a go.mod and its go.sum and version of Go.
	Dir string

	folders map[string]string // by the folder under tools
}

// Open finds the cache of the project at root: under $MLPATHWAY_K8S_CACHE, or else in the user's cache directory.
func Open(root string) (*Cache, error) {
	base := os.Getenv("MLPATHWAY_K8S_CACHE")
	if base == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding the cache: %w; set MLPATHWAY_K8S_CACHE", err)
		}
		base = filepath.Join(dir, "mlpathway", "k8s")
	}
	c := &Cache{Root: root, Dir: base, folders: map[string]string{}}
	for _, of := range []string{"k8s", "argo"} {
		sum := sha256.New()
		fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, KubernetesVersion)
		for _, name := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(filepath.Join(root, "tools", of, name))
			if err != nil {
				return nil, fmt.Errorf("reading the versions of the control plane: %w", err)
			}
			fmt.Fprintf(sum, "%d\n%s", len(text), text)
		}
		c.folders[of] = filepath.Join(base, hex.EncodeToString(sum.Sum(nil))[:16])
	}
	return c, nil
}

// Path of a program.
func (c *Cache) Path(name string) string {
	return filepath.Join(c.folders[tools(packages[name])], name)
}

// Missing lists those of the programs that are not built.
func (c *Cache) Missing(names []string) []string {
	var missing []string
	for _, name := range names {
		if _, err := os.Stat(c.Path(name)); err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

// Build builds what is missing and writes a line for each program to progress. A program is there whole or not at all.
func (c *Cache) Build(ctx context.Context, names []string, progress io.Writer) error {
	for _, folder := range c.folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	for _, name := range c.Missing(names) {
		fmt.Fprintf(progress, "Building %s ...\n", name)
		if err := c.build(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cache) build(ctx context.Context, name string) error {
	const version = "k8s.io/component-base/version."
	major, minor, _ := strings.Cut(strings.TrimPrefix(KubernetesVersion, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	half := c.Path(fmt.Sprintf("%s.half-%d", name, os.Getpid()))
	link := strings.Join([]string{
		"-s -w", "-X " + version + "gitVersion=" + KubernetesVersion, "-X " + version + "gitMajor=" + major,
		"-X " + version + "gitMinor=" + minor, "-X " + version + "gitTreeState=clean",
	}, " ")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", link,
		"-o", half, packages[name])
	cmd.Dir = filepath.Join(c.Root, "tools", tools(packages[name]))
	// The compiler's own garbage collection is a fifth of its work. With the flags of the Makefile the standard library
	// comes from Go's cache.
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off", "GOGC=off", "GOMEMLIMIT=1GiB")
	if out, err := cmd.CombinedOutput(); err != nil {
		os.Remove(half) // it may not be there
		return fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return os.Rename(half, c.Path(name))
}

// Module is the directory of a module that a go.mod under tools pins; it is downloaded if it is not there.
func (c *Cache) Module(ctx context.Context, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", path)
	cmd.Dir = filepath.Join(c.Root, "tools", tools(path))
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	return download(cmd)
}

// Version is a module that a go.mod under tools pins, as path@version.
func (c *Cache) Version(ctx context.Context, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", path)
	cmd.Dir = filepath.Join(c.Root, "tools", tools(path))
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding the version of %s: %w", path, err)
	}
	return strings.Join(strings.Fields(string(out)), "@"), nil
}

// Published is the directory of a version of a module from which only files are read. sum is its checksum as in go.sum.
func Published(ctx context.Context, module, sum string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir() // outside of any module
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	dir, err := download(cmd, sum)
	if err != nil {
		return "", fmt.Errorf("%s: %w", module, err)
	}
	return dir, nil
}

// download runs go mod download and compares the checksum with those wanted, if any.
func download(cmd *exec.Cmd, sums ...string) (string, error) {
	out, err := cmd.Output()
	var answer struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), errors.Join(err, jsonErr))
	}
	if answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	if len(sums) > 0 && !slices.Contains(sums, answer.Sum) {
		return "", fmt.Errorf("checksum is %s, want %s", answer.Sum, strings.Join(sums, " or "))
	}
	return answer.Dir, nil
}
