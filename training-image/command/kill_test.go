package command_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// killed starts a step as a process of its own and kills it after a while; it tells whether the step had ended before.
func killed(t *testing.T, environment map[string]string, name string, after time.Duration) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], name)
	cmd.Env = append(os.Environ(), asProgram+"=1", xgboost.EnvLibrary+"="+xgboosttest.Path(t), "TMPDIR="+t.TempDir())
	for name, value := range environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	require.NoError(t, cmd.Start())
	time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	return cmd.Wait() == nil
}

// whole checks what must hold once a run has ended, whatever was killed before.
func whole(t *testing.T, l *steptest.Lake) {
	t.Helper()
	reg := registry.New(l.Zone("models"))
	versions, err := reg.Versions(t.Context(), "tumour")
	require.NoError(t, err)
	require.Len(t, versions, 1)
	v, err := reg.Open(t.Context(), "tumour", versions[0])
	require.NoError(t, err)
	assert.Equal(t, versions[0], production(t, l, "tumour"))
	assert.Equal(t, registry.Registered, l.Run(v.Manifest.Run).Status)
	rows, err := metadata.Rows(t.Context(), l.Options("").Metadata)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	assert.Equal(t, versions[0], rows[0].ModelVersion)
	assert.Equal(t, metadata.Promoted, rows[0].Status)
}

// TestStepsThatAreKilledAreCompletedByRunningThemAgain kills each step of a run several times, later and later, and
// then lets it end.
func TestStepsThatAreKilledAreCompletedByRunningThemAgain(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	for _, name := range steps {
		for after := 20 * time.Millisecond; after < 300*time.Millisecond; after += 40 * time.Millisecond {
			if killed(t, variables(l, "r1"), name, after) {
				break
			}
		}
		code, _, stderr := call(t, variables(l, "r1"), name)
		require.Zero(t, code, stderr)
	}
	whole(t, l)
	assert.Empty(t, l.Files("models/tumour/candidates"))
}

// TestANewRunCompletesAKilledOne kills runs between and inside their steps; a run with another id
// follows each time.
func TestANewRunCompletesAKilledOne(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	for i, last := range steps {
		run := fmt.Sprintf("r%d", i)
		for _, name := range steps[:i] {
			code, _, stderr := call(t, variables(l, run), name)
			require.Zero(t, code, stderr)
		}
		killed(t, variables(l, run), last, 150*time.Millisecond)
	}
	pipelineRun(t, l, "r9")
	whole(t, l)
}

// undo puts the lake back to where register was killed right after the manifest had been written.
func undo(t *testing.T, l *steptest.Lake, r *registry.Run, status registry.Status) {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(l.Dir, "models", "tumour", "aliases")))
	require.NoError(t, os.RemoveAll(filepath.Join(l.Dir, "registry")))
	r.Status, r.Version = status, ""
	require.NoError(t, registry.WriteRun(t.Context(), l.Zone("logs"), r))
}

func TestAVersionWithoutAliasIsCompleted(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	r, _ := pipelineRun(t, l, "r1")
	version := r.Version

	undo(t, l, r, registry.Running)
	code, out, stderr := call(t, variables(l, "r1"), "register")
	require.Zero(t, code, stderr)
	assert.NotContains(t, out, "registered tumour", "it is registered already")
	whole(t, l)

	undo(t, l, r, registry.Running)
	again, _ := pipelineRun(t, l, "r1") // the whole run again under the same id
	assert.Equal(t, registry.Registered, again.Status)
	assert.Equal(t, version, again.Version)
	whole(t, l)

	for i, status := range []registry.Status{registry.Running, registry.Failed} {
		undo(t, l, l.Run("r1"), status)
		next, _ := pipelineRun(t, l, fmt.Sprintf("r%d", i+2))
		assert.Equal(t, registry.Unchanged, next.Status)
		assert.Equal(t, version, next.Version)
		whole(t, l)
	}
}

func TestAnOldVersionDoesNotOvertakeANewerOne(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	first, _ := pipelineRun(t, l, "r1")
	first.Status = registry.Running // as if it had been killed before its end
	require.NoError(t, registry.WriteRun(t.Context(), l.Zone("logs"), first))
	time.Sleep(time.Second) // versions carry whole seconds
	l.Drop("more.csv", changed(t, func([]string) {}), 1)
	second, _ := pipelineRun(t, l, "r2")
	require.True(t, second.Decision.Promoted)
	require.NoError(t, os.Remove(filepath.Join(l.Dir, "raw", "more.csv")))
	pipelineRun(t, l, "r3")
	assert.Equal(t, second.Version, production(t, l, "tumour"))
}
