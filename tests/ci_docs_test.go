package tests

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/internal/cli"
)

// TestCICommandsAreRight: each flag of plan, check and prices in a document or a workflow is one of that command.
func TestCICommandsAreRight(t *testing.T) {
	t.Parallel()
	help := func(command string) string {
		var out bytes.Buffer
		require.Zero(t, cli.Main(t.Context(), []string{command, "--help"}, &out, &out))
		return out.String()
	}
	command := regexp.MustCompile(`(?:go run(?: -tags \S+)? \.|mlpathway) (plan|check|prices)\b((?:[^\n]|\n\s+--)*)`)
	flag := regexp.MustCompile(`(?:^|\s)(--?[a-z][a-z-]*)`)
	seen := 0
	for _, path := range []string{
		"../README.md", "../docs/ci.md", "../docs/cost.md", "../.github/workflows/stack-check.yml",
	} {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, call := range command.FindAllStringSubmatch(string(data), -1) {
			arguments, _, _ := strings.Cut(call[2], "`")
			for _, name := range flag.FindAllStringSubmatch(arguments, -1) {
				if call[1] == "prices" && strings.Contains(arguments, "update") {
					continue // its own flags, which the help of update lists
				}
				assert.Regexp(t, `(^|\s|,)`+name[1]+`\b`, help(call[1]), "%s: %s", path, call[0])
				seen++
			}
		}
	}
	assert.Greater(t, seen, 15, "the test finds the commands")
}

// TestWorkflowScripts: the workflow is YAML, gives rights to jobs and not to all, and its scripts are shell.
func TestWorkflowScripts(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../.github/workflows/stack-check.yml")
	require.NoError(t, err)
	var workflow struct {
		Permissions map[string]string `yaml:"permissions"`
		Jobs        map[string]struct {
			If          string            `yaml:"if"`
			Permissions map[string]string `yaml:"permissions"`
			Steps       []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	require.NoError(t, yaml.Unmarshal(data, &workflow))
	assert.Empty(t, workflow.Permissions)
	require.Len(t, workflow.Jobs, 3)
	for name, job := range workflow.Jobs {
		assert.NotEmpty(t, job.Permissions, name)
		assert.NotEmpty(t, job.If, name)
		for _, step := range job.Steps {
			assert.NotContains(t, step.Run, "${{", "%s: an expression in a script is an injection", name)
			shell := exec.CommandContext(t.Context(), "bash", "-n")
			shell.Stdin = strings.NewReader(step.Run)
			out, err := shell.CombinedOutput()
			require.NoError(t, err, "%s: %s\n%s", name, out, step.Run)
		}
	}
}
