package policies_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/tests/engine"
)

// verdict is a finding as both the plan and the engine print it.
type verdict struct{ Rule, Severity, Level, Outcome, URN, Message string }

// faulty is a configuration that breaks rules of every kind: on one resource, on the whole stack, on its cost.
var faulty = map[string]any{
	"allowed": map[string]any{"regions": []string{"us-east-1"}}, "requiredTags": []string{"nobody-has-this"},
	"compliance": []string{"hipaa"}, "monthlyBudgetUSD": 1,
}

// stacksAgree takes every stack of the project, as it is and with a configuration that must not be deployed.
func stacksAgree(t *testing.T, flags []string) {
	t.Helper()
	files := engine.Files(t)
	require.NotEmpty(t, files)
	for _, file := range files {
		var providers []string
		if file.Target == "local" {
			providers = []string{engine.Project}
		}
		t.Run(file.Name, func(t *testing.T) {
			d := agree(t, file, file.Stack(t, engine.New(t, providers...), "", nil), flags)
			assert.False(t, d.Stops(), "an example must keep the rules")
		})
		if file.Target == "local" {
			continue // no rule is about its resources
		}
		t.Run(file.Name+", faulty", func(t *testing.T) {
			d := agree(t, file, file.Stack(t, engine.New(t), "", faulty), flags)
			assert.NotEmpty(t, d.Findings)
			// Objects of a cluster have neither a region nor a price: in dev a missing tag is advice.
			assert.Equal(t, file.Target != "kubernetes" || file.Environment == "prod", d.Stops())
		})
	}
}

// agree demands that the findings that the plan of a stack shows are those that the CLI prints at a preview with the
// pack, word for word, that both stop it or none, and that nothing else does. What waits for values is one line in the
// engine, with the same count.
func agree(t *testing.T, file *engine.File, s *engine.Stack, flags []string) *plan.Document {
	t.Helper()
	preview := s.TryPreview(t, flags...)
	d := planned(t, file, s)
	var want []verdict
	for _, f := range d.Findings {
		if f.Outcome == plan.Failed || f.Outcome == plan.Broken {
			want = append(want, verdict{f.Rule, f.Severity, f.Level, f.Outcome, f.URN, f.Message})
		}
	}
	assert.Equal(t, ordered(want), verdicts(preview.Events))
	assert.Equal(t, waits(d), waiting(preview.Events))
	assert.Equal(t, d.Stops(), preview.Err != nil, "plan and preview stop alike:\n%s", preview.Explain())
	var wrong []string
	if d.Stops() {
		wrong = []string{": preview failed"} // what the policies say is no diagnostic
	}
	assert.Equal(t, wrong, preview.Diagnostics("error"), "only the policies may stop a preview:\n%s", preview.Explain())
	assert.Equal(t, registered(d), previewed(preview), "a preview that the policies stop gets to the end of the program")
	t.Logf("%d resources, %d findings, %d wait", len(d.Resources), len(want), d.Judgements[plan.Unverified])
	return d
}

// registered are the URNs of what a plan has.
func registered(d *plan.Document) []string {
	var all []string
	for i := range d.Resources {
		all = append(all, d.Resources[i].URN)
	}
	slices.Sort(all)
	return all
}

// previewed are the URNs of what the program of a preview registered: all but the stack and default providers, which
// are the engine's own.
func previewed(preview *engine.Result) []string {
	var all []string
	for _, step := range preview.Steps() {
		if !strings.Contains(step.URN, "::pulumi:") {
			all = append(all, step.URN)
		}
	}
	slices.Sort(all)
	return all
}

// planned makes the plan of a stack with the command line, where its program runs, and without any network.
func planned(t *testing.T, file *engine.File, s *engine.Stack) *plan.Document {
	t.Helper()
	command := exec.CommandContext(t.Context(), file.Binary(t), "plan", "--json", "--stack", s.Name)
	command.Dir, command.Env = s.Workspace.Root, s.Workspace.Environment()
	out, err := command.Output()
	d := &plan.Document{}
	require.NoError(t, json.Unmarshal(out, d), "the plan of %s: %v", s.Name, err)
	return d
}

// printed is how the pack begins the message of a finding.
var printed = regexp.MustCompile(`^\[(\w+)\] (\S+) (\w+): (.*) \((.*)\)$`)

// verdicts reads the findings from the engine's events.
func verdicts(events []apitype.EngineEvent) []verdict {
	var all []verdict
	for _, e := range events {
		if e.PolicyEvent == nil {
			continue
		}
		for line := range strings.Lines(e.PolicyEvent.Message) {
			if m := printed.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				p := e.PolicyEvent
				all = append(all, verdict{m[2], m[1], p.EnforcementLevel, m[3], p.ResourceURN, m[4]})
			}
		}
	}
	return ordered(all)
}

func ordered(all []verdict) []verdict {
	slices.SortFunc(all, func(a, b verdict) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

// waits says what of a plan waits for values, in the words of the pack; "" where nothing does.
func waits(d *plan.Document) string {
	var ids []string
	for _, f := range d.Findings {
		if f.Outcome == plan.Unverified && !slices.Contains(ids, f.Rule) {
			ids = append(ids, f.Rule)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	return fmt.Sprintf("%d judgements of %s", d.Judgements[plan.Unverified], strings.Join(ids, ", "))
}

var waitingLine = regexp.MustCompile(`(\d+ judgements of )(.*) wait for values that are not known yet`)

// waiting finds the line of the pack on what waits, with the rules sorted.
func waiting(events []apitype.EngineEvent) string {
	for _, e := range events {
		if e.PolicyEvent == nil {
			continue
		}
		if m := waitingLine.FindStringSubmatch(e.PolicyEvent.Message); m != nil {
			ids := strings.Split(m[2], ", ")
			slices.Sort(ids)
			return m[1] + strings.Join(ids, ", ")
		}
	}
	return ""
}
