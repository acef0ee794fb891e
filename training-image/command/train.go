package command

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/train"
)

const trainLong = `Trains the model of pipeline.yaml with its parameters, or with those that the platform or tune
has found, and stops early by the validation rows. The model is converted to ONNX and compared with the library's own
answers on every validation row before it goes on. The candidate lies in models/<name>/candidates/<run>/ until it is
registered.

The same rows, parameters, seed and library version give the same bytes. XGBoost is looked for in $MLPATHWAY_XGBOOST,
then lib/libxgboost.so* beside this program, then where the system keeps libraries.

SIGTERM, which is also how platforms announce that they take a machine back, leads to a checkpoint after the current
round and to exit code 75; the same command goes on from there and ends with the same model. So does a lost rank.

Trees are trained by several processes where the environment says so: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT (as
PyTorchJob and Azure ML set them), PET_* (TrainJob), JOB_COMPLETION_INDEX (Job, JobSet), resourceconfig.json (SageMaker)
or CLUSTER_SPEC (Vertex). docs/pipeline.md has the contracts.`

// setting is one flag of train with the variable that it falls back to.
func (p *Program) setting(c *cobra.Command, target *string, name, env, usage string) {
	c.Flags().StringVar(target, name, p.Getenv(env), usage+" [$"+env+"] (optional)")
}

// trainFlags are the flags of train as they are written.
type trainFlags struct {
	rounds, every, join, silence string
	parameters                   map[string]*string
}

func (p *Program) trainCommand() *cobra.Command {
	o := &train.Options{Open: p.OpenXGBoost}
	o.Out, o.Code = p.Stdout, p.Version
	f := &trainFlags{parameters: map[string]*string{}}
	names := []string{"pipeline", "run", "features", "models", "logs", "metadata"}
	c := &cobra.Command{Use: "train", Short: "A model is fitted to the training rows", Long: trainLong, Args: cobra.NoArgs}
	c.RunE = func(c *cobra.Command, _ []string) error {
		place, err := p.place()
		if err != nil {
			return failure{err}
		}
		brought(&o.Options, &place, names)
		if err := require(&o.Options, names...); err != nil {
			return err
		}
		if err := f.read(o); err != nil {
			return err
		}
		p.surround(c, o, f, place)
		if err := train.Run(c.Context(), *o); err != nil {
			return failure{err}
		}
		return nil
	}
	p.bind(c, &o.Options, names...)
	p.setting(c, &o.Checkpoints, "checkpoints", "MLPATHWAY_CHECKPOINTS", "URI or directory for checkpoints; default: the "+
		"platform's, else the models zone")
	p.setting(c, &f.rounds, "checkpoint-rounds", "MLPATHWAY_CHECKPOINT_ROUNDS", "save a checkpoint after so many rounds")
	p.setting(c, &f.every, "checkpoint-every", "MLPATHWAY_CHECKPOINT_EVERY", "save a checkpoint after so long; default 5m")
	p.setting(c, &f.join, "rank-join", "MLPATHWAY_RANK_JOIN", "time until all ranks must be there; default 10m")
	p.setting(c, &f.silence, "rank-silence", "MLPATHWAY_RANK_SILENCE",
		"time without a sign of life after which a rank is lost; default 30s")
	p.setting(c, &o.Distribution, "distribution", "MLPATHWAY_DISTRIBUTION", "how several ranks share the work: data")
	p.setting(c, &o.MetricsAddress, "metrics-address", "MLPATHWAY_METRICS_ADDRESS",
		"address that serves Prometheus metrics of the training, such as :9090")
	p.setting(c, &o.MetricsPush, "metrics-push", "MLPATHWAY_METRICS_PUSH", "address of a Prometheus Pushgateway")
	for _, family := range pipeline.Families() { // Vertex gives the parameters of a trial as arguments
		for _, name := range pipeline.ParametersOf(family) {
			if f.parameters[name] == nil {
				f.parameters[name] = c.Flags().String(name, "", "model.parameters."+name+", instead of that in pipeline.yaml")
				_ = c.Flags().MarkHidden(name)
			}
		}
	}
	return c
}

// read turns the texts of flags into values.
func (f *trainFlags) read(o *train.Options) (err error) {
	if f.rounds != "" {
		if o.CheckpointRounds, err = strconv.Atoi(f.rounds); err != nil || o.CheckpointRounds < 0 {
			return fmt.Errorf("--checkpoint-rounds: found %q, want a whole number", f.rounds)
		}
	}
	for _, d := range []struct {
		name, text string
		target     *time.Duration
		fallback   time.Duration
	}{
		{"checkpoint-every", f.every, &o.CheckpointEvery, 5 * time.Minute}, {"rank-join", f.join, &o.Join, 10 * time.Minute},
		{"rank-silence", f.silence, &o.Silence, 30 * time.Second},
	} {
		*d.target = d.fallback
		if d.text == "" {
			continue
		}
		if *d.target, err = time.ParseDuration(d.text); err != nil || *d.target < 0 {
			return fmt.Errorf("--%s: found %q, want a time such as 30s or 10m", d.name, d.text)
		}
	}
	return nil
}

// surround finds out where the training runs and who looks at it.
func (p *Program) surround(c *cobra.Command, o *train.Options, f *trainFlags, place platform.Place) {
	for name, value := range f.parameters {
		if c.Flags().Changed(name) {
			if place.Parameters == nil {
				place.Parameters = map[string]string{}
			}
			place.Parameters[name] = *value
		}
	}
	o.Tracking = place.Tracking
	o.Place, o.Trial = place, p.Getenv("MLPATHWAY_TRIAL") == "true" || place.Trial != ""
	if terminal(p.Stdout) {
		o.Terminal = p.Stdout
	} else {
		o.Log = p.logger().With("command", "train")
	}
	o.Abort = func(err error) {
		p.report("train", err)
		os.Exit(stopped)
	}
}
