package aws_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/blues/jsonata-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An interpreter that runs a state machine with made-up answers of the services: it evaluates every expression for
// real.

// object is a JSON object.
type object = map[string]any

// expressions are all JSONata expressions in a value, without their delimiters.
func expressions(value any) []string {
	var all []string
	switch v := value.(type) {
	case string:
		if strings.HasPrefix(v, "{%") && strings.HasSuffix(v, "%}") {
			return []string{strings.TrimSuffix(strings.TrimPrefix(v, "{%"), "%}")}
		}
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, expressions(v[key])...)
		}
	case []any:
		for _, item := range v {
			all = append(all, expressions(item)...)
		}
	}
	return all
}

// interpreter runs a state machine.
type interpreter struct {
	t      *testing.T
	states object
	// answer is what a service answers to a task; an error fails the task with its text as the name of the error.
	answer func(state string, arguments object) (any, error)
	vars   object
	// trace lists the states that were visited, calls the arguments of each task.
	trace []string
	calls map[string]object
}

const executionID = "arn:aws:states:eu-central-1:123456789012:execution:fraud-dev-pipeline:one"

// start runs the machine to its end and gives the type of the last state.
func (in *interpreter) start(machine object) string {
	in.states, in.vars, in.calls = machine["States"].(object), object{}, map[string]object{}
	at := machine["StartAt"].(string)
	for range 100 {
		in.trace = append(in.trace, at)
		s := in.states[at].(object)
		context := object{
			"Execution":    object{"StartTime": "2026-11-22T12:34:56.789Z", "Id": executionID, "Name": "one"},
			"StateMachine": object{"Id": "arn:aws:states:eu-central-1:123456789012:stateMachine:fraud-dev-pipeline"},
			"State":        object{"RetryCount": 0, "Name": at}, "Task": object{"Token": "token-1"},
		}
		scope := object{"context": context}
		switch s["Type"] {
		case "Succeed":
			return "Succeed"
		case "Fail":
			in.vars["error"] = in.eval(s["Error"], scope)
			return "Fail"
		case "Choice":
			at = in.choose(s, scope)
			continue
		case "Task":
			arguments, _ := in.eval(s["Arguments"], scope).(object)
			in.calls[at] = arguments
			result, err := in.answer(at, arguments)
			if err != nil {
				scope["errorOutput"] = object{"Error": err.Error(), "Cause": "because"}
				catch := s["Catch"].([]any)[0].(object)
				in.assign(catch["Assign"], scope)
				at = catch["Next"].(string)
				continue
			}
			scope["result"] = result
		}
		in.assign(s["Assign"], scope)
		if s["End"] == true {
			return "Succeed"
		}
		at = s["Next"].(string)
	}
	in.t.Fatal("the run does not end: ", in.trace)
	return ""
}

func (in *interpreter) choose(s, scope object) string {
	for _, c := range s["Choices"].([]any) {
		holds, ok := in.eval(c.(object)["Condition"], scope).(bool)
		require.True(in.t, ok, "a condition gives no boolean: %v", c)
		if holds {
			return c.(object)["Next"].(string)
		}
	}
	return s["Default"].(string)
}

func (in *interpreter) assign(assigned any, scope object) {
	given, _ := assigned.(object)
	made := object{}
	for name, value := range given {
		made[name] = in.eval(value, scope)
	}
	maps.Copy(in.vars, made)
}

// eval evaluates every expression in a value.
func (in *interpreter) eval(value any, scope object) any {
	switch v := value.(type) {
	case object:
		out := object{}
		for key, item := range v {
			out[key] = in.eval(item, scope)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = in.eval(item, scope)
		}
		return out
	case string:
		found := expressions(v)
		if len(found) == 0 {
			return v
		}
		return in.evaluate(found[0], scope)
	default:
		return v
	}
}

func (in *interpreter) evaluate(text string, scope object) any {
	in.t.Helper()
	compiled, err := jsonata.Compile(text)
	require.NoError(in.t, err, text)
	vars := maps.Clone(in.vars)
	vars["states"] = scope
	require.NoError(in.t, compiled.RegisterVars(vars))
	require.NoError(in.t, compiled.RegisterExts(map[string]jsonata.Extension{"parse": {Func: func(s string) (any, error) {
		var parsed any
		err := json.Unmarshal([]byte(s), &parsed)
		return parsed, err
	}}}))
	result, err := compiled.Eval(nil)
	require.NoError(in.t, err, text)
	return result
}

// api is what SageMaker's published model says of the requests that a state machine sends.
type api struct {
	Operations map[string]string `json:"operations"`
	Shapes     map[string]struct {
		Type     string            `json:"type"`
		Required []string          `json:"required"`
		Members  map[string]string `json:"members"`
		Member   string            `json:"member"`
		Value    string            `json:"value"`
		Enum     []string          `json:"enum"`
		Min, Max *float64
		Pattern  string `json:"pattern"`
	} `json:"shapes"`
}

func sageMakerAPI(t *testing.T) *api {
	t.Helper()
	data, err := os.ReadFile("testdata/sagemaker-api.json")
	require.NoError(t, err)
	var a api
	require.NoError(t, json.Unmarshal(data, &a))
	return &a
}

// check holds a request against the model: known members, required ones, types, bounds, patterns and enumerations.
func (a *api) check(t *testing.T, operation string, request object) {
	t.Helper()
	require.Contains(t, a.Operations, operation)
	a.value(t, operation, a.Operations[operation], request)
}

func (a *api) value(t *testing.T, path, shape string, value any) {
	t.Helper()
	s := a.Shapes[shape]
	length := func(n int) {
		assert.True(t, (s.Min == nil || float64(n) >= *s.Min) && (s.Max == nil || float64(n) <= *s.Max),
			"%s: the length %d is out of bounds", path, n)
	}
	switch v := value.(type) {
	case object:
		if s.Type == "map" {
			length(len(v))
			for key, item := range v {
				a.value(t, path+"."+key, s.Value, item)
			}
			return
		}
		require.Equal(t, "structure", s.Type, path)
		for _, name := range s.Required {
			assert.Contains(t, v, name, path)
		}
		for name, item := range v {
			if assert.Contains(t, s.Members, name, "%s has no member of this name", path) {
				a.value(t, path+"."+name, s.Members[name], item)
			}
		}
	case []any:
		require.Equal(t, "list", s.Type, path)
		length(len(v))
		for i, item := range v {
			a.value(t, fmt.Sprintf("%s[%d]", path, i), s.Member, item)
		}
	case string:
		require.Equal(t, "string", s.Type, path)
		length(utf8.RuneCountInString(v))
		if len(s.Enum) > 0 {
			assert.Contains(t, s.Enum, v, path)
		}
		if s.Pattern != "" {
			assert.Regexp(t, "^(?:"+s.Pattern+")$", v, path)
		}
	case float64:
		assert.Contains(t, []string{"integer", "float", "double", "long"}, s.Type, path)
		assert.True(t, (s.Min == nil || v >= *s.Min) && (s.Max == nil || v <= *s.Max), "%s: %v is out of bounds", path, v)
	case bool:
		assert.Equal(t, "boolean", s.Type, path)
	default:
		t.Errorf("%s: %T is no JSON value", path, value)
	}
}
