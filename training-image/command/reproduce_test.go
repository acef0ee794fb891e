package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
)

func TestReproduce(t *testing.T) {
	t.Parallel()
	l := tumour(t)
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	r, _ := pipelineRun(t, l, "r1")
	environment := variables(l, "r2")
	before := l.Files("")
	code, out, stderr := call(t, environment, "reproduce", "--model", "tumour", r.Version)
	require.Zero(t, code, stderr)
	assert.Contains(t, out, r.Version+" is reproduced: model.onnx has the same")
	assert.Equal(t, before, l.Files(""), "nothing is written")

	// The version says that it was trained with another seed: these are not its bytes.
	path := filepath.Join(l.Dir, "models", "tumour", "versions", r.Version, registry.ManifestFile)
	manifest, err := os.ReadFile(path)
	require.NoError(t, err)
	other := strings.Replace(string(manifest), `"seed": 1`, `"seed": 2`, 1)
	other = strings.Replace(other, `"go": "go`, `"go": "before go`, 1)
	require.NotEqual(t, string(manifest), other)
	require.NoError(t, os.WriteFile(path, []byte(other), 0o600))
	code, _, stderr = call(t, environment, "reproduce", "--model", "tumour", r.Version)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "is not the registered one")
	assert.Contains(t, stderr, "and was before go")

	spec, err := os.ReadFile(filepath.Join(l.Dir, "pipeline.yaml"))
	require.NoError(t, err)
	l.SetPipeline(strings.Replace(string(spec), "maxDepth: 1", "maxDepth: 2", 1))
	code, _, stderr = call(t, environment, "reproduce", "--model", "tumour", r.Version)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "pipeline.yaml is not the one that the version was trained with")
	code, _, stderr = call(t, environment, "reproduce", "--model", "tumour", "20200101T000000.000Z-00000000")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "reproduce:")
}
