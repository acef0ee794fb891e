// Package componenttest is the conformance suite of the layers: one function per law, run by every target.
//
// A target's test is a Harness and one call of Run.
package componenttest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/recording"
)

// Project and Stack are the names that the programs of the suite run under.
const (
	Project = "mlpathway"
	Stack   = "test"
)

// UpdateGolden is the environment variable that makes the suite write golden graphs instead of comparing with them.
const UpdateGolden = "MLPATHWAY_UPDATE_GOLDEN"

// Harness is what the suite needs to know of a target.
type Harness struct {
	// New makes the target for a scope. It is called for every program, so that nothing leaks from one to the next.
	New func(t *testing.T, scope components.Scope) components.Target
	// Unsupported declares the layers that the target does not offer.
	Unsupported []components.Layer
	// Values are what the layers get from each other. Default those of one machine.
	Values *Values
	// Invent makes up what the providers return.
	Invent recording.Invent
	// CheckName judges the physical names of a resource against the platform's limits. Nil where names have none.
	CheckName func(r recording.Resource) error
	// Golden is the directory of the golden graphs.
	Golden string
	// Redact takes what differs from machine to machine out of a golden graph. Nil where nothing does.
	Redact func(graph string) string
}

// Scope is the scope that the suite builds for.
func Scope(e components.Environment) components.Scope {
	return components.Scope{
		Project: Project, Team: "fraud", Environment: e, Owner: "fraud@example.com", CostCenter: "cc-1234",
		Residency: "eu-central-1",
	}
}

func record(program pulumi.RunFunc, h Harness, dryRun bool) (*recording.Recorder, error) {
	return recording.Record(program, recording.Options{Project: Project, Stack: Stack, Invent: h.Invent, DryRun: dryRun})
}

// Run checks every law for every layer in every environment.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, e := range components.Environments() {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			for _, c := range cases(h.values()) {
				t.Run(string(c.layer), func(t *testing.T) {
					t.Parallel()
					s := &suite{h: h, environment: e, layer: c}
					if slices.Contains(h.Unsupported, c.layer) {
						s.unsupported(t)
						return
					}
					t.Run("graph", s.graph)
					t.Run("outputs", s.outputs)
					t.Run("deterministic", s.deterministic)
					t.Run("dry run", s.dryRun)
					t.Run("secrets", s.secrets)
					t.Run("bad arguments", s.badArguments)
				})
			}
			t.Run("golden", func(t *testing.T) { t.Parallel(); golden(t, h, e) })
		})
	}
	t.Run("support", func(t *testing.T) { t.Parallel(); support(t, h) })
}

// suite checks one layer in one environment.
type suite struct {
	h           Harness
	environment components.Environment
	layer       layerCase
}

func (s *suite) record(t *testing.T, build buildFunc, dryRun bool) (*recording.Recorder, error) {
	t.Helper()
	target := s.h.New(t, Scope(s.environment))
	return record(func(ctx *pulumi.Context) error {
		_, err := build(ctx, target)
		return err
	}, s.h, dryRun)
}

// graph: the component has its token and its inputs, everything else descends from it, URNs are unique, names fit.
func (s *suite) graph(t *testing.T) {
	r, err := s.record(t, s.layer.build, false)
	require.NoError(t, err)
	component := r.Find(s.layer.layer.Token())
	require.Len(t, component, 1, "want one component of type %s", s.layer.layer.Token())
	assert.NotEmpty(t, component[0].Inputs, "the component must record its inputs in the state")
	checkTree(t, r, component[0].URN)
	assert.Equal(t, 2, r.Outputs(), "want outputs registered once for the component and once for the stack")
	if s.h.CheckName == nil {
		return
	}
	for _, res := range r.Resources() {
		assert.NoError(t, s.h.CheckName(res), res.URN)
	}
}

