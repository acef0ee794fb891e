package provider

import (
	"os"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProcessCheck(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	base := map[string]any{"name": "one", "directory": "/d", "command": []string{"/bin/true"}}
	for name, test := range map[string]struct {
		change   map[string]any
		property string
		want     string
	}{
		"name":              {map[string]any{"name": "../up"}, "name", "lower-case"},
		"directory":         {map[string]any{"directory": "d"}, "directory", "absolute"},
		"no command":        {map[string]any{"command": []string{}}, "command", "exactly one"},
		"empty program":     {map[string]any{"command": []string{""}}, "command", "empty"},
		"command and steps": {steps("true"), "command", "exactly one"},
		"schedule":          {map[string]any{"schedule": "often"}, "schedule", "cron expression of five fields"},
		"six fields":        {map[string]any{"schedule": "0 0 0 * * *"}, "schedule", "five fields"},
		"time zone":         {map[string]any{"schedule": "TZ=UTC 0 0 * * *"}, "schedule", "five fields"},
		"interval":          {map[string]any{"schedule": "@every 1ms"}, "schedule", "at least a second"},
		"restart":           {map[string]any{"restart": "sometimes"}, "restart", `"on_failure"`},
		"restart by both":   {map[string]any{"restart": "always", "trigger": true}, "restart", "its next start is the retry"},
		"stop timeout":      {map[string]any{"stopTimeoutSeconds": -1}, "stopTimeoutSeconds", "1 to 3600"},
		"ready url":         {map[string]any{"readyUrl": "https://127.0.0.1:1/"}, "readyUrl", "http://127.0.0.1:8080/ready"},
		"ready elsewhere":   {map[string]any{"readyUrl": "http://1.2.3.4:80/"}, "readyUrl", "this machine"},
		"run id":            {map[string]any{"runIdCommand": []string{"date"}}, "runIdCommand", "steps"},
		"variable":          {map[string]any{"environment": map[string]string{"A-B": ""}}, "environment", "A-B"},
		"zero byte":         {map[string]any{"environment": map[string]string{"A": "\x00"}}, "environment", "zero byte"},
		"supervisor": {
			map[string]any{"environment": map[string]string{supervisorVariable: "x"}}, "environment", "leave it out",
		},
	} {
		found := e.checkFailures("Process", with(base, test.change))
		assert.Contains(t, found[test.property], test.want, name)
		assert.Len(t, found, 1, name)
	}
	assert.Empty(t, e.checkFailures("Process", base))
	for _, schedule := range []string{"", "*/5 * * * *", "0 2 * * 1-5", "@every 90s"} {
		assert.Empty(t, e.checkFailures("Process", with(base, map[string]any{"schedule": schedule})), schedule)
	}
}

func TestStepCheck(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	ok := []string{"/bin/true"}
	for name, list := range map[string][]map[string]any{
		"twice":      {{"name": "a", "command": ok}, {"name": "a", "command": ok}},
		"reserved":   {{"name": lastStep, "command": ok}},
		"bad name":   {{"name": "A", "command": ok}},
		"no command": {{"name": "a", "command": []string{}}},
	} {
		found := e.checkFailures("Process", map[string]any{"name": "one", "directory": "/d", "steps": list})
		assert.Contains(t, found, "steps", name)
	}
}

func TestProcessDefaults(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	for want, change := range map[string]map[string]any{
		restartAlways: {}, restartNo: {"schedule": "0 0 * * *"},
	} {
		checked, err := e.server.Check(p.CheckRequest{
			Urn:    e.resource("Process").urn(),
			Inputs: props(with(map[string]any{"name": "one", "directory": "/d", "command": []string{"x"}}, change)),
		})
		require.NoError(t, err)
		assert.Equal(t, want, checked.Inputs.Get("restart").AsString())
		assert.InDelta(t, defaultStopTimeoutSeconds, checked.Inputs.Get("stopTimeoutSeconds").AsNumber(), 0)
	}
}

func TestProcessDefinition(t *testing.T) {
	t.Parallel()
	directory := t.TempDir() + "/s"
	m := newEngine(t).resource("Process")
	inputs := with(shell("true"), map[string]any{
		"name": "one", "directory": directory, "version": "1",
		"environment": map[string]any{"SECRET": property.New("hush").WithSecret(true), "PLAIN": "x"},
	})
	assert.Equal(t, create, m.up(inputs))
	digest := m.out("digest").AsString()
	assert.Equal(t, sum([]byte(read(t, unitPath(directory, "one")))), digest)
	assert.Equal(t, directory+"/logs/one.log", m.out("logFile").AsString())
	assert.Equal(t, "unix://"+directory+"/pc.sock:/process/start/one", m.out("startUrl").AsString())
	assert.True(t, m.out("environment").HasSecrets(), "a secret variable must stay secret")
	assert.False(t, m.out("digest").Secret())
	assert.Equal(t, same, m.up(inputs))

	require.NoError(t, os.WriteFile(unitPath(directory, "one"), []byte("name: other\n"), 0o600))
	require.True(t, m.refresh())
	assert.NotEqual(t, digest, m.out("digest").AsString())
	assert.Equal(t, update, m.up(inputs))
	assert.Equal(t, digest, m.out("digest").AsString())
	require.NoError(t, os.Remove(unitPath(directory, "one")))
	assert.False(t, m.refresh())
	assert.Equal(t, create, m.up(inputs))

	for name, change := range map[string]map[string]any{
		"version": {"version": "2"}, "environment": {"environment": map[string]string{"PLAIN": "y"}},
		"command": shell("false"), "trigger": {"trigger": true, "restart": "no"}, "schedule": {"schedule": "0 0 * * *"},
	} {
		before := m.out("digest").AsString()
		inputs = with(inputs, change)
		assert.Equal(t, update, m.up(inputs), name)
		assert.NotEqual(t, before, m.out("digest").AsString(), name)
		assert.Equal(t, same, m.up(inputs), name)
	}
	assert.Equal(t, replace, m.up(with(inputs, map[string]any{"name": "two"})))
	assert.NoFileExists(t, unitPath(directory, "one"))
	m.down()
	assert.NoDirExists(t, directory)
}

// A preview of an update must leave alone what follows from the name, or everything that uses it would seem to change.
func TestPreviewKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	m := newEngine(t).resource("Process")
	inputs := with(shell("true"), map[string]any{"name": "one", "directory": t.TempDir(), "version": "1"})
	m.up(inputs)
	checked, err := m.server.Check(p.CheckRequest{
		Urn: m.urn(), State: m.inputs, Inputs: props(with(inputs, map[string]any{"version": "2"})),
	})
	require.NoError(t, err)
	preview, err := m.server.Update(p.UpdateRequest{
		ID: m.id, Urn: m.urn(), State: m.state, OldInputs: m.inputs, Inputs: checked.Inputs, DryRun: true,
	})
	require.NoError(t, err)
	assert.True(t, preview.Properties.Get("digest").HasComputed())
	assert.Equal(t, m.out("startUrl"), preview.Properties.Get("startUrl"))
	assert.Equal(t, m.out("logFile"), preview.Properties.Get("logFile"))
}

