package command

import (
	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/training-image/tune"
)

const tuneLong = `Trains with many parameters from tuning.space of pipeline.yaml and keeps those with the lowest loss on
the validation rows for train, or with tuning.folds on the training and validation rows by cross-validation. Without the
section tuning there is nothing to do.

Each trial is one object in models/<name>/tuning/<run>/trials/, beside trials.html with plots of all, and a row of the
metadata table. A search that was stopped or killed goes on with the first trial that is not there; it finds the same,
because a trial depends only on the seed and on those that lie tuning.parallel or more before it.

One process runs tuning.parallel trials at a time. Several ranks (see train --help) take their shares. A
scheduler can also run one job for each trial, with --trial; tune without it ends the search then.`

func (p *Program) tuneCommand() *cobra.Command {
	o := &tune.Options{Open: p.OpenXGBoost}
	o.Out, o.Code = p.Stdout, p.Version
	names := []string{"pipeline", "run", "features", "models", "logs", "metadata"}
	c := &cobra.Command{Use: "tune", Short: "A search finds good parameters for the model", Long: tuneLong,
		Args: cobra.NoArgs}
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if o.Place, err = p.place(); err != nil {
			return failure{err}
		}
		brought(&o.Options, &o.Place, names)
		if err := require(&o.Options, names...); err != nil {
			return err
		}
		o.Tracking = o.Place.Tracking
		if err := tune.Run(c.Context(), *o); err != nil {
			return failure{err}
		}
		return nil
	}
	p.bind(c, &o.Options, names...)
	c.Flags().IntVar(&o.Trial, "trial", -1, "run this trial alone, counted from 0")
	return c
}
