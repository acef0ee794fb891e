package command

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/training-image/train"
)

const reproduceLong = `Trains a version again from the rows, the parameters and the seed that it was made of, and
compares the bytes of the two models. Nothing is written.

pipeline.yaml must be the one that the version was trained with. The bytes are the same on the same version of the
library that trained; where they are not, the command fails and lists what has changed.`

func (p *Program) reproduceCommand() *cobra.Command {
	o := &train.Options{Open: p.OpenXGBoost, Join: 10 * time.Minute, Silence: 30 * time.Second}
	o.Out, o.Code = p.Stdout, p.Version
	names := []string{"pipeline", "features", "models", "logs"}
	model := p.Getenv("MLPATHWAY_MODEL")
	c := &cobra.Command{Use: "reproduce VERSION", Short: "A version is trained again and compared", Long: reproduceLong,
		Args: cobra.ExactArgs(1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := require(&o.Options, names...); err != nil {
			return err
		}
		place, err := p.place()
		if err != nil {
			return failure{err}
		}
		o.Place = place
		if err := train.Reproduce(c.Context(), *o, model, args[0]); err != nil {
			return failure{err}
		}
		return nil
	}
	p.bind(c, &o.Options, names...)
	c.Flags().StringVar(&model, "model", model, "name of the model [$MLPATHWAY_MODEL]")
	return c
}
