// Package command is the command line of training-image: flags, environment variables, exit codes.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Exit codes.
const (
	done   = 0 // also where there was nothing to do
	failed = 1
	misuse = 2
	// stopped before its end, by a signal or by the loss of another rank: start it again to go on (EX_TEMPFAIL).
	stopped = 75
)

// Program is what the commands need from outside.
type Program struct {
	// Stdout takes the progress for a person, Stderr log lines and errors.
	Stdout, Stderr io.Writer
	// Getenv gives the environment variables that flags fall back to.
	Getenv func(string) string
	// OpenXGBoost loads the XGBoost library.
	OpenXGBoost func() (*xgboost.Library, error)
	// Place tells where the program runs; platform.Here, or nil for a process that somebody started.
	Place func() (platform.Place, error)
	// Version of the program.
	Version string
}

// failure is an error of the work itself, in contrast to wrong usage.
type failure struct{ error }

// Unwrap gives the error of the work.
func (f failure) Unwrap() error { return f.error }

// Main runs the command line and gives the exit code.
func (p *Program) Main(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // nil would stand for those of the process
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	command, err := root.ExecuteContextC(ctx)
	var work failure
	switch {
	case err == nil:
		return done
	case errors.As(err, &work):
		p.report(command.Name(), work.error)
		if errors.Is(err, step.ErrStopped) {
			return stopped
		}
		p.tellPlatform(command.Name(), work.error)
		return failed
	default:
		_, _ = fmt.Fprintf(p.Stderr, "training-image: %v\nTry: %s --help\n", err, command.CommandPath())
		return misuse
	}
}

// place tells where the program runs.
func (p *Program) place() (platform.Place, error) {
	if p.Place == nil {
		return platform.Place{Name: platform.Plain, World: 1}, nil
	}
	return p.Place()
}

// tellPlatform gives the platform the reason of a failure, where it asks for it.
func (p *Program) tellPlatform(command string, reason error) {
	place, err := p.place()
	if err == nil {
		err = place.WriteFailure(reason)
	}
	if err != nil {
		p.report(command, err)
	}
}

// report tells what went wrong: plainly on a terminal, as a log line otherwise.
func (p *Program) report(command string, err error) {
	if terminal(p.Stderr) {
		_, _ = fmt.Fprintf(p.Stderr, "training-image: %v\n", err)
		return
	}
	p.logger().Error(err.Error(), "command", command)
}

func (p *Program) logger() *slog.Logger {
	if terminal(p.Stderr) {
		return slog.New(slog.NewTextHandler(p.Stderr, nil))
	}
	return slog.New(slog.NewJSONHandler(p.Stderr, nil))
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const long = `training-image turns CSV files into a registered model, one step at a time:

  raw/*.csv --etl--> curated rows --features--> feature set --train--> candidate
    --evaluate--> decision --register--> version

All steps of one run share a run id and a run record in the logs zone:

  export MLPATHWAY_RUN=$(training-image run-id)
  training-image etl && training-image features && training-image train &&
    training-image evaluate && training-image register

What is learned from which columns stands in pipeline.yaml (docs/pipeline.md). Where things lie is said by flags or
by environment variables; each flag names its variable. Progress goes to stdout, log lines go to stderr.

Exit codes: 0 done (also: nothing to do), 1 failed, 2 wrong usage, 75 stopped before its end by a signal or by the loss
of another rank: start the same command again, and it goes on.`

func (p *Program) root() *cobra.Command {
	root := &cobra.Command{Use: "training-image", Short: "Trains and registers models from the files of a lake",
		Long: long, Version: p.Version, SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs}
	root.CompletionOptions.DisableDefaultCmd = true
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	for _, s := range p.steps() {
		root.AddCommand(p.stepCommand(s))
	}
	root.AddCommand(p.tuneCommand(), p.trainCommand(), p.reproduceCommand())
	root.AddCommand(p.launchCommand(), p.watchCommand(), p.runIDCommand(), p.sbomCommand())
	return root
}

// flag is one flag of the steps.
type flag struct {
	name, env, usage, fallback string
	// optional flags may be empty.
	optional bool
	// target is the field that the flag sets.
	target func(o *step.Options) *string
}

// flags are all flags of the steps by their names.
func flags() map[string]flag {
	all := map[string]flag{}
	for _, f := range []flag{
		{name: "pipeline", usage: "URI of pipeline.yaml, such as file:///data/pipeline.yaml",
			target: func(o *step.Options) *string { return &o.Pipeline }},
		{name: "run", usage: "id of the run, the same in all its steps (see run-id)",
			target: func(o *step.Options) *string { return &o.Run }},
		{name: "raw", usage: "URI of the raw zone, such as file:///data/lake/raw",
			target: func(o *step.Options) *string { return &o.Raw }},
		{name: "curated", usage: "URI of the curated zone", target: func(o *step.Options) *string { return &o.Curated }},
		{name: "features", usage: "URI of the features zone", target: func(o *step.Options) *string { return &o.Features }},
		{name: "models", usage: "URI of the models zone", target: func(o *step.Options) *string { return &o.Models }},
		{name: "logs", usage: "URI of the logs zone, which holds the run records",
			target: func(o *step.Options) *string { return &o.Logs }},
		{name: "metadata", usage: "training metadata table, such as sqlite:///data/metadata.db", optional: true,
			target: func(o *step.Options) *string { return &o.Metadata }},
		{name: "online", usage: "online feature store, such as sqlite:///data/online.db", optional: true,
			target: func(o *step.Options) *string { return &o.Online }},
		{name: "group", usage: "feature group of the platform, such as sagemaker-featurestore://NAME?region=REGION",
			optional: true, target: func(o *step.Options) *string { return &o.Group }},
		{name: "warehouse", usage: "warehouse, such as duckdb:///data/warehouse.duckdb", optional: true,
			target: func(o *step.Options) *string { return &o.Warehouse }},
		{name: "result", usage: "directory of Parquet files in the features zone, where another engine ran the query",
			optional: true, target: func(o *step.Options) *string { return &o.Result }},
		{name: "alias", usage: "alias that a promoted version gets", fallback: "production",
			target: func(o *step.Options) *string { return &o.Alias }},
	} {
		f.env = "MLPATHWAY_" + strings.ToUpper(f.name)
		all[f.name] = f
	}
	return all
}

// bind defines the named flags on a command; their defaults come from the environment.
func (p *Program) bind(c *cobra.Command, o *step.Options, names ...string) {
	known := flags()
	for _, name := range names {
		f := known[name]
		value := p.Getenv(f.env)
		if value == "" {
			value = f.fallback
		}
		usage := f.usage + " [$" + f.env + "]"
		if f.optional {
			usage += " (optional)"
		}
		c.Flags().StringVar(f.target(o), name, value, usage)
	}
}

// require refuses empty flags, all of them at once.
func require(o *step.Options, names ...string) error {
	known := flags()
	var absent []string
	for _, name := range names {
		if f := known[name]; !f.optional && *f.target(o) == "" {
			absent = append(absent, fmt.Sprintf("--%s (or $%s)", name, f.env))
		}
	}
	if len(absent) > 0 {
		return fmt.Errorf("missing: %s", strings.Join(absent, ", "))
	}
	return nil
}

func (p *Program) runIDCommand() *cobra.Command {
	return &cobra.Command{Use: "run-id", Short: "Print a new run id", Args: cobra.NoArgs,
		Long: "Prints a new run id, such as 20261122T123456.789Z. Run ids sort by time.",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.Stdout, step.NewRunID(time.Now()))
			return err
		}}
}
