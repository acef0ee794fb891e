package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/cost"
)

// planProject is a working copy with one stack for each text, and files by path.
func planProject(t *testing.T, stacks, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("Pulumi.yaml", "name: mlpathway\nstackConfigDir: stacks\n")
	require.NoError(t, os.CopyFS(filepath.Join(dir, "examples"), os.DirFS("../../examples")))
	for name, text := range stacks {
		write("stacks/Pulumi."+name+".yaml", "config:\n  mlpathway:target: local\n  mlpathway:team: fraud\n"+
			"  mlpathway:pipeline: examples/tumour/pipeline.yaml\n"+text)
	}
	for name, text := range files {
		write(name, text)
	}
	return dir
}

// judge runs one command line in a working copy and gives its status and what it wrote.
func judge(t *testing.T, dir string, args ...string) (status int, out, problems string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot(&app{out: &stdout, err: &stderr, environ: os.Environ(), dir: dir})
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err := root.ExecuteContext(t.Context())
	return exitStatus(err), stdout.String(), stderr.String() + errorText(err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

const (
	dev  = "  mlpathway:environment: dev\n"
	prod = "  mlpathway:environment: prod\n"
	// expired is a finding in every stack, and a mandatory one in prod.
	expired = "waivers:\n- {rule: ENC-01, urn: \"*\", environment: %s, reason: no longer true, owner: ada, " +
		"expires: 2026-01-01}\n"
)

// TestStatus: 0 clean, 1 a mandatory finding, 2 no plan; never mixed.
func TestStatus(t *testing.T) {
	t.Parallel()
	inProd := map[string]string{"policies/waivers.yaml": strings.Replace(expired, "%s", "prod", 1)}
	inDev := map[string]string{"policies/waivers.yaml": strings.Replace(expired, "%s", "dev", 1)}
	one := func(text string) map[string]string { return map[string]string{"a": text} }
	for name, test := range map[string]struct {
		stacks, files map[string]string
		args          []string
		want          int
		says          string
	}{
		"clean":               {stacks: one(dev), args: []string{"plan", "-s", "a"}},
		"an advisory finding": {stacks: one(dev), files: inDev, args: []string{"plan", "-s", "a"}},
		"a mandatory finding": {
			stacks: one(prod), files: inProd, args: []string{"plan", "-s", "a"}, want: 1, says: "stops the deployment",
		},
		"one of several": {
			stacks: map[string]string{"a": prod, "b": dev}, files: inProd, args: []string{"check"},
			want: 1, says: "stops the deployment",
		},
		"no such stack": {stacks: one(dev), args: []string{"plan", "-s", "b"}, want: 2, says: "there is no stack b"},
		"a wrong stack file": {
			stacks: one(dev + "  mlpathway:colour: red\n"), args: []string{"plan", "-s", "a"}, want: 2,
			says: "colour: unknown key",
		},
		"no plan and a finding": {
			stacks: map[string]string{"a": prod, "b": "  x: ["}, files: inProd, args: []string{"check"}, want: 2, says: "b",
		},
		"a wrong flag": {stacks: one(dev), args: []string{"plan", "--colour"}, want: 2, says: "unknown flag"},
		"no base": {
			stacks: one(dev), args: []string{"plan", "-s", "a", "--diff", "gone"}, want: 2,
			says: "neither a file nor a revision",
		},
		"a base that is no plan": {
			stacks: one(dev), files: map[string]string{"base.json": "{}"},
			args: []string{"plan", "-s", "a", "--diff", "base.json"}, want: 2, says: "found version 0",
		},
		"a report that cannot be written": {
			stacks: one(dev), args: []string{"plan", "-s", "a", "--sarif", "no/such/folder/x"}, want: 2,
			says: "writing no/such",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := planProject(t, test.stacks, test.files)
			args := test.args
			for i, arg := range args {
				if arg == "base.json" {
					args[i] = filepath.Join(dir, arg)
				}
			}
			status, _, problems := judge(t, dir, args...)
			assert.Equal(t, test.want, status, problems)
			assert.Contains(t, problems, test.says)
		})
	}
}

// TestWaiversThatNothingUses: only all stacks together tell of a waiver that means none in particular.
func TestWaiversThatNothingUses(t *testing.T) {
	t.Parallel()
	file := func(urn, environment string) map[string]string {
		return map[string]string{"policies/waivers.yaml": fmt.Sprintf("waivers:\n- {rule: ENC-01, urn: %q, "+
			"environment: %s, reason: nobody needs it, owner: ada, expires: %s}\n", urn, environment,
			time.Now().UTC().AddDate(0, 0, 30).Format(time.DateOnly))}
	}
	two := map[string]string{"a": prod, "b": dev}
	for name, test := range map[string]struct {
		urn, environment string
		want             int
		says             string
	}{
		"for all stacks of prod":               {"*::x", "prod", 1, "accepts nothing in any stack"},
		"for all stacks of dev":                {"*::x", "dev", 0, "accepts nothing in any stack"},
		"for a stack that is not there":        {"urn:pulumi:gone::*", "prod", 1, "accepts nothing in any stack"},
		"for an environment that has no stack": {"*", "stage", 1, "accepts nothing in any stack"},
		"for one stack":                        {"urn:pulumi:a::*", "prod", 1, "accepts nothing: the finding is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := planProject(t, two, file(test.urn, test.environment))
			status, out, problems := judge(t, dir, "check")
			assert.Equal(t, test.want, status, problems)
			assert.Equal(t, 1, strings.Count(out, "accepts nothing"), out)
			assert.Contains(t, out, test.says)
			status, out, problems = judge(t, dir, "plan", "-s", "b")
			assert.Zero(t, status, problems)
			assert.NotContains(t, out, "accepts nothing", "another stack may use it")
		})
	}
}