// checkTree: every resource descends from the root, and no two share a URN.
func checkTree(t *testing.T, r *recording.Recorder, root string) {
	t.Helper()
	parents := map[string]string{}
	for _, res := range r.Resources() {
		_, twice := parents[res.URN]
		assert.False(t, twice, "two resources share the URN %s", res.URN)
		parents[res.URN] = res.Parent
	}
	for urn := range parents {
		at := urn
		for at != root && at != "" {
			at = parents[at]
		}
		assert.Equal(t, root, at, "%s does not descend from the component", urn)
	}
}

// outputs: every output resolves, and to something that is not empty unless the contract allows it.
func (s *suite) outputs(t *testing.T) {
	var mu sync.Mutex
	resolved := map[string]any{}
	var secret []string
	target := s.h.New(t, Scope(s.environment))
	_, err := record(func(ctx *pulumi.Context) error {
		outputs, err := s.layer.build(ctx, target)
		if err != nil {
			return err
		}
		for _, output := range outputFields(outputs) {
			if pulumi.IsSecret(output.value) {
				secret = append(secret, output.name)
			}
			// Exporting the result makes the program wait for it.
			ctx.Export(output.name, pulumi.All(output.value).ApplyT(func(values []any) bool {
				mu.Lock()
				defer mu.Unlock()
				resolved[output.name] = values[0]
				return true
			}))
		}
		return nil
	}, s.h, false)
	require.NoError(t, err)
	for _, output := range outputFields(s.layer.outputs) {
		value, ok := resolved[output.name]
		assert.True(t, ok, "the output %s never resolves", output.name)
		if !output.optional {
			assert.NotEmpty(t, fmt.Sprint(value), "the output %s is empty", output.name)
		}
	}
	for _, name := range s.layer.secretOutputs {
		assert.Contains(t, secret, name, "the output %s must be a secret", name)
	}
}

// deterministic: the same arguments give the same graph.
func (s *suite) deterministic(t *testing.T) {
	first, err := s.record(t, s.layer.build, false)
	require.NoError(t, err)
	second, err := s.record(t, s.layer.build, false)
	require.NoError(t, err)
	assert.Equal(t, graphOf(t, s.h, first), graphOf(t, s.h, second))
}

// dryRun: a preview, in which nothing that a provider computes is known, ends, and registers the same resources.
func (s *suite) dryRun(t *testing.T) {
	wet, err := s.record(t, s.layer.build, false)
	require.NoError(t, err)
	done := make(chan error, 1)
	var dry *recording.Recorder
	go func() {
		var err error
		dry, err = s.record(t, s.layer.build, true)
		done <- err
	}()
	select {
	case err := <-done:
		require.NoError(t, err)
		assert.Equal(t, urns(wet), urns(dry), "a preview shows other resources than an update makes")
	case <-time.After(time.Minute): // a hang is the only thing that this can mean
		t.Fatal("the preview hangs: something waits for an output that is not known yet")
	}
}

// secrets: what goes in as a secret never shows in the inputs of a resource.
func (s *suite) secrets(t *testing.T) {
	r, err := s.record(t, s.layer.build, false)
	require.NoError(t, err)
	for _, res := range r.Resources() {
		for _, path := range leaks(resource.NewObjectProperty(res.Inputs), "") {
			t.Errorf("%s shows a secret in %s", res.URN, path)
		}
	}
}

// leaks finds the planted secret outside of secret values.
func leaks(v resource.PropertyValue, path string) []string {
	var found []string
	switch {
	case v.IsString() && strings.Contains(v.StringValue(), plantedSecret):
		found = append(found, path)
	case v.IsObject():
		for key, value := range v.ObjectValue() {
			found = append(found, leaks(value, path+"."+string(key))...)
		}
	case v.IsArray():
		for _, item := range v.ArrayValue() {
			found = append(found, leaks(item, path+"[]")...)
		}
	}
	return found
}

