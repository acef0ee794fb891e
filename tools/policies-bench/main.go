// Policies-bench measures the policy engine on made-up stacks of growing size, and beside it Open Policy Agent with the
// same rules, written in Rego, on the same stacks. Both must find the same, or nothing is measured.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// measurement is what one run of one engine on one stack took.
type measurement struct {
	Engine    string
	Resources int
	Rules     int
	Findings  int
	// Found is a sum over what was found, to compare engines by.
	Found string
	// Places are what was found, where there are few.
	Places []string `json:",omitempty"`
	// Seconds of processor time, the best of the runs.
	Seconds float64
	// PeakMiB is the most memory that the process had, the stack itself included.
	PeakMiB float64
}

// The engines.
const (
	allRules = "all"     // our engine, every rule
	pieces   = "pieces"  // the same, with the stack cut into stacks of 1000 resources
	twins    = "twins"   // our engine, the rules that have a twin in Rego
	opa      = "opa"     // Open Policy Agent, the twins
	nothing  = "nothing" // the stack alone: what its memory is
)

func main() {
	engine := flag.String("engine", "", "measure one engine in this process: all, pieces, twins, opa or nothing")
	n := flag.Int("n", 0, "resources of the stack")
	write := flag.String("write", "", "write the table into this document")
	sizes := flag.String("sizes", "1000,10000,100000", "resources of the stacks")
	flag.Parse()
	var err error
	if *engine != "" {
		err = child(*engine, *n)
	} else {
		err = parent(*sizes, *write)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child measures one engine and prints what it found as JSON.
func child(engine string, n int) error {
	m, err := measure(engine, n)
	if err != nil {
		return fmt.Errorf("measuring %s on %d resources: %w", engine, n, err)
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

// parent runs each engine on each stack in a process of its own, so that none pays for the garbage of another.
func parent(sizes, write string) error {
	var all []measurement
	for size := range strings.SplitSeq(sizes, ",") {
		byEngine := map[string]measurement{}
		for _, engine := range []string{nothing, allRules, pieces, twins, opa} {
			m, err := spawn(engine, size)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%-8s %6d resources: %8.4f s, %6.0f MiB, %d findings\n",
				m.Engine, m.Resources, m.Seconds, m.PeakMiB, m.Findings)
			byEngine[engine] = m
			all = append(all, m)
		}
		if byEngine[twins].Found != byEngine[opa].Found {
			return fmt.Errorf("%s resources: our engine and Open Policy Agent disagree: %d and %d findings\n%s",
				size, byEngine[twins].Findings, byEngine[opa].Findings, difference(byEngine[twins], byEngine[opa]))
		}
	}
	text := table(all)
	fmt.Print(text)
	if write == "" {
		return nil
	}
	return replace(write, text)
}

// difference names the places that one engine found and the other did not.
func difference(ours, theirs measurement) string {
	var b strings.Builder
	for name, pair := range map[string][2]measurement{"only ours": {ours, theirs}, "only theirs": {theirs, ours}} {
		for _, place := range pair[0].Places {
			if !slices.Contains(pair[1].Places, place) {
				fmt.Fprintf(&b, "%s: %s\n", name, place)
			}
		}
	}
	return b.String()
}

func spawn(engine, size string) (m measurement, err error) {
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	command := exec.Command(self, "-engine", engine, "-n", size)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return m, fmt.Errorf("running %s on %s resources: %w", engine, size, err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, err
	}
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.PeakMiB = float64(usage.Maxrss) / 1024
	}
	return m, nil
}

// best runs something several times, fewer times where it takes long, and gives the best of the seconds of processor
// time: what else the machine does lengthens it least.
func best(run func() error) (float64, error) {
	fastest, spent := math.Inf(1), 0.0
	for runs := 0; runs < 3 || runs < 50 && spent < 2; runs++ {
		runtime.GC()
		begun := processor()
		if err := run(); err != nil {
			return 0, err
		}
		took := processor() - begun
		fastest, spent = min(fastest, took), spent+took
		if spent > 10 {
			break
		}
	}
	return fastest, nil
}

// processor is the processor time that this process has used, in seconds, that of its garbage collection included.
func processor() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return math.NaN()
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
