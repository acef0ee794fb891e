// Package cli is the command line of the project: it brings a stack up and down with the real Pulumi CLI, and shows
// what runs; and it plans stacks, which needs none. To bring a stack up Pulumi stays a program of its own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// defaultStack is the stack that is meant where none is named.
const defaultStack = "local"

// Main runs one command line and gives the exit status: 0 done, 1 failed, 2 wrong usage. For plan and check 1 says that
// a rule stops the deployment, and every error is 2.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := endWithParent(); err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	root := newRoot(&app{out: stdout, err: stderr, environ: os.Environ()})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
	}
	return exitStatus(err)
}

func exitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage), errors.Is(err, errNoPlan):
		return 2
	default:
		return 1
	}
}

// errUsage marks a command line that is wrong in itself.
var errUsage = errors.New("see --help")

// app is what all commands share.
type app struct {
	out, err io.Writer
	environ  []string // the environment of this process
	dir      string   // where to look for the working copy; empty for the current directory
	stack    string
	json     bool
	verbose  bool
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "mlpathway",
		Short: "A machine-learning platform from one description",
		Long: `mlpathway brings up a machine-learning platform from one stack file: the data lake, the pipeline that trains a
model, the registry, the endpoint that serves it, and its monitoring.

A stack is a file stacks/Pulumi.<name>.yaml. The stack "local" runs on this machine and needs no account:

  mlpathway plan      show what the file describes, which rules it breaks and what it costs, and make nothing
  mlpathway up        make what the file describes, and print where it is served
  mlpathway status    what runs, which model is served, how the last run went
  mlpathway logs -f   follow what the processes write
  mlpathway down      take everything away again

Underneath is Pulumi: "up" runs "pulumi up". State and secrets of a local stack stay in .mlpathway/ of the working
copy; for every other stack your own Pulumi login and backend are used.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVarP(&a.stack, "stack", "s", defaultStack, "the stack: stacks/Pulumi.<stack>.yaml")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", err, errUsage) })
	root.AddCommand(newUp(a), newDown(a), newPreview(a), newRefresh(a), newStatus(a), newLogs(a), newOutput(a), newEnv(a),
		newPlan(a), newCheck(a), newPrices(a))
	for _, command := range append(root.Commands(), root) {
		if args := command.Args; args != nil {
			command.Args = func(c *cobra.Command, given []string) error {
				if err := args(c, given); err != nil {
					return fmt.Errorf("%w: %w", err, errUsage)
				}
				return nil
			}
		}
	}
	return root
}

// open finds the working copy and the file of the stack that a command is about.
func (a *app) open() (*stack, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	return p.stack(a.stack)
}

// project finds the working copy.
func (a *app) project() (*project, error) {
	dir := a.dir
	if dir == "" {
		var err error
		if dir, err = os.Getwd(); err != nil {
			return nil, fmt.Errorf("finding the working copy: %w", err)
		}
	}
	return findProject(dir)
}
