package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
)

// Case is a stack that goes through the scenarios.
type Case struct {
	// Make makes the stack for a team. Two teams share a workspace, and with it a backend and an account.
	Make func(t *testing.T, w *Workspace, team string) *Stack
	// Join gives the stack of a second team what the cloud has only once and the first team's stack has made. Nil: there
	// is nothing of the kind.
	Join func(t *testing.T, first, second *Stack)
	// Providers are names under which the stand-in answers besides those of the cloud SDKs.
	Providers []string
	// InPlace changes what every resource can take without being replaced. Nil: there is no such change.
	InPlace func(t *testing.T, s *Stack)
	// Replace changes what some resource cannot take. Nil: there is no such change.
	Replace func(t *testing.T, s *Stack)
	// Protected tells that destroying the stack must be refused, as in prod.
	Protected bool
}

// Run takes a stack through its life: it comes up, changes, loses things, fails, is killed, and goes. The scenarios
// after the first one run side by side, each on a copy of what the first one made.
func (c Case) Run(t *testing.T) {
	t.Helper()
	w := New(t, c.Providers...)
	s := c.Make(t, w, "fraud")
	if !t.Run("first up and second up", func(t *testing.T) { c.firstAndSecond(t, s) }) {
		return
	}
	scenarios := map[string]func(*testing.T, *Stack){
		"a resource vanished":      c.vanished,
		"two teams in one backend": c.teams,
		"destroy":                  c.destroy,
		"failures, then up":        c.failures,
		"engine killed":            c.killed,
	}
	if c.InPlace != nil {
		scenarios["update in place"] = c.inPlace
	}
	if c.Replace != nil {
		scenarios["update that replaces"] = c.replace
	}
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, s.Clone(t))
		})
	}
}

// none demands that a check found nothing.
func none(t *testing.T, problems []string, phase string) {
	t.Helper()
	assert.Empty(t, problems, "%s:\n  %s", phase, strings.Join(problems, "\n  "))
}

// healthy demands a state that is whole, and equal to what exists.
func healthy(t *testing.T, r *Result, phase string) {
	t.Helper()
	none(t, TreeProblems(r.State), phase+": the tree")
	secrets, err := SecretProblems(r.State)
	require.NoError(t, err)
	none(t, secrets, phase+": secrets in the state")
	assert.Empty(t, r.State.Pending, "%s: operations are pending", phase)
}

// settled demands that another up changes nothing, and that state and cloud agree.
func settled(t *testing.T, s *Stack, phase string) *Result {
	t.Helper()
	again := s.Up(t)
	assert.Empty(t, again.Changed(), "%s: a second up without a change", phase)
	orphans, err := OrphanProblems(s.Workspace.Cloud, again.State)
	require.NoError(t, err)
	none(t, orphans, phase+": state and cloud")
	return again
}

func (c Case) firstAndSecond(t *testing.T, s *Stack) {
	t.Helper()
	preview := s.Preview(t)
	assert.Empty(t, preview.State.Custom(), "a preview must make nothing")
	first := s.Up(t)
	healthy(t, first, "first up")
	none(t, PreviewProblems(preview, first), "preview equals up")
	assert.NotEmpty(t, first.State.Custom())
	assert.NotEmpty(t, first.State.Outputs)
	second := settled(t, s, "second up")
	assert.Equal(t, first.State.Outputs, second.State.Outputs)
	unchecked := map[string]bool{}
	for _, call := range first.Calls {
		if call.Unchecked {
			unchecked[call.Type] = true
		}
	}
	t.Logf("%d resources of providers, up in %s; %d types that no SDK knows were not checked: %v",
		len(first.State.Custom()), first.Duration.Round(10*time.Millisecond), len(unchecked), unchecked)
}

// leaves are the resources that nothing depends on.
func leaves(s *State) []apitype.ResourceV3 {
	needed := map[resource.URN]bool{}
	for _, r := range s.Resources {
		for _, urn := range append(slices.Clone(r.Dependencies), r.Parent) {
			needed[urn] = true
		}
	}
	return slices.DeleteFunc(s.Custom(), func(r apitype.ResourceV3) bool { return needed[r.URN] })
}

