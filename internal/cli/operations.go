package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

func newPreview(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "preview",
		Short: "Show what up would do; touch nothing",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if !s.local {
				return a.forward(c.Context(), s, "preview")
			}
			return a.preview(c.Context(), s)
		},
	}
}

func (a *app) preview(ctx context.Context, s *stack) (err error) {
	w, err := a.begin(ctx, s, "preview")
	if err != nil {
		return err
	}
	defer func() { w.end(err) }()
	created, err := w.ensure(ctx)
	if err != nil {
		return err
	}
	err = w.pulumi.run(ctx, a.out, a.err,
		"preview", "--stack", s.name, "--config-file", s.config(), "--non-interactive", "--refresh")
	if created {
		err = errors.Join(err, w.forget(context.WithoutCancel(ctx)))
	}
	return err
}

func newRefresh(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "refresh",
		Short: "Compare the stack with what is really there",
		Long: `Runs "pulumi refresh": looks at every directory, file and process of the stack and takes down in the state what
is gone or different. It changes nothing else; "up" mends what it found.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if !s.local {
				return a.forward(c.Context(), s, "refresh")
			}
			return a.refresh(c.Context(), s)
		},
	}
	command.Flags().BoolVarP(&a.verbose, "verbose", "v", false, "print what the program writes, too")
	return command
}

func (a *app) refresh(ctx context.Context, s *stack) (err error) {
	if !s.exists() {
		a.print("The stack %s is not up: there is nothing to compare.", s.name)
		return nil
	}
	w, err := a.begin(ctx, s, "refresh")
	if err != nil {
		return err
	}
	defer func() { w.end(err) }()
	if _, err := w.ensure(ctx); err != nil {
		return err
	}
	shown, err := w.operate(ctx, "refresh", "--clear-pending-creates")
	if err != nil {
		return w.advise(err)
	}
	a.print("  found: %s", shown.result())
	if shown.changed() > 0 {
		a.print("  mend it with: bin/mlpathway up -s %s", s.name)
	}
	return nil
}
