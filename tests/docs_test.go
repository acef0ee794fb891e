package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
	"github.com/mlpathway/mlpathway/components/aws/awstest"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/kubernetes"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
	"github.com/mlpathway/mlpathway/components/local"
	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/stacks"
)

// TestDocsAreTrue: what the documents say of the structure is made from the structure. Write it anew with
// MLPATHWAY_UPDATE_GOLDEN=1.
func TestDocsAreTrue(t *testing.T) {
	t.Parallel()
	graph := recordStack(t, "local")
	checkBlock(t, "../README.md", "picture", "```mermaid\n"+mermaid(graph)+"```\n")
	checkBlock(t, "../docs/design.md", "support", supportTable(t))
	checkBlock(t, "../docs/design.md", "tree", "```\n"+tree(graph)+"```\n")
	checkBlock(t, "../docs/configuration.md", "keys", configurationTable(t))
}

// checkBlock compares what stands between two markers of a document with what should.
func checkBlock(t *testing.T, path, name, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	begin, end := "<!-- "+name+": made from the code -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(string(data), begin)
	require.True(t, ok, "%s has no block %s", path, name)
	got, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s: the block %s has no end", path, name)
	if os.Getenv(componenttest.UpdateGolden) != "" {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+want+end+after), 0o644))
		return
	}
	assert.Equal(t, want, got, "%s is out of date; write it anew with %s=1", path, componenttest.UpdateGolden)
}

// recordStack records the program of a stack file in a copy of the project with files in place of the programs.
func recordStack(t *testing.T, stack string) *recording.Recorder {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(root, "examples"), os.DirFS("../examples")))
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o700))
	for _, program := range []string{"training-image", "inference-image", "process-compose"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "bin", program), nil, 0o700))
	}
	r, err := recording.Record(func(ctx *pulumi.Context) error {
		return stacks.Build(ctx, root, stackValues(t, stack))
	}, recording.Options{Project: "mlpathway", Stack: stack, DryRun: true})
	require.NoError(t, err)
	return r
}

// stackValues reads a stack file as the engine would hand it to the program.
func stackValues(t *testing.T, stack string) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../stacks/Pulumi." + stack + ".yaml")
	require.NoError(t, err)
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	require.NoError(t, yaml.Unmarshal(data, &file))
	values := map[string]string{}
	for key, value := range file.Config {
		values[key] = fmt.Sprint(value)
		switch value.(type) {
		case map[string]any, []any: // as the engine does
			data, err := json.Marshal(value)
			require.NoError(t, err)
			values[key] = string(data)
		}
	}
	return values
}

// layers maps the URN of every layer's component to its name.
func layers(r *recording.Recorder) map[string]string {
	names := map[string]string{}
	for _, res := range r.Resources() {
		if !res.Custom && res.Type != components.PlatformToken {
			names[res.URN] = res.Name
		}
	}
	return names
}

// mermaid draws which layer needs which: an arrow stands where a resource of one waits for a resource of another, and
// arrows that follow from others are left out.
func mermaid(r *recording.Recorder) string {
	names := layers(r)
	owner := map[string]string{}
	for _, res := range r.Resources() {
		owner[res.URN] = names[res.Parent]
	}
	needs := map[string]map[string]bool{}
	for _, res := range r.Resources() {
		for _, dep := range res.Dependencies {
			from, to := owner[dep], owner[res.URN]
			if from == "" || to == "" || from == to {
				continue
			}
			if needs[to] == nil {
				needs[to] = map[string]bool{}
			}
			needs[to][from] = true
		}
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, name := range slices.Sorted(maps.Values(names)) {
		fmt.Fprintf(&b, "    %s[%s]\n", name, strings.ToUpper(name[:1])+name[1:])
	}
	for _, to := range slices.Sorted(maps.Keys(needs)) {
		for _, from := range slices.Sorted(maps.Keys(needs[to])) {
			if !reachable(needs, to, from) {
				fmt.Fprintf(&b, "    %s --> %s\n", from, to)
			}
		}
	}
	return b.String()
}

// reachable reports whether to needs from by way of a third layer.
func reachable(needs map[string]map[string]bool, to, from string) bool {
	for via := range needs[to] {
		if via != from && (needs[via][from] || reachable(needs, via, from)) {
			return true
		}
	}
	return false
}

// tree lists the resources of a stack by their parents.
func tree(r *recording.Recorder) string {
	children := map[string][]recording.Resource{}
	for _, res := range r.Resources() {
		children[res.Parent] = append(children[res.Parent], res)
	}
	var b strings.Builder
	var walk func(urn, indent string)
	walk = func(urn, indent string) {
		for _, res := range children[urn] {
			fmt.Fprintf(&b, "%s%s  %s\n", indent, res.Name, res.Type)
			walk(res.URN, indent+"  ")
		}
	}
	for _, root := range r.Find(components.PlatformToken) {
		fmt.Fprintf(&b, "%s  %s\n", root.Name, root.Type)
		walk(root.URN, "  ")
	}
	return b.String()
}

// supportTable says which target offers which layer.
func supportTable(t *testing.T) string {
	t.Helper()
	targets := supportedTargets(t)
	var b strings.Builder
	b.WriteString("| layer | token |")
	for _, target := range targets {
		fmt.Fprintf(&b, " %s |", target.Name())
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(targets)) + "\n")
	for _, layer := range components.Layers() {
		fmt.Fprintf(&b, "| %s | `%s` |", layer, layer.Token())
		for _, target := range targets {
			support := "yes"
			if reason, ok := target.Unsupported()[layer]; ok {
				support = "no: " + reason
			}
			fmt.Fprintf(&b, " %s |", support)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// supportedTargets makes every target of the support table.
func supportedTargets(t *testing.T) []components.Target {
	t.Helper()
	bin, scope := t.TempDir(), componenttest.Scope(components.Dev)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "process-compose"), nil, 0o700))
	machine, err := local.New(&local.Options{Scope: scope, StateDir: bin, BinDir: bin})
	require.NoError(t, err)
	amazon, err := aws.New(&aws.Options{Scope: scope, Account: awstest.Account, Region: awstest.Region})
	require.NoError(t, err)
	cluster, err := kubernetes.New(&kubernetes.Options{Scope: scope, Settings: settings.Settings{
		Context: "kind", Lake: settings.Lake{URI: "file:///lake/{zone}"},
	}})
	require.NoError(t, err)
	return []components.Target{machine, amazon, cluster}
}
