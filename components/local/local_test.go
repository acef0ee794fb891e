package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/local"
	"github.com/mlpathway/mlpathway/components/recording"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	bin := programs(t)
	componenttest.Run(t, componenttest.Harness{
		New: func(t *testing.T, scope components.Scope) components.Target {
			t.Helper()
			return newTarget(t, bin, scope)
		},
		Unsupported: []components.Layer{
			components.ClusterLayer, components.BudgetLayer, components.WorkbenchLayer, components.DeliveryLayer,
		},
		Invent: invent,
		Golden: "testdata",
		Redact: func(graph string) string { return strings.ReplaceAll(graph, bin, "/project/bin") },
	})
}

func newTarget(t *testing.T, bin string, scope components.Scope) *local.Target {
	t.Helper()
	target, err := local.New(&local.Options{Scope: scope, StateDir: "/project/.mlpathway/test", BinDir: bin})
	require.NoError(t, err)
	return target
}

// programs makes a directory with files in place of the programs: the graph depends on their content only.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"training-image", "inference-image", "process-compose"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o700))
	}
	return dir
}

// invent makes up what the provider returns.
func invent(r recording.Resource) (string, resource.PropertyMap) {
	outputs := map[string]any{}
	switch strings.TrimPrefix(r.Type, "mlpathway:local:") {
	case "Directory":
		outputs["uri"] = "file://" + r.Inputs["path"].StringValue()
	case "Port":
		outputs["port"] = 41000 + len(r.Name)
	case "Token":
		outputs["token"] = "0123456789abcdef"
	case "Process":
		outputs["digest"] = "digest-of-" + r.Name
		outputs["startUrl"] = "unix:///project/.mlpathway/test/supervisor/sock:/process/start/" + r.Name
	case "Supervisor":
		outputs["socket"] = "/project/.mlpathway/test/supervisor/sock"
	}
	return r.Name, resource.NewPropertyMapFromMap(outputs)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := local.New(&local.Options{StateDir: "relative", BinDir: t.TempDir()})
	require.ErrorContains(t, err, "want an absolute path")

	_, err = local.New(&local.Options{StateDir: "/state", BinDir: t.TempDir()})
	require.ErrorIs(t, err, local.ErrNoProgram)
	assert.ErrorContains(t, err, "make build", "the message must say what to do")
}

// build records a program on the local target.
func build(t *testing.T, program func(*pulumi.Context, components.Target) error) (*recording.Recorder, error) {
	t.Helper()
	target := newTarget(t, programs(t), componenttest.Scope(components.Dev))
	return recording.Record(func(ctx *pulumi.Context) error { return program(ctx, target) },
		recording.Options{Project: "mlpathway", Stack: "test", Invent: invent})
}

func TestRetainedLakeIsNotPurged(t *testing.T) {
	t.Parallel()
	for _, retain := range []bool{true, false} {
		r, err := build(t, func(ctx *pulumi.Context, target components.Target) error {
			_, err := components.NewDataLake(ctx, "lake", target, &components.DataLakeArgs{Retain: &retain})
			return err
		})
		require.NoError(t, err)
		for _, dir := range r.Find("mlpathway:local:Directory") {
			if dir.Name == "lake" {
				assert.False(t, dir.Inputs["purge"].BoolValue(), "the lake's own directory goes only when it is empty")
				continue
			}
			assert.Equal(t, retain, dir.Inputs["retain"].BoolValue(), dir.Name)
			assert.Equal(t, !retain, dir.Inputs["purge"].BoolValue(), dir.Name)
		}
	}
}

