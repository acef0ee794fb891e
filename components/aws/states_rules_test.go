package aws_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/blues/jsonata-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

// The rules of the Amazon States Language (states-language.net) as far as the pipeline uses it.

// fieldsOf are the fields that a state of each type may have besides Type, Comment, and those that it must have.
var fieldsOf = map[string]struct{ may, must []string }{
	"Task": {
		[]string{"Resource", "Arguments", "Assign", "TimeoutSeconds", "Retry", "Catch", "Next", "End"}, []string{"Resource"},
	},
	"Pass":    {[]string{"Assign", "Output", "Next", "End"}, nil},
	"Wait":    {[]string{"Seconds", "Assign", "Next", "End"}, []string{"Seconds"}},
	"Choice":  {[]string{"Choices", "Default"}, []string{"Choices", "Default"}},
	"Succeed": {nil, nil},
	"Fail":    {[]string{"Error", "Cause"}, nil},
}

// language collects what breaks the rules in a state machine.
type language struct {
	states object
	broken []string
}

func (l *language) fail(state, format string, args ...any) {
	l.broken = append(l.broken, state+": "+fmt.Sprintf(format, args...))
}

// brokenRules lists what a state machine breaks.
func brokenRules(machine object) []string {
	l := &language{states: machine["States"].(object)}
	if machine["QueryLanguage"] != "JSONata" {
		l.fail("machine", "QueryLanguage is %v", machine["QueryLanguage"])
	}
	start, _ := machine["StartAt"].(string)
	if _, ok := l.states[start]; !ok {
		l.fail("machine", "StartAt leads nowhere: %q", start)
		return l.broken
	}
	for name := range l.states {
		l.state(name)
	}
	l.ways(start)
	if len(l.broken) == 0 { // a walk needs states that are there
		l.variables(start)
	}
	slices.Sort(l.broken)
	return l.broken
}

// checkStates holds a state machine against the rules.
func checkStates(t *testing.T, machine object) {
	t.Helper()
	assert.Empty(t, brokenRules(machine))
}

// transitions are the states that may follow a state, by the field that says so.
func transitions(s object) map[string]string {
	all := map[string]string{}
	for _, field := range []string{"Next", "Default"} {
		if next, ok := s[field].(string); ok {
			all[field] = next
		}
	}
	for _, list := range []string{"Choices", "Catch"} {
		branches, _ := s[list].([]any)
		for i, branch := range branches {
			next, _ := branch.(object)["Next"].(string)
			all[fmt.Sprintf("%s[%d].Next", list, i)] = next
		}
	}
	return all
}

// ends reports whether a run ends in a state.
func ends(s object) bool { return s["End"] == true || s["Type"] == "Succeed" || s["Type"] == "Fail" }

// ways checks that every transition leads to a state, every state can be reached, and from every state there is a way
// to an end.
func (l *language) ways(start string) {
	before := map[string][]string{}
	for name, s := range l.states {
		for field, next := range transitions(s.(object)) {
			if _, ok := l.states[next]; !ok {
				l.fail(name, "%s leads nowhere: %q", field, next)
			}
			before[next] = append(before[next], name)
		}
	}
	reached := spread([]string{start}, func(name string) []string {
		s, _ := l.states[name].(object)
		return slices.Collect(maps.Values(transitions(s)))
	})
	var last []string
	for name, s := range l.states {
		if ends(s.(object)) {
			last = append(last, name)
		}
	}
	ending := spread(last, func(name string) []string { return before[name] })
	for name := range l.states {
		if !reached[name] {
			l.fail(name, "no transition leads to it")
		}
		if !ending[name] {
			l.fail(name, "no way leads from it to an end")
		}
	}
}

// spread gives everything that can be reached.
func spread(todo []string, next func(string) []string) map[string]bool {
	seen := map[string]bool{}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if !seen[name] {
			seen[name] = true
			todo = append(todo, next(name)...)
		}
	}
	return seen
}

var serviceIntegration = regexp.MustCompile(`^arn:aws:states:::[a-zA-Z0-9:.-]+$`)

func (l *language) state(name string) {
	s := l.states[name].(object)
	kind, _ := s["Type"].(string)
	fields, ok := fieldsOf[kind]
	if !ok {
		l.fail(name, "no state has the type %q", kind)
		return
	}
	if utf8.RuneCountInString(name) > 80 {
		l.fail(name, "its name is too long")
	}
	for field := range s {
		if field != "Type" && field != "Comment" && !slices.Contains(fields.may, field) {
			l.fail(name, "a state of type %s has no %s", kind, field)
		}
	}
	for _, field := range fields.must {
		if _, ok := s[field]; !ok {
			l.fail(name, "it has no %s", field)
		}
	}
	if slices.Contains(fields.may, "Next") && (s["Next"] != nil) == (s["End"] == true) {
		l.fail(name, "want either Next or End")
	}
	if kind == "Task" {
		if text, _ := s["Resource"].(string); !serviceIntegration.MatchString(text) {
			l.fail(name, "%q is no integration of a service", text)
		}
		if catchers, _ := s["Catch"].([]any); len(catchers) == 0 {
			l.fail(name, "a failure would go unnoticed")
		}
	}
	l.handlers(name, s)
}

