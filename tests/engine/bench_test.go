package engine_test

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/engine"
	"github.com/mlpathway/mlpathway/tests/standin/cloud"
)

// TestBenchmark measures where an up of the largest stack spends its time, and how it grows, and writes it into the
// page that MLPATHWAY_BENCH names: make bench-engine.
//
//nolint:paralleltest // a measurement runs alone
func TestBenchmark(t *testing.T) {
	page := os.Getenv("MLPATHWAY_BENCH")
	if page == "" {
		t.Skip("make bench-engine runs it")
	}
	name, file, recording := largest(t)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d cores, %s/%s, %s; the largest stack is %s.\n\n", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), name)
	b.WriteString("| what | resources | up, s | engine, s CPU | program, s CPU | providers, s CPU | second up, s |\n" +
		"|---|---:|---:|---:|---:|---:|---:|\n")
	write := func(what string, first, second profile) { // at once: the last rows take long
		row(&b, what, first, second)
		require.NoError(t, writeBlock(page, "bench-engine", b.String()))
	}
	if file != nil {
		s := file.Stack(t, engine.New(t, file.Case().Providers...), "", nil)
		write("the program itself", measure(t, s, true), measure(t, s, true))
	}
	for _, copies := range []int{1, 4, 16} {
		replay, err := engine.Replay(recording, copies, copyOf)
		require.NoError(t, err)
		s := engine.New(t, engine.Project).Stack(t, "bench", replay, nil)
		s.Deadline = 20 * time.Minute
		write(fmt.Sprintf("%d times its resources", copies), measure(t, s, false), measure(t, s, false))
	}
	t.Log("\n" + b.String())
}

// largest is the stack with the most resources, or the test program where that is larger. MLPATHWAY_BENCH_STACK names
// another one.
func largest(t *testing.T) (string, *engine.File, []byte) {
	t.Helper()
	s := engine.New(t).Stack(t, "platform", program(func(o *platformOptions) { o.team = "fraud" }), nil)
	data, err := s.Record(s.Up(t).State)
	require.NoError(t, err)
	name, most, found := "the test program of tests/engine", len(s.Up(t).State.Custom()), (*engine.File)(nil)
	only := os.Getenv("MLPATHWAY_BENCH_STACK")
	for _, file := range engine.Files(t) {
		if only != "" && file.Name != only {
			continue
		}
		s := file.Stack(t, engine.New(t, file.Case().Providers...), "", nil)
		state := s.Up(t).State
		if len(state.Custom()) <= most {
			continue
		}
		most, name, found = len(state.Custom()), file.Name, file
		data, err = s.Record(state)
		require.NoError(t, err)
	}
	return name, found, data
}

// logical matches the part of a URN that follows the type: the logical name.
var logical = regexp.MustCompile(`"(urn:pulumi:[^"]*::)([^":]+)"`)

// invented matches the names and ids that follow from a resource.
var invented = regexp.MustCompile(`"([^"]*-[0-9a-f]{7,17})"`)

// copyOf gives every resource of a copy another logical name; the names in the cloud follow from it, or carry a team.
func copyOf(text string, n int) string {
	suffix := fmt.Sprintf("-%02d", n)
	text = logical.ReplaceAllString(text, `"${1}${2}`+suffix+`"`)
	text = invented.ReplaceAllString(text, `"${1}`+suffix+`"`)
	return strings.ReplaceAll(text, "fraud", "fraud"+suffix[1:])
}

// profile is where an operation spent its time.
type profile struct {
	resources                        int
	wall, engine, program, providers time.Duration
}

func measure(t *testing.T, s *engine.Stack, binary bool) profile {
	t.Helper()
	s.Checkpoints = true
	before := processorTime(t)
	r := s.Up(t)
	p := profile{resources: len(r.State.Resources), wall: r.Duration, providers: providerTime(r.Calls)}
	// The CLI's own time holds that of the providers, which it waits for.
	p.engine = max(0, r.CPU-p.providers)
	p.program = processorTime(t) - before // the program is a function of this process
	if binary {
		p.program = time.Duration(engine.ProgramCPU())
	}
	return p
}

// providerTime is what the processes of the stand-in used up to their last call.
func providerTime(calls []cloud.Call) time.Duration {
	last := map[int]time.Duration{}
	for _, call := range calls {
		last[call.Process] = max(last[call.Process], call.CPU)
	}
	var all time.Duration
	for _, used := range last {
		all += used
	}
	return all
}

func row(b *strings.Builder, what string, first, second profile) {
	columns := []string{what, fmt.Sprint(first.resources)}
	for _, d := range []time.Duration{first.wall, first.engine, first.program, first.providers, second.wall} {
		columns = append(columns, fmt.Sprintf("%.1f", d.Seconds()))
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(columns, " | "))
}

// writeBlock replaces what stands between two markers of a page.
func writeBlock(page, name, text string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	parts := strings.SplitN(string(data), begin, 2)
	if len(parts) != 2 || !strings.Contains(parts[1], end) {
		return fmt.Errorf("%s lacks the markers of %s", page, name)
	}
	rest := strings.SplitN(parts[1], end, 2)[1]
	return os.WriteFile(page, slices.Concat([]byte(parts[0]+begin+"\n"+text+"\n"+end), []byte(rest)), 0o644)
}
