package command

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/internal/lambda"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/evaluate"
	"github.com/mlpathway/mlpathway/training-image/features"
	"github.com/mlpathway/mlpathway/training-image/register"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/watch"
)

// stepInfo describes the command of one step.
type stepInfo struct {
	name, short, long string
	flags             []string
	run               func(ctx context.Context, o step.Options) error
}

func (p *Program) steps() []stepInfo {
	return []stepInfo{
		{name: "etl", run: etl.Run, short: "CSV files of the raw zone become typed rows in the curated zone",
			flags: []string{"pipeline", "run", "raw", "curated", "models", "logs", "metadata", "warehouse", "alias"},
			long: `Reads every *.csv of the raw zone, oldest first, and writes curated/<data version>/: part-00000.parquet,
schema.json, statistics.json (what each column holds), report.json and quarantine.csv, which lists every bad row with
file, line, column, value and reason.

A row whose key stands in an older file replaces the older row. The data version is the SHA-256 over the accepted rows
in the order of their keys: the same rows give the same version, whatever files they came in. Where a model was trained
from that version with the same pipeline before, the run ends as "unchanged" and the other steps do nothing.

The run fails where a file is no CSV in UTF-8, is empty or lacks a column, and where more than half of the rows are bad.
etl begins the run: it makes the run record that the other steps go on with.`},
		{name: "features", run: features.Run, short: "The feature SQL turns curated rows into model inputs",
			flags: []string{"pipeline", "run", "curated", "features", "logs", "metadata", "online", "group", "result"},
			long: `Runs the query in features of pipeline.yaml with DuckDB over the view "curated" (no query: every column) and
writes features/<data version>-<pipeline>/features.parquet with the column _split: train, validation or test, drawn by a
hash of the key and split.seed, so that a row stays in its part when others arrive; with tuning.folds also the column
_fold. With --online the rows also replace those of the table features(key, features, updated) in the online store, and
with --group each is a record of the platform's feature group (record_id, event_time, features). With --result another
engine, such as Spark, has run the query already; its rows are taken, ordered, checked and divided in the same way.

Refused are: a result without label or key, an input that is not a number, an input that equals the label in every row,
two rows with one key, and a result too small to be divided.`},
		{name: "evaluate", run: evaluate.Run, short: "The candidate is judged on the test rows",
			flags: []string{"pipeline", "run", "features", "models", "logs", "metadata", "alias"},
			long: `Measures the candidate and the version that is served now on the same test rows and decides by the gate of
pipeline.yaml: the metric must reach the threshold and, unless mustBeatCurrent is false, be no worse than that of the
served version. Equal is good enough: the newer model knows newer data.`},
		{name: "register", run: register.Run, short: "The candidate becomes a version; the alias follows the decision",
			flags: []string{"pipeline", "run", "models", "logs", "metadata", "alias"},
			long: `Writes models/<name>/versions/<version>/ (model.onnx, metrics.json, profile.json, and manifest.json
last), adds a row to the table MLTrainingMetadata, lets the alias stand for the version if the gate says so, and ends
the run. A step that was killed is completed by running it again.`},
	}
}

func (p *Program) stepCommand(s stepInfo) *cobra.Command {
	o := &step.Options{Out: p.Stdout, Code: p.Version}
	c := &cobra.Command{Use: s.name, Short: s.short, Long: s.long, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api := p.Getenv(lambda.Variable)
			needed := s.flags
			if api != "" { // each event is a run of its own
				needed = slices.DeleteFunc(slices.Clone(needed), func(name string) bool { return name == "run" })
			}
			place, err := p.place()
			if err != nil {
				return failure{err}
			}
			o.Tracking = place.Tracking
			brought(o, &place, needed)
			if err := require(o, needed...); err != nil {
				return err
			}
			work := func(ctx context.Context) error { return s.run(ctx, *o) }
			if api != "" {
				work = func(ctx context.Context) error { return lambda.Run(ctx, api, lambda.Task(p.onEvent(s, o))) }
			}
			if err := work(c.Context()); err != nil {
				return failure{err}
			}
			return nil
		}}
	p.bind(c, o, s.flags...)
	return c
}

// onEvent does a step for an event of Lambda. Without an id the run gets one of its own.
func (p *Program) onEvent(s stepInfo, o *step.Options) func(context.Context) error {
	return func(ctx context.Context) error {
		once := *o
		if once.Run == "" {
			once.Run = step.NewRunID(time.Now())
		}
		err := s.run(ctx, once)
		if err != nil {
			p.report(s.name, err)
		}
		return err
	}
}

func (p *Program) watchCommand() *cobra.Command {
	var o step.Options
	names := []string{"pipeline", "raw", "logs"}
	notify, token := p.Getenv("MLPATHWAY_NOTIFY"), p.Getenv("MLPATHWAY_NOTIFY_TOKEN_FILE")
	state, interval := "", time.Second
	c := &cobra.Command{Use: "watch", Short: "Ask for a run when the raw zone or pipeline.yaml changes",
		Args: cobra.NoArgs, Long: `Looks at the raw zone and pipeline.yaml again and again.

Where they differ from what the latest run record says, or that run has not ended, and nothing has changed between two
looks, it POSTs to --notify. Any answer but 2xx means that a run is under way, and it asks again later. Trouble is
logged once and tried again; SIGTERM ends it.

With --state it watches any zone for a process that is no pipeline: all objects of --raw count, and the file remembers
what the process was last asked for.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if state != "" {
				names = []string{"raw"}
			}
			if err := require(&o, names...); err != nil {
				return err
			}
			err := watch.Run(c.Context(), watch.Options{Raw: o.Raw, Pipeline: o.Pipeline, Logs: o.Logs, Notify: notify,
				TokenFile: token, State: state, Interval: interval, Log: p.logger()})
			if err != nil {
				return err // only wrong options end a watch with an error
			}
			return nil
		}}
	p.bind(c, &o, names...)
	c.Flags().StringVar(&notify, "notify", notify,
		"what starts a run: http://host/path or unix:///path/to.sock:/path [$MLPATHWAY_NOTIFY]")
	c.Flags().StringVar(&token, "notify-token-file", token,
		"file with the bearer token that --notify asks for [$MLPATHWAY_NOTIFY_TOKEN_FILE]")
	c.Flags().StringVar(&state, "state", "", "file that remembers what was seen, instead of run records")
	c.Flags().DurationVar(&interval, "interval", interval, "time between two looks")
	return c
}
