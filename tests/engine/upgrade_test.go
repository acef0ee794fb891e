package engine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/blang/semver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/engine"
)

// recordVariable names the version whose states are to be recorded; make record sets it.
const recordVariable = "MLPATHWAY_RECORD"

// TestUpgrade: today's program on the state of every release replaces and deletes nothing that holds data.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	if os.Getenv(recordVariable) != "" {
		t.Skip("the states are being recorded")
	}
	files := engine.Files(t)
	states := recordings(t)
	require.NotEmpty(t, states)
	for _, path := range states {
		version, name := filepath.Base(filepath.Dir(path)), strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(version+"/"+name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(files, func(f *engine.File) bool { return f.Name == name })
			require.GreaterOrEqual(t, i, 0, "%s had the stack %s, and its file is gone", version, name)
			state, err := os.ReadFile(path)
			require.NoError(t, err)
			losses := engine.LossProblems(previewOn(t, files[i], string(state)))
			assert.Empty(t, losses, "the upgrade from %s loses:\n  %s", version, strings.Join(losses, "\n  "))
		})
	}
}

// previewOn previews today's program on the state of a release.
func previewOn(t *testing.T, file *engine.File, state string) *engine.Result {
	t.Helper()
	s := file.Stack(t, engine.New(t, file.Case().Providers...), "", nil)
	s.Load(t, []byte(state))
	loaded, err := s.State()
	require.NoError(t, err)
	require.NotEmpty(t, loaded.Custom())
	preview := s.Preview(t)
	same := 0
	for _, step := range preview.Steps() {
		if step.Operation == "same" || step.Operation == "update" {
			same++
		}
	}
	assert.NotZero(t, same, "the preview has nothing in common with the state")
	return preview
}

// TestAnUpgradeThatLosesIsSeen: the state of a release in which the lake's directory had another name.
func TestAnUpgradeThatLosesIsSeen(t *testing.T) {
	t.Parallel()
	if os.Getenv(recordVariable) != "" {
		t.Skip("the states are being recorded")
	}
	for _, file := range engine.Files(t) {
		if file.Name != "local" {
			continue
		}
		path := slices.DeleteFunc(recordings(t), func(path string) bool { return filepath.Base(path) != "local.json" })[0]
		state, err := os.ReadFile(path)
		require.NoError(t, err)
		const now = "mlpathway:local:Directory::lake-models"
		require.Contains(t, string(state), now)
		before := strings.ReplaceAll(string(state), now, "mlpathway:local:Directory::lake-registry")
		losses := strings.Join(engine.LossProblems(previewOn(t, file, before)), "\n")
		assert.Contains(t, losses, "delete urn:pulumi:local::mlpathway::mlpathway:platform:Platform$mlpathway:data:Lake$"+
			"mlpathway:local:Directory::lake-registry")
	}
}

func recordings(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", engine.States, "*", "*.json"))
	require.NoError(t, err)
	return paths
}

// TestRecordStates writes the state of every stack as it is today, where make record asks for it, and says what of it
// breaks the stacks of the release before.
func TestRecordStates(t *testing.T) {
	t.Parallel()
	version := os.Getenv(recordVariable)
	dir := filepath.Join("..", "..", engine.States, version)
	if version == "" {
		dir = t.TempDir() // the way of recording is tested all the same
	}
	for _, file := range engine.Files(t) {
		if version == "" && file.Name != "local" {
			continue // one stack shows that recording works
		}
		t.Run(file.Name, func(t *testing.T) {
			t.Parallel()
			s := file.Stack(t, engine.New(t, file.Case().Providers...), "", nil)
			data, err := s.Record(s.Up(t).State)
			require.NoError(t, err)
			for _, secret := range []string{"ciphertext\": \"v1:", s.Workspace.Root} {
				assert.NotContains(t, string(data), secret)
			}
			again, err := s.Record(s.Up(t).State)
			require.NoError(t, err)
			assert.Equal(t, string(data), string(again), "a recording must not depend on when it was made")
			if path := recordedLast(t, file.Name); path != "" {
				old, err := os.ReadFile(path)
				require.NoError(t, err)
				printBreaks(t, path, old, data)
			}
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, file.Name+".json"), data, 0o644))
		})
	}
}

// recordedLast is the recording of a stack by the newest release that has one; "" if none has.
func recordedLast(t *testing.T, stack string) string {
	t.Helper()
	var newest semver.Version
	last := ""
	for _, path := range recordings(t) {
		version, err := semver.ParseTolerant(filepath.Base(filepath.Dir(path)))
		require.NoError(t, err, "%s lies in a folder that is no version", path)
		if filepath.Base(path) == stack+".json" && (last == "" || version.GT(newest)) {
			newest, last = version, path
		}
	}
	return last
}

func printBreaks(t *testing.T, path string, old, data []byte) {
	t.Helper()
	before, err := engine.Nodes(old)
	require.NoError(t, err, path)
	after, err := engine.Nodes(data)
	require.NoError(t, err, path)
	for _, text := range engine.Breaks(before, after) {
		t.Logf("BREAKING CHANGE in %s: %s", path, text)
	}
}

// TestGoldenGraphBreaks says what the golden graphs of the working copy break of those that were committed last.
func TestGoldenGraphBreaks(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, dir := range []string{"components/*", "tests"} {
		found, err := filepath.Glob(filepath.Join("..", "..", dir, "testdata", "graph-*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, found, dir)
		paths = append(paths, found...)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		show := exec.CommandContext(t.Context(), "git", "show", "HEAD:./"+filepath.Base(path))
		show.Dir = filepath.Dir(path)
		if old, err := show.Output(); err == nil { // else it is new
			printBreaks(t, path, old, data)
		}
		nodes, err := engine.Nodes(data)
		require.NoError(t, err)
		assert.NotEmpty(t, nodes, path)
	}
}

func TestBreaks(t *testing.T) {
	t.Parallel()
	lake := engine.Node{URN: "lake", Type: "data:Lake", Parent: "platform"}
	moved, retyped := lake, lake
	moved.Parent, retyped.Type = "other", "data:Pond"
	for want, after := range map[string][]engine.Node{
		"lake is gone": {}, "was of type data:Lake": {retyped}, `was under "platform"`: {moved},
	} {
		breaks := engine.Breaks([]engine.Node{lake}, after)
		require.Len(t, breaks, 1)
		assert.Contains(t, breaks[0], want)
	}
	assert.Empty(t, engine.Breaks([]engine.Node{lake}, []engine.Node{lake, {URN: "new"}}))
}