func TestPipelineRunsTheTrainingJob(t *testing.T) {
	t.Parallel()
	r, err := build(t, func(ctx *pulumi.Context, target components.Target) error {
		training, err := components.NewTraining(ctx, "training", target, &components.TrainingArgs{
			Image: "inference-image", Args: []string{"train", "--fast"}, Environment: map[string]string{"KEY": "value"},
		})
		if err != nil {
			return err
		}
		_, err = components.NewPipeline(ctx, "pipeline", target, &components.PipelineArgs{
			Image: "training-image", Model: "tumour", Definition: "name: tumour\n", Training: training.Template,
			Lake: pulumi.StringMap{"raw": pulumi.String("file:///raw")}, Table: pulumi.String("sqlite:///m.db"),
			EventSource: pulumi.String("file:///raw"),
		})
		return err
	})
	require.NoError(t, err)
	processes := r.Find("mlpathway:local:Process")
	require.Len(t, processes, 2)
	run, watch := processes[0], processes[1]
	require.Equal(t, "pipeline", run.Name)

	steps := run.Inputs["steps"].ArrayValue()
	require.Len(t, steps, 5)
	var names []string
	for _, step := range steps {
		names = append(names, step.ObjectValue()["name"].StringValue())
	}
	assert.Equal(t, []string{"etl", "features", "train", "evaluate", "register"}, names)
	train := steps[2].ObjectValue()["command"].ArrayValue()
	assert.Equal(t, "inference-image", filepath.Base(train[0].StringValue()), "the job's own image must train")
	assert.Equal(t, "--fast", train[2].StringValue())
	assert.Equal(t, "value", run.Inputs["environment"].ObjectValue()["KEY"].StringValue())
	assert.True(t, run.Inputs["trigger"].BoolValue(), "the pipeline must not start before there is data")
	assert.Len(t, run.Inputs["version"].StringValue(), 129, "both images' digests must count")

	notify := watch.Inputs["environment"].ObjectValue()["MLPATHWAY_NOTIFY"].StringValue()
	assert.Contains(t, notify, "/process/start/pipeline")
}

func TestEndpointListensOnLoopbackAndReadsTheToken(t *testing.T) {
	t.Parallel()
	r, err := build(t, func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewEndpoint(ctx, "endpoint", target, &components.EndpointArgs{
			Image: "inference-image", Model: "tumour", Lake: pulumi.StringMap{}, Address: pulumi.String("127.0.0.1:41234"),
			Auth: components.AuthToken, TokenURI: pulumi.String("file:///tokens/endpoint"), CapturePercent: new(50),
		})
		return err
	})
	require.NoError(t, err)
	process := r.Find("mlpathway:local:Process")
	require.Len(t, process, 1)
	environment := process[0].Inputs["environment"].ObjectValue()
	assert.Equal(t, "127.0.0.1:41234", environment["MLPATHWAY_ADDRESS"].StringValue())
	assert.Equal(t, "/tokens/endpoint", environment["MLPATHWAY_TOKEN_FILE"].StringValue())
	command := process[0].Inputs["command"].ArrayValue()
	require.Len(t, command, 4)
	assert.Equal(t, "0.5", command[3].StringValue())
	assert.Equal(t, "always", process[0].Inputs["restart"].StringValue())
}

func TestWhatOneMachineCannotDo(t *testing.T) {
	t.Parallel()
	_, err := build(t, func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewTraining(ctx, "training", target, &components.TrainingArgs{Image: "training-image", Nodes: 2})
		return err
	})
	require.ErrorIs(t, err, components.ErrUnsupported)
	_, err = build(t, func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewEndpoint(ctx, "endpoint", target, &components.EndpointArgs{
			Image: "inference-image", Model: "tumour", Lake: pulumi.StringMap{}, Address: pulumi.String("127.0.0.1:1"),
			Traffic: map[string]int{"production": 90, "canary": 10},
		})
		return err
	})
	require.ErrorIs(t, err, components.ErrUnsupported)
}

func TestProcessingByEventHasAWatcher(t *testing.T) {
	t.Parallel()
	r, err := build(t, func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewProcessing(ctx, "thumbs", target, &components.ProcessingArgs{
			Image: "training-image", EventSource: pulumi.String("file:///raw"),
		})
		return err
	})
	require.NoError(t, err)
	processes := r.Find("mlpathway:local:Process")
	require.Len(t, processes, 2)
	assert.Equal(t, "thumbs", processes[0].Name)
	assert.True(t, processes[0].Inputs["trigger"].BoolValue())
	assert.Equal(t, "thumbs-watch", processes[1].Name)
}