// TestReportsAreWritten: one command writes all of them, and the plan that it prints can be read again.
func TestReportsAreWritten(t *testing.T) {
	t.Parallel()
	dir := planProject(t, map[string]string{"a": dev, "b": prod}, nil)
	file := func(name string) string { return filepath.Join(dir, name) }
	status, out, problems := judge(t, dir,
		"check", "--json", "--sarif", file("s"), "--junit", file("j"), "--markdown", file("m"))
	require.Zero(t, status, problems)
	set, err := plan.Read(strings.NewReader(out))
	require.NoError(t, err)
	require.Len(t, set.Plans, 2)
	for name, begins := range map[string]string{"s": "{", "j": "<?xml", "m": "<!-- mlpathway"} {
		data, err := os.ReadFile(file(name))
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(data), begins), name)
		assert.Contains(t, string(data), "b")
	}
	status, out, problems = judge(t, dir, "check", "--stack", "b")
	require.Zero(t, status, problems)
	assert.NotContains(t, out, "Plan of a")
}

// TestSecretsStayHidden plants one in a stack and looks for it in everything that a command writes.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-planted-and-long"
	dir := planProject(t, map[string]string{
		"a": prod + "  mlpathway:endpoint: {auth: token}\n" +
			"  mlpathway:jobs: {thumbs: {image: training-image, command: [run-id]}}\n" +
			"  other:password: {secure: " + secret + "}\n",
	}, nil)
	var written strings.Builder
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"plan", "-s", "a"}, {"plan", "-s", "a", "--json"},
		{"check", "--sarif", file("s"), "--junit", file("j"), "--markdown", file("m")},
	} {
		status, out, problems := judge(t, dir, args...)
		require.Zero(t, status, problems)
		written.WriteString(out + problems)
	}
	for _, name := range []string{"s", "j", "m"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		written.Write(data)
	}
	assert.NotContains(t, written.String(), secret)
	assert.Contains(t, written.String(), plan.Secret, "what is secret is shown as such")
}

