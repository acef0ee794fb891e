package taggable_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules/taggable"
)

// TestListIsCurrent compares the committed list with the sources of each SDK. One that is not on this machine is
// skipped: those that go.mod names always are there where their code can be built.
func TestListIsCurrent(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../taggable.txt")
	require.NoError(t, err)
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	require.NoError(t, err)
	for _, module := range taggable.Modules() {
		t.Run(strings.ReplaceAll(module, "/", "."), func(t *testing.T) {
			t.Parallel()
			dir := taggable.Dir(strings.TrimSpace(string(cache)), module)
			if _, err := os.Stat(dir); err != nil {
				t.Skip("the sources are not here: `go mod download` brings them")
			}
			lines, err := taggable.Scan(dir)
			require.NoError(t, err)
			assert.Contains(t, string(list), taggable.Section(module, lines), "run `go generate ./policies/rules`")
		})
	}
}

// TestVersionsAreThoseOfTheProject: a new version of an SDK in go.mod asks for a new list.
func TestVersionsAreThoseOfTheProject(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	for _, module := range taggable.Modules() {
		name, version, _ := strings.Cut(module, "@")
		for line := range strings.SplitSeq(string(text), "\n") {
			if fields := strings.Fields(strings.TrimPrefix(line, "require")); len(fields) > 1 && fields[0] == name {
				assert.Equal(t, version, fields[1], name)
			}
		}
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tagged.go":  "RegisterResource(\"aws:x/y:Y\"\n\ntype YArgs struct {\n\tTags pulumi.StringMapInput\n}\n",
		"listed.go":  "RegisterResource(\"aws:x/l:L\"\n\ntype LArgs struct {\n\tTags LTagArrayInput\n}\n",
		"bare.go":    "RegisterResource(\"aws:x/z:Z\"\n\ntype ZArgs struct {\n\tName pulumi.StringInput\n}\n",
		"network.go": "RegisterResource(\"gcp:x/n:N\"\n\ntype NArgs struct {\n\tTags pulumi.StringArrayInput\n}\n",
		"labels.go": "RegisterResource(\"gcp:x/l:L\"\n" +
			"\ntype LArgs struct {\n\tUserLabels pulumi.StringMapInput\n}\n",
		"v20230101/version.go": "RegisterResource(\"azure:x:Y\"\n\ntype YArgs struct {\n\tTags pulumi.StringMapInput\n}\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	lines, err := taggable.Scan(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"aws:x/l:L tags[]", "aws:x/y:Y tags", "gcp:x/l:L userLabels"}, lines)
}
