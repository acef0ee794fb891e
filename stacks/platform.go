package stacks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/internal/pipeline"
)

// Run is the Pulumi program: it reads the stack's configuration and builds its platform.
func Run(ctx *pulumi.Context) error {
	values, err := fromEngine()
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return Build(ctx, root, values)
}

// Build builds the platform of a stack from its configuration. root is the absolute path of the project's directory.
// Everything that can be checked is checked before the first resource is registered: the stack file, pipeline.yaml, the
// data, by a rehearsal against a recorder the arguments of every layer, and where the target can what is there already.
func Build(ctx *pulumi.Context, root string, values map[string]string) error {
	d, err := read(place{Project: ctx.Project(), Stack: ctx.Stack(), Root: root}, values)
	if err != nil {
		return err
	}
	_, err = recording.Record(d.run, recording.Options{Project: d.place.Project, Stack: d.place.Stack, DryRun: true})
	if err != nil {
		return err
	}
	unseen, err := d.inspect(ctx.Context())
	if err != nil {
		return err
	}
	if unseen != "" {
		if err := ctx.Log.Warn("not looked at: "+unseen, nil); err != nil {
			return err
		}
	}
	return d.run(ctx)
}

// inspector is a target that can hold what the stack file says of the platform against what is there. unseen says what
// it could not look at.
type inspector interface {
	Inspect(ctx context.Context) (unseen string, err error)
}

// inspect looks at what is there already, where the target can.
func (d *description) inspect(ctx context.Context) (unseen string, err error) {
	target, err := newTarget(d.place, d.config)
	if err != nil {
		return "", err
	}
	if i, ok := target.(inspector); ok {
		return i.Inspect(ctx)
	}
	return "", nil
}

// description is all that a stack's platform is built from.
type description struct {
	place   place
	config  *Config
	problem *problem
}

// read reads the stack's configuration and its pipeline.yaml, and looks at the data.
func read(p place, values map[string]string) (*description, error) {
	config, err := ReadConfig(p.Project, p.Stack, values)
	if err != nil {
		return nil, err
	}
	problem, err := loadProblem(p.Root, config.Pipeline)
	if err != nil {
		return nil, err
	}
	return &description{place: p, config: config, problem: problem}, nil
}

// run registers the platform and exports the outputs of the stack.
func (d *description) run(ctx *pulumi.Context) error {
	target, err := newTarget(d.place, d.config)
	if err != nil {
		return err
	}
	b := &platform{
		ctx: ctx, config: d.config, problem: d.problem, target: target,
		jobs: map[string]*components.Processing{}, queues: pulumi.StringMap{},
	}
	return b.build()
}

// platform builds the layers in their order; each field is set once, by the method of its name.
type platform struct {
	ctx     *pulumi.Context
	config  *Config
	problem *problem
	target  components.Target
	under   pulumi.ResourceOption

	network    *components.Network
	security   *components.Security
	lake       *components.DataLake
	registry   *components.Registry
	warehouse  *components.Warehouse
	features   *components.FeatureStore
	cluster    *components.Cluster
	training   *components.Training
	pipeline   *components.Pipeline
	endpoint   *components.Endpoint
	batch      *components.Batch
	monitoring *components.Monitoring
	workbench  *components.Workbench
	jobs       map[string]*components.Processing
	queues     pulumi.StringMap // of the jobs that wait for events
}

func (b *platform) build() error {
	root, err := components.NewPlatform(b.ctx, "platform", b.target)
	if err != nil {
		return err
	}
	b.under = pulumi.Parent(root)
	for _, layer := range []func() error{
		b.buildSecurity, b.buildNetwork, b.buildLake, b.buildRegistry, b.buildWarehouse, b.buildFeatures, b.buildCluster,
		b.buildTraining, b.buildPipeline, b.buildEndpoint, b.buildBatch, b.buildJobs, b.buildMonitoring, b.buildExtras,
		b.grant,
	} {
		if err := layer(); err != nil {
			return err
		}
	}
	outputs, err := root.Finish(b.ctx, b.outputs())
	if err != nil {
		return err
	}
	for name, value := range outputs {
		b.ctx.Export(name, value)
	}
	return nil
}

func (b *platform) outputs() pulumi.Map {
	outputs := pulumi.Map{
		"model":    pulumi.String(b.problem.spec.Name),
		"lake":     b.lake.URIs,
		"endpoint": b.endpoint.URL,
		"predict":  b.endpoint.PredictURL,
	}
	if b.config.Endpoint.Auth == components.AuthToken {
		outputs["token"] = b.security.TokenURIs.MapIndex(pulumi.String(endpointName))
	}
	if b.monitoring != nil {
		outputs["dashboard"] = b.monitoring.DashboardURL
	}
	if b.warehouse != nil {
		outputs["warehouse"] = b.warehouse.ConnectionURI
	}
	return outputs
}

// problem is the machine-learning problem that a stack solves.
type problem struct {
	spec *pipeline.Spec
	// definition is the self-contained pipeline.yaml.
	definition string
	// data is the absolute path of the first data set; "" where there is none.
	data string
	// sum is its SHA-256.
	sum string
}

// loadProblem reads pipeline.yaml and looks at the first data set.
func loadProblem(root, path string) (*problem, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	spec, err := pipeline.Load(path)
	if err != nil {
		return nil, err
	}
	definition, err := spec.Marshal()
	if err != nil {
		return nil, fmt.Errorf("writing %s in full: %w", path, err)
	}
	p := &problem{spec: spec, definition: string(definition)}
	if spec.Source.Data == "" {
		return p, nil
	}
	p.data = filepath.Join(filepath.Dir(path), spec.Source.Data)
	if p.sum, err = pipeline.CheckData(spec, p.data); err != nil {
		return nil, fmt.Errorf("%s: source.data: %w", path, err)
	}
	return p, nil
}
