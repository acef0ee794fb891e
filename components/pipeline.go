package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Step is one step of a pipeline: a run of the training image.
type Step struct {
	// Name of the step.
	Name string `pulumi:"name"`
	// Args of the training image. Default the name.
	Args []string `pulumi:"args"`
	// Training makes the step run as the job of the Training layer instead of a plain process.
	Training bool `pulumi:"training"`
}

// DefaultSteps are the steps from raw data to a registered model.
func DefaultSteps() []Step {
	return []Step{
		{Name: "etl"}, {Name: "features"}, {Name: "train", Training: true}, {Name: "evaluate"}, {Name: "register"},
	}
}

// PipelineArgs describe how a model is made again and again.
type PipelineArgs struct {
	// Image that runs the steps: the training image. Required.
	Image string `pulumi:"image"`
	// Serving is the image that serves the model, for the platform's own model registry. Default none.
	Serving string `pulumi:"serving"`
	// Model is the name of the model. Required.
	Model string `pulumi:"model"`
	// Definition is the content of a self-contained pipeline.yaml. Required.
	Definition string `pulumi:"definition"`
	// Steps in their order. Default DefaultSteps.
	Steps []Step `pulumi:"steps"`
	// Training is the Template output of the Training layer. Required where a step asks for it.
	Training pulumi.StringInput `pulumi:"training"`
	// Lake holds the URIs of the lake's zones. Required.
	Lake pulumi.StringMapInput `pulumi:"lake"`
	// Table is the TableURI output of the registry. Required.
	Table pulumi.StringInput `pulumi:"table"`
	// Warehouse is the ConnectionURI of a warehouse to load. Default none.
	Warehouse pulumi.StringInput `pulumi:"warehouse"`
	// Online is the OnlineURI of a feature store to fill. Default none.
	Online pulumi.StringInput `pulumi:"online"`
	// FeatureGroup is the group to fill, one of the GroupIDs of a feature store; where the platform has none it is not
	// read. Default none.
	FeatureGroup pulumi.StringInput `pulumi:"featureGroup"`
	// StoreKey encrypts the stores that the steps fill: that of the data class tables. Default the platform's own.
	StoreKey pulumi.StringInput `pulumi:"storeKey"`
	// Group identifies the platform's own model registry: the GroupID output of a registry. Default none.
	Group pulumi.StringInput `pulumi:"group"`
	// Engine is the EngineID output of a feature store that makes features at scale. Default the training image.
	Engine pulumi.StringInput `pulumi:"engine"`
	// EngineIdentity is the Identity output of that feature store. Default none.
	EngineIdentity pulumi.StringInput `pulumi:"engineIdentity"`
	// Network places the steps: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Key encrypts the disks of the steps: that of the data class lake. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
	// EventSource starts a run when data arrives: that of the lake. Default none.
	EventSource pulumi.StringInput `pulumi:"eventSource"`
	// Schedule starts a run by the clock: a cron expression of five fields in UTC. Default never.
	Schedule string `pulumi:"schedule"`
	// OnDrift starts a run when monitoring finds drift. Default off.
	OnDrift bool `pulumi:"onDrift"`
	// Approval waits for a person before a model is promoted, where the platform can. Default off.
	Approval bool `pulumi:"approval"`
	// Receivers are the e-mail addresses that hear of failed runs and of models that wait for approval, where the
	// platform can send mail. Default none.
	Receivers []string `pulumi:"receivers"`
	// TimeoutMinutes ends a run, 1 to 43200. Default 120 in dev, 2880 elsewhere.
	TimeoutMinutes int `pulumi:"timeoutMinutes"`
	// Retries of a failed step, 0 to 10. Default 1.
	Retries *int `pulumi:"retries"`
}

func (a *PipelineArgs) setDefaults(s Scope) {
	if len(a.Steps) == 0 {
		a.Steps = DefaultSteps()
	}
	steps := make([]Step, len(a.Steps))
	for i, step := range a.Steps {
		if len(step.Args) == 0 {
			step.Args = []string{step.Name}
		}
		steps[i] = step
	}
	a.Steps = steps
	minutes := 2880
	if s.Environment == Dev {
		minutes = 120
	}
	setDefault(&a.TimeoutMinutes, minutes)
	setDefaultPtr(&a.Retries, 1)
	a.Logs = a.Logs.withDefaults(s)
}

func (a *PipelineArgs) validate(c *checker) {
	c.required("image", a.Image != "", "the training image")
	c.named("model", a.Model)
	c.required("definition", a.Definition != "", "the content of a pipeline.yaml")
	c.required("lake", a.Lake != nil, "the URIs output of a lake")
	c.required("table", a.Table != nil, "the TableURI output of a registry")
	seen := map[string]bool{}
	for i, step := range a.Steps {
		arg := fmt.Sprintf("steps[%d]", i)
		c.named(arg+".name", step.Name)
		if seen[step.Name] {
			c.fail(ErrConflict, arg+".name", step.Name, "a name of its own")
		}
		seen[step.Name] = true
		c.required("training", !step.Training || a.Training != nil, "the Template output of a training")
	}
	a.Logs.validate(c)
	c.schedule(a.Schedule)
	receivers(c, a.Receivers)
	inRange(c, "timeoutMinutes", a.TimeoutMinutes, 1, 43200)
	inRange(c, "retries", *a.Retries, 0, 10)
}

// PipelineOutputs are what the other layers need of a pipeline.
type PipelineOutputs struct {
	// PipelineID identifies the pipeline on the platform.
	PipelineID pulumi.StringOutput `pulumi:"pipelineId"`
	// DefinitionURI is where the images read pipeline.yaml.
	DefinitionURI pulumi.StringOutput `pulumi:"definitionUri"`
	// TriggerIDs identify what starts the pipeline: data, schedule, drift.
	TriggerIDs pulumi.StringMapOutput `pulumi:"triggerIds"`
	// Identity is the principal that the steps run as, save those of the Training layer.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// Pipeline makes a model again and again.
type Pipeline struct {
	pulumi.ResourceState
	PipelineOutputs
}

// NewPipeline declares a pipeline. Errors: ErrRequired, ErrName, ErrSchedule, ErrRange, ErrConflict, ErrUnsupported.
func NewPipeline(
	ctx *pulumi.Context, name string, target Target, args *PipelineArgs, opts ...pulumi.ResourceOption,
) (*Pipeline, error) {
	p := &Pipeline{}
	c := construction{ctx, PipelineLayer, name, target, p, opts}
	if err := construct(c, args, target.Pipeline, &p.PipelineOutputs); err != nil {
		return nil, err
	}
	return p, nil
}