// vanished: every other resource that nothing depends on is deleted behind the engine's back.
func (c Case) vanished(t *testing.T, s *Stack) {
	t.Helper()
	state, err := s.State()
	require.NoError(t, err)
	gone := map[string]bool{}
	for i, r := range leaves(state) {
		if i%2 == 0 {
			require.NoError(t, s.Workspace.Cloud.Vanish(string(r.Type), string(r.ID)))
			gone[string(r.URN)] = true
		}
	}
	require.NotEmpty(t, gone)
	refreshed := s.Refresh(t)
	for _, r := range refreshed.State.Custom() {
		assert.NotContains(t, gone, string(r.URN), "refresh must see that it is gone")
	}
	mended := s.Up(t)
	for _, step := range mended.Changed() {
		assert.Equal(t, apitype.OpCreate, step.Operation, "up after the refresh: %s", step)
		assert.Contains(t, gone, step.URN, "up after the refresh: %s", step)
	}
	assert.Len(t, mended.Changed(), len(gone))
	settled(t, s, "after the repair")
}

func (c Case) inPlace(t *testing.T, s *Stack) {
	t.Helper()
	c.InPlace(t, s)
	r := s.Up(t)
	assert.NotEmpty(t, r.Changed(), "the change has no effect")
	for _, step := range r.Changed() {
		assert.Equal(t, apitype.OpUpdate, step.Operation, "update in place: %s", step)
	}
	healthy(t, r, "update in place")
	settled(t, s, "after the update")
}

func (c Case) replace(t *testing.T, s *Stack) {
	t.Helper()
	c.Replace(t, s)
	r := s.Up(t)
	replaced := slices.ContainsFunc(r.Steps(), func(s Step) bool { return s.Operation == apitype.OpReplace })
	assert.True(t, replaced, "the change replaces nothing: %v", r.Changed())
	none(t, ReplaceOrderProblems(r.Calls), "update that replaces: new before old")
	none(t, LossProblems(r), "update that replaces: what holds data stays")
	healthy(t, r, "update that replaces")
	settled(t, s, "after the replacement")
}

// teams: another team's stack in the same backend and account comes and goes, and the first one does not notice.
func (c Case) teams(t *testing.T, s *Stack) {
	t.Helper()
	other := c.Make(t, s.Workspace, "ads")
	if c.Join != nil {
		c.Join(t, s, other)
	}
	r := other.Up(t)
	healthy(t, r, "the second team's up")
	mine, err := s.State()
	require.NoError(t, err)
	orphans, err := OrphanProblems(s.Workspace.Cloud, mine, r.State)
	require.NoError(t, err)
	none(t, orphans, "two teams: states and cloud")
	unprotect(t, other, c.Protected)
	other.Destroy(t)
	again := s.Up(t, "--refresh")
	assert.Empty(t, again.Changed(), "the first team's stack after the second team's has gone")
}

func unprotect(t *testing.T, s *Stack, protected bool) {
	t.Helper()
	if protected {
		s.Pulumi(t, "state", "unprotect", "--all", "--yes")
	}
}

// destroy: refused where the stack is protected, with what to do; else in an order that a cloud accepts.
func (c Case) destroy(t *testing.T, s *Stack) {
	t.Helper()
	before, err := s.State()
	require.NoError(t, err)
	if c.Protected {
		refused := s.TryDestroy(t)
		require.Error(t, refused.Err, "a stack of prod must not go without being unprotected")
		said := strings.Join(refused.Diagnostics("error"), "\n")
		assert.Contains(t, said, "pulumi state unprotect", "the refusal must say how")
		for _, call := range refused.Calls {
			assert.False(t, call.Operation == cloud.Delete && HoldsData(call.Type),
				"the refused destroy has deleted %s", call.URN)
		}
		unprotect(t, s, true)
	}
	r := s.Destroy(t)
	none(t, DeleteOrderProblems(before, r.Calls), "destroy: the order")
	retained := map[string]bool{}
	for _, r := range before.Custom() {
		if r.RetainOnDelete {
			retained[string(r.URN)] = true
		}
	}
	left, err := s.Workspace.Cloud.Resources()
	require.NoError(t, err)
	for _, r := range left {
		assert.Contains(t, retained, r.URN, "destroy has left it behind")
	}
	assert.Len(t, left, len(retained), "destroy has deleted what is to be retained")
}

