package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is the part of an engine event of Pulumi that is shown.
type event struct {
	Pre      *step `json:"resourcePreEvent"`
	Outputs  *step `json:"resOutputsEvent"`
	Failed   *step `json:"resOpFailedEvent"`
	Diagnose *struct {
		URN      string `json:"urn"`
		Message  string `json:"message"`
		Severity string `json:"severity"`
	} `json:"diagnosticEvent"`
	SummaryEvent *summary `json:"summaryEvent"`
}

type step struct {
	Metadata struct {
		Op  string    `json:"op"`
		URN string    `json:"urn"`
		New *resource `json:"new"`
		Old *resource `json:"old"`
	} `json:"metadata"`
}

type resource struct {
	Custom bool `json:"custom"`
}

// custom tells whether a step is about a real resource; the others only group them.
func (s *step) custom() bool {
	return s.Metadata.New != nil && s.Metadata.New.Custom || s.Metadata.Old != nil && s.Metadata.Old.Custom
}

type summary struct {
	Changes map[string]int `json:"resourceChanges"`
}

// progress turns engine events into one line for each thing that happened.
type progress struct {
	out     io.Writer
	verbose bool
	now     func() time.Time
	begun   map[string]time.Time
	counts  map[string]int
	// quiet are lines that matter only where the command fails: what the program and the compiler wrote.
	quiet  []string
	errors int
}

func newProgress(out io.Writer, verbose bool) *progress {
	return &progress{out: out, verbose: verbose, now: time.Now, begun: map[string]time.Time{}, counts: map[string]int{}}
}

// deeds are the operations that are shown, with their sign and their past tense. The others change nothing.
var deeds = map[string][2]string{
	"create": {"+", "created"}, "update": {"~", "updated"}, "delete": {"-", "deleted"},
	"replace": {"±", "replaced"}, "create-replacement": {"±", "replaced"}, "delete-replaced": {"-", "deleted the old"},
	"read": {"<", "read"}, "import": {"=", "imported"},
}

// line takes one line of "pulumi up --json". What is no event is printed as it is.
func (p *progress) line(line []byte) {
	var e event
	if len(line) == 0 {
		return
	}
	if json.Unmarshal(line, &e) != nil {
		p.print("%s", line)
		return
	}
	switch {
	case e.Pre != nil:
		p.begun[e.Pre.Metadata.URN] = p.now()
	case e.Outputs != nil:
		if deed, ok := deeds[e.Outputs.Metadata.Op]; ok && e.Outputs.custom() {
			p.deed(deed[0], deed[1], e.Outputs.Metadata.URN)
		}
	case e.Failed != nil:
		p.deed("!", "failed", e.Failed.Metadata.URN)
	case e.Diagnose != nil:
		p.diagnose(e.Diagnose.Severity, e.Diagnose.URN, strings.TrimSpace(e.Diagnose.Message))
	case e.SummaryEvent != nil:
		for op, count := range e.SummaryEvent.Changes {
			p.counts[op] += count
		}
	}
}

func (p *progress) deed(sign, deed, urn string) {
	kind, name := describe(urn)
	if kind == "Stack" {
		return
	}
	took := ""
	if begun, ok := p.begun[urn]; ok {
		if elapsed := p.now().Sub(begun); elapsed >= 100*time.Millisecond {
			took = fmt.Sprintf(" (%.1f s)", elapsed.Seconds())
		}
	}
	p.print("  %s %-9s %s %s%s", sign, deed, kind, name, took)
}

func (p *progress) diagnose(severity, urn, message string) {
	if message == "" || strings.Contains(message, "lookup disabled by GOPROXY=off") {
		return
	}
	about := ""
	if kind, name := describe(urn); name != "" && kind != "Stack" {
		about = kind + " " + name + ": "
	}
	switch severity {
	case "error":
		p.errors++
		p.print("  ! %s%s", about, indent(message))
	case "warning":
		p.print("  warning: %s%s", about, indent(message))
	case "info":
		p.print("    %s%s", about, indent(message))
	default: // debug, and what programs wrote to their standard error
		if p.verbose {
			p.print("    %s%s", about, indent(message))
			return
		}
		p.quiet = append(p.quiet, message)
	}
}

// failed prints what was kept back, where nothing else says why the command failed.
func (p *progress) failed() {
	if p.errors == 0 {
		for _, line := range p.quiet {
			p.print("    %s", indent(line))
		}
	}
	p.quiet = nil
}

// result sums up: "3 created, 1 updated, 12 unchanged".
func (p *progress) result() string {
	var parts []string
	unchanged := p.counts["same"]
	for _, op := range []string{"create", "update", "replace", "delete", "refresh", "read", "import"} {
		if count := p.counts[op]; count > 0 && deeds[op][1] != "" {
			parts = append(parts, fmt.Sprintf("%d %s", count, deeds[op][1]))
		}
	}
	if unchanged > 0 || len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("%d unchanged", unchanged))
	}
	return strings.Join(parts, ", ")
}

// changed counts the resources that an operation changed, or found changed.
func (p *progress) changed() int {
	count := 0
	for op, n := range p.counts {
		if !slices.Contains([]string{"same", "read", "refresh"}, op) {
			count += n
		}
	}
	return count
}

func (p *progress) print(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

// describe gives kind and name of a resource: urn:pulumi:local::project::a$mlpathway:index:File::name.
func describe(urn string) (kind, name string) {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 {
		return "", ""
	}
	return parts[2][strings.LastIndex(parts[2], ":")+1:], parts[3]
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }
