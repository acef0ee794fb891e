package local

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// trainingImage watches for new data, whatever image the steps run.
const trainingImage = "training-image"

// Pipeline runs its steps in turn as one process with a log of its own. A watcher starts it when the raw zone or the
// definition changes, and the supervisor by the clock.
func (t *Target) Pipeline(
	ctx *pulumi.Context, name string, args *components.PipelineArgs, opts ...pulumi.ResourceOption,
) (*components.PipelineOutputs, error) {
	path := t.path(name + ".yaml")
	sum := sha256.Sum256([]byte(args.Definition))
	definition, err := newFile(ctx, name+"-definition", fileArgs{
		Path: path, Content: args.Definition, SHA256: hex.EncodeToString(sum[:]),
	}, t.under(opts)...)
	if err != nil {
		return nil, err
	}
	definitionURI := components.Known(ctx, uri("file", path), definition)
	run, err := t.steps(ctx, name, definitionURI, args, opts)
	if err != nil {
		return nil, err
	}
	triggers := pulumi.StringMap{}
	if args.Schedule != "" {
		triggers["schedule"] = pulumi.String(args.Schedule)
	}
	if args.EventSource != nil {
		if err := t.watch(ctx, name, definitionURI, run, args, opts); err != nil {
			return nil, err
		}
		triggers["data"] = args.EventSource
	}
	return &components.PipelineOutputs{
		PipelineID: text(name), DefinitionURI: definitionURI, TriggerIDs: triggers.ToStringMapOutput(),
		Identity: text(identity),
	}, nil
}

// steps declares the process that runs the steps in turn.
func (t *Target) steps(
	ctx *pulumi.Context, name string, definition pulumi.StringOutput, args *components.PipelineArgs,
	opts []pulumi.ResourceOption,
) (*process, error) {
	image, err := t.program(args.Image)
	if err != nil {
		return nil, err
	}
	environment := components.ZoneVariables(args.Lake, components.Zones()...)
	environment["MLPATHWAY_PIPELINE"] = definition
	environment["MLPATHWAY_METADATA"] = args.Table
	environment["MLPATHWAY_MODEL"] = pulumi.String(args.Model)
	if args.Warehouse != nil {
		environment["MLPATHWAY_WAREHOUSE"] = args.Warehouse
	}
	if args.Online != nil {
		environment["MLPATHWAY_ONLINE"] = args.Online
	}
	given := args.Training
	if given == nil {
		given = pulumi.String("{}")
	}
	job := given.ToStringOutput()
	t.setPipeline(name)
	list := job.ApplyT(func(job string) ([]any, error) { return commands(image.path, args.Steps, job) })
	version := job.ApplyT(func(job string) (string, error) { return jobVersion(image.digest, job) })
	merged := pulumi.All(environment.ToStringMapOutput(), job).ApplyT(jobEnvironment)
	return t.process(ctx, name, processArgs{
		Steps: list.(pulumi.ArrayOutput), RunID: []string{image.path, "run-id"},
		Environment: merged.(pulumi.StringMapOutput), Version: version.(pulumi.StringOutput),
		Schedule: args.Schedule, Trigger: true, Restart: "no", StopSeconds: 30,
	}, opts...)
}

// setPipeline tells Finish which process makes the first model.
func (t *Target) setPipeline(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pipeline = name
}

// parseJob reads the template of the training layer.
func parseJob(text string) (template, error) {
	var job template
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return job, fmt.Errorf("training: want the Template output of a local Training: %w", err)
	}
	return job, nil
}

// commands lists what the steps run: the image with their arguments, or the training job.
func commands(image string, steps []components.Step, jobText string) ([]any, error) {
	job, err := parseJob(jobText)
	if err != nil {
		return nil, err
	}
	var list []any
	for _, step := range steps {
		command := append([]string{image}, step.Args...)
		if step.Training {
			command = job.Command
		}
		list = append(list, map[string]any{"name": step.Name, "command": command})
	}
	return list, nil
}

// jobEnvironment adds the variables of the training job to those of the pipeline; the pipeline's own win.
func jobEnvironment(values []any) (map[string]string, error) {
	job, err := parseJob(values[1].(string))
	if err != nil {
		return nil, err
	}
	merged := map[string]string{}
	maps.Copy(merged, job.Environment)
	maps.Copy(merged, values[0].(map[string]string))
	return merged, nil
}

// jobVersion joins the digests of the programs that the steps run.
func jobVersion(image, jobText string) (string, error) {
	job, err := parseJob(jobText)
	if err != nil || job.Digest == "" || job.Digest == image {
		return image, err
	}
	return image + "-" + job.Digest, nil
}

// watch declares the process that starts the pipeline when data arrives.
func (t *Target) watch(
	ctx *pulumi.Context, name string, definition pulumi.StringOutput, run *process, args *components.PipelineArgs,
	opts []pulumi.ResourceOption,
) error {
	environment := components.ZoneVariables(args.Lake, components.Raw, components.Logs)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_RAW": args.EventSource, "MLPATHWAY_PIPELINE": definition, "MLPATHWAY_NOTIFY": run.StartURL,
	})
	_, err := t.run(ctx, name+"-watch", workload{
		image: trainingImage, args: []string{"watch"}, environment: environment,
	}, opts...)
	return err
}