func TestDiffNamesWhatChanged(t *testing.T) {
	t.Parallel()
	m := newEngine(t).resource("Process")
	inputs := with(shell("true"), map[string]any{"name": "one", "directory": t.TempDir(), "version": "1"})
	m.up(inputs)
	for changed, change := range map[string]map[string]any{
		"version": {"version": property.New(property.Computed)}, "command": shell("false"), "restart": {"restart": "no"},
	} {
		checked, err := m.server.Check(p.CheckRequest{Urn: m.urn(), State: m.inputs, Inputs: props(with(inputs, change))})
		require.NoError(t, err)
		diff, err := m.server.Diff(p.DiffRequest{
			ID: m.id, Urn: m.urn(), State: m.state, OldInputs: m.inputs, Inputs: checked.Inputs,
		})
		require.NoError(t, err)
		assert.True(t, diff.HasChanges)
		assert.Equal(t, map[string]p.PropertyDiff{changed: {Kind: p.Update}}, diff.DetailedDiff)
	}
}

func TestPlanChanges(t *testing.T) {
	t.Parallel()
	up := runningProcess{digest: "1", state: processState{Status: statusRunning}}
	down := runningProcess{digest: "1", state: processState{Status: statusError}}
	job := runningProcess{digest: "1", scheduled: true, state: processState{Status: "Scheduled"}}
	failedJob := job
	failedJob.state = processState{Status: statusCompleted, ExitCode: 1}
	service := &unit{digest: "1", Restart: restartAlways}
	changed := &unit{digest: "2", Restart: restartAlways}
	scheduled := &unit{digest: "1", Restart: restartNo, Schedule: "0 0 * * *"}
	type running = map[string]runningProcess
	type units = map[string]*unit
	for name, test := range map[string]struct {
		running running
		units   units
		want    changes
	}{
		"nothing":          {running{"a": up, "j": job}, units{"a": service, "j": scheduled}, changes{}},
		"added":            {running{"a": up}, units{"a": service, "b": service}, changes{add: []string{"b"}}},
		"removed":          {running{"a": up, "b": up}, units{"a": service}, changes{remove: []string{"b"}}},
		"changed":          {running{"a": up}, units{"a": changed}, changes{remove: []string{"a"}, add: []string{"a"}}},
		"not running":      {running{"a": down}, units{"a": service}, changes{revive: []string{"a"}}},
		"changed and down": {running{"a": down}, units{"a": changed}, changes{remove: []string{"a"}, add: []string{"a"}}},
		"added schedule":   {running{}, units{"j": scheduled}, changes{all: true, add: []string{"j"}}},
		"removed schedule": {running{"j": job}, units{}, changes{all: true, remove: []string{"j"}}},
		"schedule to service": {
			running{"j": job}, units{"j": changed}, changes{all: true, remove: []string{"j"}, add: []string{"j"}},
		},
		"failed job": {running{"j": failedJob}, units{"j": scheduled}, changes{}},
	} {
		assert.Equal(t, test.want, planChanges(test.running, test.units), name)
	}
}