// handlers checks how a state meets errors.
func (l *language) handlers(name string, s object) {
	for _, list := range []string{"Retry", "Catch"} {
		handlers, _ := s[list].([]any)
		for i, handler := range handlers {
			h := handler.(object)
			errors := texts(h["ErrorEquals"])
			if len(errors) == 0 {
				l.fail(name, "%s[%d] handles no error", list, i)
			}
			if slices.Contains(errors, "States.ALL") && (len(errors) > 1 || i < len(handlers)-1) {
				l.fail(name, "%s[%d]: States.ALL stands alone and last", list, i)
			}
			if list == "Catch" {
				continue
			}
			if rate, _ := h["BackoffRate"].(float64); rate < 1 {
				l.fail(name, "Retry[%d]: BackoffRate is %v", i, h["BackoffRate"])
			}
			first, _ := h["IntervalSeconds"].(float64)
			if most, _ := h["MaxDelaySeconds"].(float64); most <= first {
				l.fail(name, "Retry[%d]: MaxDelaySeconds is %v", i, h["MaxDelaySeconds"])
			}
			if !slices.Contains([]any{"FULL", "NONE"}, h["JitterStrategy"]) {
				l.fail(name, "Retry[%d]: JitterStrategy is %v", i, h["JitterStrategy"])
			}
		}
	}
}

var variable = regexp.MustCompile(`\$([a-zA-Z_]\w*)(\()?`)

// variables: every expression is well-formed, and every variable has been assigned on every way to it.
func (l *language) variables(start string) {
	known := map[string]map[string]bool{start: {}}
	todo := []string{start}
	flow := func(to string, vars map[string]bool) {
		before, seen := known[to]
		if !seen {
			known[to] = maps.Clone(vars)
			todo = append(todo, to)
			return
		}
		size := len(before)
		maps.DeleteFunc(before, func(name string, _ bool) bool { return !vars[name] })
		if len(before) != size {
			todo = append(todo, to)
		}
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		s := l.states[name].(object)
		for field, next := range transitions(s) {
			assigner := s // a catcher has variables of its own, and none of the state that failed
			if rest, ok := strings.CutPrefix(field, "Catch["); ok {
				assigner = s["Catch"].([]any)[int(rest[0]-'0')].(object)
			}
			vars := maps.Clone(known[name])
			assigned, _ := assigner["Assign"].(object)
			for v := range assigned {
				vars[v] = true
			}
			flow(next, vars)
		}
	}
	for name, s := range l.states {
		for _, text := range expressions(s) {
			if _, err := jsonata.Compile(text); err != nil {
				l.fail(name, "%v: %s", err, text)
			}
			for _, use := range variable.FindAllStringSubmatch(quoted.ReplaceAllString(text, "''"), -1) {
				if use[2] == "" && use[1] != "states" && !known[name][use[1]] {
					l.fail(name, "$%s may not be there: %s", use[1], text)
				}
			}
		}
	}
}

var quoted = regexp.MustCompile(`'[^']*'`)

// TestTheRulesFindWhatIsBroken: a state machine that keeps the rules breaks each of them in turn.
func TestTheRulesFindWhatIsBroken(t *testing.T) {
	t.Parallel()
	r := pipelinePlan(components.Prod, full).must(t)
	require.Empty(t, brokenRules(r.machine()))
	state := func(m object, name string) object { return m["States"].(object)[name].(object) }
	for want, breaks := range map[string]func(m object){
		`machine: StartAt leads nowhere: "Nowhere"`: func(m object) { m["StartAt"] = "Nowhere" },
		`machine: QueryLanguage is JSONPath`:        func(m object) { m["QueryLanguage"] = "JSONPath" },
		`etl: Next leads nowhere: "Nowhere"`:        func(m object) { state(m, "etl")["Next"] = "Nowhere" },
		`Is there a version?: Default leads nowhere: "Off"`: func(m object) {
			state(m, "Is there a version?")["Default"] = "Off"
		},
		`etl: Catch[0].Next leads nowhere: "Off"`: func(m object) {
			state(m, "etl")["Catch"].([]any)[0].(object)["Next"] = "Off"
		},
		`Is there a version?: Choices[0].Next leads nowhere: "Off"`: func(m object) {
			state(m, "Is there a version?")["Choices"].([]any)[0].(object)["Next"] = "Off"
		},
		`Island: no transition leads to it`: func(m object) {
			m["States"].(object)["Island"] = object{"Type": "Succeed"}
		},
		`evaluate: no way leads from it to an end`: func(m object) {
			state(m, "evaluate")["Next"] = "evaluate"
			state(m, "evaluate")["Catch"].([]any)[0].(object)["Next"] = "evaluate"
		},
		`evaluate: want either Next or End`:         func(m object) { delete(state(m, "evaluate"), "Next") },
		`evaluate: a failure would go unnoticed`:    func(m object) { delete(state(m, "evaluate"), "Catch") },
		`Begin: a state of type Pass has no Result`: func(m object) { state(m, "Begin")["Result"] = 1.0 },
		`Begin: no state has the type "Map"`:        func(m object) { state(m, "Begin")["Type"] = "Map" },
		`$deadline may not be there`: func(m object) {
			delete(state(m, "Set the deadline")["Assign"].(object), "deadline")
		},
		`Retry[0]: BackoffRate is 0.5`: func(m object) {
			state(m, "etl")["Retry"].([]any)[0].(object)["BackoffRate"] = 0.5
		},
	} {
		machine := r.machine()
		breaks(machine)
		assert.Contains(t, strings.Join(brokenRules(machine), "\n"), want)
	}
}
