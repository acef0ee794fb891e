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
// page that MLPATHWAY_BENCH names: make bench-engine. MLPATHWAY_BENCH_ROWS is a regular expression of the rows to
// measure; the page keeps the others.
//
//nolint:paralleltest // a measurement runs alone
func TestBenchmark(t *testing.T) {
	page := os.Getenv("MLPATHWAY_BENCH")
	if page == "" {
		t.Skip("make bench-engine runs it")
	}
	chosen := regexp.MustCompile(os.Getenv("MLPATHWAY_BENCH_ROWS"))
	for _, m := range measurements(t) {
		if !chosen.MatchString(m.what) {
			continue
		}
		s := m.stack(t)
		s.Deadline, s.Checkpoints = 20*time.Minute, m.checkpoints
		first := measure(t, s, m.binary)
		require.NoError(t, writeRow(page, m.what, row(first, measure(t, s, m.binary)))) // at once: the last rows take long
	}
}

// measurement is a row of the table.
type measurement struct {
	what                string
	stack               func(*testing.T) *engine.Stack
	binary, checkpoints bool
}

// measurements are the rows of the largest stack, and copies of its resources. With the state written after every step
// 16 copies of it would take hours; how that grows is shown with copies of the smallest stack.
func measurements(t *testing.T) []measurement {
	t.Helper()
	small, large := recorded(t)
	own := func(t *testing.T) *engine.Stack {
		t.Helper()
		return large.file.Stack(t, engine.New(t, large.file.Case().Providers...), "", nil)
	}
	all := []measurement{
		{large.file.Name + ", state written after every step", own, true, true},
		{large.file.Name + ", state written at the end", own, true, false},
	}
	for _, of := range []struct {
		recording
		when        string
		checkpoints bool
	}{{large, "at the end", false}, {small, "after every step", true}} {
		for _, n := range []int{1, 4, 16} {
			copies := func(t *testing.T) *engine.Stack {
				t.Helper()
				replay, err := engine.Replay(of.data, n, copyOf)
				require.NoError(t, err)
				return engine.New(t, engine.Project).Stack(t, "bench", replay, nil)
			}
			what := fmt.Sprintf("%d times the resources of %s, %s", n, of.file.Name, of.when)
			all = append(all, measurement{what, copies, false, of.checkpoints})
		}
	}
	return all
}

// recording is a stack that was brought up once.
type recording struct {
	file      *engine.File
	data      []byte
	resources int
}

// recorded are the stacks with the fewest and with the most resources. MLPATHWAY_BENCH_STACKS is a regular expression
// of the stacks to choose among.
func recorded(t *testing.T) (small, large recording) {
	t.Helper()
	among := regexp.MustCompile(os.Getenv("MLPATHWAY_BENCH_STACKS"))
	for _, file := range engine.Files(t) {
		if !among.MatchString(file.Name) {
			continue
		}
		s := file.Stack(t, engine.New(t, file.Case().Providers...), "", nil)
		state := s.Up(t).State
		data, err := s.Record(state)
		require.NoError(t, err)
		r := recording{file, data, len(state.Custom())}
		if small.file == nil || r.resources < small.resources {
			small = r
		}
		if r.resources > large.resources {
			large = r
		}
	}
	require.NotNil(t, large.file, "no stack is named like %s", among)
	return small, large
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

func row(first, second profile) string {
	columns := []string{fmt.Sprint(first.resources)}
	for _, d := range []time.Duration{
		first.wall, first.engine, first.program, first.providers, second.wall, second.engine,
	} {
		columns = append(columns, fmt.Sprintf("%.1f", d.Seconds()))
	}
	return strings.Join(append(columns, time.Now().UTC().Format(time.DateOnly)), " | ")
}

// writeRow replaces a row of the table on the page, or adds it.
func writeRow(page, what, columns string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := "<!-- bench-engine: begin -->\n", "<!-- bench-engine: end -->\n"
	before, rest, begins := strings.Cut(string(data), begin)
	block, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		return fmt.Errorf("%s lacks the markers of bench-engine", page)
	}
	rows, found := slices.Collect(strings.Lines(block)), false
	text := fmt.Sprintf("| %s | %s |\n", what, columns)
	for i, line := range rows {
		if strings.HasPrefix(line, "| "+what+" |") {
			rows[i], found = text, true
		}
	}
	if !found {
		rows = append(rows[:len(rows)-1], text, "\n")
	}
	rows[1] = fmt.Sprintf("%d cores, %s/%s, %s.\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	return os.WriteFile(page, []byte(before+begin+strings.Join(rows, "")+end+after), 0o644)
}
