package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

func newDown(a *app) *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "down",
		Short: "Take the stack away: its processes, its ports, its files",
		Long: `Runs "pulumi destroy" on the stack and removes its state. A lake that is marked as retained stays, and down
says where. Without a stack it does nothing and is no error.

On every other than a local stack this is "pulumi destroy -s <stack>" with your own account.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if !s.local {
				return a.forward(c.Context(), s, "destroy", yesFlag(yes)...)
			}
			return a.down(c.Context(), s)
		},
	}
	command.Flags().BoolVarP(&a.verbose, "verbose", "v", false, "print what the program writes, too")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask, on a stack that is not local")
	return command
}

func (a *app) down(ctx context.Context, s *stack) (err error) {
	if _, err := os.Stat(s.own()); errors.Is(err, fs.ErrNotExist) {
		a.print("The stack %s is not up.", s.name)
		return nil
	}
	w, err := a.begin(ctx, s, "down")
	if err != nil {
		return err
	}
	defer func() { w.end(err) }()
	if s.exists() {
		a.print("Taking down the stack %s:", s.name)
		if err := w.destroy(ctx); err != nil {
			return w.advise(err)
		}
	} else {
		a.print("The stack %s is not up.", s.name)
	}
	if err := w.forget(ctx); err != nil {
		return err
	}
	if isDir(s.state()) {
		a.print("Kept, because it is marked as retained or no state knows of it: %s", s.state())
	}
	return nil
}

// destroy lets Pulumi destroy the resources. Where that fails because the state knows of things that are no longer
// there, the state is compared with what is there, once.
func (w *work) destroy(ctx context.Context) error {
	if _, err := w.ensure(ctx); err != nil {
		return err
	}
	kept, err := w.retained(ctx)
	if err != nil {
		return err
	}
	shown, err := w.operate(ctx, "destroy")
	if err != nil && !errors.Is(err, errUnfinished) {
		w.app.say("Once more, after a look at what is really there:")
		shown, err = w.operate(ctx, "destroy", "--refresh")
	}
	if err != nil {
		return err
	}
	w.app.print("  %s", shown.result())
	if err := w.endSupervisor(ctx); err != nil {
		return err
	}
	return w.sweep(kept)
}

// endSupervisor ends processes of the stack that no state knows of, because a command was killed.
func (w *work) endSupervisor(ctx context.Context) error {
	if err := endMarked(ctx, supervisorVariable, within(w.state())); err != nil {
		return fmt.Errorf("ending the processes of the stack %s: %w", w.name, err)
	}
	return nil
}

// forget removes what is left of a stack without resources: its state at Pulumi, its settings, its empty directories.
// With the last stack all of .mlpathway goes.
func (w *work) forget(ctx context.Context) error {
	if w.exists() {
		_, err := w.pulumi.capture(ctx, "stack", "rm", w.name, "--yes", "--preserve-config", "--non-interactive")
		if err != nil {
			return fmt.Errorf("removing the state of the stack %s: %w", w.name, err)
		}
	}
	if err := w.endSupervisor(ctx); err != nil {
		return err
	}
	data := w.own("backend", ".pulumi")
	leftovers := []string{
		w.settings(), filepath.Join(data, "backups", w.project.name, w.name),
		filepath.Join(data, "history", w.project.name, w.name),
		filepath.Join(data, "stacks", w.project.name, w.name+".json.bak"),
	}
	for _, path := range leftovers {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing the settings of the stack %s: %w", w.name, err)
		}
	}
	if err := removeEmpty(w.state()); err != nil {
		return fmt.Errorf("removing the directory of the stack %s: %w", w.name, err)
	}
	return w.forgetAll()
}

// forgetAll removes .mlpathway where no stack is left and no other command is at work.
func (w *work) forgetAll() error {
	states, err := filepath.Glob(w.own("backend", ".pulumi", "stacks", "*", "*.json"))
	if err != nil || len(states) > 0 {
		return err
	}
	if err := lockFile(w.shared.file, false); err != nil {
		return nil //nolint:nilerr // another command is at work, and the last one will do it
	}
	entries, err := os.ReadDir(w.own())
	if err != nil {
		return fmt.Errorf("removing %s: %w", w.own(), err)
	}
	for _, entry := range entries {
		// What is not ours is a lake that was kept, with the registry of its models.
		if slices.Contains(reserved, entry.Name()) {
			if err := os.RemoveAll(w.own(entry.Name())); err != nil {
				return fmt.Errorf("removing %s: %w", w.own(), err)
			}
		}
	}
	return removeEmpty(w.own())
}