func TestUnsettled(t *testing.T) {
	t.Parallel()
	s := &supervision{units: map[string]*unit{
		"service": {Restart: restartAlways}, "once": {Restart: restartNo}, "job": {Schedule: "0 0 * * *"},
	}}
	states := func(service processState) map[string]processState {
		return map[string]processState{
			"service": service, "once": {Status: statusCompleted}, "job": {Status: "Scheduled"},
		}
	}
	for name, test := range map[string]struct {
		service processState
		want    []string
	}{
		"up":         {processState{Status: statusRunning, Age: steadyAge}, nil},
		"young":      {processState{Status: statusRunning, Age: steadyAge - 1}, []string{"service"}},
		"restarting": {processState{Status: "Restarting", Restarts: 1, ExitCode: 1}, []string{"service"}},
		"pending":    {processState{Status: "Pending"}, []string{"service"}},
	} {
		waiting, err := s.unsettled(states(test.service))
		require.NoError(t, err, name)
		assert.Equal(t, test.want, waiting, name)
	}
	_, err := s.unsettled(states(processState{Status: "Restarting", Restarts: crashLoopRestarts, ExitCode: 9}))
	require.ErrorIs(t, err, errCrashed)
	require.ErrorContains(t, err, "exit code 9")
	waiting, err := s.unsettled(nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"job", "once", "service"}, waiting, "what the supervisor does not know")
}

func TestProblem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		unit    unit
		state   processState
		problem bool
	}{
		"running":            {unit{Restart: restartAlways}, processState{Status: statusRunning}, false},
		"restarting":         {unit{Restart: restartAlways}, processState{Status: "Restarting", ExitCode: 1}, false},
		"ended":              {unit{Restart: restartAlways}, processState{Status: statusCompleted}, true},
		"not started":        {unit{Restart: restartNo}, processState{Status: statusError}, true},
		"done":               {unit{Restart: restartNo}, processState{Status: statusCompleted}, false},
		"failed":             {unit{Restart: restartNo}, processState{Status: statusCompleted, ExitCode: 1}, true},
		"failed on demand":   {unit{Trigger: true}, processState{Status: statusCompleted, ExitCode: 1}, false},
		"failed on schedule": {unit{Schedule: "@every 1s"}, processState{Status: statusError}, false},
	} {
		assert.Equal(t, test.problem, test.unit.problem(test.state) != "", name)
	}
}
