package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
)

func newUp(a *app) *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "up",
		Short: "Make what the stack file describes, or bring it up to date",
		Long: `Runs "pulumi up" on the stack and prints where the model is served.

On a local stack the first run trains the model of the stack's pipeline.yaml, which takes a minute or two. A later run
changes only what differs: it mends killed processes and deleted directories, and takes over changed files. It never
asks. A second command on the same stack at the same time is refused and changes nothing.

On every other stack this is "pulumi up -s <stack>" with your own account: preview, question and all.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if !s.local {
				return a.forward(c.Context(), s, "up", yesFlag(yes)...)
			}
			return a.up(c.Context(), s)
		},
	}
	command.Flags().BoolVar(&a.json, "json", false, "print the outputs of the stack as JSON, progress on standard error")
	command.Flags().BoolVarP(&a.verbose, "verbose", "v", false, "print what the program writes, too")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask, on a stack that is not local")
	return command
}

func yesFlag(yes bool) []string {
	if yes {
		return []string{"--yes"}
	}
	return nil
}

func (a *app) up(ctx context.Context, s *stack) (err error) {
	begun := time.Now()
	w, err := a.begin(ctx, s, "up")
	if err != nil {
		return err
	}
	defer func() { w.end(err) }()
	if _, err := w.ensure(ctx); err != nil {
		return err
	}
	if !a.json {
		a.print("Bringing up the stack %s:", s.name)
	}
	// --refresh sees what happened to the stack behind Pulumi's back, and forgets what a killed command had begun.
	shown, err := w.operate(ctx, "up", "--refresh")
	if err != nil {
		return w.advise(err)
	}
	outputs, err := w.outputs(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(outputs)
	}
	a.print("  %s in %.0f s\n", shown.result(), time.Since(begun).Seconds())
	return a.printUp(ctx, s, outputs)
}

// advise says what to do after a failed operation.
func (w *work) advise(err error) error {
	if errors.Is(err, errUnfinished) {
		return errors.Join(err, errors.New("what is half done stays; run it again to go on, or \"down\" to take it away"))
	}
	return errors.Join(err, errors.New("mend what the lines above say and run it again; it goes on where it stopped"))
}
