// Command bench-compile measures what it takes to compile the program for a target: with an empty cache of Go, and
// again with a full one. It writes a dated table between the markers of a page.
//
//	go -C tools run ./bench-compile -target aws -write docs/benchmarks.md
//
// Paths are relative to the project. Time of processors and memory can be compared between a quiet and a busy machine;
// the clock on the wall cannot.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	target := flag.String("target", "aws", "the build tag")
	page := flag.String("write", "", "page to write into; nothing is written without one")
	flag.Parse()
	if err := run(*target, *page); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// build is one measured build.
type build struct {
	name      string
	wall, cpu time.Duration
	peakMiB   int64 // of the largest process
}

func run(target, page string) (err error) {
	work, err := os.MkdirTemp("", "mlpathway-compile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var builds []build
	for _, name := range []string{"cold: empty cache", "warm: nothing to compile, only to link"} {
		// A program that is up to date is not even linked.
		if err := os.RemoveAll(filepath.Join(work, "program")); err != nil {
			return err
		}
		b, err := measure(name, target, work)
		if err != nil {
			return err
		}
		builds = append(builds, b)
	}
	size, err := os.Stat(filepath.Join(work, "program"))
	if err != nil {
		return err
	}
	block := table(target, builds, size.Size())
	fmt.Print(block)
	if page == "" {
		return nil
	}
	return write(filepath.Join("..", page), "bench-compile-"+target, block)
}

// measure builds the program in the root of the project, with a cache in the directory work.
func measure(name, target, work string) (build, error) {
	cmd := exec.Command("go", "build", "-tags", target, "-ldflags", "-s -w", "-o", filepath.Join(work, "program"), ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = "..", os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(work, "cache"))
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		return build{}, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage) // of the whole tree of processes
	if !ok {
		return build{}, errors.New("this system does not tell what a process used")
	}
	return build{
		name: name, wall: time.Since(begun), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peakMiB: usage.Maxrss / 1024,
	}, nil
}

func table(target string, builds []build, size int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d cores, %s/%s, %s, `-tags %s`, a program of %d MiB; load of the machine before the end %s.\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), target,
		size>>20, load())
	b.WriteString("| build | processor time, s | wall, s | largest process, MiB |\n|---|---:|---:|---:|\n")
	for _, m := range builds {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %d |\n", m.name, m.cpu.Seconds(), m.wall.Seconds(), m.peakMiB)
	}
	return b.String()
}

// load is the load of the last one, five and fifteen minutes.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], ", ")
}

// write replaces what stands between two markers of a page.
func write(page, name, block string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- "+name+": begin -->\n"), []byte("<!-- "+name+": end -->")
	from, to := bytes.Index(data, begin), bytes.Index(data, end)
	if from < 0 || to < from {
		return fmt.Errorf("%s: want the markers %s and %s", page, bytes.TrimSpace(begin), end)
	}
	var out bytes.Buffer
	out.Write(data[:from+len(begin)])
	out.WriteString("\n" + block + "\n")
	out.Write(data[to:])
	return os.WriteFile(page, out.Bytes(), 0o644)
}
