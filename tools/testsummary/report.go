package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// maxLine bounds one line of a test's output.
const maxLine = 16 << 20

// testEvent is one line of go test -json.
type testEvent struct {
	Action     string
	Package    string
	ImportPath string // of a package that was built
	Test       string
	Elapsed    float64
	Output     string
}

// report reads the events of go test, prints a line for each package and the whole output of what failed.
func report(events io.Reader, out io.Writer) row {
	var r row
	output := map[string]*strings.Builder{} // by package and test
	write := func(key, text string) {
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		output[key].WriteString(text)
	}
	tests := map[string]int{}
	scanner := bufio.NewScanner(events)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		var e testEvent
		if json.Unmarshal(scanner.Bytes(), &e) != nil {
			fmt.Fprintln(out, scanner.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch {
		case e.Action == "build-output":
			fmt.Fprint(out, e.Output)
		case e.Action == "output":
			write(key, e.Output)
		case e.Test == "" && isEnd(e.Action):
			r.endPackage(&e, tests[e.Package], output[key], out)
		case isEnd(e.Action):
			tests[e.Package]++
			r.endTest(&e, output[key], out)
			delete(output, key)
		}
	}
	if err := scanner.Err(); err != nil {
		fmt.Fprintln(out, "reading the output of go test:", err)
		r.failed++
	}
	return r
}

func isEnd(action string) bool { return action == "pass" || action == "fail" || action == "skip" }

func (r *row) endTest(e *testEvent, output *strings.Builder, out io.Writer) {
	r.tests++
	switch e.Action {
	case "fail":
		r.failed++
		fmt.Fprintf(out, "\n--- FAIL %s %s\n", short(e.Package), e.Test)
		if output != nil {
			fmt.Fprint(out, output)
		}
	case "skip":
		r.skipped++
		fmt.Fprintf(out, "--- SKIP %s %s: %s\n", short(e.Package), e.Test, reason(output))
	}
}

func (r *row) endPackage(e *testEvent, tests int, output *strings.Builder, out io.Writer) {
	switch e.Action {
	case "skip": // a package without tests
		return
	case "fail":
		// What belongs to no test: a panic, a failed build, a data race.
		if output != nil {
			fmt.Fprint(out, output)
		}
		r.failed++
		fmt.Fprintf(out, "FAIL  %s\n", short(e.Package))
	default:
		fmt.Fprintf(out, "ok    %-50s %4d tests %6.1f s\n", short(e.Package), tests, e.Elapsed)
	}
	r.packages++
}

// reason is what a skipped test said.
func reason(output *strings.Builder) string {
	if output == nil {
		return ""
	}
	for line := range strings.Lines(output.String()) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "===") && !strings.HasPrefix(text, "---") {
			return text
		}
	}
	return ""
}

func short(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }

func printTable(out io.Writer, rows []row, covered coverageTable) {
	fmt.Fprintf(out, "\n%-12s %9s %7s %8s %9s  %s\n", "suite", "packages", "tests", "skipped", "seconds", "result")
	total := row{ok: true}
	for _, r := range rows {
		fmt.Fprintln(out, line(r))
		total.packages, total.tests, total.skipped = total.packages+r.packages, total.tests+r.tests, total.skipped+r.skipped
		total.seconds, total.ok = total.seconds+r.seconds, total.ok && r.ok
	}
	total.suite = "all"
	fmt.Fprintln(out, line(total))
	covered.print(out)
}

func line(r row) string {
	result := "PASS"
	if !r.ok {
		result = "FAIL"
	}
	count := func(n int) string {
		if n == 0 {
			return "-"
		}
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%-12s %9s %7s %8s %9.1f  %s",
		r.suite, count(r.packages), count(r.tests), count(r.skipped), r.seconds, result)
}