// badArguments: every bad argument gives its sentinel, and nothing has been registered.
func (s *suite) badArguments(t *testing.T) {
	require.NotEmpty(t, s.layer.bad, "the suite knows no bad arguments of this layer")
	for _, bad := range s.layer.bad {
		r, err := s.record(t, bad.build, false)
		require.ErrorIs(t, err, bad.sentinel, bad.name)
		require.ErrorContains(t, err, string(s.layer.layer), "the message must name the layer")
		assert.Empty(t, r.Resources(), "%s: resources were registered before the arguments were checked", bad.name)
	}
}

// unsupported: a layer that the target lacks is refused before anything is registered.
func (s *suite) unsupported(t *testing.T) {
	t.Helper()
	r, err := s.record(t, s.layer.build, false)
	require.ErrorIs(t, err, components.ErrUnsupported)
	assert.Empty(t, r.Resources())
}

// support: what the target says it lacks is what its test declares, each with a reason.
func support(t *testing.T, h Harness) {
	t.Helper()
	lacks := h.New(t, Scope(components.Dev)).Unsupported()
	assert.Len(t, lacks, len(h.Unsupported))
	for _, layer := range h.Unsupported {
		assert.NotEmpty(t, lacks[layer], "%s is declared as unsupported, but the target gives no reason", layer)
	}
}

// RunPlatform checks the laws for all layers at once: for options of a target with which layers need each other.
func RunPlatform(t *testing.T, h Harness) {
	t.Helper()
	for _, e := range components.Environments() {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			golden(t, h, e)
			wet, err := platform(t, h, e, false)
			require.NoError(t, err)
			dry, err := platform(t, h, e, true)
			require.NoError(t, err)
			assert.Equal(t, urns(wet), urns(dry), "a preview shows other resources than an update makes")
			for _, res := range wet.Resources() {
				for _, path := range leaks(resource.NewObjectProperty(res.Inputs), "") {
					t.Errorf("%s shows a secret in %s", res.URN, path)
				}
				if h.CheckName != nil {
					assert.NoError(t, h.CheckName(res), res.URN)
				}
			}
		})
	}
}

// platform records all layers.
func platform(t *testing.T, h Harness, e components.Environment, dryRun bool) (*recording.Recorder, error) {
	t.Helper()
	target := h.New(t, Scope(e))
	return record(func(ctx *pulumi.Context) error {
		root, err := components.NewPlatform(ctx, "platform", target)
		if err != nil {
			return err
		}
		for _, c := range cases(h.values()) {
			if slices.Contains(h.Unsupported, c.layer) {
				continue
			}
			if _, err := c.build(ctx, target, pulumi.Parent(root)); err != nil {
				return err
			}
		}
		_, err = root.Finish(ctx, pulumi.Map{})
		return err
	}, h, dryRun)
}

// golden: the whole platform gives the graph that is on record. A difference in a name, a type or a parent is a
// breaking change for every stack that exists.
func golden(t *testing.T, h Harness, e components.Environment) {
	t.Helper()
	r, err := platform(t, h, e, false)
	require.NoError(t, err)
	roots := r.Find(components.PlatformToken)
	require.Len(t, roots, 1)
	checkTree(t, r, roots[0].URN)
	CompareGolden(t, filepath.Join(h.Golden, "graph-"+string(e)+".json"), graphOf(t, h, r))
}

// CompareGolden compares a text with the file that is on record, or writes it where UpdateGolden is set.
func CompareGolden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv(UpdateGolden) != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "no golden file; write it with %s=1", UpdateGolden)
	assert.Equal(t, string(want), got, "%s differs; if that is meant, write it anew with %s=1 and say in the change log "+
		"what it means for stacks that exist", path, UpdateGolden)
}

func graphOf(t *testing.T, h Harness, r *recording.Recorder) string {
	t.Helper()
	graph, err := r.Graph()
	require.NoError(t, err)
	if h.Redact == nil {
		return string(graph)
	}
	return h.Redact(string(graph))
}

func urns(r *recording.Recorder) []string {
	var all []string
	for _, res := range r.Resources() {
		all = append(all, res.URN)
	}
	return all
}