// failures: of an up from nothing every tenth call fails in one way or another; each time the next up goes on.
func (c Case) failures(t *testing.T, old *Stack) {
	t.Helper()
	s := c.Make(t, New(t, c.Providers...), "fraud")
	kinds := []cloud.Kind{cloud.Fail, cloud.Partial, cloud.Die}
	for n := 0; ; n++ {
		kind := kinds[n%len(kinds)]
		require.NoError(t, s.Workspace.Cloud.SetFaults(cloud.Fault{Kind: kind, At: 10}))
		r := s.TryUp(t)
		pending, err := s.Workspace.Cloud.Pending()
		require.NoError(t, err)
		if len(pending) > 0 {
			require.NoError(t, r.Err, "up after %d failures:\n%s", n, r.Explain())
			t.Logf("came up after %d failures", n)
			break
		}
		require.Error(t, r.Err, "up number %d: %s at the tenth call must fail the up", n+1, kind)
		orphans, err := OrphanProblems(s.Workspace.Cloud, r.State)
		require.NoError(t, err)
		none(t, orphans, fmt.Sprintf("%s at call %d: state and cloud", kind, 10*(n+1)))
	}
	require.NoError(t, s.Workspace.Cloud.SetFaults())
	last := settled(t, s, "after the failures")
	healthy(t, last, "after the failures")
	whole, err := old.State()
	require.NoError(t, err)
	assert.Len(t, last.State.Custom(), len(whole.Custom()))
}

// killed: the engine dies in the middle of an up; docs/testing.md says how to go on.
func (c Case) killed(t *testing.T, old *Stack) {
	t.Helper()
	whole, err := old.State()
	require.NoError(t, err)
	s := c.Make(t, New(t, c.Providers...), "fraud")
	require.NoError(t, s.Workspace.Cloud.SetFaults(cloud.Fault{Kind: cloud.Hang, At: len(whole.Custom()) / 2}))
	s.Kill(t)
	state, err := s.State()
	require.NoError(t, err)
	assert.NotEmpty(t, state.Pending, "the state must know what was under way")
	s.Recover(t)
	settled(t, s, "after the recovery")
}

// Kill brings the stack up until a call hangs, as a fault says, and kills the engine.
func (s *Stack) Kill(t *testing.T) {
	t.Helper()
	before := s.Checkpoints
	s.Checkpoints = true // the state has to survive
	// One step at a time: nothing can be made beside the call that hangs, however slow the engine is.
	run := s.Start(t, "up", "--skip-preview", "--yes", "--parallel", "1")
	s.Checkpoints = before
	still := 0 // for how many looks nothing has moved
	require.Eventually(t, func() bool {
		if s.stuck() {
			still++
		} else {
			still = 0
		}
		return still == 5
	}, Patience, 100*time.Millisecond, "the up never came to the call that hangs")
	require.NoError(t, run.Kill())
	require.Error(t, run.Wait(t).Err)
	require.Eventually(t, func() bool { return len(Processes(s.Workspace.dir)) == 0 }, Patience, 100*time.Millisecond,
		"the providers outlive their engine")
}

// stuck tells that nothing is left to be done but the call that hangs: the fault has happened, one operation is
// pending, no other call is under way, and all that exists is known.
func (s *Stack) stuck() bool {
	faults, err := s.Workspace.Cloud.Pending()
	if err != nil || len(faults) > 0 {
		return false
	}
	state, err := s.State()
	if err != nil || len(state.Pending) != 1 {
		return false
	}
	orphans, err := OrphanProblems(s.Workspace.Cloud, state)
	return err == nil && len(orphans) <= 1 && s.Workspace.quiet()
}

// Recover goes on after a killed engine, as docs/testing.md says: release the lock, forget the creations that were
// begun, take into the state what was in fact made meanwhile, up.
func (s *Stack) Recover(t *testing.T, made ...Made) *Result {
	t.Helper()
	s.Pulumi(t, "cancel", "--yes")
	s.Refresh(t, "--clear-pending-creates")
	if len(made) > 0 {
		s.adopt(t, made)
	}
	return s.Up(t)
}

// Made is a resource that the cloud made and no state knows.
type Made struct {
	// Type and Name of the resource.
	Type, Name string
	// Parent is the URN of its parent.
	Parent string
	// ID that the cloud gave it.
	ID string
}

// adopt takes resources into the state: pulumi import, from a file because they have parents.
func (s *Stack) adopt(t *testing.T, made []Made) {
	t.Helper()
	type entry struct {
		Type   string `json:"type"`
		Name   string `json:"name"`
		ID     string `json:"id"`
		Parent string `json:"parent"`
	}
	var file struct {
		NameTable map[string]string `json:"nameTable"`
		Resources []entry           `json:"resources"`
	}
	file.NameTable = map[string]string{}
	for i, m := range made {
		parent := fmt.Sprintf("parent%d", i)
		file.NameTable[parent] = m.Parent
		file.Resources = append(file.Resources, entry{Type: m.Type, Name: m.Name, ID: m.ID, Parent: parent})
	}
	data, err := json.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(s.Workspace.dir, "tmp", "import.json")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s.Pulumi(t, "import", "--file", path, "--generate-code=false", "--protect=false", "--skip-preview", "--yes")
}