// TestDiffWithARevision compares with a commit whose program is a script that says what a plan is.
func TestDiffWithARevision(t *testing.T) {
	dir := planProject(t, map[string]string{"a": dev, "b": dev}, map[string]string{
		".gitignore": ".mlpathway\n", "internal/plan/plan.go": "package plan\n",
	})
	git := func(args ...string) {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	git("init", "-q")
	git("add", "-A")
	git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-qm", "first")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stacks", "Pulumi.c.yaml"),
		[]byte(mustRead(t, filepath.Join(dir, "stacks", "Pulumi.a.yaml"))), 0o600))

	before := &plan.Document{Version: plan.Version, Stack: "a", Environment: "dev", Cost: &cost.Estimate{}}
	data, err := before.Encode()
	require.NoError(t, err)
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "plan.json"), data, 0o600))
	script := "#!/bin/sh\nset -e\ntest -f Pulumi.yaml\ntest ! -e stacks/Pulumi.c.yaml\n" +
		"echo \"$@\" >> " + bin + "/calls\n" +
		"sed \"s/\\\"stack\\\": \\\"a\\\"/\\\"stack\\\": \\\"$(echo \"$@\" | sed 's/.* //')\\\"/\" " + bin + "/plan.json\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o700))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	for range 2 {
		status, out, problems := judge(t, dir, "check", "--diff", "HEAD", "--json")
		require.Zero(t, status, problems)
		var set plan.Set
		require.NoError(t, json.Unmarshal([]byte(out), &set))
		require.Len(t, set.Diffs, 3, "a stack that is new is compared with nothing")
		for _, diff := range set.Diffs {
			assert.NotEmpty(t, diff.Added)
		}
	}
	calls := strings.Split(strings.TrimSpace(mustRead(t, filepath.Join(bin, "calls"))), "\n")
	assert.Len(t, calls, 2, "once for each stack: the plans of a commit are kept: %v", calls)
	assert.Contains(t, calls[0], "plan --json --stack a")
	command := exec.CommandContext(t.Context(), "git", "worktree", "list")
	command.Dir = dir
	out, err := command.Output()
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(out), "\n"), "the copy is taken away: %s", out)

	broken := []byte("#!/bin/sh\necho it is broken >&2\nexit 1\n")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), broken, 0o700))
	git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-q", "--allow-empty", "-m", "second")
	status, _, problems := judge(t, dir, "check", "--diff", "HEAD")
	assert.Equal(t, 2, status)
	assert.Contains(t, problems, "it is broken")
	git("rm", "-rq", "--cached", "internal")
	git("-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "third")
	status, _, problems = judge(t, dir, "check", "--diff", "HEAD")
	assert.Equal(t, 2, status)
	assert.Contains(t, problems, "cannot plan yet")
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func TestPrices(t *testing.T) {
	t.Parallel()
	dir := planProject(t, nil, nil)
	status, out, problems := judge(t, dir, "prices")
	require.Zero(t, status, problems)
	assert.Contains(t, out, "aws")
	assert.Contains(t, out, "karpenter")
	status, out, problems = judge(t, dir, "prices", "--cloud", "aws")
	require.Zero(t, status, problems)
	assert.Contains(t, out, "aws/nat-gateway/hour/us-east-1")
	assert.NotContains(t, out, "azure/")
	status, _, problems = judge(t, dir, "prices", "--cloud", "ibm")
	assert.Equal(t, 2, status, problems)
	status, _, problems = judge(t, dir, "prices", "update")
	assert.Equal(t, 2, status, problems)

	var late bytes.Buffer
	table, err := cost.Embedded()
	require.NoError(t, err)
	require.NoError(t, (&app{out: &late}).printPrices(table, "", time.Now().AddDate(1, 0, 0)))
	assert.Contains(t, late.String(), "warning: older than 180 days")
}
