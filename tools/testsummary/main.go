// Command testsummary runs the suites of the project, shows failures whole and everything else short, and prints one
// table at the end. It exits 1 where a suite fails or the components are covered too little.
//
//	go -C tools run ./testsummary all
//	go -C tools run ./testsummary unit conformance
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const module = "github.com/mlpathway/mlpathway"

// suite is one part of the tests.
type suite struct {
	name string
	// command is run as it is; its exit status decides.
	command []string
	// packages are tested with go test, save those that match without.
	packages, without []string
	flags             []string
	// covers is a pattern of packages whose coverage is measured.
	covers string
	// apart suites run only where they are named.
	apart bool
}

// suites are all there is, in the order in which they run: the quick ones first.
func suites() []suite {
	return []suite{
		{name: "lint", command: []string{"tools/lint-all"}},
		{name: "unit", packages: []string{".", "./internal/...", "./stacks/...", "./policies/..."}},
		{
			name: "conformance", packages: []string{"./components/..."}, without: []string{"/components/local/provider"},
			covers: "./components/...",
		},
		{
			name: "provider", packages: []string{"./components/local/provider/..."},
			covers: "./components/local/provider/...",
		},
		{name: "images", packages: []string{"./training-image/...", "./inference-image/..."}},
		{
			name: "clients", packages: []string{"./tests/clients", "./training-image/metadata"},
			flags: []string{"-count=1", "-tags=cloud,disable_grpc_modules"},
		},
		{
			name:     "race",
			packages: []string{"./inference-image/serve", "./inference-image/keepalive", "./inference-image/capture"},
			flags: []string{"-race", "-tags=local", "-run=TestLoadAndFaults|TestSwap|TestCapture|TestGathering|TestShadow|" +
				"TestTraffic|TestFullQueue|TestDeadline|TestRowsOfMany|TestSameAsStandard|TestManyCallers|" +
				"TestCallersThatGoAway|TestContextsAndTheNextRequest|TestShutdown"},
		},
		{
			name: "onnxruntime", packages: []string{"./inference-image/model", "./training-image/evaluate"},
			flags: []string{"-tags=local,onnxruntime"},
		},
		{
			name: "container", packages: []string{"./inference-image/container"},
			flags: []string{"-count=1", "-timeout=30m", "-tags=container"},
		},
		{name: "tools", command: []string{"go", "-C", "tools", "test", "./testsummary"}},
		{
			name: "engine", packages: []string{"./tests/engine/...", "./tests/standin/...", "./tests/cloud/..."},
			flags: []string{"-count=1", "-timeout=30m", "-tags=local"},
		},
		{
			name:     "admission",
			packages: []string{"./tests/cluster/admission", "./tests/cluster/container", "./tests/cluster/scale"},
			flags:    []string{"-count=1", "-timeout=30m", "-tags=kubernetes"},
		},
		{
			name: "cluster", packages: []string{"./tests/cluster/..."}, apart: true,
			flags: []string{"-count=1", "-timeout=60m", "-tags=kubernetes"},
		},
		{
			name: "e2e", packages: []string{"./tests/..."},
			without: []string{"/tests/engine", "/tests/standin", "/tests/cloud", "/tests/clients", "/tests/cluster"},
			flags:   []string{"-count=1", "-timeout=30m"},
		},
	}
}

// row is the result of a suite.
type row struct {
	suite                            string
	packages, tests, skipped, failed int
	seconds                          float64
	ok                               bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, names []string, out io.Writer) int {
	root, err := workingCopy()
	if err != nil {
		fmt.Fprintln(out, "error:", err)
		return 1
	}
	var rows []row
	for _, s := range suites() {
		if !slices.Contains(names, s.name) && (s.apart || !slices.Contains(names, "all")) {
			continue
		}
		fmt.Fprintf(out, "\n=== %s\n", s.name)
		begun := time.Now()
		r := s.run(ctx, root, out)
		r.suite, r.seconds = s.name, time.Since(begun).Seconds()
		rows = append(rows, r)
		if ctx.Err() != nil {
			break
		}
	}
	if len(rows) == 0 {
		fmt.Fprintf(out, "error: no such suite in %q: want all or some of %s\n", names, suiteNames())
		return 2
	}
	covered := coverage(profiles(root, rows))
	printTable(out, rows, covered)
	if slices.ContainsFunc(rows, func(r row) bool { return !r.ok }) || !covered.enough() {
		return 1
	}
	return 0
}

// profiles are the coverage profiles of the suites that ran; none unless all that measure did, because each reaches
// only a part.
func profiles(root string, rows []row) []string {
	var files []string
	for _, s := range suites() {
		if s.covers == "" {
			continue
		}
		if !slices.ContainsFunc(rows, func(r row) bool { return r.suite == s.name }) {
			return nil
		}
		files = append(files, s.profile(root))
	}
	return files
}

func (s *suite) profile(root string) string { return filepath.Join(root, "coverage", s.name+".out") }

func suiteNames() string {
	var names []string
	for _, s := range suites() {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// workingCopy is the folder above this module.
func workingCopy() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the working copy: %w", err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("finding the working copy: there is no Pulumi.yaml above %s", dir)
}

func (s *suite) run(ctx context.Context, root string, out io.Writer) row {
	if s.command != nil {
		command := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
		command.Dir, command.Stdout, command.Stderr = root, out, out
		return row{ok: command.Run() == nil}
	}
	packages, err := s.list(ctx, root)
	if err != nil {
		fmt.Fprintln(out, err)
		return row{}
	}
	if len(packages) == 0 {
		fmt.Fprintf(out, "error: %s matches no package\n", s.packages)
		return row{}
	}
	args := append([]string{"test", "-json"}, s.flags...)
	if s.covers != "" {
		if err := os.MkdirAll(filepath.Join(root, "coverage"), 0o755); err != nil { //nolint:gosec // for everybody to read
			fmt.Fprintln(out, err)
			return row{}
		}
		args = append(args, "-coverpkg="+s.covers, "-coverprofile="+s.profile(root))
	}
	command := exec.CommandContext(ctx, "go", append(args, packages...)...)
	command.Dir, command.Stderr = root, out
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	stdout, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		fmt.Fprintln(out, err)
		return row{}
	}
	r := report(stdout, out)
	r.ok = command.Wait() == nil && r.failed == 0
	return r
}

// list gives the packages of the suite.
func (s *suite) list(ctx context.Context, root string) ([]string, error) {
	args := []string{"list", "-e", "-f", "{{if .Name}}{{.ImportPath}}{{end}}"}
	for _, flag := range s.flags {
		if strings.HasPrefix(flag, "-tags") { // some packages are all behind a tag
			args = append(args, flag)
		}
	}
	command := exec.CommandContext(ctx, "go", append(args, s.packages...)...)
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the packages of %s: %w", s.name, err)
	}
	packages := strings.Fields(string(output))
	return slices.DeleteFunc(packages, func(path string) bool {
		return slices.ContainsFunc(s.without, func(part string) bool { return strings.Contains(path, part) })
	}), nil
}
