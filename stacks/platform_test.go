package stacks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/stacks"
)

const pipelineYAML = `
name: tumour
task: binary
source:
  data: data.csv
  key: id
  columns:
    - {name: id, type: integer}
    - {name: size, type: float}
    - {name: diagnosis, type: category, values: [benign, malignant]}
label: diagnosis
gate: {metric: accuracy, threshold: 0.9}
`

// project makes a project directory with a pipeline, its data and files in place of the programs.
func project(t *testing.T, pipeline string) string {
	t.Helper()
	root := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o700))
	}
	write("pipeline.yaml", pipeline)
	write("data.csv", "id,size,diagnosis\n1,2.5,benign\n")
	for _, program := range []string{"training-image", "inference-image", "process-compose"} {
		write("bin/"+program, program)
	}
	return root
}

func record(t *testing.T, root string, values map[string]string) (*recording.Recorder, error) {
	t.Helper()
	return recording.Record(func(ctx *pulumi.Context) error { return stacks.Build(ctx, root, values) },
		recording.Options{Project: "mlpathway", Stack: "local", DryRun: true})
}

func types(r *recording.Recorder) []string {
	var all []string
	for _, res := range r.Resources() {
		if strings.HasPrefix(res.Type, "mlpathway:") && !res.Custom {
			all = append(all, res.Type)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

func TestBuild(t *testing.T) {
	t.Parallel()
	r, err := record(t, project(t, pipelineYAML), good(nil))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"mlpathway:data:Features", "mlpathway:data:Lake", "mlpathway:data:Warehouse", "mlpathway:model:Pipeline",
		"mlpathway:model:Registry", "mlpathway:model:Training", "mlpathway:network:Network", "mlpathway:operate:Monitoring",
		"mlpathway:platform:Platform", "mlpathway:security:Security", "mlpathway:serve:Batch", "mlpathway:serve:Endpoint",
	}, types(r))
	assert.Len(t, r.Find("mlpathway:local:Supervisor"), 1)
	assert.Len(t, r.Find("mlpathway:local:Ready"), 1)
	names := []string{}
	for _, process := range r.Find("mlpathway:local:Process") {
		names = append(names, process.Name)
	}
	assert.ElementsMatch(t, []string{"pipeline", "pipeline-watch", "endpoint", "batch", "monitoring"}, names)
	files := r.Find("mlpathway:local:File")
	require.Len(t, files, 2, "the pipeline's definition and the first data set")
}

func TestBuildLeavesOut(t *testing.T) {
	t.Parallel()
	spec := pipelineYAML + "schedules: {batch: never}\n"
	r, err := record(t, project(t, spec), good(map[string]string{"mlpathway:off": `["warehouse", "monitoring"]`}))
	require.NoError(t, err)
	for _, absent := range []string{"data:Warehouse", "operate:Monitoring", "serve:Batch"} {
		assert.NotContains(t, types(r), "mlpathway:"+absent)
	}
}

func TestASearchComesBeforeTheTraining(t *testing.T) {
	t.Parallel()
	steps := func(spec string) (names []string) {
		r, err := record(t, project(t, spec), good(nil))
		require.NoError(t, err)
		for _, process := range r.Find("mlpathway:local:Process") {
			if process.Name != "pipeline" {
				continue
			}
			for _, step := range process.Inputs["steps"].ArrayValue() {
				names = append(names, step.ObjectValue()["name"].StringValue())
			}
		}
		return names
	}
	assert.Equal(t, []string{"etl", "features", "train", "evaluate", "register"}, steps(pipelineYAML))
	assert.Equal(t, []string{"etl", "features", "tune", "train", "evaluate", "register"},
		steps(pipelineYAML+"tuning: {space: {maxDepth: {min: 2, max: 6}}}\n"))
}

func TestBuildAddsJobsAndTokens(t *testing.T) {
	t.Parallel()
	r, err := record(t, project(t, pipelineYAML), good(map[string]string{
		"mlpathway:jobs":     `{"thumbs": {"image": "training-image", "command": ["run-id"]}}`,
		"mlpathway:endpoint": `{"auth": "token"}`,
	}))
	require.NoError(t, err)
	assert.Contains(t, types(r), "mlpathway:data:Processing")
	assert.Len(t, r.Find("mlpathway:local:Token"), 1)
}

func TestBuildRefusesBeforeTheFirstResource(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pipeline string
		values   map[string]string
		want     string
	}{
		"stack file":     {pipelineYAML, good(map[string]string{"mlpathway:x": "y"}), "x: unknown key"},
		"no pipeline":    {pipelineYAML, good(map[string]string{"mlpathway:pipeline": "none.yaml"}), "none.yaml"},
		"pipeline key":   {pipelineYAML + "colour: {}\n", good(nil), "colour: unknown key"},
		"no data":        {strings.Replace(pipelineYAML, "data.csv", "gone.csv", 1), good(nil), "gone.csv"},
		"missing column": {strings.Replace(pipelineYAML, "name: size", "name: weight", 1), good(nil), `"weight"`},
		"no program": {
			pipelineYAML, good(map[string]string{"mlpathway:images": `{"training": "trainer"}`}), "make build",
		},
		"a layer that local lacks": {
			pipelineYAML, good(map[string]string{"mlpathway:cluster": `{"pools": [{"name": "gpu"}]}`}), "does not offer",
		},
	} {
		r, err := record(t, project(t, test.pipeline), test.values)
		require.ErrorContains(t, err, test.want, name)
		assert.Empty(t, r.Resources(), name)
	}
}
