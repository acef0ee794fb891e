//go:build linux

// Package container runs the containers of pods with podman as a kubelet would have them run: the user, the closed
// root, the capabilities, the limits, the variables and the mounts are those of the object. What it does not know in an
// object it refuses, so that nothing is left out quietly.
package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlpathway/mlpathway/tests/cluster/netns"
)

// ErrNoEngine means that podman or runc is not installed.
var ErrNoEngine = errors.New("podman and runc are not installed: apt-get install podman buildah runc")

// Engine runs containers out of a store of its own.
type Engine struct {
	// Namespace is the network that all containers are in.
	*netns.Namespace

	dir string
	env []string
	ran []string
}

// Open finds podman. dir holds everything that it writes; conf is how it runs without systemd. stores hold images that
// others have built; nothing is written there.
func Open(dir, conf string, stores ...string) (*Engine, error) {
	for _, program := range []string{"podman", "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
		}
	}
	storage := filepath.Join(dir, "storage.conf")
	quoted := make([]string, len(stores))
	for i, store := range stores {
		quoted[i] = strconv.Quote(store)
	}
	text := fmt.Sprintf("[storage]\ndriver = \"overlay\"\nrunroot = %q\ngraphroot = %q\n"+
		"[storage.options]\nadditionalimagestores = [%s]\n", filepath.Join(dir, "run"), filepath.Join(dir, "graph"),
		strings.Join(quoted, ", "))
	if err := os.WriteFile(storage, []byte(text), 0o600); err != nil {
		return nil, err
	}
	network, err := netns.New()
	if err != nil {
		return nil, err
	}
	env := append(os.Environ(), "CONTAINERS_CONF="+conf, "CONTAINERS_STORAGE_CONF="+storage)
	return &Engine{Namespace: network, dir: dir, env: env}, nil
}

// Close ends and removes the containers that were started, and waits until nothing works on the store: podman cleans up
// after each container in a process of its own, and what it writes then could not be deleted.
func (e *Engine) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	if len(e.ran) > 0 {
		_, err := e.podman(ctx, append([]string{"rm", "-f", "-i", "-t", "1"}, e.ran...)...)
		errs = append(errs, err)
	}
	for e.busy() {
		select {
		case <-ctx.Done():
			return errors.Join(append(errs, fmt.Errorf("podman still works on %s", e.dir))...)
		case <-time.After(20 * time.Millisecond):
		}
	}
	e.Namespace.Close()
	return errors.Join(append(errs, e.unmount())...)
}

// busy tells whether a process that podman left behind works on the store: its command line names it.
func (e *Engine) busy() bool {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	return slices.ContainsFunc(paths, func(path string) bool {
		line, _ := os.ReadFile(path) // it may have ended
		return strings.Contains(string(line), e.dir)
	})
}

// unmount takes away what is mounted below the store, the last one first: the driver mounts its folder over itself.
func (e *Engine) unmount() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var errs []error
	lines := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], e.dir+"/") {
			errs = append(errs, unix.Unmount(fields[4], unix.MNT_DETACH))
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) podman(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "podman", args...)
	var out, trouble bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = e.env, &out, &trouble
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("podman %s: %w: %s", args[0], err, trouble.String())
	}
	return out.String(), nil
}

// Image is what a container is made of: an image of a store, or a folder of files and the program in it.
type Image struct {
	// Name is that of the image.
	Name string
	// Root is the folder.
	Root string
	// Entrypoint is the program in the folder.
	Entrypoint []string
}

// Around gives a pod what the cluster around it would.
type Around struct {
	// Files are the keys of ConfigMaps and Secrets, by the name of the object.
	Files map[string]map[string]string
	// Claims are folders in the place of disks, by the name of the claim.
	Claims map[string]string
	// Hosts are names that resolve to loopback, where everything is.
	Hosts []string
}

// Start starts the first container of a pod and returns the container's name.
func (e *Engine) Start(ctx context.Context, pod map[string]any, image Image, around Around) (string, error) {
	r := &reader{engine: e, pod: pod, around: around, values: map[string]string{}}
	args, err := r.arguments()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%d-%d", text(pod, "metadata", "name"), os.Getpid(), len(e.ran))
	all := append([]string{"run", "-d", "--name", name, "--network", "ns:" + e.Path}, args...)
	all = append(append(all, r.program(image)...), r.args()...)
	e.ran = append(e.ran, name)
	_, err = e.podman(ctx, all...)
	return name, err
}

// Wait waits until a container ends, and returns its exit code and what it wrote.
func (e *Engine) Wait(ctx context.Context, name string) (code int, output string, err error) {
	answer, err := e.podman(ctx, "wait", name)
	if err != nil {
		return 0, "", err
	}
	if code, err = strconv.Atoi(strings.TrimSpace(answer)); err != nil {
		return 0, "", err
	}
	output, err = e.Output(ctx, name)
	return code, output, err
}

// Output is what a container wrote so far.
func (e *Engine) Output(ctx context.Context, name string) (string, error) {
	cmd := exec.CommandContext(ctx, "podman", "logs", name)
	cmd.Env = e.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Stop sends SIGTERM, as the cluster does to a pod that must go, and SIGKILL after seconds.
func (e *Engine) Stop(ctx context.Context, name string, seconds int64) error {
	_, err := e.podman(ctx, "stop", "-t", strconv.FormatInt(seconds, 10), name)
	return err
}

// Inspect answers a question about a container, as a Go template.
func (e *Engine) Inspect(ctx context.Context, name, question string) (string, error) {
	answer, err := e.podman(ctx, "inspect", "-f", question, name)
	return strings.TrimSpace(answer), err
}

// Files makes a folder with a program, as entrypoint, and everything that it loads, as an image without a shell has it.
// libraries are loaded by name while it runs, and lie in lib beside it.
func Files(ctx context.Context, dir, program, entrypoint string, libraries ...string) (Image, error) {
	image := Image{Root: dir, Entrypoint: []string{entrypoint}}
	if err := copyFile(program, filepath.Join(dir, entrypoint)); err != nil {
		return image, err
	}
	for _, library := range libraries {
		lib := filepath.Join(dir, filepath.Dir(entrypoint), "lib", filepath.Base(library))
		if err := copyFile(library, lib); err != nil {
			return image, err
		}
	}
	for _, needs := range append([]string{program}, libraries...) {
		out, err := exec.CommandContext(ctx, "ldd", needs).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "not a dynamic executable") {
			return image, fmt.Errorf("asking what %s loads: %w: %s", needs, err, out)
		}
		for _, word := range strings.Fields(string(out)) {
			if !filepath.IsAbs(word) || strings.HasSuffix(word, ":") {
				continue
			}
			if err := copyFile(word, filepath.Join(dir, word)); err != nil {
				return image, err
			}
		}
	}
	for _, folder := range []string{"tmp", "etc", "proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return image, err
		}
	}
	const users = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
	return image, os.WriteFile(filepath.Join(dir, "etc", "passwd"), []byte(users), 0o644)
}

// copyFile copies what a path leads to, for everybody to read and run.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}
