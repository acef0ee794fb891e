package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
)

// Result is what came of an operation.
type Result struct {
	// Operation that ran.
	Operation string
	// Err is not nil where the operation failed.
	Err error
	// Output is what the CLI printed.
	Output string
	// Events are those of the engine, in their order.
	Events []apitype.EngineEvent
	// State of the stack afterwards.
	State *State
	// Calls of providers that the stand-in answered, in their order.
	Calls []cloud.Call
	// Duration of the whole, ProgramTime of the program from its start to its end, CPU of the CLI and of what it waited
	// for.
	Duration, ProgramTime, CPU time.Duration
}

// Step is what the engine did, or would do, with a resource.
type Step struct {
	Operation apitype.OpType
	URN       string
	// Diffs are the properties that differ.
	Diffs []string
}

func (s Step) String() string {
	text := fmt.Sprintf("%s %s", s.Operation, s.URN)
	if len(s.Diffs) > 0 {
		text += " (" + strings.Join(s.Diffs, ", ") + ")"
	}
	return text
}

// Steps are all steps in their order.
func (r *Result) Steps() []Step {
	var steps []Step
	for _, e := range r.Events {
		if e.ResourcePreEvent != nil {
			m := e.ResourcePreEvent.Metadata
			steps = append(steps, Step{Operation: m.Op, URN: m.URN, Diffs: m.Diffs})
		}
	}
	return steps
}

// Changed are the steps that are not idle: what a second up must not have.
func (r *Result) Changed() []Step {
	return slices.DeleteFunc(r.Steps(), func(s Step) bool {
		return s.Operation == apitype.OpSame || s.Operation == apitype.OpRefresh || s.Operation == apitype.OpRead
	})
}

// Changes counts the resources by what happened to them.
func (r *Result) Changes() map[apitype.OpType]int {
	for _, e := range slices.Backward(r.Events) {
		if e.SummaryEvent != nil {
			return e.SummaryEvent.ResourceChanges
		}
	}
	return nil
}

// Diagnostics are the messages of a severity, such as "error", each with the resource that it is about.
func (r *Result) Diagnostics(severity string) []string {
	var all []string
	for _, e := range r.Events {
		if d := e.DiagnosticEvent; d != nil && d.Severity == severity && !d.Ephemeral {
			all = append(all, strings.TrimSpace(d.URN+": "+d.Message))
		}
	}
	return all
}

// Explain says what went wrong: the resources that failed, in which phase, and why.
func (r *Result) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v\n", r.Operation, r.Err)
	for _, e := range r.Events {
		if f := e.ResOpFailedEvent; f != nil {
			fmt.Fprintf(&b, "  failed to %s %s\n", f.Metadata.Op, f.Metadata.URN)
		}
	}
	for _, message := range r.Diagnostics("error") {
		fmt.Fprintf(&b, "  %s\n", message)
	}
	for _, call := range r.Calls {
		if call.Ended.IsZero() {
			fmt.Fprintf(&b, "  never answered: %s %s\n", call.Operation, call.URN)
		}
	}
	if errors.Is(r.Err, os.ErrDeadlineExceeded) || strings.Contains(fmt.Sprint(r.Err), "deadline") {
		fmt.Fprintf(&b, "  the last calls: %s\n", lastCalls(r.Calls))
	}
	fmt.Fprintf(&b, "%s", r.Output[max(0, len(r.Output)-4000):])
	return b.String()
}

func lastCalls(calls []cloud.Call) string {
	var all []string
	for _, call := range calls[max(0, len(calls)-5):] {
		all = append(all, string(call.Operation)+" "+call.URN)
	}
	return strings.Join(all, ", ")
}

func readEvents(path string) ([]apitype.EngineEvent, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var events []apitype.EngineEvent
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 64<<20)
	for scanner.Scan() {
		var e apitype.EngineEvent
		if json.Unmarshal(scanner.Bytes(), &e) != nil {
			break // the engine was killed while it wrote the line
		}
		events = append(events, e)
	}
	return events, scanner.Err()
}

// State is the state of a stack as the backend keeps it.
type State struct {
	// Raw is the file.
	Raw []byte
	// Resources in the order in which they were made, pending deletions among them.
	Resources []apitype.ResourceV3
	// Pending are the operations that were begun and never ended.
	Pending []apitype.OperationV2
	// Outputs of the stack; a secret shows as Secret.
	Outputs map[string]any
}

// Secret stands for a value that is encrypted in the state.
const Secret = "[secret]"

func (s *Stack) statePath() string {
	return filepath.Join(s.Workspace.dir, "backend", ".pulumi", "stacks", Project, s.Name+".json")
}

// State reads the state of the stack; an empty one where there is none yet.
func (s *Stack) State() (*State, error) {
	raw, err := os.ReadFile(s.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return &State{}, nil
	}
	if err != nil {
		return nil, err
	}
	return parseState(raw)
}

func parseState(raw []byte) (*State, error) {
	var file struct {
		Checkpoint apitype.CheckpointV3 `json:"checkpoint"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("reading a state: %w", err)
	}
	state := &State{Raw: raw}
	if latest := file.Checkpoint.Latest; latest != nil {
		state.Resources, state.Pending = latest.Resources, latest.PendingOperations
	}
	for _, r := range state.Resources {
		if r.Type == resource.RootStackType {
			state.Outputs = show(r.Outputs).(map[string]any)
		}
	}
	return state, nil
}

// show replaces what is encrypted.
func show(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if _, ok := v[resource.SigKey]; ok && v["ciphertext"] != nil {
			return Secret
		}
		clear := map[string]any{}
		for key, item := range v {
			clear[key] = show(item)
		}
		return clear
	case []any:
		clear := make([]any, len(v))
		for i, item := range v {
			clear[i] = show(item)
		}
		return clear
	default:
		return value
	}
}

// Custom are the resources of providers: neither components nor providers, and not those that only wait to be deleted.
func (s *State) Custom() []apitype.ResourceV3 {
	var all []apitype.ResourceV3
	for _, r := range s.Resources {
		if r.Custom && !strings.HasPrefix(string(r.Type), "pulumi:") && !r.Delete {
			all = append(all, r)
		}
	}
	return all
}

// Find is the resource of a type and logical name; nil if there is none.
func (s *State) Find(typ, name string) *apitype.ResourceV3 {
	for i, r := range s.Resources {
		if string(r.Type) == typ && r.URN.Name() == name {
			return &s.Resources[i]
		}
	}
	return nil
}
