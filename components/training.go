package components

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// TuningStrategy is how a search picks its next trial.
type TuningStrategy string

// The strategies.
const (
	Grid     TuningStrategy = "grid"
	Random   TuningStrategy = "random"
	Bayesian TuningStrategy = "bayesian"
)

// Tuning describes a search for good parameters. The space itself stands in pipeline.yaml.
type Tuning struct {
	// Strategy picks the next trial. Default bayesian.
	Strategy TuningStrategy `pulumi:"strategy"`
	// Trials is the number of trials, 1 to 1000. Default 20.
	Trials int `pulumi:"trials"`
	// Parallel is the number of trials at a time, 1 to Trials. Default 1.
	Parallel int `pulumi:"parallel"`
}

// Distribution is how a training job uses several nodes.
type Distribution string

// The distributions.
const (
	DataParallel  Distribution = "data"  // every node holds the model and a share of the rows
	ModelParallel Distribution = "model" // every node holds a share of the model
)

// TrainingArgs describe a training job as a template; a pipeline starts it.
type TrainingArgs struct {
	// Image that trains. Required.
	Image string `pulumi:"image"`
	// Args of the image. Default train.
	Args []string `pulumi:"args"`
	// Machine of one node. Default 2 CPUs and 8 GiB.
	Machine Machine `pulumi:"machine"`
	// Nodes is the number of nodes, 1 to 256. Default 1.
	Nodes int `pulumi:"nodes"`
	// Distribution over the nodes. Default data where there are several.
	Distribution Distribution `pulumi:"distribution"`
	// Spot uses interruptible capacity; it needs a Checkpoint. Default on in dev and stage where there is a Checkpoint.
	Spot *bool `pulumi:"spot"`
	// MaxRuntimeMinutes ends a job, 1 to 40320 (28 days). Default 60 in dev, 1440 elsewhere.
	MaxRuntimeMinutes int `pulumi:"maxRuntimeMinutes"`
	// Checkpoint is the address where a job saves what it has, to go on from there. Default none.
	Checkpoint pulumi.StringInput `pulumi:"checkpoint"`
	// Tuning searches for parameters first. Default none.
	Tuning *Tuning `pulumi:"tuning"`
	// Environment of the process.
	Environment map[string]string `pulumi:"environment"`
	// Network places the job: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Key encrypts disks and outputs: that of the data class lake. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
	// Queue of a cluster to run in, from Cluster. Default the platform's own training service.
	Queue pulumi.StringInput `pulumi:"queue"`
}

func (a *TrainingArgs) setDefaults(s Scope) {
	if len(a.Args) == 0 {
		a.Args = []string{"train"}
	}
	setDefault(&a.Machine.CPUs, 2)
	setDefault(&a.Machine.MemoryMiB, 8192)
	a.Machine = a.Machine.withDefaults()
	setDefault(&a.Nodes, 1)
	if a.Nodes > 1 {
		setDefault(&a.Distribution, DataParallel)
	}
	setDefaultPtr(&a.Spot, PresetFor(s.Environment).Spot && a.Checkpoint != nil)
	minutes := 1440
	if s.Environment == Dev {
		minutes = 60
	}
	setDefault(&a.MaxRuntimeMinutes, minutes)
	a.Logs = a.Logs.withDefaults(s)
	if a.Tuning != nil {
		tuning := *a.Tuning
		setDefault(&tuning.Strategy, Bayesian)
		setDefault(&tuning.Trials, 20)
		setDefault(&tuning.Parallel, 1)
		a.Tuning = &tuning
	}
}

func (a *TrainingArgs) validate(c *checker) {
	c.required("image", a.Image != "", "an image")
	a.Machine.validate(c, "machine")
	inRange(c, "nodes", a.Nodes, 1, 256)
	if a.Distribution != "" {
		oneOf(c, "distribution", a.Distribution, DataParallel, ModelParallel)
	}
	if a.Distribution != "" && a.Nodes == 1 {
		c.fail(ErrConflict, "distribution", string(a.Distribution), "nodes of at least 2 as well")
	}
	if *a.Spot && a.Checkpoint == nil {
		c.fail(ErrConflict, "spot", true, "a checkpoint as well: an interrupted job would lose everything")
	}
	a.Logs.validate(c)
	inRange(c, "maxRuntimeMinutes", a.MaxRuntimeMinutes, 1, 40320)
	if a.Tuning != nil {
		oneOf(c, "tuning.strategy", a.Tuning.Strategy, Grid, Random, Bayesian)
		inRange(c, "tuning.trials", a.Tuning.Trials, 1, 1000)
		inRange(c, "tuning.parallel", a.Tuning.Parallel, 1, max(1, a.Tuning.Trials))
	}
	for _, key := range slices.Sorted(maps.Keys(a.Environment)) {
		c.required(fmt.Sprintf("environment[%q]", key), key != "", "the name of a variable")
	}
}

// TrainingOutputs are what a pipeline needs to start a training job.
type TrainingOutputs struct {
	// Template describes the job in the target's own form; only the Pipeline of the same target reads it.
	Template pulumi.StringOutput `pulumi:"template"`
	// Identity is the principal that the job runs as.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// Training is a template of training jobs.
type Training struct {
	pulumi.ResourceState
	TrainingOutputs
}

// NewTraining declares a template of training jobs. Errors: ErrRequired, ErrRange, ErrChoice, ErrConflict, ErrName,
// ErrUnsupported.
func NewTraining(
	ctx *pulumi.Context, name string, target Target, args *TrainingArgs, opts ...pulumi.ResourceOption,
) (*Training, error) {
	t := &Training{}
	c := construction{ctx, TrainingLayer, name, target, t, opts}
	if err := construct(c, args, target.Training, &t.TrainingOutputs); err != nil {
		return nil, err
	}
	return t, nil
}
